using Litestream.Dashboard.Monitoring;
using Litestream.Dashboard.Pages;
using Litestream.Diagnostics;
using Litestream.Sqlite;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Rendering;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Litestream.Dashboard.Tests;

/// <summary>What a browser gets, and what it sends.</summary>
public sealed class RendererTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 30, 3, 0, 0, TimeSpan.Zero);

    private static readonly TimeZoneInfo s_berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");

    private static readonly DatabaseRow s_row = new(
        "0123456789ab",
        "app.db",
        new Verdict(VerdictKind.Safe, "safe", ""),
        s_now,
        s_now,
        s_now.AddHours(-1),
        s_now,
        true
    );

    [Fact]
    public async Task A_database_that_comes_back_is_sent_again()
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        var renderer = Renderer(services);
        var sent = new SentParts();
        Assert.Contains("row-0123456789ab", (await renderer.ChangesAsync(Model(s_row), sent)).Parts.Keys);
        Assert.DoesNotContain("row-0123456789ab", (await renderer.ChangesAsync(Model(s_row), sent)).Parts.Keys);
        var without = await renderer.ChangesAsync(Model(), sent);
        Assert.Equal("", without.Order);
        var again = await renderer.ChangesAsync(Model(s_row), sent);
        Assert.Contains("row-0123456789ab", again.Parts.Keys);
        Assert.Equal("row-0123456789ab", again.Order);
    }

    [Fact]
    public async Task A_list_of_the_app_is_sent_as_a_whole_and_without_rows()
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        var options = new LitestreamDashboardOptions();
        options.Sections[DashboardSection.Databases] = typeof(OwnList);
        var renderer = Renderer(services, options);
        var sent = new SentParts();
        var first = await renderer.ChangesAsync(Model(s_row), sent);
        Assert.Equal("<p>app.db: safe</p>", first.Parts["s-databases"]);
        Assert.DoesNotContain("row-0123456789ab", first.Parts.Keys);
        Assert.Null(first.Order);
        Assert.True((await renderer.ChangesAsync(Model(s_row), sent)).IsEmpty);
        var verdict = new Verdict(VerdictKind.Stalled, "stalled", "");
        var changed = await renderer.ChangesAsync(Model(s_row with { Verdict = verdict }), sent);
        Assert.Equal("<p>app.db: stalled</p>", changed.Parts["s-databases"]);
    }

    [Fact]
    public async Task Each_of_the_last_restarts_has_its_reason()
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        var process = new ProcessModel("Replicating", s_now)
        {
            LastRestarts = [new(s_now, "it hung"), new(s_now.AddHours(-1), "it ended")],
        };
        var page = await Renderer(services).PageAsync(Model(s_row) with { Process = process });
        Assert.Contains("<li>2026-11-30 03:00:00: it hung</li>", page, StringComparison.Ordinal);
        Assert.Contains("<li>2026-11-30 02:00:00: it ended</li>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_known_problem_says_what_to_do() =>
        Assert.Contains(
            "Litestream 0.5.6 cannot read backups that 0.3 made. Use 0.5.17, or restore older backups with 0.3.13.",
            ModelBuilder.KnownOf("0.5.6")
        );

    [Fact]
    public void An_example_of_a_difference_says_which_kind_it_is_of()
    {
        var difference = ActionModels.DifferenceOf(
            new DatabaseDifference("/live.db", "/copy.db")
            {
                Tables =
                [
                    new TableDifference("Rows")
                    {
                        Added = 2,
                        Missing = 1,
                        Changed = 1,
                        AddedExamples = ["Id=1"],
                        MissingExamples = ["Id=2"],
                        ChangedExamples = ["Id=3"],
                        ChangedColumns = ["Text,Price"],
                        Note = "only the common columns were compared",
                    },
                    new TableDifference("Same") { Note = "not shown" },
                ],
            }
        );
        Assert.Equal(
            "only restored: Id=1, ...; only live: Id=2; changed: Id=3 (Text,Price)",
            Assert.Single(difference.Rows).Examples
        );
        Assert.Equal(["Rows: only the common columns were compared"], difference.Notes);
    }

    [Fact]
    public async Task The_age_of_an_old_list_of_backups_stands_in_the_row()
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        var renderer = Renderer(services);
        var fresh = await renderer.PageAsync(Model(s_row));
        Assert.Contains("moments from 2026-11-30 02:00:00 to 03:00:00", fresh, StringComparison.Ordinal);
        Assert.DoesNotContain("listed", fresh, StringComparison.Ordinal);
        var old = await renderer.PageAsync(Model(s_row with { ListedAt = s_now.AddMinutes(-5) }));
        Assert.Contains("to 03:00:00, listed <time", old, StringComparison.Ordinal);
        Assert.Contains("5 min ago", old, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2026-11-30T03:00", "2026-11-29T21:30:00Z")]
    [InlineData("2026-11-30 03:00", "2026-11-29T21:30:00Z")]
    [InlineData("2026-11-30 03:00:05", "2026-11-29T21:30:05Z")]
    [InlineData("2026-11-30 03:00:05.250", "2026-11-29T21:30:05.25Z")]
    [InlineData(" 2026-11-30 03:00 ", "2026-11-29T21:30:00Z")]
    [InlineData("2026-11-30T03:00:05.2504", "2026-11-29T21:30:05.2504Z")]
    [InlineData("yesterday 03:00", "2026-11-29T21:30:00Z")]
    [InlineData("2026-11-30T03:00:00Z", "2026-11-30T03:00:00Z")]
    public void A_moment_without_an_offset_is_of_the_time_zone_of_the_page(string text, string expected)
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(s_now.AddDays(1));
        var zone = TimeZoneInfo.CreateCustomTimeZone("Page", new TimeSpan(5, 30, 0), "Page", "Page");
        Assert.Equal(
            DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture),
            MomentText.Parse(text, zone, time)
        );
    }

    [Theory]
    [InlineData("2026-03-29T02:30")]
    [InlineData("2026-10-25T02:30")]
    [InlineData("0001-01-01T00:00")]
    [InlineData("2199-01-01T00:00")]
    public void A_moment_that_the_time_zone_of_the_page_does_not_have_once_and_in_the_past_is_refused(string text)
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(s_now);
        var error = Assert.Throws<LitestreamException>(() => MomentText.Parse(text, s_berlin, time));
        Assert.Equal("LSB3007", error.Diagnostic.Code);
    }

    [Theory]
    [InlineData(-10, true)]
    [InlineData(-60, false)]
    [InlineData(-300, false)]
    public async Task There_is_no_slider_where_the_clocks_were_changed_and_perhaps_changed_back(
        int fromDay,
        bool hasSlider
    )
    {
        // 300 days ago it was winter too.
        await using var services = new ServiceCollection().BuildServiceProvider();
        var database = new DatabaseModel(s_row with { From = s_now.AddDays(fromDay) });
        var page = await Renderer(services).PageAsync(Model(s_row) with { TimeZone = s_berlin, Details = [database] });
        Assert.Contains("type=\"datetime-local\"", page, StringComparison.Ordinal);
        Assert.Equal(hasSlider, page.Contains("type=\"range\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task On_its_own_page_a_database_comes_before_the_list_of_all()
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        var model = Model(s_row) with { Details = [new DatabaseModel(s_row)] };
        static bool IsBeforeList(string page) =>
            page.IndexOf("<section id=\"db-", StringComparison.Ordinal)
            < page.IndexOf("<section id=\"s-databases\"", StringComparison.Ordinal);
        Assert.False(IsBeforeList(await Renderer(services).PageAsync(model)));
        var own = await Renderer(services).PageAsync(model with { View = s_row.Id });
        Assert.True(IsBeforeList(own));
        foreach (var section in Enum.GetValues<DashboardSection>().Where(one => one != DashboardSection.Database))
            Assert.Equal(2, own.Split($"<section id=\"s-{section.ToString().ToLowerInvariant()}\"").Length);
    }

    private static PageRenderer Renderer(IServiceProvider services, LitestreamDashboardOptions? options = null) =>
        new(services, NullLoggerFactory.Instance, options ?? new(), NullLogger.Instance);

    private static DashboardModel Model(params DatabaseRow[] rows) =>
        new()
        {
            Title = "Litestream",
            BasePath = "/litestream",
            Now = s_now,
            TimeZone = TimeZoneInfo.Utc,
            Databases = [.. rows.Select(row => new DatabaseModel(row))],
            Process = new ProcessModel("Replicating", s_now),
            StyleUrl = "",
            ScriptUrl = "",
        };

    /// <summary>A list of the app's.</summary>
    private sealed class OwnList : ComponentBase
    {
        [Parameter]
        public DashboardModel Model { get; set; } = null!;

        protected override void BuildRenderTree(RenderTreeBuilder builder)
        {
            foreach (var row in Model.Databases.Select(database => database.Row))
                builder.AddMarkupContent(0, $"<p>{row.Name}: {row.Verdict.Word}</p>");
        }
    }
}
