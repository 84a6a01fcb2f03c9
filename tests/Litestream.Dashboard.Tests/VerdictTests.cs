using Litestream.Configuration;
using Litestream.Dashboard.Monitoring;
using Litestream.Replication;
using Litestream.Verification;

namespace Litestream.Dashboard.Tests;

/// <summary>Whether a database is called safe.</summary>
public sealed class VerdictTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 30, 3, 0, 0, TimeSpan.Zero);

    private static readonly LitestreamDatabaseStatus s_healthy = new("/data/app.db")
    {
        Health = LitestreamHealth.Healthy,
        LookedAt = s_now,
        LastSync = s_now,
    };

    [Theory]
    [InlineData(LitestreamState.Disabled, VerdictKind.NotReplicated)]
    [InlineData(LitestreamState.Failed, VerdictKind.NotReplicated)]
    [InlineData(LitestreamState.Starting, VerdictKind.Unknown)]
    [InlineData(LitestreamState.Restarting, VerdictKind.Unknown)]
    [InlineData(LitestreamState.Waiting, VerdictKind.Unknown)]
    [InlineData(LitestreamState.Stopping, VerdictKind.Unknown)]
    [InlineData(LitestreamState.Stopped, VerdictKind.Unknown)]
    [InlineData(LitestreamState.Replicating, VerdictKind.Safe)]
    [InlineData(LitestreamState.Stalled, VerdictKind.Safe)]
    public void A_database_that_is_healthy_and_proved_is_safe_only_while_litestream_runs(
        LitestreamState state,
        VerdictKind expected
    ) => Assert.Equal(expected, Of(state, s_healthy, s_now).Kind);

    [Theory]
    [InlineData(LitestreamHealth.Degraded, 35, VerdictKind.Behind, "behind by 35 s")]
    [InlineData(LitestreamHealth.Degraded, 0, VerdictKind.Unknown, "unknown")]
    [InlineData(LitestreamHealth.Unhealthy, 600, VerdictKind.Stalled, "stalled for 10 min")]
    [InlineData(LitestreamHealth.Unhealthy, 0, VerdictKind.Stalled, "stalled")]
    public void A_database_that_is_not_healthy_is_not_safe_whatever_was_proved(
        LitestreamHealth health,
        int lag,
        VerdictKind expected,
        string word
    )
    {
        var verdict = Of(
            LitestreamState.Replicating,
            s_healthy with
            {
                Health = health,
                Lag = TimeSpan.FromSeconds(lag),
                Problem = "LSB5007: it hangs",
            },
            s_now
        );
        Assert.Equal((expected, word, "LSB5007: it hangs"), (verdict.Kind, verdict.Word, verdict.Reason));
    }

    [Theory]
    [InlineData(null, null, VerdictKind.NoProof)]
    [InlineData(60, null, VerdictKind.Safe)]
    [InlineData(86_300, null, VerdictKind.Safe)]
    [InlineData(86_500, null, VerdictKind.NoProof)]
    [InlineData(3_600, 3_600, VerdictKind.Safe)]
    [InlineData(4_100, 3_600, VerdictKind.NoProof)]
    [InlineData(86_500, 90_000, VerdictKind.Safe)]
    public void A_proof_holds_for_the_interval_of_the_verification_or_a_day(
        int? age,
        int? interval,
        VerdictKind expected
    ) =>
        Assert.Equal(
            expected,
            Verdict
                .Of(
                    Status(LitestreamState.Replicating),
                    s_healthy,
                    age is { } seconds ? s_now - TimeSpan.FromSeconds(seconds) : null,
                    null,
                    null,
                    interval is { } every ? TimeSpan.FromSeconds(every) : null,
                    s_now
                )
                .Kind
        );

    [Theory]
    [InlineData(0, VerdictKind.NoProof)]
    [InlineData(300, VerdictKind.Safe)]
    public void A_proof_holds_for_as_long_as_the_next_verification_will_take(int duration, VerdictKind expected) =>
        Assert.Equal(
            expected,
            Verdict
                .Of(
                    Status(LitestreamState.Replicating),
                    s_healthy with
                    {
                        Verification = Result(VerificationOutcome.Verified, null) with
                        {
                            Duration = TimeSpan.FromSeconds(duration),
                        },
                    },
                    s_now - TimeSpan.FromSeconds(4_100),
                    null,
                    null,
                    TimeSpan.FromHours(1),
                    s_now
                )
                .Kind
        );

    [Theory]
    [InlineData(5, 1, VerdictKind.ProofFailed)]
    [InlineData(1, 5, VerdictKind.Safe)]
    public void The_newest_of_a_proof_and_a_failure_counts(int proofAge, int failureAge, VerdictKind expected)
    {
        var (proof, failure) = (s_now - TimeSpan.FromMinutes(proofAge), s_now - TimeSpan.FromMinutes(failureAge));
        Assert.Equal(
            expected,
            Of(
                LitestreamState.Replicating,
                s_healthy with
                {
                    Verification = Result(VerificationOutcome.Failed, "LSB4103"),
                    VerifiedAt = failure,
                },
                proof
            ).Kind
        );
        Assert.Equal(
            expected,
            Verdict
                .Of(
                    Status(LitestreamState.Replicating),
                    s_healthy,
                    proof,
                    (failure, "LSB4103: it differs"),
                    null,
                    null,
                    s_now
                )
                .Kind
        );
    }

    [Theory]
    [InlineData(5, 1, VerdictKind.NoProof, "LSB4102: it lags")]
    [InlineData(1, 5, VerdictKind.Safe, "")]
    public void A_proof_that_is_older_than_a_commit_that_did_not_arrive_does_not_count(
        int proofAge,
        int age,
        VerdictKind expected,
        string reason
    )
    {
        var verdict = Verdict.Of(
            Status(LitestreamState.Replicating),
            s_healthy,
            s_now - TimeSpan.FromMinutes(proofAge),
            null,
            (s_now - TimeSpan.FromMinutes(age), "LSB4102: it lags"),
            null,
            s_now
        );
        Assert.Equal((expected, reason, reason.Length > 0), (verdict.Kind, verdict.Reason, verdict.HasProblem));
    }

    [Fact]
    public void A_verification_that_only_counts_proves_nothing()
    {
        var verdict = Of(
            LitestreamState.Replicating,
            s_healthy with
            {
                Verification = Result(VerificationOutcome.Verified, null) with { Level = VerificationLevel.Quick },
            },
            null
        );
        Assert.Equal(
            (VerdictKind.NoProof, "The last verification did not compare the content."),
            (verdict.Kind, verdict.Reason)
        );
    }

    [Fact]
    public void A_database_that_was_not_looked_at_or_never_arrived_is_unknown()
    {
        Assert.Equal(
            VerdictKind.Unknown,
            Of(LitestreamState.Replicating, s_healthy with { LookedAt = null }, s_now).Kind
        );
        Assert.Equal(
            VerdictKind.Unknown,
            Of(LitestreamState.Replicating, s_healthy with { LastSync = null }, s_now).Kind
        );
        Assert.Equal(
            VerdictKind.NotReplicated,
            Of(LitestreamState.Replicating, s_healthy with { ExcludedBy = "LSB5009" }, s_now).Kind
        );
    }

    private static VerificationResult Result(VerificationOutcome outcome, string? code) =>
        new(new EffectiveDatabase("app.db", "/data/app.db", null, null, []), outcome, "what was found", code)
        {
            Level = VerificationLevel.Full,
        };

    private static Verdict Of(LitestreamState state, LitestreamDatabaseStatus database, DateTimeOffset? proof) =>
        Verdict.Of(Status(state), database, proof, null, null, null, s_now);

    private static LitestreamStatus Status(LitestreamState state) => new(state, 1, s_now, 0, null);
}
