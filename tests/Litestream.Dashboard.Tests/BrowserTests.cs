using System.Globalization;
using Deque.AxeCore.Playwright;
using Microsoft.Data.Sqlite;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Litestream.Dashboard.Tests;

/// <summary>The page in a real browser, beside a real app with a real litestream.</summary>
public sealed class BrowserTests(BrowserFixture fixture) : IClassFixture<BrowserFixture>
{
    private const float Soon = BrowserFixture.Patience;

    [Fact]
    public async Task The_page_follows_what_happens_without_a_reload_and_without_an_error_in_the_console()
    {
        using var app = await new DashboardApp().StartAsync();
        await using var view = await ViewAsync(app, 1280);
        var page = view.Page;
        await ShowsAsync(page, "#s-summary", "Not known to be safe: no proof yet.");
        await ShownReplicatorAsync(app, page);

        // A commit.
        app.Insert("first");
        await ShowsAsync(page, "#rows", "last commit arrived");

        // A verification.
        await page.GetByRole(AriaRole.Button, new() { Name = "Verify now" }).ClickAsync();
        await ShowsAsync(page, "#s-actions", "compared by content, no difference");
        await ShowsAsync(page, "#s-summary", "Your data is safe.");

        // Litestream is killed.
        var before = await ShownReplicatorAsync(app, page);
        await AppFolder.SignalAsync("KILL", before, mayHaveEnded: true);
        await Expect(page.Locator("#pid")).Not.ToHaveTextAsync($"{before}", new() { Timeout = Soon });
        await ShownReplicatorAsync(app, page);
        await ShowsAsync(page, "#s-process", "the last time:");
        await ShowsAsync(page, "#s-summary", "Your data is safe.");

        // It hangs, and continues.
        var hung = await ShownReplicatorAsync(app, page);
        await AppFolder.SignalAsync("STOP", hung);
        app.Insert("while it hangs");
        await Expect(page.Locator("#s-summary")).Not.ToContainTextAsync("Your data is safe.", new() { Timeout = Soon });
        await AppFolder.SignalAsync("CONT", hung, mayHaveEnded: true);
        await ShowsAsync(page, "#s-summary", "Your data is safe.");

        // Its storage is gone, and comes back.
        Directory.Move(app.Folder.Replica, $"{app.Folder.Replica}.away");
        await File.WriteAllTextAsync(app.Folder.Replica, "", TestContext.Current.CancellationToken);
        app.Insert("while the storage is gone");
        await Expect(page.Locator("#s-summary")).Not.ToContainTextAsync("Your data is safe.", new() { Timeout = Soon });
        await ShowsAsync(page, "#s-warnings", "LSB");
        File.Delete(app.Folder.Replica);
        Directory.Move($"{app.Folder.Replica}.away", app.Folder.Replica);
        await ShowsAsync(page, "#s-summary", "Your data is safe.");
        Assert.Empty(view.Errors);
    }

    [Fact]
    public async Task A_change_of_the_status_is_on_the_page_soon()
    {
        using var app = await new DashboardApp().StartAsync();
        await using var view = await ViewAsync(app, 1280);
        var page = view.Page;
        var replicator = await ShownReplicatorAsync(app, page);
        var pid = replicator.ToString(CultureInfo.InvariantCulture);
        await AppFolder.SignalAsync("KILL", replicator, mayHaveEnded: true);

        using var client = new HttpClient();
        var own = $"\"processId\":{pid}";
        await AppFolder.UntilAsync(
            async () =>
            {
                var url = $"{app.Url}/litestream/api/status";
                var status = await client.GetStringAsync(url, TestContext.Current.CancellationToken);
                return !status.Contains(own, StringComparison.Ordinal);
            },
            () => "the app knows it"
        );
        await AppFolder.UntilAsync(
            async () => await page.Locator("#pid").TextContentAsync() != pid,
            () => "the page shows it"
        );
    }

