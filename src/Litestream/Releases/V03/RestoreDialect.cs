using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;

namespace Litestream.Releases.V03;

/// <summary>The restore of release line 0.3.</summary>
internal sealed class RestoreDialect : IRestoreDialect
{
    public IReadOnlyList<string> ReservedFlags => [];

    public void Check(RestoreSelection selection)
    {
        if (selection.TxId is not null)
        {
            throw new LitestreamException(
                "LSB3009",
                $"{OptionName.TxId} is for release line 0.5, and this executable is of 0.3. Use "
                    + $"{OptionName.Timestamp}, or {OptionName.Generation} with {OptionName.Index}, instead."
            );
        }

        if (selection.Timestamp is not null && selection.Index is not null)
            throw Wrong("A restore goes to a moment or to a WAL index, not to both.");
        if (selection.Index is < 0 or > uint.MaxValue)
            throw Wrong($"The WAL index {NumberText.Of(selection.Index.Value)} is not between 0 and {uint.MaxValue}.");

        static LitestreamException Wrong(string message) => new("LSB3008", message);
    }

    public IReadOnlyList<string> Arguments(RestoreSelection selection) => [.. Flags(selection)];

    public bool SaysNoBackup(string text) =>
        text.Contains("no matching backup", StringComparison.Ordinal)
        || text.Contains("no snapshots available", StringComparison.Ordinal);

    /// <summary>
    /// Restores of release line 0.3 know whole WALs and times: all WALs before the last one are applied by the
    /// executable; the last one is only fetched, and cut here.
    /// </summary>
    public async Task<string?> RestoreUpToAsync(
        string folder,
        ReplicaPosition position,
        string replica,
        Func<string, IReadOnlyList<string>, Task> restore
    )
    {
        if (position is not GenerationPosition place)
            return null;
        var output = Path.Combine(folder, "cut.db");
        var restored = output + ".tmp";
        var wal = Path.Combine(folder, "fetched-wal");
        var index = place.Index.ToString("x8", CultureInfo.InvariantCulture);

        // The executable fetches each WAL into a file of this name, then applies it in the place of `-wal`. SQLite
        // follows no link there: it stops with the WAL fetched and all others applied.
        File.CreateSymbolicLink($"{restored}-{index}-wal", wal);
        await restore(output, ["-replica", replica, "-generation", place.Generation, "-index", index])
            .ConfigureAwait(false);
        if (
            !File.Exists(restored)
            || new FileInfo(wal) is not { Exists: true } fetched
            || fetched.Length < place.Offset
            || new FileInfo(restored + "-wal").LinkTarget is null
        )
        {
            return null;
        }

        File.Delete(restored + "-wal");
        File.Delete(restored + "-shm");
        using (var file = NonDatabaseFile.OpenHandle(wal, FileMode.Open, FileAccess.ReadWrite))
            RandomAccess.SetLength(file, place.Offset);
        File.Move(wal, restored + "-wal");
        return restored;
    }

    public RestoreSource? Source(EffectiveDatabase database, LogLine line, RestoreSource? source)
    {
        long Number(string field) =>
            long.TryParse(
                line.Fields.GetValueOrDefault(field),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var number
            )
                ? number
                : 0;

        return line.Message switch
        {
            "restoring snapshot" => new GenerationSource(
                line.Fields.GetValueOrDefault("replica", ""),
                line.Fields.GetValueOrDefault("generation", ""),
                Number("index"),
                Number("index"),
                null
            ),
            "restoring wal files" when source is GenerationSource known => known with { Index = Number("index_max") },
            _ => source,
        };
    }

    public string Classify(string message) =>
        RestoreErrors.Classify(
            message,
            ["malformed", "cannot apply wal", "checksum", "lz4", "unexpected EOF", "not a database"]
        );

    private static IEnumerable<string> Flags(RestoreSelection selection)
    {
        if (selection.Replica is { } replica)
        {
            yield return "-replica";
            yield return replica;
        }

        if (selection.Lineage is { } generation)
        {
            yield return "-generation";
            yield return generation;
        }

        if (selection.Index is { } index)
        {
            yield return "-index";
            yield return index.ToString("x8", CultureInfo.InvariantCulture);
        }

        if (selection.Timestamp is { } time)
        {
            yield return "-timestamp";
            yield return time.ToUniversalTime()
                .ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);
        }

        if (selection.Parallelism is { } parallelism)
        {
            yield return "-parallelism";
            yield return parallelism.ToString(CultureInfo.InvariantCulture);
        }
    }
}
