using Litestream.Releases;
using Litestream.Verification;

namespace Litestream.Dashboard.Monitoring;

/// <summary>What the dashboard remembers of one database. Used under the lock of the monitor.</summary>
internal sealed class DatabaseRecord
{
    public SampleRing Samples { get; } = new();

    /// <summary>When a commit was last seen to have arrived, since the app started.</summary>
    public DateTimeOffset? ArrivedAt { get; private set; }

    /// <summary>How far the replica had come then.</summary>
    public ReplicaPosition? Replicated { get; private set; }

    /// <summary>Whether something is known to have been in the replica.</summary>
    public bool HasArrived => Replicated is not null || ProofAt is not null || Listing?.To is not null;

    private bool _wasPending;

    /// <summary>When a drill or a full verification last ended well.</summary>
    public DateTimeOffset? ProofAt { get; private set; }

    /// <summary>How it was proved.</summary>
    public string ProofBy { get; private set; } = "";

    /// <summary>When it was last found that what comes back is wrong; null when it was not, or when something as
    /// thorough has ended well since.</summary>
    public DateTimeOffset? DisproofAt { get; private set; }

    /// <summary>What was found.</summary>
    public string Disproof { get; private set; } = "";

    /// <summary>When a verification last found that a commit does not arrive, and what it said; null when none did, or
    /// when one has ended well since.</summary>
    public (DateTimeOffset At, string What)? NotArrived { get; private set; }

    private VerificationLevel _disproofLevel;

    public BackupListing? Listing { get; set; }

    /// <summary>Whether something has changed since it was listed.</summary>
    public bool IsStale { get; set; }

    /// <summary>Where it goes: with other replicas it is another database.</summary>
    public string Places { get; init; } = "";

    /// <summary>Bytes of the database file; null when it is not there.</summary>
    public long? Size { get; set; }

    /// <summary>Bytes of its WAL.</summary>
    public long? WalSize { get; set; }

    /// <summary>How far the replica has come, and whether commits wait. A later position of the same lineage is an
    /// arrival. Another lineage, or the first position that is seen, is one only if commits had waited: else all had
    /// arrived before.</summary>
    public void NotePosition(ReplicaPosition? replicated, bool isPending, DateTimeOffset at)
    {
        if (replicated is not null && replicated != Replicated)
        {
            var isLater =
                Replicated is { } before && before.Lineage == replicated.Lineage
                    ? replicated.Reaches(before)
                    : _wasPending;
            if (isLater)
                ArrivedAt = at;
            Replicated = replicated;
        }

        _wasPending = isPending;
    }

    /// <summary>What compares the content has ended well.</summary>
    /// <param name="at">When it ended.</param>
    /// <param name="by">What it was.</param>
    /// <param name="took">How long it ran: what was found meanwhile may be newer than what it has read, and
    /// stays.</param>
    public void NoteProof(DateTimeOffset at, string by, TimeSpan took = default)
    {
        var begun = at - took;
        if (DisproofAt >= begun || NotArrived?.At >= begun)
            return;
        DisproofAt = null;
        NotArrived = null;
        if (!(ProofAt >= at))
            (ProofAt, ProofBy) = (at, by);
    }

    /// <summary>What comes back is wrong.</summary>
    public void NoteDisproof(DateTimeOffset at, string what, VerificationLevel level)
    {
        if (ProofAt > at || DisproofAt >= at)
            return;
        if (DisproofAt is null || level > _disproofLevel)
            _disproofLevel = level;
        (DisproofAt, Disproof) = (at, what);
    }

    /// <summary>Takes over a verification, any number of times. One that failed counts until one of its level or a
    /// higher one ends well: nothing else shows that what it found is over.</summary>
    public void NoteVerification(VerificationResult result, DateTimeOffset at)
    {
        var begun = at - result.Duration;

        // An inconclusive one says nothing: what was known before it still counts.
        if (result.Outcome is VerificationOutcome.NotReplicating or VerificationOutcome.Lagging)
        {
            if (!(NotArrived?.At >= at || ProofAt > at))
                NotArrived = (at, $"{result.Code}: {result.Message}");
        }
        else if (result.Outcome == VerificationOutcome.Verified && NotArrived?.At < begun)
        {
            NotArrived = null;
        }

        if (result.Outcome == VerificationOutcome.Failed)
        {
            NoteDisproof(at, $"{result.Code}: {result.Message}", result.Level);
        }
        else if (result is { Outcome: VerificationOutcome.Verified, Level: VerificationLevel.Full })
        {
            NoteProof(at, "full verification", result.Duration);
        }
        else if (
            result.Outcome == VerificationOutcome.Verified
            && DisproofAt < begun
            && result.Level >= _disproofLevel
        )
        {
            DisproofAt = null;
        }
    }
}
