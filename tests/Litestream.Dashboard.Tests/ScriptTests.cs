using System.Diagnostics;
using System.Text.Json;
using Litestream.Dashboard.Pages;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Rendering;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Litestream.Dashboard.Tests;

/// <summary>What the page in a browser makes of what the network, a proxy or the app's login does to it.</summary>
public sealed class ScriptTests(BrowserFixture fixture) : IClassFixture<BrowserFixture>
{
    private const float Soon = BrowserFixture.Patience;

    [Fact]
    public async Task A_page_whose_app_has_stopped_is_not_green()
    {
        var host = await DashboardHost.StartAsync();
        await using var context = await fixture.Browser.NewContextAsync();
        var page = await OpenAsync(context, host);
        await Expect(page.Locator("#live")).ToHaveTextAsync("Live.", new() { Timeout = Soon });
        await page.GetByRole(AriaRole.Button, new() { Name = "Verify now" }).ClickAsync(new() { Timeout = Soon });
        var summary = page.Locator("#s-summary");
        await Expect(summary).ToContainTextAsync("Your data is safe.", new() { Timeout = Soon });
        var icon = summary.Locator(".icon");
        await Expect(icon).ToHaveCSSAsync("fill", "rgb(11, 110, 59)");
        await Expect(page.Locator("#asof")).ToBeHiddenAsync();

        await host.DisposeAsync();
        await Expect(summary).ToContainTextAsync(
            "Not up to date: the app does not answer. As of ",
            new() { Timeout = Soon }
        );
        await Expect(icon).ToHaveCSSAsync("fill", "rgb(87, 96, 106)");
        await Expect(page.Locator("#rows .verdict")).ToHaveCSSAsync("color", "rgb(87, 96, 106)");
        await Expect(page.Locator("#asof")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task What_comes_later_is_newer_whatever_the_clocks_say()
    {
        await using var host = await DashboardHost.StartAsync();
        await using var context = await fixture.Browser.NewContextAsync();
        var details = $"db-{ModelBuilder.IdOf(host.Database)}";
        string Changes(long at, string text) =>
            JsonSerializer.Serialize(
                new
                {
                    at,
                    parts = new Dictionary<string, string> { ["s-summary"] = $"<p>{text}</p>" },
                    order = (string?)null,
                    details,
                    asOf = "",
                }
            );
        var page = await OpenAsync(
            context,
            host,
            async page =>
            {
                await page.RouteAsync(
                    "**/litestream/events",
                    route =>
                        route.FulfillAsync(
                            new()
                            {
                                ContentType = "text/event-stream",
                                Body = $"data: {Changes(2_000_000_000_000, "before")}\n\n"
                                    + $"data: {Changes(1_000_000_000_000, "after")}\n\n",
                            }
                        )
                );
                await page.RouteAsync("**/litestream/parts", route => route.AbortAsync());
            }
        );
        await Expect(page.Locator("#s-summary")).ToContainTextAsync("after", new() { Timeout = Soon });
    }

    [Fact]
    public async Task Where_the_event_stream_does_not_pass_the_page_asks_again_and_again()
    {
        await using var host = await DashboardHost.StartAsync();
        await using var context = await fixture.Browser.NewContextAsync();

        // As a proxy that keeps the stream until it ends.
        var page = await OpenAsync(
            context,
            host,
            page => page.RouteAsync("**/litestream/events", _ => Task.CompletedTask)
        );
        await Expect(page.Locator("#live")).ToHaveTextAsync("Updated every 5 s.", new() { Timeout = Soon });
        host.Run("INSERT INTO Rows (Text) VALUES ('new')");
        await Expect(page.Locator("#rows")).ToContainTextAsync("last commit arrived", new() { Timeout = Soon });
    }

    [Theory]
    [InlineData(302, "text/html", "", "Not started: sign in again, then reload the page.")]
    [InlineData(200, "text/html", "<h1>Sign in</h1>", "Not started: sign in again, then reload the page.")]
    [InlineData(409, "text/plain; charset=utf-8", "Wait for it.", "Not started. Wait for it.")]
    public async Task An_action_that_was_not_started_is_not_shown_as_one_that_was(
        int status,
        string type,
        string body,
        string said
    )
    {
        await using var host = await DashboardHost.StartAsync();
        await using var context = await fixture.Browser.NewContextAsync();
        var page = await OpenAsync(
            context,
            host,
            page =>
                page.RouteAsync(
                    "**/litestream/actions",
                    route =>
                        route.FulfillAsync(
                            new()
                            {
                                Status = status,
                                ContentType = type,
                                Body = body,
                                Headers = new Dictionary<string, string>
                                {
                                    ["Content-Type"] = type,
                                    ["Location"] = "/login",
                                },
                            }
                        )
                )
        );
        await page.GetByRole(AriaRole.Button, new() { Name = "Verify now" }).ClickAsync(new() { Timeout = Soon });
        await Expect(page.Locator("#said")).ToHaveTextAsync(said, new() { Timeout = Soon });
    }

    [Fact]
    public async Task What_is_reported_is_shown_in_a_layout_that_has_no_place_for_it()
    {
        await using var host = await DashboardHost.StartAsync(
            configure: options => options.Layout = typeof(BareLayout)
        );
        await using var context = await fixture.Browser.NewContextAsync();
        var page = await OpenAsync(
            context,
            host,
            page =>
                page.RouteAsync(
                    "**/litestream/actions",
                    route => route.FulfillAsync(new() { Status = 409, ContentType = "text/plain", Body = "Wait." })
                )
        );
        await Expect(page.GetByText("Live.")).ToBeVisibleAsync(new() { Timeout = Soon });
        await page.GetByRole(AriaRole.Button, new() { Name = "Verify now" }).ClickAsync(new() { Timeout = Soon });
        await Expect(page.GetByText("Not started. Wait.")).ToBeVisibleAsync(new() { Timeout = Soon });
    }

    [Fact]
    public async Task A_click_counts_while_the_section_waits_for_a_field_to_lose_the_focus()
    {
        await using var host = await DashboardHost.StartAsync();
        await using var context = await fixture.Browser.NewContextAsync();
        var page = await OpenAsync(context, host);
        var button = page.GetByRole(AriaRole.Button, new() { Name = "Restore to a side file" });
        await Expect(button).ToBeVisibleAsync(new() { Timeout = Soon });
        host.Run("INSERT INTO Rows (Text) VALUES ('first')");
        var arrived = page.Locator("#rows time").Last;
        await Expect(page.Locator("#rows")).ToContainTextAsync("last commit arrived", new() { Timeout = Soon });
        Stopwatch pressed;
        do
        {
            await page.Locator("[type=datetime-local]").FocusAsync();
            var before = await arrived.GetAttributeAsync("datetime");

            // The section that has the field in it is another one by now, and waits.
            await AppFolder.UntilAsync(
                async () =>
                {
                    host.Run("INSERT INTO Rows (Text) VALUES ('more')");
                    return await arrived.GetAttributeAsync("datetime") != before;
                },
                () => "another commit has arrived"
            );
            await Expect(page.Locator("[type=datetime-local]")).ToBeFocusedAsync();

            // Slowly: pressing takes the focus from the field. (The section waits for a button that is pressed for
            // 5 s.)
            await button.HoverAsync();
            pressed = Stopwatch.StartNew();
            await page.Mouse.DownAsync();
            await page.EvaluateAsync("new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))");
            await page.Mouse.UpAsync();
        } while (pressed.Elapsed > TimeSpan.FromSeconds(4));

        await Expect(page.Locator("#s-actions")).ToContainTextAsync("Restored file:", new() { Timeout = Soon });
    }

    [Fact]
    public async Task Only_the_form_waits_while_somebody_types_in_it()
    {
        await using var host = await DashboardHost.StartAsync();
        await using var context = await fixture.Browser.NewContextAsync();
        var page = await OpenAsync(context, host);
        var field = page.Locator("[type=datetime-local]");
        await Expect(field).ToBeVisibleAsync(new() { Timeout = Soon });
        await Expect(page.Locator("#live")).ToHaveTextAsync("Live.", new() { Timeout = Soon });
        await page.Locator(".database details summary").First.ClickAsync();
        await field.FillAsync("2026-11-30T03:00:05");
        await field.FocusAsync();
        var section = page.Locator($"#db-{ModelBuilder.IdOf(host.Database)}");
        await field.EvaluateAsync("one => { window.field = one; }");

        // A proof, and what it says, arrive meanwhile.
        await host.ActAsync("Verify");
        await Expect(section.Locator(".verdict")).ToHaveTextAsync("safe", new() { Timeout = Soon });
        await Expect(section).ToContainTextAsync("by a full verification", new() { Timeout = Soon });
        await Expect(field).ToBeFocusedAsync();
        await Expect(field).ToHaveValueAsync("2026-11-30T03:00:05");
        Assert.True(await field.EvaluateAsync<bool>("one => window.field === one"));
        await Expect(section.Locator("form")).ToHaveCountAsync(3);
        await Expect(section.Locator("details")).ToHaveAttributeAsync("open", "");

        // Then the form is brought up to date too.
        await page.GetByRole(AriaRole.Button, new() { Name = "Fire drill" }).FocusAsync();
        await Expect(field).ToHaveValueAsync("2026-11-30T03:00:05");
        await page.WaitForFunctionAsync("() => !window.field.isConnected");
    }

    /// <summary>A layout of the app's with nothing but what it must have.</summary>
    private sealed class BareLayout : ComponentBase
    {
        [Parameter]
        public DashboardModel Model { get; set; } = null!;

        [Parameter]
        public RenderFragment? Body { get; set; }

        protected override void BuildRenderTree(RenderTreeBuilder builder)
        {
            builder.AddMarkupContent(
                0,
                $"<!DOCTYPE html><html lang=\"en\"><head><script src=\"{Model.ScriptUrl}\" defer></script></head>"
                    + $"<body data-base=\"{Model.BasePath}\" data-view=\"{Model.View}\">"
            );
            builder.AddContent(1, Body);
            builder.AddMarkupContent(2, "</body></html>");
        }
    }

    private static async Task<IPage> OpenAsync(
        IBrowserContext context,
        DashboardHost host,
        Func<IPage, Task>? prepare = null
    )
    {
        // With its forms.
        await host.PageWithAsync("Verify now");
        context.SetDefaultTimeout(Soon);
        var page = await context.NewPageAsync();
        if (prepare is not null)
            await prepare(page);
        await page.GotoAsync($"{host.Url}litestream");
        return page;
    }
}
