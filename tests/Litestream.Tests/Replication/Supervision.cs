using Litestream.FileSystem;
using Litestream.Replication;
using Microsoft.Extensions.Time.Testing;

namespace Litestream.Tests.Replication;

/// <summary>
/// A database as the supervisor sees it, looked at once a second with the defaults: what is observed is made up, what
/// follows is decided as in an app.
/// </summary>
internal sealed class Supervision
{
    public const string Path = "/data/app.db";

    public static readonly TimeSpan Stall = TimeSpan.FromSeconds(20);

    private static readonly DatabaseLimits Limits = DatabaseLimits.Of(TimeSpan.FromSeconds(2), Stall);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    private readonly DateTimeOffset _start;
    private DateTimeOffset _progressAt;

    public Supervision()
    {
        _start = _time.GetUtcNow();
        _progressAt = _start;
        State = new DatabaseState(Path).Accept(File);
    }

    public static FileStamp File { get; } = new(new FileIdentity(8, 1, 4711), 40960, 1);

    public DatabaseState State { get; set; }

    public DateTimeOffset Now => _time.GetUtcNow();

    /// <summary>Seconds since the first look.</summary>
    public int Second => (int)(_time.GetUtcNow() - _start).TotalSeconds;

    /// <summary>What was called for, in its order; nothing is missing but <see cref="DatabaseAction.None"/>.</summary>
    public List<(int Second, DatabaseAction Action)> Actions { get; } = [];

    /// <summary>Since when the health has been what it is, in its order.</summary>
    public List<(int Second, LitestreamHealth Health)> Healths { get; } = [(0, LitestreamHealth.Healthy)];

    /// <summary>Why litestream had to be started again the last time.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>All has arrived, nothing is wrong.</summary>
    public DatabaseObservation Idle =>
        new()
        {
            Now = _time.GetUtcNow(),
            File = File,
            LastSync = _start,
            BegunAt = _start,
            ProgressAt = _progressAt,
            UploadedAt = _start,
            ReplicatedLineage = "0123456789abcdef",
        };

    /// <summary>A commit waits since the first look, which litestream has noticed.</summary>
    public DatabaseObservation Pending =>
        Idle with
        {
            IsPending = true,
            IsNoticed = true,
            Lag = _time.GetUtcNow() - _start,
            LagBytes = 4120,
        };

    public DateTimeOffset At(int second) => _start.AddSeconds(second);

    /// <summary>Looks once a second; a restart is made at once.</summary>
    /// <param name="seconds">For how long.</param>
    /// <param name="observe">What each look finds.</param>
    /// <param name="chain">How the chain does; null where it is whole.</param>
    public Supervision Look(
        int seconds,
        Func<Supervision, DatabaseObservation> observe,
        ChainStanding? chain = null
    )
    {
        for (var end = Second + seconds; Second < end; _time.Advance(TimeSpan.FromSeconds(1)))
        {
            var decision = DatabasePolicy.Decide(State, observe(this), Limits);
            State = decision.State;
            if (decision.Action != DatabaseAction.None)
                Actions.Add((Second, decision.Action));
            if (chain is not null)
                State = State.ApplyChain(chain, Now, Limits);
            if (decision.Action == DatabaseAction.Restart)
            {
                Reason = decision.Reason;
                _progressAt = _time.GetUtcNow();
                State = State.Begin();
            }

            if (Healths[^1].Health != State.Health)
                Healths.Add((Second, State.Health));
        }

        return this;
    }

    /// <summary>Waits with what is decided by another part than the look at the database.</summary>
    public Supervision Apply(int seconds, Func<DatabaseState, DateTimeOffset, DatabaseLimits, DatabaseState> change)
    {
        for (var end = Second + seconds; Second < end; _time.Advance(TimeSpan.FromSeconds(1)))
        {
            State = change(State, _time.GetUtcNow(), Limits);
            if (Healths[^1].Health != State.Health)
                Healths.Add((Second, State.Health));
        }

        return this;
    }
}
