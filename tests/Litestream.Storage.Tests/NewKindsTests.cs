using Litestream.Storage.Tests.Servers;

namespace Litestream.Storage.Tests;

/// <summary>Replication to the kinds of storage that only litestream 0.5 has, with the defaults.</summary>
[Trait("Line", "0.5")]
public sealed class NewKindsTests
{
    [Fact]
    public async Task What_is_committed_comes_back_from_NATS()
    {
        await using var server = await NatsServer.StartedAsync();
        await RoundTrip.RunAsync(server, hidesOlderLine: false);
    }

    [Fact]
    public async Task What_is_committed_comes_back_over_WebDAV()
    {
        await using var server = await WebDavServer.StartedAsync();
        await RoundTrip.RunAsync(server, hidesOlderLine: false);
    }
}
