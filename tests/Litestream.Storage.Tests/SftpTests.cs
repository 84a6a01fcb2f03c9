using Litestream.Storage.Tests.Servers;

namespace Litestream.Storage.Tests;

/// <summary>Replication over SFTP, with the defaults.</summary>
public sealed class SftpTests
{
    [Fact]
    public async Task What_is_committed_comes_back_over_SFTP()
    {
        await using var server = await SshServer.StartedAsync();
        await RoundTrip.RunAsync(server, hidesOlderLine: true);
    }
}
