using Litestream.Configuration;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Sqlite;

namespace Litestream.Replication;

/// <summary>Looks at databases at the stop of the app, for <see cref="UnsentPolicy"/>.</summary>
internal static class UnsentProbe
{
    /// <summary>What is known of a database that litestream did not have at the stop.</summary>
    /// <param name="database">The database.</param>
    /// <param name="why">Why it did not have it, with the code in front.</param>
    public static UnsentFacts At(EffectiveDatabase database, string why)
    {
        var file = FileStamp.Of(database.Path);
        var wal = WalFile.LastCommit(WalFile.PathOf(database.Path))?.End;
        var identity = DatabaseIdentity.Read(database.MetaPath);

        // Where the WAL was kept aside, everything had been sent.
        var isAsLeft = file is not null && identity is { WalBoot: not null, File: { } left } && left == file;
        return new UnsentFacts(database.Path)
        {
            FileSize = file?.Size,
            WalBytes = wal,
            MayHaveTables = LiveDatabase.ProbeTables(database.Path, asksMode: false).Tables != AppTables.None,
            IsAsSent = isAsLeft && FileStamp.Of(WalFile.PathOf(database.Path)) is null or { Size: 0 },
            IsAnothers = IsAnothers(DatabaseLock.Peek(database.Path)),
            NotReplicated = why,
        };
    }

    /// <summary>The size of each file that is there.</summary>
    public static IReadOnlyList<(string Path, long Size)> Sizes(IEnumerable<string> paths) =>
        [
            .. paths
                .Distinct(StringComparer.Ordinal)
                .Select(path => (Path: path, Size: FileStamp.Of(path)?.Size ?? 0))
                .Where(file => file.Size > 0),
        ];

    /// <summary>What a killed app has left running replicates nothing that anybody has to rely on.</summary>
    private static bool IsAnothers(LockRecord record) =>
        record.App is { } app && (app.IsElsewhere || (app.IsRunning() && record.LivingReplicators.Any()));
}
