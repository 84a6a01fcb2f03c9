using Litestream.Storage.Tests.Servers;

namespace Litestream.Storage.Tests;

/// <summary>Replication to S3, with the defaults.</summary>
public sealed class S3Tests
{
    [Fact]
    public async Task What_is_committed_comes_back_from_S3()
    {
        await using var server = await SwiftServer.StartedAsync();
        await RoundTrip.RunAsync(server, hidesOlderLine: false);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_SIGTERM_amid_a_storm_of_writes_to_S3_loses_nothing(bool toTheGroup)
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();
        await folder.StormAsync("TERM", toTheGroup, times: 2);
    }
}
