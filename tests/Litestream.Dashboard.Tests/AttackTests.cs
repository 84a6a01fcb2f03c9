using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace Litestream.Dashboard.Tests;

/// <summary>Requests that get nothing, each with the exact status and body of its answer. Each goes to a real server;
/// the addresses of its connection are set in the app.</summary>
public sealed class AttackTests
{
    private const string OtherSite = "Refused: a page of another site asked for it.";
    private const string NoCredentials = "Refused: no name and password were sent.";
    private const string Wrong = "Refused: the name or the password is wrong.";
    private const string NoDatabase = "There is no such database.";
    private const string NoForm = "The form cannot be read.";
    private const string NoToken =
        "Refused: the form has expired or is not from this dashboard. Load the page again.";
    private const string NotEncrypted =
        "Refused: the password would be sent without encryption. Use https; behind a proxy that ends TLS, add "
        + "UseForwardedHeaders, or set Litestream:Dashboard:AllowHttp to true.";
    private const string Form = "application/x-www-form-urlencoded";
    private const string Actions = "/litestream/actions";

    private static readonly string[] s_methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task From_elsewhere_each_path_is_as_if_it_were_not_there_whatever_the_method()
    {
        await using var host = await DashboardHost.StartAsync();
        using var client = host.Client();
        string[] paths =
        [
            "",
            "/",
            "/actions",
            "/api/status",
            "/events",
            "/parts?view=x",
            "/codes/LSB5007",
            "/databases/0123456789ab",
            "/assets/dashboard.css",
            "/nothing",
        ];
        foreach (var path in paths)
        {
            foreach (var method in s_methods)
            {
                var attack = new Attack(method, $"/litestream{path}", 404, "")
                {
                    Headers = [("Test-Remote", "203.0.113.7")],
                };
                using var answer = await SendAsync(client, attack);
                Assert.Empty(answer.Content.Headers.Allow);
                Assert.False(answer.Headers.Contains("Content-Security-Policy"), $"{attack}");
            }
        }
    }

    [Fact]
    public async Task Another_name_of_this_machine_and_what_a_proxy_adds_close_the_page()
    {
        await using var host = await DashboardHost.StartAsync();
        using var client = host.Client();
        (string Name, string Value)[] headers =
        [
            ("Host", "localhost."),
            ("Host", "localhost.attacker.example"),
            ("Host", "localhost.localdomain:5000"),
            ("Host", "127.0.0.1.nip.io"),
            ("Host", "[2001:db8::1]:5000"),
            ("Host", "[::ffff:203.0.113.1]"),
            ("Host", "0.0.0.0:5000"),
            ("Host", "169.254.169.254"),
            ("X-Forwarded-Port", "443"),
            ("x-forwarded-scheme", "https"),
            ("X-Original-URL", "/litestream"),
            ("CDN-Loop", "cdn.example"),
        ];
        foreach (var header in headers)
        {
            foreach (var path in new[] { "/litestream", "/litestream/api/status", "/litestream/events" })
                (await SendAsync(client, new Attack("GET", path, 404, "") { Headers = [header] })).Dispose();
        }
    }

