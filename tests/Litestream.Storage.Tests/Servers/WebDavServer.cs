using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Litestream.Storage.Tests.Servers;

/// <summary>WebDAV: rclone's server over a folder.</summary>
internal sealed partial class WebDavServer() : StorageServer("webdav")
{
    private const string Executable = "/usr/bin/rclone";
    private const string User = "backup";

    public override string Secret => "a-webdav-secret-4711";

    public override IReadOnlyDictionary<string, string> Replica =>
        new Dictionary<string, string>
        {
            ["type"] = "webdav",
            ["webdav-url"] = $"http://127.0.0.1:{Port}",
            ["webdav-username"] = User,
            ["webdav-password"] = $"${{{SecretVariable}}}",
            ["path"] = "site/orders",
        };

    protected override Regex Ready => ReadyLine();

    protected override ProcessStartInfo Command =>
        new(Executable, ["serve", "webdav", Folder, "--addr", $"127.0.0.1:{Port}"])
        {
            Environment = { ["RCLONE_USER"] = User, ["RCLONE_PASS"] = Secret },
        };

    public static async Task<WebDavServer> StartedAsync()
    {
        await Installation.DebianAsync("rclone", Executable);
        var server = new WebDavServer();
        await server.StartAsync();
        return server;
    }

    [GeneratedRegex(@"WebDav Server started on \[?http://127\.0\.0\.1:(?<port>\d+)/")]
    private static partial Regex ReadyLine();
}
