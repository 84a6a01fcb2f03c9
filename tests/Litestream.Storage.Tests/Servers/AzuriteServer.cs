using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Litestream.Storage.Tests.Servers;

/// <summary>Azure Blob Storage: Microsoft's own emulator.</summary>
internal sealed partial class AzuriteServer(string script) : StorageServer("azurite")
{
    private const string Account = "devstoreaccount1";
    private const string Container = "backups";
    private const string ApiVersion = "2021-08-06";

    /// <summary>The key that every Azurite has; it is in its manual.</summary>
    public override string Secret =>
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    public override IReadOnlyDictionary<string, string> Replica =>
        new Dictionary<string, string>
        {
            ["type"] = "abs",
            ["endpoint"] = Endpoint,
            ["account-name"] = Account,
            ["account-key"] = $"${{{SecretVariable}}}",
            ["bucket"] = Container,
            ["path"] = "site/orders",
        };

    protected override Regex Ready => ReadyLine();

    protected override ProcessStartInfo Command =>
        new(
            "node",
            [
                script,
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                Port.ToString(CultureInfo.InvariantCulture),
                "--location",
                Folder,
                "--skipApiVersionCheck",
                "--disableTelemetry",
            ]
        );

    private string Endpoint => $"http://127.0.0.1:{Port}/{Account}";

    public static async Task<AzuriteServer> StartedAsync()
    {
        var server = new AzuriteServer(await Installation.NpmAsync("azurite", "3.35.0", "dist/src/blob/main.js"));
        await server.StartAsync();
        await server.CreateContainerAsync();
        return server;
    }

    private async Task CreateContainerAsync()
    {
        var uri = new Uri($"{Endpoint}/{Container}?restype=container");
        var date = DateTime.UtcNow.ToString("R", CultureInfo.InvariantCulture);
        var text =
            $"PUT{new string('\n', 12)}x-ms-date:{date}\nx-ms-version:{ApiVersion}\n/{Account}"
            + $"{uri.AbsolutePath}\nrestype:container";
        var signature = Convert.ToBase64String(
            HMACSHA256.HashData(Convert.FromBase64String(Secret), Encoding.UTF8.GetBytes(text))
        );
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var request = new HttpRequestMessage(HttpMethod.Put, uri) { Content = new ByteArrayContent([]) };
        request.Headers.Add("x-ms-date", date);
        request.Headers.Add("x-ms-version", ApiVersion);
        request.Headers.TryAddWithoutValidation("Authorization", $"SharedKey {Account}:{signature}");
        using var response = await client.SendAsync(request);
        response.EnsureSuccessStatusCode();
    }

    [GeneratedRegex(@"successfully listens on http://127\.0\.0\.1:(?<port>\d+)")]
    private static partial Regex ReadyLine();
}
