using System.Net;

namespace Litestream.Dashboard.Tests;

/// <summary>A published site with accounts, a path base, a layout and a section of its own.</summary>
public sealed class SiteTests
{
    private const string Page = "/shop/operations/backup";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_accounts_of_the_app_decide_who_looks_and_who_acts_also_through_a_proxy()
    {
        using var app = await new DashboardApp("DashboardSite").StartAsync();
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false })
        {
            BaseAddress = new Uri(app.Url),
        };
        foreach (var path in new[] { "", "/api/status", "/events", "/parts", "/codes/LSB5007" })
        {
            using var nobody = await client.GetAsync(Page + path, Token);
            Assert.Equal(HttpStatusCode.Unauthorized, nobody.StatusCode);
            using var customer = await SendAsync(client, HttpMethod.Get, Page + path, "carl");
            Assert.Equal(HttpStatusCode.Forbidden, customer.StatusCode);
        }

        // Olga may look, from elsewhere too.
        var page = "";
        await AppFolder.UntilAsync(
            async () =>
            {
                using var looked = await SendAsync(
                    client,
                    HttpMethod.Get,
                    Page,
                    "olga",
                    ("X-Forwarded-For", "203.0.113.7")
                );
                Assert.Equal(HttpStatusCode.OK, looked.StatusCode);
                page = await looked.Content.ReadAsStringAsync(Token);
                return page.Contains("orders.db", StringComparison.Ordinal);
            },
            () => "the page shows the database"
        );
        Assert.DoesNotContain("method=\"post\"", page, StringComparison.Ordinal);
        Assert.Contains("The frame of the shop", page, StringComparison.Ordinal);
        Assert.Contains("Call Olga when the state is not Replicating.", page, StringComparison.Ordinal);
        Assert.Contains("Backup of the shop", page, StringComparison.Ordinal);
        Assert.DoesNotContain("id=\"pid\"", page, StringComparison.Ordinal);

        // Oskar may act, and the log says that it was him. There is something to act on once all has arrived.
        await AppFolder.UntilAsync(
            async () =>
            {
                using var status = await SendAsync(client, HttpMethod.Get, Page + "/api/status", "olga");
                var text = await status.Content.ReadAsStringAsync(Token);
                return text.Contains("\"state\":\"Replicating\"", StringComparison.Ordinal);
            },
            () => $"the database is replicated\n{app.Process.Output}"
        );
        using var full = await SendAsync(client, HttpMethod.Get, Page, "oskar");
        page = await full.Content.ReadAsStringAsync(Token);
        Assert.Contains("method=\"post\"", page, StringComparison.Ordinal);
        var form = new Dictionary<string, string>
        {
            ["__token"] = DashboardHost.TokenOf(page),
            ["kind"] = "Drill",
            ["database"] = page.Split("name=\"database\" value=\"")[1].Split('"')[0],
        };
        using var stolen = await SendAsync(client, HttpMethod.Post, $"{Page}/actions", "olga", form: form);
        Assert.Equal(HttpStatusCode.Forbidden, stolen.StatusCode);
        using var started = await SendAsync(client, HttpMethod.Post, $"{Page}/actions", "oskar", form: form);
        Assert.Equal(HttpStatusCode.SeeOther, started.StatusCode);
        Assert.Equal($"{Page}#s-actions", started.Headers.Location!.ToString());
        await app.Process.SaysAsync("'oskar' started a fire drill of");
        await app.Process.SaysAsync("for 'oskar' ended: Succeeded. Restored and checked in");
    }

    private static async Task<HttpResponseMessage> SendAsync(
        HttpClient client,
        HttpMethod method,
        string path,
        string account,
        (string Name, string Value)? header = null,
        Dictionary<string, string>? form = null
    )
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Add("Account", account);
        if (header is var (name, value))
            request.Headers.Add(name, value);
        if (form is not null)
            request.Content = new FormUrlEncodedContent(form);
        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
    }
}
