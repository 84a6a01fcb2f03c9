using Litestream.Storage.Tests.Servers;

namespace Litestream.Storage.Tests;

/// <summary>Replication to Azure Blob Storage, with the defaults. Long, for the server is 370 npm packages.</summary>
[Trait("Category", "Long")]
public sealed class AzureTests
{
    [Fact]
    public async Task What_is_committed_comes_back_from_Azure()
    {
        await using var server = await AzuriteServer.StartedAsync();
        await RoundTrip.RunAsync(server, hidesOlderLine: true);
    }
}
