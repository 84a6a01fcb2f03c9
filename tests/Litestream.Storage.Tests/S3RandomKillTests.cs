using Litestream.Storage.Tests.Servers;

namespace Litestream.Storage.Tests;

/// <summary>Random kills under load, with a replica on S3.</summary>
public sealed class S3RandomKillTests
{
    [Fact(Timeout = 30 * 60_000)]
    public async Task Ten_random_kills_under_load_leave_a_replica_on_S3_that_is_the_database()
    {
        var seed = RandomKill.Seed();
        for (var i = 0; i < 10; i++)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"LITESTREAM_TEST_SEED={seed + i}");
            await using var server = await SwiftServer.StartedAsync();
            using var folder = server.App();
            await new RandomKill(seed + i).RunAsync(folder);
        }
    }
}
