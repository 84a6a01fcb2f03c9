using Litestream.Replication;

namespace Litestream.Tests.Replication;

public sealed class ProcessPolicyTests
{
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData("", null, null, null)]
    [InlineData("a,b", 30, "taken", "b")]
    [InlineData("a,!b,c", null, null, "b")]
    [InlineData(",,", 19, null, null)]
    [InlineData(",", 20, "taken", "litestream has not answered for 20 s")]
    [InlineData("", 3, "taken", "litestream cannot serve its metrics (taken)")]
    public void What_must_not_be_sent_comes_before_what_is_only_stuck(
        string databases,
        int? silence,
        string? addressError,
        string? reason
    )
    {
        var seen = new ProcessObservation
        {
            Databases =
            [
                .. databases
                    .Split(',')
                    .Select(text =>
                        text.Length == 0 ? null : new EndReason(text.TrimStart('!')) { IsOtherFile = text[0] == '!' }
                    ),
            ],
            Silence = silence is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            AddressError = addressError,
        };

        Assert.Equal(reason, ProcessPolicy.Decide(seen, Stall)?.Text);
    }

    [Fact]
    public void One_that_keeps_ending_is_started_again_after_longer_and_longer_pauses()
    {
        var pauses = new List<double>();
        var pause = Thresholds.FirstRestartPause;
        for (var i = 0; i < 8; i++)
        {
            var restart = ProcessPolicy.AfterEnd(Ended(exitCode: 137, ranFor: 10), pause);
            Assert.Equal("ended", restart.Cause);
            Assert.Null(restart.Refused);
            pauses.Add(restart.Pause.TotalSeconds);
            pause = restart.NextPause;
        }

        Assert.Equal([1, 2, 4, 8, 16, 32, 60, 60], pauses);
        Assert.Equal(Second, ProcessPolicy.AfterEnd(Ended(exitCode: 137, ranFor: 60), pause).Pause);
    }

    [Fact]
    public void A_start_that_fails_is_tried_again_in_the_same_way()
    {
        var restart = ProcessPolicy.AfterFailedStart(new IOException("No space left on device"), Second);

        Assert.Equal(
            "litestream could not be started (No space left on device); trying again",
            restart.What
        );
        Assert.Equal(("not_started", 2), (restart.Cause, restart.NextPause.TotalSeconds));
    }

    [Fact]
    public void With_more_or_fewer_databases_it_is_started_again_at_once()
    {
        var ended = Ended(exitCode: null, ranFor: 10);

        foreach (
            var reason in new EndReason[] { new("more") { IsPlanned = true }, new("other") { IsOtherFile = true } }
        )
        {
            var restart = ProcessPolicy.AfterEnd(ended with { Reason = reason }, 4 * Second);
            Assert.Null(restart.What);
            Assert.Equal(4 * Second, restart.NextPause);
        }

        var stuck = ProcessPolicy.AfterEnd(ended with { Reason = new("nothing arrives") }, Second);
        Assert.Equal("nothing arrives: litestream was stopped and restarts", stuck.What);
        Assert.Equal("stuck", stuck.Cause);
    }

    [Theory]
    [InlineData(1, 1, false, false, true)]
    [InlineData(2, 4, false, false, true)]
    [InlineData(1, 5, false, false, false)]
    [InlineData(137, 1, false, false, false)]
    [InlineData(1, 1, true, false, false)]
    [InlineData(1, 1, false, true, false)]
    public void One_that_refuses_its_configuration_is_not_tried_again(
        int exitCode,
        int ranFor,
        bool wasToldToStop,
        bool hasReplicated,
        bool isRefused
    )
    {
        var ended = Ended(exitCode, ranFor) with { WasToldToStop = wasToldToStop, HasReplicated = hasReplicated };

        Assert.Equal(isRefused ? "LSB5014" : null, ProcessPolicy.AfterEnd(ended, Second).Refused?.Code);
    }

    [Theory]
    [InlineData(9, false, false, false)]
    [InlineData(10, false, false, true)]
    [InlineData(1, true, false, true)]
    [InlineData(1, false, true, true)]
    public void An_idle_one_is_asked_rarely(int sinceAsked, bool isSilent, bool isWaitedFor, bool asks) =>
        Assert.Equal(asks, ProcessPolicy.Asks(TimeSpan.FromSeconds(sinceAsked), isSilent, isWaitedFor));

    private static EndedProcess Ended(int? exitCode, int ranFor) =>
        new() { ExitCode = exitCode, RanFor = TimeSpan.FromSeconds(ranFor) };
}