    [Fact]
    public async Task A_request_of_HTTP_1_0_gets_nothing_with_a_host_or_without()
    {
        await using var host = await DashboardHost.StartAsync();
        string[] requests =
        [
            "GET /litestream HTTP/1.0\r\n\r\n",
            "GET /litestream HTTP/1.0\r\nHost: localhost\r\n\r\n",
            "POST /litestream/actions HTTP/1.0\r\nContent-Length: 3\r\n\r\na=b",
        ];
        foreach (var request in requests)
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(host.Url.Host, host.Url.Port, Token);
            var stream = socket.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(request), Token);
            using var reader = new StreamReader(stream);
            var answer = await reader.ReadToEndAsync(Token);
            Assert.StartsWith("HTTP/1.1 404 Not Found\r\n", answer, StringComparison.Ordinal);
            Assert.EndsWith("\r\n\r\n", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task From_this_machine_each_attack_has_its_answer()
    {
        await using var host = await DashboardHost.StartAsync();
        using var client = host.Client();
        var own = host.Url.GetLeftPart(UriPartial.Authority);
        Attack[] attacks =
        [
            // Methods.
            new("POST", "/litestream", 405, "") { Content = (Form, "a=b"), Allow = "GET,HEAD" },
            new("PUT", "/litestream/", 405, "") { Allow = "GET,HEAD" },
            new("DELETE", "/litestream/api/status", 405, "") { Allow = "GET,HEAD" },
            new("OPTIONS", "/litestream/api/status", 405, "") { Allow = "GET,HEAD" },
            new("PATCH", "/litestream/databases/0123456789ab", 405, "") { Allow = "GET,HEAD" },
            new("HEAD", "/litestream/events", 405, "") { Allow = "GET" },
            new("GET", Actions, 405, "") { Allow = "POST" },
            new("PUT", Actions, 405, "") { Allow = "POST" },

            // Paths and queries.
            new("GET", "/litestream/nothing", 404, ""),
            new("GET", "/litestream/api", 404, ""),
            new("GET", "/litestream/assets/dashboard.js", 404, "There is no such file."),
            new("GET", "/litestream/codes/LSB9999", 404, "There is no such code."),
            new("GET", "/litestream/codes/LSB5007.md", 404, "There is no such code."),
            new("GET", "/litestream/codes/%3Cscript%3E", 404, "There is no such code."),
            new("GET", "/litestream/databases/0123456789ab", 404, NoDatabase),
            new("GET", "/litestream/databases/%3Cscript%3E", 404, NoDatabase),
            new("GET", "/litestream/parts?view=%3Cscript%3E", 404, NoDatabase),
            new("GET", $"/litestream/parts?view={new string('x', 5000)}", 404, NoDatabase),
            new("GET", "/litestream/events?view=app.db", 404, NoDatabase),

            // Pages of other sites.
            new("GET", "/litestream", 403, OtherSite) { Headers = [("Origin", "https://attacker.example")] },
            new("GET", "/litestream/events", 403, OtherSite) { Headers = [("Origin", "null")] },
            new("GET", "/litestream/api/status", 403, OtherSite) { Headers = [("Sec-Fetch-Site", "cross-site")] },
            new("GET", "/litestream/parts", 403, OtherSite) { Headers = [("Sec-Fetch-Site", "same-site")] },
            new("GET", "/litestream/parts", 403, OtherSite) { Headers = [("Sec-Fetch-Site", "SAME-ORIGIN")] },
            new("GET", "/litestream/parts", 403, OtherSite) { Headers = [("Sec-Fetch-Site", "same-origin, none")] },
            new("OPTIONS", "/litestream/parts", 403, OtherSite) { Headers = [("Origin", "https://attacker.example")] },
            new("GET", "/litestream/parts", 403, OtherSite) { Headers = [("Origin", $"{own}0")] },
            new("GET", "/litestream/parts", 403, OtherSite)
            {
                Headers = [("Origin", own), ("Sec-Fetch-Site", "cross-site")],
            },

            // Forms.
            new("POST", Actions, 400, NoToken) { Content = (Form, "kind=Verify") },
            new("POST", Actions, 400, NoToken) { Content = (Form, "") },
            new("POST", Actions, 400, NoToken) { Content = (Form, "__token=%3Cscript%3E") },
            new("POST", Actions, 400, NoToken) { Content = (Form, $"__token={new string('A', 3000)}") },
            new("POST", Actions, 400, NoToken)
            {
                Content = (Form, "kind=Verify"),
                Headers = [("Origin", own), ("Sec-Fetch-Site", "none")],
            },
            new("POST", Actions, 403, OtherSite)
            {
                Content = (Form, "kind=Verify"),
                Headers = [("Sec-Fetch-Site", "cross-site")],
            },
            new("POST", Actions, 403, "Refused: another site sent this request.")
            {
                Content = (Form, "kind=Verify"),
                Headers = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")],
            },
            new("POST", Actions, 415, NoForm) { Content = ("application/json", "{}") },
            new("POST", Actions, 415, NoForm) { Content = ("text/plain", "kind=Verify") },
            new("POST", Actions, 415, NoForm),
            new("POST", Actions, 400, NoForm) { Content = ("multipart/form-data", "kind=Verify") },
            new("POST", Actions, 400, NoForm) { Content = (Form, $"kind={new string('x', 5000)}") },
            new("POST", Actions, 400, NoForm) { Content = (Form, $"{new string('x', 100)}=1") },
            new("POST", Actions, 400, NoForm)
            {
                Content = (Form, string.Join('&', Enumerable.Range(0, 200).Select(i => $"a{i}=1"))),
            },
        ];
        foreach (var attack in attacks)
        {
            using var answer = await SendAsync(client, attack);
            Assert.Equal(attack.Allow, string.Join(',', answer.Content.Headers.Allow));
        }

        Assert.DoesNotContain(host.Log, line => line.Contains("started", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_looked_at_can_also_be_asked_for_without_its_body()
    {
        await using var host = await DashboardHost.StartAsync();
        using var client = host.Client();
        foreach (var path in new[] { "", "/", "/api/status", "/parts", "/codes/LSB5007" })
        {
            using var answer = await SendAsync(client, new Attack("HEAD", $"/litestream{path}", 200, ""));
            Assert.NotNull(answer.Content.Headers.ContentType);
        }
    }

    [Fact]
    public async Task With_a_password_each_attack_has_its_answer()
    {
        await using var host = await DashboardHost.StartAsync(
            new Dictionary<string, string?>
            {
                ["Litestream:Dashboard:Username"] = "olga",
                ["Litestream:Dashboard:Password"] = "open:sésame",
            }
        );
        using var client = host.Client();
        static string Basic(byte[] bytes) => $"Basic {Convert.ToBase64String(bytes)}";
        static string Utf8(string text) => Basic(Encoding.UTF8.GetBytes(text));
        var right = Utf8("olga:open:sésame");
        string[] wrong =
        [
            "Basic",
            "Basic !!!",
            "Bearer x",
            "x",
            $"Basic {new string('A', 9000)}",
            $"{right}, {right}",
            $"Basic realm=\"{right}\"",
            Utf8(""),
            Utf8(":"),
            Utf8("olga"),
            Utf8("olga:"),
            Utf8(":open:sésame"),
            Utf8("olga:open:sésame\0"),
            Utf8("olga:open:se\u0301same"),
            Utf8("Olga:open:sésame"),
            Basic(Encoding.Latin1.GetBytes("olga:open:sésame")),
            Basic(Encoding.Unicode.GetBytes("olga:open:sésame")),
        ];
        List<Attack> attacks =
        [
            .. s_methods.Select(method => new Attack(
                method,
                "/litestream",
                401,
                method == "HEAD" ? "" : NoCredentials
            )),
            new("POST", Actions, 401, NoCredentials) { Content = (Form, "kind=Verify") },
            new("GET", "/litestream/assets/dashboard.css", 401, NoCredentials),

            // Each from an address of its own, which does not have to wait.
            .. wrong.Select((value, i) => new Attack("GET", "/litestream", 401, Wrong)
            {
                Headers = [("Authorization", value), ("Test-Remote", $"127.0.1.{i + 1}")],
            }),

            // The right one, sent by another site, or in the clear.
            new("GET", "/litestream/api/status", 403, OtherSite)
            {
                Headers = [("Authorization", right), ("Sec-Fetch-Site", "cross-site")],
            },
            new("POST", Actions, 400, NoToken)
            {
                Content = (Form, "kind=Verify"),
                Headers = [("Authorization", right)],
            },
            new("GET", "/litestream", 403, NotEncrypted)
            {
                Headers = [("Authorization", right), ("Test-Remote", "203.0.113.7")],
            },
            new("GET", "/litestream", 403, NotEncrypted)
            {
                Headers = [("Authorization", right), ("X-Forwarded-Proto", "https")],
            },
            new("GET", "/litestream", 403, NotEncrypted)
            {
                Headers = [("Authorization", right), ("Host", "attacker.example")],
            },
        ];
        foreach (var attack in attacks)
        {
            using var answer = await SendAsync(client, attack);
            Assert.Equal(
                attack.Status == 401 ? "Basic realm=\"Litestream\", charset=\"UTF-8\"" : null,
                answer.Headers.WwwAuthenticate.SingleOrDefault()?.ToString()
            );
        }

        Assert.DoesNotContain(host.Log, line => line.Contains("sésame", StringComparison.Ordinal));
    }

    /// <summary>Sends it, and looks at the answer.</summary>
    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, Attack attack)
    {
        using var request = new HttpRequestMessage(new HttpMethod(attack.Method), attack.Path);
        if (attack.Content is var (type, body))
            request.Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue(type));
        foreach (var (name, value) in attack.Headers)
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        var answer = await client.SendAsync(request, Token);
        var text = await answer.Content.ReadAsStringAsync(Token);
        Assert.True(
            ((int)answer.StatusCode, text) == (attack.Status, attack.Body),
            $"{attack}: {answer.StatusCode} '{text}'"
        );
        return answer;
    }

    /// <summary>A request, and its answer.</summary>
    private sealed record Attack(string Method, string Path, int Status, string Body)
    {
        public (string Name, string Value)[] Headers { get; init; } = [];

        public (string Type, string Text)? Content { get; init; }

        public string Allow { get; init; } = "";

        public override string ToString() =>
            $"{Method} {Path} {string.Join(' ', Headers.Select(one => $"{one.Name}: {one.Value}"))} {Content}";
    }
}
