using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Litestream.Storage.Tests.Servers;

/// <summary>NATS: an object store of JetStream, which has to be there before litestream uses it.</summary>
internal sealed partial class NatsServer() : StorageServer("nats")
{
    private const string Executable = "/usr/sbin/nats-server";
    private const string User = "backup";
    private const string Bucket = "orders";

    public override string Secret => "a-nats-secret-4711";

    public override IReadOnlyDictionary<string, string> Replica =>
        new Dictionary<string, string>
        {
            ["type"] = "nats",
            ["url"] = $"nats://127.0.0.1:{Port}/{Bucket}",
            ["username"] = User,
            ["password"] = $"${{{SecretVariable}}}",
        };

    protected override Regex Ready => ReadyLine();

    protected override ProcessStartInfo Command => new(Executable, ["-c", Path.Combine(Folder, "nats.conf")]);

    public static async Task<NatsServer> StartedAsync()
    {
        await Installation.DebianAsync("nats-server", Executable);
        var server = new NatsServer();
        await File.WriteAllTextAsync(
            Path.Combine(server.Folder, "nats.conf"),
            $$"""
            listen: "127.0.0.1:{{FreePort()}}"
            jetstream { store_dir: "{{server.Folder}}/store" }
            authorization { user: {{User}}, password: "{{server.Secret}}" }
            """
        );
        await server.StartAsync();
        await server.CreateBucketAsync();
        return server;
    }

    /// <summary>As NATS's own clients ask for an object store: a stream with these subjects.</summary>
    private async Task CreateBucketAsync()
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync("127.0.0.1", Port);
        using var reader = new StreamReader(connection.GetStream());
        using var writer = new StreamWriter(connection.GetStream(), new UTF8Encoding(false)) { NewLine = "\r\n" };
        var login = JsonSerializer.Serialize(
            new Dictionary<string, object>
            {
                ["verbose"] = false,
                ["user"] = User,
                ["pass"] = Secret,
            }
        );
        var stream = JsonSerializer.Serialize(
            new Dictionary<string, object>
            {
                ["name"] = $"OBJ_{Bucket}",
                ["subjects"] = new[] { $"$O.{Bucket}.C.>", $"$O.{Bucket}.M.>" },
                ["storage"] = "file",
                ["allow_rollup_hdrs"] = true,
                ["allow_direct"] = true,
                ["discard"] = "new",
                ["num_replicas"] = 1,
            }
        );
        await writer.WriteLineAsync($"CONNECT {login}");
        await writer.WriteLineAsync("SUB answer 1");
        await writer.WriteLineAsync(
            $"PUB $JS.API.STREAM.CREATE.OBJ_{Bucket} answer {Encoding.UTF8.GetByteCount(stream)}"
        );
        await writer.WriteLineAsync(stream);
        await writer.FlushAsync();
        string? line;
        do
            line = await reader.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1));
        while (line?.StartsWith('{') == false);
        Assert.Contains("stream_create_response", line, StringComparison.Ordinal);
        Assert.DoesNotContain("\"error\"", line, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"Listening for client connections on 127\.0\.0\.1:(?<port>\d+)[\s\S]*Server is ready")]
    private static partial Regex ReadyLine();
}