    [Fact]
    public async Task A_moment_that_is_picked_on_the_restore_window_is_what_the_side_file_holds()
    {
        using var app = await new DashboardApp().StartAsync();
        await using var view = await ViewAsync(app, 1280);
        var page = view.Page;
        app.Insert("first");
        await ShowsAsync(page, "#rows", "last commit arrived");
        await AppFolder.UntilAsync(() => HoldsAsync(app, "first"), () => "the first row is in the replica");

        // Whole seconds, as the replica's files know them.
        var moment = DateTimeOffset.UtcNow.AddSeconds(2);

        // A browser leaves out the seconds of a full minute, and Playwright takes that for a wrong value.
        moment = moment.AddSeconds(moment.Second == 0 ? 1 : 0);
        await AppFolder.UntilAsync(() => DateTimeOffset.UtcNow > moment.AddSeconds(2), "the moment is over");
        app.Insert("second");
        await AppFolder.UntilAsync(() => HoldsAsync(app, "first", "second"), () => "the second row is in the replica");

        await page.Locator("[type=datetime-local]").FillAsync(
            moment.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture),
            new() { Timeout = Soon }
        );
        await ShowsAsync(page, ".restore output", "Restores the state of ");
        await page.GetByRole(AriaRole.Button, new() { Name = "Restore to a side file" }).ClickAsync();
        await ShowsAsync(page, "#s-actions", "Restored file:");
        await ShowsAsync(page, "#s-actions table", "Rows");
        var file = Assert.Single(Directory.EnumerateFiles(app.Folder.Work, "orders-*.db"));
        await Expect(page.Locator("#s-actions code").First).ToHaveTextAsync(Path.GetFileName(file));
        await ShowsAsync(
            page,
            "#s-actions .command code",
            $" restore --timestamp {moment.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss}Z --force"
        );
        Assert.Equal(["first"], DashboardApp.Rows(file));
        Assert.Equal(["first", "second"], DashboardApp.Rows(app.Folder.Database));
        Assert.Empty(view.Errors);
    }

    [Fact]
    public async Task Without_scripts_the_page_shows_the_same_and_its_forms_work()
    {
        using var app = await new DashboardApp().StartAsync();
        await using var view = await ViewAsync(app, 768, scripts: false);
        var page = view.Page;
        await AppFolder.UntilAsync(
            async () =>
            {
                page = await AnewAsync(page);
                var rows = await page.Locator("#rows").InnerTextAsync();
                return await page.GetByRole(AriaRole.Button, new() { Name = "Fire drill" }).CountAsync() > 0
                    && rows.Contains("no proof yet", StringComparison.Ordinal);
            },
            () => "the page shows the database"
        );
        app.Insert("first");
        await page.GetByRole(AriaRole.Button, new() { Name = "Verify now" }).ClickAsync();
        await page.WaitForURLAsync("**/litestream#s-actions");
        await AppFolder.UntilAsync(
            async () =>
            {
                page = await AnewAsync(page);
                var summary = await page.Locator("#s-summary").InnerTextAsync();
                return summary.Contains("Your data is safe.", StringComparison.Ordinal);
            },
            () => "the page shows the proof"
        );
        await Expect(page.Locator("#rows")).ToContainTextAsync("proved");
        await Expect(page.Locator("#rows")).ToContainTextAsync(" ago");
    }

    [Theory]
    [InlineData(360, ColorScheme.Light)]
    [InlineData(768, ColorScheme.Dark)]
    [InlineData(1280, ColorScheme.Light)]
    [InlineData(1280, ColorScheme.Dark)]
    public async Task Nothing_is_wider_than_the_screen_and_axe_finds_no_violation(int width, ColorScheme scheme)
    {
        using var app = await new DashboardApp().StartAsync();
        await using var view = await ViewAsync(app, width, scheme);
        var page = view.Page;
        app.Insert("first");
        await page.GetByRole(AriaRole.Button, new() { Name = "Restore to a side file" })
            .ClickAsync(new() { Timeout = Soon });
        await ShowsAsync(page, "#s-actions", "Restored file:");
        foreach (var summary in await page.Locator("summary").AllAsync())
            await summary.ClickAsync();
        Assert.True(
            await page.EvaluateAsync<int>("document.documentElement.scrollWidth") <= width,
            $"The page is wider than {width}."
        );
        var result = await page.RunAxe();
        Assert.True(
            result.Violations.Length == 0,
            string.Join(
                '\n',
                result.Violations.Select(one =>
                    $"{one.Id}: {one.Help}: {string.Join(" | ", one.Nodes.Select(node => node.Html))}"
                )
            )
        );
        Assert.Empty(view.Errors);
    }

    [Fact]
    public async Task The_keyboard_alone_reaches_and_triggers_everything()
    {
        using var app = await new DashboardApp().StartAsync();
        await using var view = await ViewAsync(app, 1280);
        var page = view.Page;
        app.Insert("first");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Restore to a side file" }))
            .ToBeVisibleAsync(new() { Timeout = Soon });
        var reached = new List<string>();
        for (var i = 0; i < 60; i++)
        {
            await page.Keyboard.PressAsync("Tab");
            reached.Add(
                await page.EvaluateAsync<string>(
                    "(document.activeElement.textContent || document.activeElement.type || '').trim().slice(0, 40)"
                )
            );
        }

        string[] names =
        [
            "Skip to the content",
            "Litestream",
            "orders.db",
            "Verify now",
            "Fire drill",
            "datetime-local",
            "range",
            "Restore to a side file",
            "Copy",
        ];
        foreach (var name in names)
            Assert.Contains(reached, one => one.Contains(name, StringComparison.Ordinal));
        await page.GetByRole(AriaRole.Button, new() { Name = "Fire drill" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await ShowsAsync(page, "#s-actions", "Restored and checked in");
        await page.Locator("#loglines summary").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator(".log")).ToBeVisibleAsync();

        // What is open and what has the focus stays so while the page changes.
        await page.GetByRole(AriaRole.Button, new() { Name = "Verify now" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await ShowsAsync(page, "#s-actions", "compared by content, no difference");
        await ShowsAsync(page, "#s-summary", "Your data is safe.");
        await Expect(page.Locator(".log")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Verify now" })).ToBeFocusedAsync();
    }

    /// <summary>With LSB_UPDATE_DOCS=1 the pictures of the documentation are made anew.</summary>
    [Fact]
    public async Task On_a_phone_the_verdicts_of_four_databases_are_seen_at_once_safe_and_in_trouble()
    {
        using var app = new DashboardApp();
        string[] names = ["orders", "users", "sessions", "audit"];
        app.Folder.WriteConfig(app.Folder.FileReplica);
        File.WriteAllText(
            app.Folder.Config,
            string.Join(
                '\n',
                names
                    .Select(name =>
                        $"  - path: {name}.db\n    replicas:\n      - path: '{app.Folder.Replica}/{name}'"
                    )
                    .Prepend("dbs:")
            )
        );
        foreach (var name in names)
            app.Folder.Environment[$"ConnectionStrings__{name}"] = $"Data Source={name}.db";

        // It stays behind until all pictures are taken.
        app.Folder.Environment["Litestream__StallTimeout"] = "00:10:00";
        await app.StartAsync();
        app.Insert("first");
        var pages = new List<(View View, string Name)>();
        foreach (var (width, device) in new[] { (360, "phone"), (1280, "desktop") })
        {
            foreach (var scheme in new[] { ColorScheme.Light, ColorScheme.Dark })
            {
                pages.Add(
                    (await ViewAsync(app, width, scheme, height: width == 360 ? 640 : 900), $"{device}-{scheme}")
                );
            }
        }

        var phone = pages[0].View.Page;
        for (var i = 0; i < names.Length; i++)
        {
            await Expect(pages[2].View.Page.GetByRole(AriaRole.Button, new() { Name = "Verify now" }))
                .ToHaveCountAsync(4, new() { Timeout = Soon });

            // Those without a proof come first.
            await pages[2].View.Page.Locator("section.database", new() { HasText = $"{names[i]}.db" })
                .GetByRole(AriaRole.Button, new() { Name = "Verify now" })
                .ClickAsync();
            await Expect(pages[2].View.Page.Locator("#s-actions .k-safe"))
                .ToHaveCountAsync(i + 1, new() { Timeout = Soon });
        }

        await ShowsAsync(phone, "#s-summary", "All 4 databases are safe.");
        foreach (var (view, name) in pages)
        {
            await ShowsAsync(view.Page, "#s-summary", "All 4 databases are safe.");
            await SaveAsync(view.Page, $"{name}-safe");
        }

        foreach (var row in await phone.Locator("#rows > li").AllAsync())
            await Expect(row).ToBeInViewportAsync(new() { Ratio = 1 });
        await AppFolder.SignalAsync("STOP", await app.ReplicatorAsync());
        app.Insert("while it hangs", "users");
        foreach (var (view, name) in pages)
        {
            await ShowsAsync(view.Page, "#s-summary", "1 behind");
            await ShowsAsync(view.Page, "#s-warnings", "LSB5007");

            // It comes first, in the list and in full.
            await Expect(view.Page.Locator("#rows a").First).ToHaveTextAsync("users.db");
            await Expect(view.Page.Locator("section.database h2").First).ToContainTextAsync("users.db");
            await SaveAsync(view.Page, $"{name}-trouble");
        }

        // All four.
        foreach (var other in names.Except(["users"]))
            app.Insert("while it hangs", other);
        await ShowsAsync(phone, "#s-summary", "4 behind");
        await phone.EvaluateAsync("scrollTo(0, 0)");
        await Expect(phone.Locator("#rows .reason")).ToHaveCountAsync(4, new() { Timeout = Soon });
        foreach (var row in await phone.Locator("#rows > li").AllAsync())
            await Expect(row).ToBeInViewportAsync(new() { Ratio = 1 });
        await Expect(phone.Locator("section.database p", new() { HasText = "LSB5007" })).ToHaveCountAsync(4);
        foreach (var (view, _) in pages)
            await view.DisposeAsync();
    }

    private static async Task SaveAsync(IPage page, string name)
    {
        await page.EvaluateAsync("scrollTo(0, 0)");
        var picture = await page.ScreenshotAsync();
        Assert.True(picture.Length > 5000, $"The picture {name} is empty.");
        if (Environment.GetEnvironmentVariable("LSB_UPDATE_DOCS") == "1")
        {
            var folder = Directory.CreateDirectory(Repository.In("docs", "images")).FullName;
            await File.WriteAllBytesAsync(
                Path.Combine(folder, $"dashboard-{name.ToLowerInvariant()}.png"),
                picture,
                TestContext.Current.CancellationToken
            );
        }
    }

    /// <summary>
    /// The process id of litestream, when the page shows it: the app may start another one for reasons of its own.
    /// </summary>
    private static async Task<int> ShownReplicatorAsync(DashboardApp app, IPage page)
    {
        var running = 0;
        await AppFolder.UntilAsync(
            async () =>
            {
                running = await app.ReplicatorAsync();
                return await page.Locator("#pid").TextContentAsync() == running.ToString(CultureInfo.InvariantCulture);
            },
            () => $"the page shows litestream's process {running}"
        );
        return running;
    }

    /// <summary>Whether a bare restore gives these rows. It fails where a file is merged that it is about to read.
    /// </summary>
    private static async Task<bool> HoldsAsync(DashboardApp app, params string[] rows)
    {
        try
        {
            return await app.Folder.RestoreAsync(app.Folder.Database) is { } file
                && DashboardApp.Rows(file).SequenceEqual(rows);
        }
        catch (Exception e) when (e is Xunit.Sdk.TrueException or SqliteException)
        {
            return false;
        }
    }

    private static Task ShowsAsync(IPage page, string part, string text) =>
        Expect(page.Locator(part)).ToContainTextAsync(text, new() { Timeout = Soon });

    /// <summary>The same address in another tab: Chromium may refuse to reload one that has posted a form.</summary>
    private static async Task<IPage> AnewAsync(IPage page)
    {
        var next = await page.Context.NewPageAsync();
        await next.GotoAsync(page.Url);
        await page.CloseAsync();
        return next;
    }

    private async Task<View> ViewAsync(
        DashboardApp app,
        int width,
        ColorScheme scheme = ColorScheme.Light,
        bool scripts = true,
        int height = 800
    )
    {
        var context = await fixture.Browser.NewContextAsync(
            new()
            {
                ViewportSize = new() { Width = width, Height = height },
                ColorScheme = scheme,
                JavaScriptEnabled = scripts,
                BypassCSP = false,
            }
        );
        context.SetDefaultTimeout(Soon);
        var view = new View(context, await context.NewPageAsync());
        await view.Page.GotoAsync($"{app.Url}/litestream");
        return view;
    }

    private sealed class View : IAsyncDisposable
    {
        private readonly IBrowserContext _context;

        public View(IBrowserContext context, IPage page)
        {
            (_context, Page) = (context, page);
            page.Console += (_, message) =>
            {
                if (message.Type is "error" or "warning")
                    Errors.Add(message.Text);
            };
            page.PageError += (_, error) => Errors.Add(error);
        }

        public IPage Page { get; }

        public List<string> Errors { get; } = [];

        public ValueTask DisposeAsync() => _context.DisposeAsync();
    }
}
