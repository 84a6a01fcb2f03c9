using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;
using Litestream.Replication;
using Litestream.Sqlite;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// Keeps out of their replicas what is not the database of them. What is not known in time is excluded until it is.
/// </summary>
internal sealed class SessionLineage(
    ReplicationPlan plan,
    LitestreamExecutable executable,
    SessionProcess process,
    SessionReport report,
    ILogger logger,
    TimeProvider time,
    CancellationToken endOfChecks
)
{
    private readonly HashSet<DatabaseSupervisor> _changed = [];

    /// <summary>The databases whose file is another one, or gone, and that are not excluded yet.</summary>
    public IReadOnlyCollection<DatabaseSupervisor> Changed => _changed;

    /// <summary>It has to be checked once litestream has ended.</summary>
    public void NoteChanged(DatabaseSupervisor database) => _changed.Add(database);

    /// <summary>Checks what has changed. Called while no litestream runs.</summary>
    public async Task CheckChangedAsync(CancellationToken stopping)
    {
        if (_changed.Count > 0)
            await CheckAsync([.. _changed], wereThere: true, stopping).ConfigureAwait(false);

        report.FailIfNothingIsLeft();
    }

    /// <param name="databases">What is checked.</param>
    /// <param name="wereThere">Whether other files were at their places while the app ran.</param>
    /// <param name="stopping">Ends the waiting.</param>
    public Task CheckAsync(
        IReadOnlyList<DatabaseSupervisor> databases,
        bool wereThere,
        CancellationToken stopping
    )
    {
        foreach (var database in databases)
        {
            Ask(database, wereThere);

            // From the question on it is excluded, so it need not be remembered here.
            _changed.Remove(database);
        }

        return AwaitAsync(databases, Thresholds.LineagePatience, stopping);
    }

    /// <summary>Waits for the answers, but not for long: those that have one need not wait for the others.</summary>
    public async Task AwaitAsync(
        IReadOnlyList<DatabaseSupervisor> databases,
        TimeSpan patience,
        CancellationToken stopping
    )
    {
        var deadline = time.GetUtcNow() + patience;
        for (var asked = databases; asked.Count > 0; asked = [.. asked.Where(database => !TakeAnswer(database))])
        {
            var left = deadline - time.GetUtcNow();
            try
            {
                await Task.WhenAll(asked.Select(database => database.Question?.Tried ?? Task.CompletedTask))
                    .WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, stopping)
                    .ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // The watch continues with them.
            }
        }

        // What is accepted is not healthy yet where a start has failed.
        report.NoteFailing();
        report.UpdateDatabases();
        report.FailIfNothingIsLeft();
    }

    public void Ask(DatabaseSupervisor database, bool wasThere)
    {
        if (plan.Settings.AdoptReplica)
        {
            ReplicatorLog.Adopted(logger, database.Path);
            if (executable.Line.Newer.Count == 0)
            {
                Accept(database, asNewFile: wasThere);
                return;
            }
        }

        var check = new LineageCheck(executable, database.Config, database.Database)
        {
            KeptFree = plan.Settings.FreeSpaceFloor.Of,
            Adopts = plan.Settings.AdoptReplica,
        };
        database.Ask(
            new PendingLineageCheck(check, database.Path, wasThere, () => process.Folder().Path, time, endOfChecks)
        );
    }

    /// <summary>Takes the answer over, or says why there is none yet.</summary>
    /// <returns>False when it had to be asked anew, as the file is another one by now.</returns>
    public bool TakeAnswer(DatabaseSupervisor database)
    {
        if (database.Question is not { } question)
            return true;

        if (!question.Answer.IsCompletedSuccessfully)
        {
            if (database.AwaitLineage(time.GetUtcNow()))
                report.Report(database.State.Excluded!);

            return true;
        }

        if (question.IsOutdated)
        {
            Ask(database, question.WasThere);
            return false;
        }

        switch (question.Answer.Result)
        {
            case LineageResult.Same:
                if (question.Trouble is not null)
                    ReplicatorLog.LineageConfirmed(logger, database.Path);

                Accept(database, asNewFile: question.WasThere);
                break;
            case LineageResult.Missing:
                var missing = ExplainMissing(database, question.WasThere);
                database.Exclude(Exclusion.NoFile, missing, wasDeleted: question.WasThere);
                report.ReportExcluded(missing, isCritical: question.WasThere);
                break;
            case LineageResult.Unreadable:
                var newer = question.Newer!.Diagnostic;
                report.ReportExcluded(database.Exclude(Exclusion.Refused, newer), isCritical: true);
                break;
            default:
                var other = ExplainOther(database);
                report.ReportExcluded(database.Exclude(Exclusion.Refused, other), isCritical: true);
                break;
        }

        return true;
    }

    private void Accept(DatabaseSupervisor database, bool asNewFile)
    {
        if (OtherPageSize(database.Database) is { } resized)
        {
            report.ReportExcluded(database.Exclude(Exclusion.Refused, resized), isCritical: true);
            return;
        }

        database.Accept(asNewFile, time.GetUtcNow());
    }

    /// <summary>Why litestream cannot continue with the file, though it is the database: its pages have another size
    /// than in the replica. Null: it can.</summary>
    private LitestreamDiagnostic? OtherPageSize(EffectiveDatabase database) =>
        executable.Line.State(database.MetaPath).PageSize is { } sent
        && LiveDatabase.PageSizeOf(database.Path) is { } own
        && own != sent
            ? new(
                "LSB5029",
                LitestreamSeverity.Error,
                $"'{database.Path}' has pages of {own} bytes, and its replica has pages of {sent}: Litestream "
                    + $"{executable.Line.Name} cannot continue that replica, so nothing is replicated. Give the "
                    + $"database a new replica path, and delete '{database.MetaPath}' while the app is stopped."
            )
            : null;

    private static LitestreamDiagnostic ExplainMissing(DatabaseSupervisor database, bool wasThere)
    {
        var what = wasThere
            ? "was deleted or replaced while the app runs: the app now writes to a deleted file"
            : "does not exist, but its replica has a backup of it";
        return new(
            "LSB5012",
            LitestreamSeverity.Error,
            $"'{database.Path}' {what}. "
                + "Nothing is sent, so that the backup stays intact. Restart the app: it restores the database, unless "
                + "Litestream:RestoreOnStart is Never."
        );
    }

    private static LitestreamDiagnostic ExplainOther(DatabaseSupervisor database) => ExplainOther(database.Database);

    /// <summary>Why a database is not replicated that is not the one in its replica.</summary>
    public static LitestreamDiagnostic ExplainOther(EffectiveDatabase database) =>
        new(
            "LSB5009",
            LitestreamSeverity.Error,
            $"'{database.Path}' is not the database in its replica "
                + $"({string.Join(", ", database.Replicas.Select(replica => replica.Location))}): it was "
                + $"published, copied or created in its place. "
                + "Nothing is replicated, so that the backup stays intact. Restore the backup (a forced restore "
                + "keeps this file), or set Litestream:AdoptReplica to true for one start to continue with this "
                + "database."
        );
}
