using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;

namespace Litestream.Releases.V03;

/// <summary>
/// An unbroken run of changes in a replica: one snapshot at least, and the WAL after it. Release line 0.3.
/// </summary>
/// <param name="Replica">The name of the replica.</param>
/// <param name="Name">16 hexadecimal digits.</param>
/// <param name="Lag">
/// How much older its newest file is than the database file; negative when the replica's clock or its last write is
/// ahead. File times only: it proves nothing.
/// Null when there is no database file to compare with, or nothing in the generation.
/// </param>
/// <param name="Start">When its oldest file was written (whole seconds); null when there is nothing in it.</param>
/// <param name="End">When its newest file was written (whole seconds); null when there is nothing in it.</param>
public sealed record Generation(string Replica, string Name, TimeSpan? Lag, DateTimeOffset? Start, DateTimeOffset? End);

/// <summary>A whole copy of the database in a replica. Release line 0.3.</summary>
/// <param name="Replica">The name of the replica.</param>
/// <param name="Generation">The generation that it belongs to.</param>
/// <param name="Index">The WAL index that it was made at. The name of its file has this number in hexadecimal.</param>
/// <param name="Size">Bytes in the replica, which is compressed.</param>
/// <param name="Created">When it was written (whole seconds).</param>
public sealed record Snapshot(string Replica, string Generation, long Index, long Size, DateTimeOffset Created);

/// <summary>A piece of the WAL in a replica. Release line 0.3.</summary>
/// <param name="Replica">The name of the replica.</param>
/// <param name="Generation">The generation that it belongs to.</param>
/// <param name="Index">Which WAL, counted from 0 at the begin of the generation. The name of its file has this number
/// in hexadecimal.</param>
/// <param name="Offset">Where in that WAL the piece begins, in bytes. The name of its file has this number in
/// hexadecimal.</param>
/// <param name="Size">Bytes in the replica, which is compressed.</param>
/// <param name="Created">When it was written (whole seconds).</param>
public sealed record WalSegment(
    string Replica,
    string Generation,
    long Index,
    long Offset,
    long Size,
    DateTimeOffset Created
);

/// <summary>The tables of release line 0.3 as records.</summary>
internal static class Listing
{
    public static IReadOnlyList<DatabaseEntry> Databases(
        CommandResult result,
        IReadOnlyList<EffectiveDatabase> configured
    ) =>
        CommandTable.Read(
            "databases",
            ["path", "replicas"],
            result,
            row =>
            {
                // Two things a table cannot show: a space at the end of a path, and a comma in a name. The
                // configuration knows both.
                var database = configured.FirstOrDefault(d => d.Path.TrimEnd(' ') == row[0]);
                IReadOnlyList<string>? names = database is null ? null : [.. database.Replicas.Select(r => r.Name)];
                if (names is null || string.Join(',', names) != row[1])
                    names = row[1].Split(',', StringSplitOptions.RemoveEmptyEntries);
                return new DatabaseEntry(database?.Path ?? row[0], names);
            }
        );

    public static IReadOnlyList<Generation> Generations(CommandResult result) =>
        CommandTable.Read(
            "generations",
            ["name", "generation", "lag", "start", "end"],
            result,
            row =>
            {
                // An empty generation has Go's zero time, and a lag counted from there.
                var start = Time(row[3]);
                return start.Year == 1
                    ? new Generation(row[0], row[1], null, null, null)
                    : new Generation(row[0], row[1], GoDuration.Parse(row[2]), start, Time(row[4]));
            }
        );

    public static IReadOnlyList<Snapshot> Snapshots(CommandResult result) =>
        CommandTable.Read(
            "snapshots",
            ["replica", "generation", "index", "size", "created"],
            result,
            row => new Snapshot(row[0], row[1], Number(row[2]), Number(row[3]), Time(row[4]))
        );

    public static IReadOnlyList<WalSegment> WalSegments(CommandResult result) =>
        CommandTable.Read(
            "wal",
            ["replica", "generation", "index", "offset", "size", "created"],
            result,
            row => new WalSegment(row[0], row[1], Number(row[2]), Number(row[3]), Number(row[4]), Time(row[5]))
        );

    private static long Number(string text) => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    private static DateTimeOffset Time(string text) =>
        DateTimeOffset.ParseExact(
            text,
            "yyyy-MM-dd'T'HH:mm:ssK",
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal
        );
}
