using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Litestream.Storage.Tests.Servers;

/// <summary>SFTP: OpenSSH. Takes one key, and the replica is a folder that the test can look into.</summary>
internal sealed partial class SshServer() : StorageServer("sshd")
{
    private const string Executable = "/usr/sbin/sshd";

    public override string? Secret => null;

    public override IReadOnlyDictionary<string, string> Replica =>
        new Dictionary<string, string>
        {
            ["type"] = "sftp",
            ["host"] = $"127.0.0.1:{Port}",
            ["user"] = Environment.UserName,
            ["key-path"] = Path.Combine(Folder, "user"),
            ["path"] = Path.Combine(Store, "orders"),
        };

    /// <summary>Where the replica is.</summary>
    public string Store => Path.Combine(Folder, "store");

    protected override Regex Ready => ReadyLine();

    protected override ProcessStartInfo Command =>
        new(Executable, ["-D", "-e", "-f", Path.Combine(Folder, "sshd_config")]);

    public static async Task<SshServer> StartedAsync()
    {
        await Installation.DebianAsync("openssh-server", Executable);
        var server = new SshServer { Port = FreePort() };
        await server.WriteAsync();
        await server.StartAsync();
        return server;
    }

    private async Task WriteAsync()
    {
        if (Environment.IsPrivilegedProcess)
        {
            // It does not start without.
            Directory.CreateDirectory("/run/sshd");
        }

        foreach (var key in new[] { "host", "user" })
        {
            using var process = Process.Start(
                "ssh-keygen",
                ["-q", "-t", "ed25519", "-N", "", "-f", Path.Combine(Folder, key)]
            );
            await process.WaitForExitAsync();
            Assert.Equal(0, process.ExitCode);
        }

        await File.WriteAllTextAsync(
            Path.Combine(Folder, "sshd_config"),
            $"""
            Port {Port}
            ListenAddress 127.0.0.1
            HostKey {Folder}/host
            PidFile {Folder}/sshd.pid
            AuthorizedKeysFile {Folder}/user.pub
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin yes
            MaxStartups 100
            Subsystem sftp internal-sftp
            ForceCommand internal-sftp
            """
        );
    }

    [GeneratedRegex(@"Server listening on 127\.0\.0\.1 port (?<port>\d+)")]
    private static partial Regex ReadyLine();
}
