using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Litestream.Storage.Tests.Servers;

/// <summary>S3: OpenStack Swift, which checks signatures and has buckets that may be missing.</summary>
internal sealed partial class SwiftServer() : StorageServer("swift")
{
    private const string Bucket = "backups";

    public override string Secret => "testing";

    public override IReadOnlyDictionary<string, string> Replica =>
        new Dictionary<string, string>
        {
            ["type"] = "s3",
            ["bucket"] = Bucket,
            ["path"] = "site/orders",
            ["endpoint"] = $"http://127.0.0.1:{Port}",
            ["region"] = "us-east-1",
            ["force-path-style"] = "true",
            ["access-key-id"] = "'test:tester'",
            ["secret-access-key"] = $"${{{SecretVariable}}}",
        };

    protected override Regex Ready => ReadyLine();

    protected override ProcessStartInfo Command =>
        new(
            "/usr/bin/python3",
            [
                Path.Combine(AppContext.BaseDirectory, "Servers", "swift_s3.py"),
                Folder,
                Port.ToString(CultureInfo.InvariantCulture),
                Bucket,
            ]
        );

    public static async Task<SwiftServer> StartedAsync()
    {
        await Installation.DebianAsync(
            "python3-swift",
            "/usr/lib/python3/dist-packages/swift/common/middleware/s3api/s3api.py"
        );
        var server = new SwiftServer();
        await server.StartAsync();
        return server;
    }

    /// <summary>Deletes all that it holds, while it runs.</summary>
    public async Task EmptyAsync() =>
        Assert.NotEqual("0", (await AnswerAsync("empty", EmptiedLine())).Groups["count"].Value);

    [GeneratedRegex(@"^ready (?<port>\d+)$", RegexOptions.Multiline)]
    private static partial Regex ReadyLine();

    [GeneratedRegex(@"^emptied (?<count>\d+)$", RegexOptions.Multiline)]
    private static partial Regex EmptiedLine();
}
