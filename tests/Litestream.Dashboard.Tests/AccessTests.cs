using System.Net;
using System.Net.Http.Headers;
using System.Security.Claims;
using System.Text;
using Litestream.Dashboard.Access;
using Litestream.Dashboard.Actions;
using Litestream.Dashboard.Monitoring;
using Litestream.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Litestream.Dashboard.Tests;

/// <summary>Who gets in, and with what answer. Each request goes to a real server; the addresses of its connection are
/// set in the app.</summary>
public sealed class AccessTests
{
    private static readonly Dictionary<string, string?> s_password = new()
    {
        ["Litestream:Dashboard:Username"] = "olga",
        ["Litestream:Dashboard:Password"] = "open:sésame",
    };

    private static readonly string[] s_paths =
    [
        "",
        "/",
        "/api/status",
        "/events",
        "/parts",
        "/codes/LSB5007",
        "/databases/0123456789ab",
        "/assets/dashboard.css",
    ];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_other_machine_gets_in_without_configuration_and_the_log_says_how_to_open_it()
    {
        // The log has each line at most once a minute.
        var time = new HeldTime();
        await using var host = await DashboardHost.StartAsync(
            services: builder => builder.Services.AddSingleton<TimeProvider>(time)
        );
        time.Hold();
        using var client = host.Client();
        (string Why, (string Name, string Value)[] Headers)[] requests =
        [
            ("another machine", [("Test-Remote", "203.0.113.7")]),
            ("another machine, IPv6", [("Test-Remote", "2001:db8::7"), ("Test-Local", "2001:db8::1")]),
            ("another machine to a loopback address", [("Test-Remote", "10.0.0.9"), ("Test-Local", "127.0.0.1")]),
            ("this machine by an address that others reach", [("Test-Local", "192.0.2.4")]),
            ("a Unix socket", [("Test-Remote", "none"), ("Test-Local", "none")]),
            ("a proxy on this machine", [("X-Forwarded-For", "203.0.113.7")]),
            ("a forged address", [("X-Forwarded-For", "127.0.0.1")]),
            ("a forged host", [("X-Forwarded-Host", "localhost")]),
            ("a forged scheme", [("X-Forwarded-Proto", "https")]),
            ("a standard forwarded header", [("Forwarded", "for=127.0.0.1")]),
            ("what the app's proxy middleware leaves", [("X-Original-For", "[::1]:5000")]),
            ("an address of nginx", [("X-Real-IP", "127.0.0.1")]),
            ("a gateway", [("Via", "1.1 gate")]),
            ("a name that somebody points here", [("Host", "attacker.example")]),
            ("a name that begins like this machine", [("Host", "localhost.attacker.example")]),
            ("a name that ends like this machine", [("Host", "127.0.0.1.attacker.example")]),
            ("an address of another machine as the host", [("Host", "203.0.113.1:5000")]),
            ("a page of another site", [("Test-Remote", "203.0.113.7"), ("Sec-Fetch-Site", "cross-site")]),
            ("a page of another origin", [("Test-Remote", "203.0.113.7"), ("Origin", "https://attacker.example")]),
            ("a sandboxed page", [("Test-Remote", "203.0.113.7"), ("Origin", "null")]),
        ];
        foreach (var (why, headers) in requests)
        {
            foreach (var path in s_paths)
            {
                using var answer = await SendAsync(client, HttpMethod.Get, $"/litestream{path}", headers);
                Assert.True(answer.StatusCode == HttpStatusCode.NotFound, $"{why}: {path}: {answer.StatusCode}");
                Assert.Equal("", await answer.Content.ReadAsStringAsync(Token));

                // As of a path that the app does not have.
                Assert.False(answer.Headers.Contains("Content-Security-Policy"), $"{why}: {path}");
                using var posted = await SendAsync(client, HttpMethod.Post, $"/litestream{path}", headers, "a=b");
                Assert.True(posted.StatusCode == HttpStatusCode.NotFound, $"{why}: POST {path}: {posted.StatusCode}");
                Assert.Equal("", await posted.Content.ReadAsStringAsync(Token));
            }

            using var post = await SendAsync(client, HttpMethod.Post, "/litestream/actions", headers, "kind=Verify");
            Assert.True(post.StatusCode == HttpStatusCode.NotFound, $"{why}: post: {post.StatusCode}");
            using var get = await SendAsync(client, HttpMethod.Get, "/litestream/actions", headers);
            Assert.True(get.StatusCode == HttpStatusCode.NotFound, $"{why}: get: {get.StatusCode}");
        }

        var lines = host.Log.Where(line => line.StartsWith("LSB5044:", StringComparison.Ordinal)).ToList();
        Assert.All(lines, line => Assert.Contains("RequireAuthorization", line, StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("this one came from elsewhere", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("this one was forwarded by a proxy", StringComparison.Ordinal));
        Assert.Equal(lines.Distinct(), lines);
        Assert.True(lines.Count <= 8, string.Join('\n', lines));
    }

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1", "127.0.0.1:5000")]
    [InlineData("127.8.9.10", "127.0.0.1", "localhost")]
    [InlineData("::1", "::1", "[::1]:5000")]
    [InlineData("::ffff:127.0.0.1", "::ffff:127.0.0.1", "LOCALHOST:80")]
    public async Task A_direct_request_from_this_machine_gets_in_without_configuration(
        string remote,
        string local,
        string host
    )
    {
        await using var dashboard = await DashboardHost.StartAsync();
        using var client = dashboard.Client();
        using var answer = await SendAsync(
            client,
            HttpMethod.Get,
            "/litestream",
            [("Test-Remote", remote), ("Test-Local", local), ("Host", host)]
        );
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("app.db", await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        Assert.Contains(
            "default-src 'self'",
            answer.Headers.GetValues("Content-Security-Policy").Single(),
            StringComparison.Ordinal
        );
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_output_cache_of_the_app_keeps_no_page_for_others(bool isBeforeRouting)
    {
        await using var dashboard = await DashboardHost.StartAsync(
            services: builder =>
                builder.Services.AddOutputCache(options =>
                    options.AddBasePolicy(policy => policy.Expire(TimeSpan.FromHours(1)))
                ),
            app: app =>
            {
                app.UseOutputCache();
                if (isBeforeRouting)
                    app.UseRouting();
                app.MapGet("/cached", () => Guid.NewGuid());
            }
        );
        using var client = dashboard.Client();
        var cached = await client.GetStringAsync("/cached", Token);
        Assert.Equal(cached, await client.GetStringAsync("/cached", Token));
        foreach (var path in new[] { "/litestream", "/litestream/api/status", "/litestream/parts" })
        {
            using var local = await SendAsync(client, HttpMethod.Get, path);
            Assert.Equal(HttpStatusCode.OK, local.StatusCode);
            using var remote = await SendAsync(client, HttpMethod.Get, path, [("Test-Remote", "203.0.113.7")]);
            Assert.Equal(HttpStatusCode.NotFound, remote.StatusCode);
            Assert.Equal("", await remote.Content.ReadAsStringAsync(Token));
            using var again = await SendAsync(client, HttpMethod.Get, path);
            Assert.Equal(HttpStatusCode.OK, again.StatusCode);
            Assert.False(again.Headers.Contains("Age"));
        }
    }

    [Theory]
    [InlineData("olga", "olga")]
    [InlineData("Ölga Müller 🙂", "Ölga Müller 🙂")]
    [InlineData("olga\r\ncrit: forged\u2028line\u0085\u001b[31m", "olga??crit: forged?line??[31m")]
    [InlineData("\u202eaglo", "?aglo")]
    public void A_name_of_a_user_stays_on_one_line(string name, string shown) =>
        Assert.Equal(shown, UserName.Shown(name));

    [Fact]
    public async Task A_long_name_of_a_user_is_cut_and_a_forged_one_does_not_get_into_the_log()
    {
        Assert.Equal(new string('x', 100) + "…", UserName.Shown(new string('x', 101)));
        await using var host = await DashboardHost.StartAsync();
        await host.PageWithAsync("Verify now");
        var replicator = host.App.Services.GetRequiredService<LitestreamReplicator>();
        var monitor = new DashboardMonitor(replicator, NullLogger.Instance, TimeProvider.System);
        using var end = new CancellationTokenSource();
        var runner = new ActionRunner(replicator, monitor, NullLogger.Instance, TimeProvider.System, end.Token);
        Assert.Null(runner.Start(ActionKind.Verify, host.Database, null, "olga\nforged"));
        Assert.Equal("olga?forged", Assert.Single(runner.Actions).User);
        Assert.Contains(
            replicator.RecentLog.Lines,
            line => line.Text.StartsWith("Dashboard: 'olga?forged' started", StringComparison.Ordinal)
        );
        await end.CancelAsync();
        await AppFolder.UntilAsync(
            () => runner.Actions[0].State != ActionState.Running,
            "the action has ended"
        );
    }

    [Fact]
    public async Task A_request_of_a_proxy_that_adds_no_header_but_speaks_HTTP_1_0_does_not_get_in()
    {
        await using var host = await DashboardHost.StartAsync();
        using var socket = new System.Net.Sockets.TcpClient();
        await socket.ConnectAsync(host.Url.Host, host.Url.Port, Token);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes("GET /litestream HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"), Token);
        using var reader = new StreamReader(stream);
        Assert.StartsWith("HTTP/1.1 404", await reader.ReadToEndAsync(Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_a_password_everybody_needs_it_and_the_right_one_opens_the_page()
    {
        await using var host = await DashboardHost.StartAsync(s_password);
        using var client = host.Client();
        using var without = await SendAsync(client, HttpMethod.Get, "/litestream");
        Assert.Equal(HttpStatusCode.Unauthorized, without.StatusCode);
        Assert.Equal(
            "Basic realm=\"Litestream\", charset=\"UTF-8\"",
            without.Headers.WwwAuthenticate.Single().ToString()
        );
        Assert.Equal("Refused: no name and password were sent.", await without.Content.ReadAsStringAsync(Token));
        foreach (
            var (name, password) in new[]
            {
                ("olga", "open"),
                ("olga", "open:sésame "),
                ("OLGA", "open:sésame"),
                ("", "open:sésame"),
                ("litestream", "open:sésame"),
                ("olga:open", "sésame"),
            }
        )
        {
            using var other = host.Client();
            using var wrong = await SendAsync(
                other,
                HttpMethod.Get,
                "/litestream",
                [Basic(name, password), ("Test-Remote", $"127.0.0.{Random.Shared.Next(2, 250)}")]
            );
            var expected = name == "olga:open" ? HttpStatusCode.OK : HttpStatusCode.Unauthorized;
            Assert.True(wrong.StatusCode == expected, $"{name} {password}: {wrong.StatusCode}");
        }

        foreach (var authorization in new[] { "Basic", "Basic !!!", "Bearer x", $"Basic {new string('A', 9000)}", "x" })
        {
            using var malformed = await SendAsync(
                client,
                HttpMethod.Get,
                "/litestream",
                [("Authorization", authorization), ("Test-Remote", $"127.1.{authorization.Length % 250}.1")]
            );
            Assert.Equal(HttpStatusCode.Unauthorized, malformed.StatusCode);
        }

        using var right = await SendAsync(client, HttpMethod.Get, "/litestream", [Basic("olga", "open:sésame")]);
        Assert.Equal(HttpStatusCode.OK, right.StatusCode);
        Assert.DoesNotContain("sésame", await right.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        Assert.DoesNotContain(host.Log, line => line.Contains("sésame", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("litestream", "secret", null, null, HttpStatusCode.OK)]
    [InlineData("litestream", "", null, "", HttpStatusCode.NotFound)]
    [InlineData("somebody", "secret", null, null, HttpStatusCode.Unauthorized)]
    public async Task There_is_a_default_name_and_no_default_password(
        string name,
        string password,
        string? setName,
        string? setPassword,
        HttpStatusCode expected
    )
    {
        await using var host = await DashboardHost.StartAsync(
            new Dictionary<string, string?>
            {
                ["Litestream:Dashboard:Username"] = setName,
                ["Litestream:Dashboard:Password"] = setPassword ?? "secret",
                ["Litestream:Dashboard:AllowHttp"] = "true",
            }
        );
        using var client = host.Client();
        using var answer = await SendAsync(
            client,
            HttpMethod.Get,
            "/litestream",
            [Basic(name, password), ("Test-Remote", "203.0.113.7")]
        );
        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task A_password_does_not_travel_without_encryption_unless_that_is_allowed()
    {
        await using var host = await DashboardHost.StartAsync(s_password);
        using var client = host.Client();
        using var plain = await SendAsync(
            client,
            HttpMethod.Get,
            "/litestream",
            [Basic("olga", "open:sésame"), ("Test-Remote", "203.0.113.7")]
        );
        Assert.Equal(HttpStatusCode.Forbidden, plain.StatusCode);
        Assert.Contains(
            "Litestream:Dashboard:AllowHttp",
            await plain.Content.ReadAsStringAsync(Token),
            StringComparison.Ordinal
        );
        Assert.Contains(host.Log, line => line.Contains("UseForwardedHeaders", StringComparison.Ordinal));
    }

    [Fact]
    public async Task After_three_wrong_passwords_an_address_has_to_wait_and_others_have_not()
    {
        var time = new HeldTime();
        await using var host = await DashboardHost.StartAsync(
            new Dictionary<string, string?>(s_password) { ["Litestream:Dashboard:AllowHttp"] = "true" },
            services: builder => builder.Services.AddSingleton<TimeProvider>(time)
        );
        time.Hold();
        using var client = host.Client();
        Task<HttpResponseMessage> TryAsync(string address, string password) =>
            SendAsync(
                client,
                HttpMethod.Get,
                "/litestream",
                [Basic("olga", password), ("Test-Remote", address)]
            );
        for (var i = 0; i < 3; i++)
        {
            using var wrong = await TryAsync("203.0.113.7", $"{i}");
            Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        }

        using var blocked = await TryAsync("203.0.113.7", "open:sésame");
        Assert.Equal(HttpStatusCode.TooManyRequests, blocked.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), blocked.Headers.RetryAfter!.Delta);
        Assert.Equal("Refused: too many wrong passwords.", await blocked.Content.ReadAsStringAsync(Token));
        using var other = await TryAsync("203.0.113.8", "open:sésame");
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);

        // It waits, then gets in.
        time.Hold(TimeSpan.FromSeconds(1));
        using var later = await TryAsync("203.0.113.7", "open:sésame");
        Assert.Equal(HttpStatusCode.OK, later.StatusCode);
    }

    [Fact]
    public void Each_wrong_password_doubles_the_wait_up_to_five_minutes_for_all_addresses_of_one_network()
    {
        var time = new FakeTimeProvider();
        var limiter = new FailureLimiter(time);
        var (address, neighbour) = (IPAddress.Parse("2001:db8:1:2::7"), IPAddress.Parse("2001:db8:1:2:ffff::9"));
        for (var i = 0; i < 3; i++)
            Assert.Equal((false, null), limiter.Try(address, () => false));
        foreach (var seconds in new[] { 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300 })
        {
            // The right one is not looked at either, nor is one from beside it.
            Assert.Equal((false, TimeSpan.FromSeconds(seconds)), limiter.Try(neighbour, () => true));
            time.Advance(TimeSpan.FromSeconds(seconds));
            Assert.Equal((false, null), limiter.Try(address, () => false));
        }

        Assert.Equal((true, null), limiter.Try(IPAddress.Parse("2001:db8:1:3::7"), () => true));

        // Through a socket for both protocols it is the same address.
        for (var i = 0; i < 3; i++)
            Assert.Equal((false, null), limiter.Try(IPAddress.Parse("::ffff:203.0.113.7"), () => false));
        Assert.Equal((false, TimeSpan.FromSeconds(1)), limiter.Try(IPAddress.Parse("203.0.113.7"), () => true));

        // Forgotten after a quarter of an hour.
        time.Advance(TimeSpan.FromMinutes(16));
        Assert.Equal((true, null), limiter.Try(address, () => true));
    }

    [Theory]
    [InlineData("https", HttpStatusCode.OK)]
    [InlineData("http", HttpStatusCode.Forbidden)]
    public async Task With_the_password_the_page_opens_from_elsewhere_over_https(string scheme, HttpStatusCode expected)
    {
        await using var host = await DashboardHost.StartAsync(s_password);
        using var client = host.Client();
        using var answer = await SendAsync(
            client,
            HttpMethod.Get,
            "/litestream",
            [Basic("olga", "open:sésame"), ("Test-Remote", "203.0.113.7"), ("Test-Scheme", scheme)]
        );
        Assert.Equal(expected, answer.StatusCode);
    }

    [Theory]
    [InlineData(ClaimTypes.Name, "olga", "olga")]
    [InlineData(ClaimTypes.NameIdentifier, "7", "7")]
    [InlineData("sub", "8", "8")]
    [InlineData("role", "operator", "somebody")]
    public void Who_acts_is_named_as_the_login_names_them(string type, string value, string expected) =>
        Assert.Equal(
            expected,
            AccessGate.NameOf(new ClaimsPrincipal(new ClaimsIdentity([new Claim(type, value)], "Test")))
        );

    [Theory]
    [InlineData(null, HttpStatusCode.BadRequest)]
    [InlineData("", HttpStatusCode.BadRequest)]
    [InlineData("nonsense", HttpStatusCode.BadRequest)]
    [InlineData("foreign", HttpStatusCode.BadRequest)]
    [InlineData("changed", HttpStatusCode.BadRequest)]
    [InlineData("right", HttpStatusCode.SeeOther)]
    public async Task A_form_needs_the_token_of_a_page_of_this_dashboard(string? kind, HttpStatusCode expected)
    {
        await using var host = await DashboardHost.StartAsync();
        var page = await host.PageWithAsync("Verify now");
        var token = kind switch
        {
            "right" => DashboardHost.TokenOf(page),
            "changed" => $"{DashboardHost.TokenOf(page)}A",
            "foreign" => new EphemeralDataProtectionProvider()
                .CreateProtector("Litestream.Dashboard.RequestToken")
                .ToTimeLimitedDataProtector()
                .Protect("local", TimeSpan.FromHours(1)),
            _ => kind,
        };
        using var client = host.Client();
        using var answer = await PostAsync(client, Form(page, token));
        Assert.Equal(expected, answer.StatusCode);
        if (expected == HttpStatusCode.SeeOther)
        {
            Assert.Equal("/litestream#s-actions", answer.Headers.Location!.ToString());

            // To a script a redirect to the page looks like one to a login.
            var form = Form(page, token);
            form["kind"] = "Nothing";
            using var wrong = await PostAsync(client, form, [("X-Requested-With", "XMLHttpRequest")]);
            Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
            await host.PageWithoutAsync(">running</strong>");
            using var byScript = await PostAsync(client, Form(page, token), [("X-Requested-With", "XMLHttpRequest")]);
            Assert.Equal(HttpStatusCode.NoContent, byScript.StatusCode);
        }
        else
        {
            Assert.DoesNotContain(host.Log, line => line.Contains("started", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("Origin", "https://attacker.example", HttpStatusCode.Forbidden)]
    [InlineData("Origin", "null", HttpStatusCode.Forbidden)]
    [InlineData("Origin", "http://127.0.0.1:1", HttpStatusCode.Forbidden)]
    [InlineData("Origin", "http://127.0.0.1.attacker.example", HttpStatusCode.Forbidden)]
    [InlineData("Sec-Fetch-Site", "cross-site", HttpStatusCode.Forbidden)]
    [InlineData("Sec-Fetch-Site", "same-site", HttpStatusCode.Forbidden)]
    [InlineData("Sec-Fetch-Site", "same-origin", HttpStatusCode.SeeOther)]
    [InlineData("Origin", "own", HttpStatusCode.SeeOther)]
    public async Task A_form_of_another_site_is_refused_even_with_the_token(
        string header,
        string value,
        HttpStatusCode expected
    )
    {
        await using var host = await DashboardHost.StartAsync();
        var page = await host.PageWithAsync("Verify now");
        using var client = host.Client();
        using var answer = await PostAsync(
            client,
            Form(page, DashboardHost.TokenOf(page)),
            [(header, value == "own" ? host.Url.GetLeftPart(UriPartial.Authority) : value)]
        );
        Assert.Equal(expected, answer.StatusCode);
    }

    [Theory]
    [InlineData("Origin", "https://attacker.example", HttpStatusCode.Forbidden)]
    [InlineData("Sec-Fetch-Site", "cross-site", HttpStatusCode.Forbidden)]
    [InlineData("Sec-Fetch-Site", "same-origin", HttpStatusCode.OK)]
    [InlineData("Sec-Fetch-Site", "none", HttpStatusCode.OK)]
    public async Task A_page_of_another_site_cannot_read_whatever_the_app_allows_for_its_API(
        string header,
        string value,
        HttpStatusCode expected
    )
    {
        await using var host = await DashboardHost.StartAsync();
        using var client = host.Client();
        foreach (var path in new[] { "", "/api/status", "/parts", "/events" })
        {
            using var answer = await SendAsync(client, HttpMethod.Get, $"/litestream{path}", [(header, value)]);
            Assert.Equal(expected, answer.StatusCode);
        }

        // A link of another site to the page is just a link.
        using var link = await SendAsync(
            client,
            HttpMethod.Get,
            "/litestream",
            [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")]
        );
        Assert.Equal(HttpStatusCode.OK, link.StatusCode);
    }

    [Theory]
    [InlineData("kind=Replace", HttpStatusCode.BadRequest, "There is no such database or action.")]
    [InlineData("kind=99", HttpStatusCode.BadRequest, "There is no such database or action.")]
    [InlineData("database=../../etc/passwd", HttpStatusCode.BadRequest, "There is no such database or action.")]
    [InlineData(
        "database=<script>alert(1)</script>",
        HttpStatusCode.BadRequest,
        "There is no such database or action."
    )]
    [InlineData("kind=Restore&moment=<b>tomorrow</b>", HttpStatusCode.BadRequest, "LSB3007: ")]
    [InlineData("kind=Restore&moment=2199-01-01T00:00", HttpStatusCode.BadRequest, "LSB3007: ")]
    public async Task A_form_with_wrong_values_starts_nothing_and_gets_plain_text(
        string wrong,
        HttpStatusCode expected,
        string text
    )
    {
        await using var host = await DashboardHost.StartAsync();
        var page = await host.PageWithAsync("Verify now");
        var form = Form(page, DashboardHost.TokenOf(page));
        foreach (var pair in wrong.Split('&'))
            form[pair.Split('=')[0]] = pair[(pair.IndexOf('=', StringComparison.Ordinal) + 1)..];
        using var client = host.Client();
        using var answer = await PostAsync(client, form);
        Assert.Equal(expected, answer.StatusCode);
        Assert.Equal("text/plain", answer.Content.Headers.ContentType!.MediaType);
        Assert.StartsWith(text, await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        Assert.DoesNotContain(host.Log, line => line.Contains("started", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_large_body_and_one_that_is_not_a_form_are_refused_unread()
    {
        await using var host = await DashboardHost.StartAsync();
        using var client = host.Client();
        foreach (var isChunked in new[] { false, true })
        {
            // The server answers before the body is sent.
            using var request = new HttpRequestMessage(HttpMethod.Post, "/litestream/actions")
            {
                Content = new StringContent(
                    $"kind={new string('x', 10_000_000)}",
                    Encoding.UTF8,
                    "application/x-www-form-urlencoded"
                ),
            };
            (request.Headers.TransferEncodingChunked, request.Headers.ExpectContinue) = (isChunked, !isChunked);
            try
            {
                using var large = await client.SendAsync(request, Token);
                Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
                Assert.Equal("The form cannot be read.", await large.Content.ReadAsStringAsync(Token));
            }
            catch (HttpRequestException e) when (isChunked && e.InnerException is IOException)
            {
                // It has closed the connection while the rest was still being sent.
            }
        }

        using var json = await client.PostAsync(
            "/litestream/actions",
            new StringContent("{}", Encoding.UTF8, "application/json"),
            Token
        );
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, json.StatusCode);
        using var many = await client.PostAsync(
            "/litestream/actions",
            new StringContent(
                string.Join('&', Enumerable.Range(0, 200).Select(i => $"a{i}=1")),
                Encoding.UTF8,
                "application/x-www-form-urlencoded"
            ),
            Token
        );
        Assert.Equal(HttpStatusCode.BadRequest, many.StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/litestream", Token)).StatusCode);
    }

    [Theory]
    [InlineData("GET", "/litestream/actions", HttpStatusCode.MethodNotAllowed)]
    [InlineData("POST", "/litestream", HttpStatusCode.MethodNotAllowed)]
    [InlineData("GET", "/litestream/assets/..%2f..%2fappsettings.json", HttpStatusCode.NotFound)]
    [InlineData("GET", "/litestream/assets/dashboard.js", HttpStatusCode.NotFound)]
    [InlineData("GET", "/litestream/codes/..%2fLSB5007", HttpStatusCode.NotFound)]
    [InlineData("GET", "/litestream/codes/LSB9999", HttpStatusCode.NotFound)]
    [InlineData("GET", "/litestream/databases/%3Cscript%3E", HttpStatusCode.NotFound)]
    [InlineData("GET", "/litestream/parts?view=nothing", HttpStatusCode.NotFound)]
    [InlineData("GET", "/litestream/codes/LSB5007", HttpStatusCode.OK)]
    public async Task A_path_that_is_not_there_is_not_found(string method, string path, HttpStatusCode expected)
    {
        await using var host = await DashboardHost.StartAsync();
        using var client = host.Client();
        using var answer = await SendAsync(client, new HttpMethod(method), path, [], method == "POST" ? "a=b" : null);
        Assert.Equal(expected, answer.StatusCode);
        Assert.DoesNotContain("<script>", await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_so_many_event_streams_can_be_open_and_one_that_ends_makes_room()
    {
        await using var host = await DashboardHost.StartAsync();
        using var client = host.Client();
        var open = new List<HttpResponseMessage>();
        for (var i = 0; i < Dashboard.MostStreams; i++)
        {
            open.Add(
                await client.GetAsync("/litestream/events", HttpCompletionOption.ResponseHeadersRead, Token)
            );
        }

        Assert.All(open, one => Assert.Equal(HttpStatusCode.OK, one.StatusCode));
        using var refused = await client.GetAsync("/litestream/events", Token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("Too many event streams are open.", await refused.Content.ReadAsStringAsync(Token));
        Assert.Equal(TimeSpan.FromMinutes(1), refused.Headers.RetryAfter!.Delta);
        open[0].Dispose();
        await AppFolder.UntilAsync(
            async () =>
            {
                using var answer = await client.GetAsync(
                    "/litestream/events",
                    HttpCompletionOption.ResponseHeadersRead,
                    Token
                );
                return answer.StatusCode == HttpStatusCode.OK;
            },
            () => "there is room"
        );
        open.ForEach(one => one.Dispose());
    }

    [Fact]
    public async Task Who_may_only_look_sees_no_form_and_cannot_start_anything()
    {
        await using var host = await DashboardHost.StartAsync(
            configure: options => options.IsReadOnly = context => context.Request.Headers.ContainsKey("Only-Look")
        );
        var page = await host.PageWithAsync("Verify now");
        using var client = host.Client();
        using var looked = await SendAsync(client, HttpMethod.Get, "/litestream", [("Only-Look", "1")]);
        Assert.DoesNotContain("<form", await looked.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        using var post = await PostAsync(client, Form(page, DashboardHost.TokenOf(page)), [("Only-Look", "1")]);
        Assert.Equal(HttpStatusCode.Forbidden, post.StatusCode);
        Assert.Equal(
            "Refused: this dashboard may only be read.",
            await post.Content.ReadAsStringAsync(Token)
        );
    }

    [Fact]
    public async Task The_token_of_one_user_is_not_that_of_another()
    {
        // With keys that protect the tokens of both.
        var keys = new EphemeralDataProtectionProvider();
        await using var host = await DashboardHost.StartAsync(
            services: builder => builder.Services.AddSingleton<IDataProtectionProvider>(keys)
        );
        var page = await host.PageWithAsync("Verify now");
        var tokens = new RequestToken(keys);
        Assert.True(tokens.IsValid(DashboardHost.TokenOf(page), "local"));
        Assert.False(tokens.IsValid(DashboardHost.TokenOf(page), "olga"));
        using var client = host.Client();
        using var other = await PostAsync(client, Form(page, tokens.Create("olga")));
        Assert.Equal(HttpStatusCode.BadRequest, other.StatusCode);
        using var own = await PostAsync(client, Form(page, tokens.Create("local")));
        Assert.Equal(HttpStatusCode.SeeOther, own.StatusCode);
    }

    /// <summary>The real clock, unless it is held.</summary>
    private sealed class HeldTime : TimeProvider
    {
        private long _ticks;

        public void Hold(TimeSpan later = default) => Volatile.Write(ref _ticks, (GetUtcNow() + later).UtcTicks);

        public override DateTimeOffset GetUtcNow() =>
            Volatile.Read(ref _ticks) is > 0 and var ticks ? new(ticks, TimeSpan.Zero) : base.GetUtcNow();
    }

    private static (string Name, string Value) Basic(string name, string password) =>
        ("Authorization", $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}"))}");

    private static Dictionary<string, string> Form(string page, string? token)
    {
        var form = new Dictionary<string, string>
        {
            ["kind"] = "Verify",
            ["database"] = page.Split("name=\"database\" value=\"")[1].Split('"')[0],
        };
        if (token is not null)
            form["__token"] = token;
        return form;
    }

    private static async Task<HttpResponseMessage> PostAsync(
        HttpClient client,
        Dictionary<string, string> form,
        params (string Name, string Value)[] headers
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/litestream/actions")
        {
            Content = new FormUrlEncodedContent(form),
        };
        foreach (var (name, value) in headers)
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        return await client.SendAsync(request, Token);
    }

    private static async Task<HttpResponseMessage> SendAsync(
        HttpClient client,
        HttpMethod method,
        string path,
        (string Name, string Value)[]? headers = null,
        string? form = null
    )
    {
        using var request = new HttpRequestMessage(method, path);
        if (form is not null)
        {
            request.Content = new StringContent(
                form,
                Encoding.UTF8,
                new MediaTypeHeaderValue("application/x-www-form-urlencoded")
            );
        }

        foreach (var (name, value) in headers ?? [])
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
    }
}
