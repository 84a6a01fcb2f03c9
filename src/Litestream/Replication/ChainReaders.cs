using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Replication;

/// <summary>
/// The chains where no session watches. Readers of ours keep the WALs as they are until litestream holds them; from
/// then on its marks are watched, and whether it has missed something.
/// </summary>
internal static class ChainReaders
{
    /// <summary>Watches until litestream ends. A broken chain is reported: the next replication mends it.</summary>
    /// <param name="process">The litestream that was started.</param>
    /// <param name="run">What asks it.</param>
    /// <param name="databases">The databases that it has.</param>
    /// <param name="onDiagnostic">Gets what the user should know.</param>
    /// <param name="time">The clock.</param>
    /// <param name="end">Ends the watch before litestream ends.</param>
    public static async Task WatchAsync(
        ReplicatorProcess process,
        ReplicatorRun run,
        IReadOnlyList<ForegroundDatabase> databases,
        Action<LitestreamDiagnostic> onDiagnostic,
        TimeProvider time,
        CancellationToken end
    )
    {
        while (!process.Exited.IsCompleted && !end.IsCancellationRequested)
        {
            var marks = ReplicationMark.Look(databases.Select(database => database.Path));
            var answer = databases.Any(database => database.Chain.HasReader)
                ? await run.ReadMetricsAsync(CancellationToken.None).ConfigureAwait(false)
                : null;
            if (process.Exited.IsCompleted || end.IsCancellationRequested)
                return;
            foreach (var database in databases.Where(database => !database.Chain.IsBlocked))
            {
                var locks = marks?[database.Path];
                var mark = locks?.MarkOf(process.ProcessId) ?? MarkState.Unknown;
                var why =
                    WhyShared(locks, process.ProcessId)
                    ?? Look(database.Chain, mark, run.HasSynced(answer, database.Path));
                if (why is null)
                    continue;
                database.Chain.Break(why);
                onDiagnostic(WhyFullCopy([database])!);
            }

            var hasReader = databases.Any(database => database.Chain.HasReader);
            var pause = hasReader ? Thresholds.ReaderLook : Thresholds.Look;
            await Task.WhenAny(process.Exited, Task.Delay(pause, time, end)).ConfigureAwait(false);
        }
    }

    /// <summary>What the next replication has to begin with, and why; null when nothing has to be sent again.</summary>
    public static LitestreamDiagnostic? WhyFullCopy(IReadOnlyList<ForegroundDatabase> databases) =>
        databases.FirstOrDefault(database => database.Chain.IsBlocked) is not { } broken
            ? null
            : new LitestreamDiagnostic(
                "LSB5025",
                LitestreamSeverity.Error,
                $"A full copy of '{broken.Path}' must be sent: {broken.Chain.BrokenBy}. "
                    + "Until then, a restore may differ from "
                    + "the database. Start the replication again: it then begins with the full copy."
            );

    /// <summary>One that was started by hand or by a service after this one. At the start there was none:
    /// <see cref="OtherReplicator.RequireNone"/>.</summary>
    private static string? WhyShared(ShmLocks? locks, int own)
    {
        var other = (locks?.Processes ?? []).FirstOrDefault(id =>
            id != own && id != Environment.ProcessId && LitestreamProcess.IsReplicator(id)
        );
        return other == 0
            ? null
            : $"another litestream, process {NumberText.Of(other)}, replicates it too (end one of the two)";
    }

    private static string? Look(DatabaseChain chain, MarkState mark, bool hasSynced)
    {
        switch (chain.Look(mark, hasSynced))
        {
            case ChainAction.EndReader:
                chain.EndReader();
                break;
            case ChainAction.GiveUpReader:
                return "litestream did not begin to hold the WAL in time";
            case ChainAction.Break:
                return "litestream lost its hold on the WAL";
        }

        return chain.FindGap();
    }
}
