using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Litestream.Dashboard.Pages;
using Litestream.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Rendering;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Litestream.Dashboard.Tests;

/// <summary>What the page shows, and what an app can change of it.</summary>
public sealed class PageTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("<script>alert(1)</script>.db")]
    [InlineData("\"onmouseover=\"alert(1).db")]
    [InlineData("'; DROP TABLE x;--.db")]
    [InlineData("ä ö & <b>.db")]
    [InlineData("..%zz..etc.db")]
    [InlineData("]]>{{7*7}}.db")]
    public async Task A_name_of_a_database_is_text_wherever_it_stands(string name)
    {
        // A slash cannot be in a name.
        name = name.Replace("/", "∕", StringComparison.Ordinal);
        await using var host = await DashboardHost.StartAsync(database: name);
        var page = await host.PageWithAsync("Verify now");
        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("\"onmouseover=", page, StringComparison.Ordinal);
        Assert.Contains(name, WebUtility.HtmlDecode(page), StringComparison.Ordinal);
        using var client = host.Client();
        using var status = JsonDocument.Parse(
            await client.GetStringAsync("/litestream/api/status", Token)
        );
        Assert.Equal(name, status.RootElement.GetProperty("databases")[0].GetProperty("path").GetString());

        // By its page too, and in what a browser gets later.
        var id = page.Split("id=\"row-")[1].Split('"')[0];
        using var own = await client.GetAsync($"/litestream/databases/{id}", Token);
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
        using var parts = JsonDocument.Parse(await client.GetStringAsync("/litestream/parts", Token));
        Assert.DoesNotContain(
            "<script>",
            parts.RootElement.GetProperty("parts").GetProperty($"row-{id}").GetString(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Log_lines_queries_and_filters_are_text()
    {
        await using var host = await DashboardHost.StartAsync();
        host.App.Services.GetRequiredService<LitestreamReplicator>()
            .RecentLog.Add(
                DateTimeOffset.UtcNow,
                LogLevel.Error,
                "</li><script>alert('log')</script> /secret/folder/x"
            );
        var page = await host.PageAsync("/litestream?filter=%22%3E%3Cscript%3Ealert(2)%3C/script%3E");
        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
        Assert.DoesNotContain("/secret/folder", page, StringComparison.Ordinal);
        Assert.Contains("No database has this in its name.", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        """
        type: s3
                bucket: shop
                path: app
                endpoint: http://127.0.0.1:1
                access-key-id: AKIDLITERAL0000
                secret-access-key: very-secret-key-000
        """,
        "bucket: shop"
    )]
    [InlineData("url: sftp://backup:very-secret-key-000@127.0.0.1:1/srv/app", "127.0.0.1:1/srv/app")]
    [InlineData("url: sftp://backup@127.0.0.1:1/<script>alert(1)</script>\"onload=alert(1)", "alert(1)")]
    [InlineData("url: file:///very-secret-key-000/shop", "shop")]
    public async Task No_secret_and_no_absolute_path_outside_the_content_root_is_on_the_page(
        string replica,
        string shown
    )
    {
        await using var host = await DashboardHost.StartAsync(
            new Dictionary<string, string?>
            {
                ["Litestream:AccessKeyId"] = "AKIDEXAMPLE0000",
                ["Litestream:SecretAccessKey"] = "very-secret-key-000",
                ["Litestream:Dashboard:Password"] = "",
            },
            replica: replica
        );
        var raw = await host.PageWithAsync("Verify now");
        Assert.DoesNotContain("<script>", raw, StringComparison.Ordinal);
        using var client = host.Client();
        var status = await client.GetStringAsync("/litestream/api/status", Token);
        var page = WebUtility.HtmlDecode(raw);
        Assert.Contains(shown, page, StringComparison.Ordinal);
        foreach (var text in new[] { page, status })
        {
            Assert.DoesNotContain("very-secret-key-000", text, StringComparison.Ordinal);
            Assert.DoesNotContain(host.Folder, text, StringComparison.Ordinal);
            Assert.DoesNotContain(Repository.Root, text, StringComparison.Ordinal);
            Assert.DoesNotContain(Path.GetTempPath().TrimEnd('/') + "/", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_app_can_set_title_links_time_zone_layout_and_sections()
    {
        await using var host = await DashboardHost.StartAsync(
            configure: options =>
            {
                options.Title = "Backup & more";
                options.TimeZone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Kolkata");
                options.Links.Add(new DashboardLink("Home", "/"));
                options.Sections[DashboardSection.Process] = typeof(OwnSection);
            }
        );
        var page = await host.PageAsync();
        Assert.Contains("<title>Backup &amp; more</title>", page, StringComparison.Ordinal);
        Assert.Contains("<a href=\"/\">Home</a>", page, StringComparison.Ordinal);
        Assert.Contains("Asia/Kolkata", page, StringComparison.Ordinal);
        Assert.Contains("<p id=\"own\">An own section: app.db</p>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("id=\"pid\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_section_that_is_not_a_component_is_refused_at_once() =>
        Assert.Contains(
            "is not a Razor component",
            Assert
                .Throws<ArgumentException>(() =>
                    new LitestreamDashboardOptions().Sections[DashboardSection.Log] = typeof(string)
                )
                .Message,
            StringComparison.Ordinal
        );

    [Fact]
    public async Task It_works_below_a_path_base_and_at_another_path()
    {
        await using var host = await DashboardHost.StartAsync(
            pattern: "/ops/backup",
            app: app => app.UsePathBase("/shop")
        );
        var page = await host.PageWithAsync("Verify now", "/shop/ops/backup/");
        var style = page.Split("<link rel=\"stylesheet\" href=\"")[1].Split('"')[0];
        Assert.StartsWith("/shop/ops/backup/assets/dashboard.", style, StringComparison.Ordinal);
        using var client = host.Client();
        using var answer = await client.GetAsync(style, Token);
        Assert.Equal("text/css", answer.Content.Headers.ContentType!.MediaType);
        Assert.True(answer.Headers.CacheControl!.MaxAge > TimeSpan.FromDays(300));
        Assert.Contains("action=\"/shop/ops/backup/actions\"", page, StringComparison.Ordinal);
        Assert.Contains("/shop/ops/backup/databases/", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("MVC")]
    [InlineData("Blazor")]
    public async Task It_works_in_an_app_with_pages_of_its_own(string kind)
    {
        await using var host = await DashboardHost.StartAsync(
            services: builder =>
            {
                if (kind == "MVC")
                    builder.Services.AddControllersWithViews().AddApplicationPart(typeof(HomeController).Assembly);
                else
                    builder.Services.AddRazorComponents();
            },
            app: app =>
            {
                if (kind == "MVC")
                {
                    app.MapControllers();
                }
                else
                {
                    app.UseAntiforgery();
                    app.MapRazorComponents<HomePage>();
                }
            }
        );
        Assert.Contains("The app's own page", await host.PageAsync("/home"), StringComparison.Ordinal);
        await host.ActAsync("Verify");
        await host.PageWithAsync("Your data is safe.");
    }

    [Fact]
    public async Task Two_hosts_in_one_process_each_show_their_own()
    {
        await using var first = await DashboardHost.StartAsync(database: "first.db");
        await using var second = await DashboardHost.StartAsync(database: "second.db", pattern: "/backup");
        var page = await first.PageWithAsync("Verify now");
        var other = await second.PageWithAsync("Verify now", "/backup");
        Assert.Contains("first.db", page, StringComparison.Ordinal);
        Assert.DoesNotContain("second.db", page, StringComparison.Ordinal);
        Assert.Contains("second.db", other, StringComparison.Ordinal);
        Assert.DoesNotContain("first.db", other, StringComparison.Ordinal);

        // What is done in one is not in the other.
        await first.ActAsync("Verify");
        await first.PageWithAsync("Your data is safe.");
        other = await second.PageAsync("/backup");
        Assert.DoesNotContain("Your data is safe.", other, StringComparison.Ordinal);
        Assert.DoesNotContain("Full verification of", other, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_dashboards_of_one_app_show_the_same()
    {
        await using var host = await DashboardHost.StartAsync(app: app => app.MapLitestreamDashboard("/backup"));
        var page = "";
        await AppFolder.UntilAsync(
            async () =>
            {
                // One that compares the content is a proof.
                await host.ActAsync("Drill");
                await host.PageWithoutAsync(">running</strong>");
                page = await host.PageAsync();
                return page.Contains("Your data is safe.", StringComparison.Ordinal);
            },
            () => $"a drill was a proof:\n{page}"
        );
        var other = await host.PageWithAsync("Your data is safe.", "/backup");
        Assert.Contains("Fire drill of app.db", other, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_status_is_described_in_OpenAPI_and_nothing_else_is()
    {
        await using var host = await DashboardHost.StartAsync(
            services: builder => builder.Services.AddOpenApi(),
            app: app => app.MapOpenApi()
        );
        using var client = host.Client();
        using var document = JsonDocument.Parse(await client.GetStringAsync("/openapi/v1.json", Token));
        var path = Assert.Single(document.RootElement.GetProperty("paths").EnumerateObject());
        Assert.Equal("/litestream/api/status", path.Name);
        Assert.Contains(
            "isSafe",
            document.RootElement.GetProperty("components").GetProperty("schemas").GetRawText(),
            StringComparison.Ordinal
        );
    }

    /// <summary>Trimmed and native AOT apps have no reflection for JSON.</summary>
    [Fact]
    public async Task The_status_is_described_where_the_app_has_no_reflection_for_JSON()
    {
        await using var host = await DashboardHost.StartAsync(
            services: builder =>
            {
                builder.Services.ConfigureHttpJsonOptions(options =>
                    options.SerializerOptions.TypeInfoResolver = JsonTypeInfoResolver.Combine()
                );
                builder.Services.AddOpenApi();
            },
            app: app => app.MapOpenApi()
        );
        using var client = host.Client();
        using var document = JsonDocument.Parse(await client.GetStringAsync("/openapi/v1.json", Token));
        Assert.Contains(
            "isSafe",
            document.RootElement.GetProperty("components").GetProperty("schemas").GetRawText(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_host_without_Litestream_says_so_where_the_dashboard_is_mounted()
    {
        await using var app = WebApplication.CreateSlimBuilder().Build();
        var error = Assert.Throws<InvalidOperationException>(() => app.MapLitestreamDashboard());
        Assert.StartsWith("LSB5043: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_setting_stops_the_start_with_its_code()
    {
        var error = await Assert.ThrowsAsync<Litestream.Diagnostics.LitestreamException>(() =>
            DashboardHost.StartAsync(
                new Dictionary<string, string?>
                {
                    ["Litestream:Dashboard:Password"] = "x",
                    ["Litestream:Dashboard:AllowHttp"] = "perhaps",
                }
            )
        );
        Assert.Equal("LSB1019", error.Diagnostic.Code);
        Assert.Contains("Dashboard:AllowHttp", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_warning_has_its_code_and_its_page()
    {
        await using var host = await DashboardHost.StartAsync();
        static IEnumerable<string> Codes(string page) =>
            page.Split("href=\"/litestream/codes/").Skip(1).Select(rest => rest.Split('"')[0]);
        var before = Codes(await host.PageWithAsync("no proof yet")).ToList();
        File.Move(host.Database, host.Database + ".gone");

        // One that was not there before.
        string? code = null;
        await AppFolder.UntilAsync(
            async () => (code = Codes(await host.PageAsync()).Except(before).FirstOrDefault()) is not null,
            () => "the page warns of the missing database"
        );
        Assert.Contains($"# {code}", await host.PageAsync($"/litestream/codes/{code}"), StringComparison.Ordinal);
        File.Move(host.Database + ".gone", host.Database);
    }

    [Fact]
    public async Task A_section_that_fails_again_and_again_is_logged_once()
    {
        await using var host = await DashboardHost.StartAsync(
            configure: options => options.Sections[DashboardSection.Process] = typeof(FailingSection)
        );
        for (var i = 0; i < 3; i++)
        {
            Assert.Contains(
                "The section Process of the dashboard failed. The log says why.",
                await host.PageAsync(),
                StringComparison.Ordinal
            );
        }

        Assert.Single(host.Log, line => line.Contains("The section Process", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_database_that_litestream_cannot_be_started_for_is_shown_as_not_replicated()
    {
        await using var host = await DashboardHost.StartAsync(
            new Dictionary<string, string?> { ["Litestream:ExecutablePath"] = "/nowhere/litestream" }
        );
        var page = await host.PageWithAsync("Not known to be safe: not replicated.");
        Assert.Contains(">app.db</a>", page, StringComparison.Ordinal);
        Assert.Contains("LSB5001: ", page, StringComparison.Ordinal);
        Assert.Contains("class=\"summary k-notreplicated\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pattern_that_matches_nothing_is_not_safe()
    {
        await using var host = await DashboardHost.StartAsync(
            new Dictionary<string, string?>
            {
                ["Litestream:ConfigPath"] = "/nowhere/litestream.yml",
                ["Litestream:DatabasePatterns"] = "tenants/*.db",
            }
        );
        var page = await host.PageWithAsync("Not known to be safe: no database.");
        Assert.Contains(">tenants/*.db</a>", page, StringComparison.Ordinal);
        Assert.Contains("LSB5031: ", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_replication_is_off_the_page_says_so()
    {
        await using var host = await DashboardHost.StartAsync(
            new Dictionary<string, string?> { ["Litestream:Enabled"] = "false" }
        );
        var page = await host.PageAsync();
        Assert.Contains("Replication is off.", page, StringComparison.Ordinal);
        Assert.Contains("class=\"summary k-notreplicated\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restore_that_shows_the_backup_to_be_damaged_is_a_failed_proof()
    {
        await using var host = await DashboardHost.StartAsync();
        await host.ActAsync("Verify");
        await host.PageWithAsync("Your data is safe.");
        var page = "";
        await AppFolder.UntilAsync(
            async () =>
            {
                // Again, for litestream makes other files from its own ones, which are whole.
                Damage(host.Replica);
                await host.ActAsync("Restore");
                page = await host.PageWithoutAsync(">running</strong>");
                return page.Contains("Not known to be safe: proof failed.", StringComparison.Ordinal);
            },
            () => $"the restore had failed:\n{page}"
        );
        Assert.Contains("LSB4003", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Drill", "all")]
    [InlineData("Drill", "the first")]
    [InlineData("Restore", "all")]
    [Trait("Line", "0.5")]
    public async Task A_drill_or_a_restore_that_misses_files_is_a_failed_proof(string kind, string files)
    {
        await using var host = await DashboardHost.StartAsync();
        host.Run("INSERT INTO Rows (Text) VALUES ('kept')");
        await host.ActAsync("Verify");
        await host.PageWithAsync("Your data is safe.");
        var page = "";
        await AppFolder.UntilAsync(
            async () =>
            {
                // Again, for litestream may send them once more.
                foreach (
                    var file in files == "all" ? ReplicaFiles.All(host.Replica) : ReplicaFiles.Starts(host.Replica)
                )
                {
                    File.Delete(file);
                }

                await host.ActAsync(kind);
                page = await host.PageWithoutAsync(">running</strong>");
                return page.Contains("proof failed", StringComparison.Ordinal);
            },
            () => $"the proof had failed:\n{page}"
        );
    }

    [Fact]
    public async Task A_restore_without_a_live_database_to_compare_with_has_worked()
    {
        await using var host = await DashboardHost.StartAsync();
        host.Run("INSERT INTO Rows (Text) VALUES ('kept')");
        await host.ActAsync("Verify");
        await host.PageWithAsync("Your data is safe.");
        File.Move(host.Database, $"{host.Database}.away");
        await host.ActAsync("Restore");
        var page = await host.PageWithAsync("Not compared: LSB4010");
        Assert.Contains(">done</strong> Restored, ", page, StringComparison.Ordinal);
        var file = Assert.Single(Directory.EnumerateFiles(host.Folder, "app-*.db"));
        Assert.Equal(["kept"], DashboardApp.Rows(file));
        File.Move($"{host.Database}.away", host.Database);
    }

    [Fact]
    public async Task A_restore_that_would_leave_the_app_no_room_on_its_disk_is_not_begun()
    {
        await using var host = await DashboardHost.StartAsync(
            new Dictionary<string, string?> { ["Litestream:FreeSpaceFloor"] = "100%" }
        );
        await host.PageWithAsync("Verify now");
        await host.ActAsync("Restore");
        var page = await host.PageWithAsync("LSB4009");
        Assert.Contains("for the app (Litestream:FreeSpaceFloor)", page, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(host.Folder, "app-*"));
    }

    [Fact]
    public async Task A_restored_side_file_is_not_one_more_database_of_a_pattern()
    {
        await using var host = await DashboardHost.StartAsync(
            services: builder =>
                builder.Configuration.AddInMemoryCollection(
                    new Dictionary<string, string?>
                    {
                        ["Litestream:DatabasePatterns"] = $"{builder.Environment.ContentRootPath}/*.db",
                    }
                )
        );
        host.Run("INSERT INTO Rows (Text) VALUES ('kept')");
        await host.ActAsync("Verify");
        await host.PageWithAsync("Your data is safe.");
        await host.ActAsync("Restore");
        await host.PageWithAsync("Restored file: <code>.app-");

        // A pattern matches no name that begins with a dot.
        var file = Assert.Single(Directory.EnumerateFiles(host.Folder, ".app-*.db"));
        Assert.Equal(["kept"], DashboardApp.Rows(file));
        Assert.Empty(Directory.EnumerateFiles(host.Folder, "app-*"));
    }

    /// <summary>Release line 0.5 lists whole seconds and compares milliseconds.</summary>
    [Fact]
    [Trait("Line", "0.5")]
    public async Task The_state_that_is_named_for_a_moment_is_what_a_restore_of_it_gives()
    {
        await using var host = await DashboardHost.StartAsync();
        var first = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        host.Run("INSERT INTO Rows (Text) VALUES ('first')");
        await MomentsAsync(host, moments => moments[^1] >= first);
        await AppFolder.UntilAsync(
            () => DateTimeOffset.UtcNow.ToUnixTimeSeconds() > first + 5,
            "the next commit is seconds later"
        );
        var second = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        host.Run("INSERT INTO Rows (Text) VALUES ('second')");
        var all = await MomentsAsync(host, moments => moments[^1] >= second);
        var (before, after) = (all.Last(one => one < second), all.First(one => one >= second));

        // A second later it is in, at the listed second itself it is not: the file is of some milliseconds later.
        foreach (var (entered, state) in new[] { (after + 1, after), (after, before) })
        {
            string Text(long seconds) =>
                DateTimeOffset
                    .FromUnixTimeSeconds(seconds)
                    .ToString("yyyy-MM-dd HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture);
            var old = Directory.GetFiles(host.Folder, "app-*.db");
            await AppFolder.UntilAsync(
                () => DateTimeOffset.UtcNow.ToUnixTimeSeconds() >= entered,
                "the moment is in the past"
            );
            await host.ActAsync("Restore", Text(entered).Replace(' ', 'T'));
            await host.PageWithAsync($"the backup has the state of {Text(state)}.");
            await host.PageWithoutAsync(">running</strong>");
            await host.PageWithAsync($" restore --timestamp {Text(entered).Replace(' ', 'T')}Z --force</code>");
            var file = "";
            await AppFolder.UntilAsync(
                () => (file = Directory.GetFiles(host.Folder, "app-*.db").Except(old).SingleOrDefault() ?? "") != "",
                "the file is there"
            );
            Assert.Equal(state == after ? ["first", "second"] : ["first"], DashboardApp.Rows(file));
        }
    }

    /// <summary>The moments that the page has, in seconds, when they are enough and a backup with the last commit was
    /// seen: lists them again and again.</summary>
    private static async Task<List<long>> MomentsAsync(DashboardHost host, Func<List<long>, bool> isEnough)
    {
        List<long> moments = [];
        await AppFolder.UntilAsync(
            async () =>
            {
                await host.ActAsync("Drill");
                var page = await host.PageWithoutAsync(">running</strong>");
                moments = page.Split("data-moments=\"") is [_, var rest]
                    ? [.. rest.Split('"')[0].Split(' ').Select(long.Parse)]
                    : [];
                return page.Contains("The content matches the database", StringComparison.Ordinal)
                    && moments.Count > 0
                    && isEnough(moments);
            },
            () => "the backup has the moments"
        );
        return moments;
    }

    [Fact]
    public async Task An_event_stream_sends_what_has_changed_and_nothing_else()
    {
        await using var host = await DashboardHost.StartAsync();
        await host.PageWithAsync("no proof yet");
        using var client = host.Client();
        using var answer = await client.GetAsync(
            "/litestream/events",
            HttpCompletionOption.ResponseHeadersRead,
            Token
        );
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType!.MediaType);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(Token));
        var first = await NextAsync(reader);
        var known = first.EnumerateObject().ToDictionary(part => part.Name, part => part.Value.GetString());
        Assert.Contains("s-summary", known.Keys);
        host.Run("INSERT INTO Rows (Text) VALUES ('new')");
        var seen = new HashSet<string>();
        while (!seen.Any(name => name.StartsWith("row-", StringComparison.Ordinal)))
        {
            foreach (var part in (await NextAsync(reader)).EnumerateObject())
            {
                var text = part.Value.GetString();
                if (text == known.GetValueOrDefault(part.Name))
                {
                    // What has changed in a row may be less than the second that it shows.
                    Assert.StartsWith("row-", part.Name, StringComparison.Ordinal);
                    continue;
                }

                known[part.Name] = text;
                seen.Add(part.Name);
            }
        }

        Assert.DoesNotContain("s-configuration", seen);
    }

    [Fact]
    public async Task The_app_stops_at_once_while_event_streams_are_open()
    {
        var host = await DashboardHost.StartAsync();
        using var client = host.Client();
        using var answer = await client.GetAsync(
            "/litestream/events",
            HttpCompletionOption.ResponseHeadersRead,
            Token
        );
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(Token));
        await NextAsync(reader);
        await host.DisposeAsync();
        while (await reader.ReadLineAsync(Token) is not null) { }
    }

    private static async Task<JsonElement> NextAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync(Token) is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal))
                return JsonDocument.Parse(line["data: ".Length..]).RootElement.GetProperty("parts");
        }

        throw new InvalidOperationException("The stream has ended.");
    }

    /// <summary>A section of the app's that fails.</summary>
    private sealed class FailingSection : ComponentBase
    {
        [Parameter]
        public DashboardModel Model { get; set; } = null!;

        protected override void BuildRenderTree(RenderTreeBuilder builder) =>
            throw new InvalidOperationException($"Cannot show {Model.Title}.");
    }

    /// <summary>Overwrites some bytes in the middle of each file.</summary>
    private static void Damage(string replica)
    {
        foreach (var file in ReplicaFiles.All(replica))
        {
            try
            {
                using var stream = File.Open(file, FileMode.Open, FileAccess.Write);
                stream.Seek(stream.Length / 2, SeekOrigin.Begin);
                stream.Write(new byte[64]);
            }
            catch (FileNotFoundException)
            {
                // Litestream has merged it meanwhile.
            }
        }
    }

    /// <summary>A section of the app's.</summary>
    private sealed class OwnSection : ComponentBase
    {
        [Parameter]
        public DashboardModel Model { get; set; } = null!;

        protected override void BuildRenderTree(RenderTreeBuilder builder) =>
            builder.AddMarkupContent(0, $"<p id=\"own\">An own section: {Model.Databases[0].Row.Name}</p>");
    }
}

/// <summary>A controller of an app with MVC.</summary>
public sealed class HomeController : Microsoft.AspNetCore.Mvc.Controller
{
    [Microsoft.AspNetCore.Mvc.HttpGet("/home")]
    public string Index() => $"The app's own page, of {ControllerContext.ActionDescriptor.ActionName}";
}

/// <summary>A page of an app with Blazor.</summary>
[Route("/home")]
public sealed class HomePage : ComponentBase
{
    protected override void BuildRenderTree(RenderTreeBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddMarkupContent(0, "<p>The app's own page</p>");
    }
}
