using Litestream.Storage.Tests.Servers;

namespace Litestream.Storage.Tests;

/// <summary>Random kills under load, with a replica on S3.</summary>
public sealed class S3RandomKillTests
{
    [Fact(Timeout = 60 * 60_000)]
    public Task Ten_random_kills_under_load_leave_a_replica_on_S3_that_is_the_database() =>
        RandomKill.TryAsync(
            RandomKill.Times(10),
            async kill =>
            {
                await using var server = await SwiftServer.StartedAsync();
                using var folder = server.App();
                return await kill.RunAsync(folder);
            }
        );
}
