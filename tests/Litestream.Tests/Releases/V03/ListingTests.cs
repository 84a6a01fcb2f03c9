using System.Globalization;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases.V03;

namespace Litestream.Tests.Releases.V03;

/// <summary>Tables that litestream 0.3.13 printed (in Recorded/), read back.</summary>
public sealed class ListingTests
{
    private const string RecordedGeneration = "8a440acf6655cfd0";

    [Fact]
    public void Paths_with_two_spaces_and_characters_outside_the_basic_plane_stay_whole() =>
        Assert.Equal(
            ["/srv/shop/two  spaces/app.db -> near by|far", "/srv/shop/zürich 🐘/orders.db -> file"],
            Listing.Databases(Recorded("databases"), []).Select(d => $"{d.Path} -> {string.Join('|', d.Replicas)}")
        );

    [Fact]
    public void A_negative_lag_and_a_replica_name_with_a_space_are_read() =>
        Assert.Equal(
            [
                new Generation(
                    "near by",
                    RecordedGeneration,
                    TimeSpan.FromSeconds(-1.1),
                    Time("03:15:22"),
                    Time("03:15:23")
                ),
                new Generation(
                    "far",
                    RecordedGeneration,
                    TimeSpan.FromSeconds(-1.1),
                    Time("03:15:22"),
                    Time("03:15:23")
                ),
            ],
            Listing.Generations(Recorded("generations-negative-lag"))
        );

    [Fact]
    public void A_generation_with_nothing_in_it_has_no_times() =>
        Assert.Equal(
            new Generation("far", "0123456789abcdef", null, null, null),
            Assert.Single(Listing.Generations(Recorded("generations-nothing-in-it")))
        );

    [Fact]
    public void Snapshots_have_numbers_and_times() =>
        Assert.Equal(
            [
                new Snapshot("near by", RecordedGeneration, 0, 354, Time("03:15:22")),
                new Snapshot("far", RecordedGeneration, 0, 354, Time("03:15:22")),
            ],
            Listing.Snapshots(Recorded("snapshots"))
        );

    [Fact]
    public void Segments_have_numbers_and_times()
    {
        var segments = Listing.WalSegments(Recorded("wal"));

        Assert.Equal(6, segments.Count);
        Assert.Equal(new WalSegment("near by", RecordedGeneration, 0, 16512, 95, Time("03:15:23")), segments[1]);
        Assert.Equal(new WalSegment("far", RecordedGeneration, 0, 20632, 9429, Time("03:15:23")), segments[5]);
    }

    [Fact]
    public void A_table_without_rows_is_empty()
    {
        Assert.Empty(Listing.Generations(Recorded("generations-empty")));
        Assert.Empty(Listing.Snapshots(Recorded("snapshots-empty")));
        Assert.Empty(Listing.WalSegments(Recorded("wal-empty")));
    }

    [Theory]
    [InlineData(
        "generations-error-exit-0",
        "replica far: cannot list generations: readdirent /srv/shop/replica-two/generations: not a directory"
    )]
    [InlineData(
        "generations-error-exit-0-text",
        "replica far: cannot list generations: readdirent /srv/shop/replica-two/generations: not a directory"
    )]
    [InlineData(
        "snapshots-error-exit-0",
        "cannot determine snapshots: cannot fetch generations: readdirent /srv/shop/replica-two/generations: not a "
            + "directory"
    )]
    [InlineData(
        "wal-error-exit-0",
        "replica far: cannot determine generations: readdirent /srv/shop/replica-two/generations: not a directory"
    )]
    public void An_error_line_is_a_failure_though_the_exit_code_is_0_and_rows_follow(string recorded, string said)
    {
        var result = Recorded(recorded);
        var error = Assert.Throws<LitestreamException>(() =>
            recorded.Split('-')[0] switch
            {
                "generations" => (object)Listing.Generations(result),
                "snapshots" => Listing.Snapshots(result),
                _ => Listing.WalSegments(result),
            }
        );

        Assert.Equal("LSB3001", error.Diagnostic.Code);
        Assert.EndsWith(
            $"reported an error (although its exit code is 0): {said}",
            error.Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void An_error_on_standard_error_is_reported_with_the_exit_code()
    {
        var error = Assert.Throws<LitestreamException>(() =>
            Listing.Generations(new CommandResult(1, "", Text("generations-no-configuration.stderr")))
        );

        Assert.Equal(
            (
                "LSB3001",
                "LSB3001: `litestream generations` ended with exit code 1: config file not found: /srv/shop/none.yml"
            ),
            (error.Diagnostic.Code, error.Message)
        );
    }

    [Theory]
    [InlineData("")]
    [InlineData("replica  generation  index  size  created\n")]
    public void Another_table_or_none_is_a_failure(string output) =>
        Assert.Contains(
            "printed no table with the columns name, generation, lag, start, end",
            Assert.Throws<LitestreamException>(() => Listing.Generations(new CommandResult(0, output, ""))).Message,
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("near by  8a440acf6655cfd0  soon  2026-11-24T03:15:22Z  2026-11-24T03:15:23Z")]
    [InlineData("near by  8a440acf6655cfd0")]
    public void A_row_that_is_not_understood_is_a_failure_that_shows_it(string row)
    {
        var error = Assert.Throws<LitestreamException>(() =>
            Listing.Generations(
                new CommandResult(0, "name     generation        lag   start                 end\n" + row + "\n", "")
            )
        );

        Assert.Equal("LSB3001", error.Diagnostic.Code);
        Assert.Contains(row, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0s", 0)]
    [InlineData("2h5m9s", 7509)]
    [InlineData("-59m58s", -3598)]
    [InlineData("1.234ms", 0.001234)]
    [InlineData("-250µs", -0.00025)]
    [InlineData("2562047h47m16s", 9223372036)]
    public void Durations_of_the_executable_are_read(string text, double seconds) =>
        Assert.Equal(seconds, GoDuration.Parse(text).TotalSeconds, 7);

    private static DateTimeOffset Time(string clock) =>
        DateTimeOffset.Parse($"2026-11-24T{clock}Z", CultureInfo.InvariantCulture);

    private static CommandResult Recorded(string name) => new(0, Text(name), "");

    private static string Text(string name) =>
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Releases", "V03", "Recorded", name + ".txt"));
}
