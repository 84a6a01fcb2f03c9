using System.Globalization;
using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;

namespace Litestream.Releases.V05;

/// <summary>The restore of release line 0.5.</summary>
internal sealed partial class RestoreDialect05 : IRestoreDialect
{
    public IReadOnlyList<string> ReservedFlags { get; } = ["force", "f", "follow-interval", "json", "dry-run", "txid"];

    public void Check(RestoreSelection selection)
    {
        if (selection is { Timestamp: not null, TxId: not null })
            throw Wrong("A restore goes to a moment or to a TXID, not to both.");
        if (selection.Lineage is not (null or TxIdPosition.OnlyLineage) || selection.Index is not null)
        {
            throw Wrong(
                $"{OptionName.Generation} and {OptionName.Index} are for release line 0.3, and this executable is of "
                    + $"0.5. Use {OptionName.Timestamp} or {OptionName.TxId} instead."
            );
        }

        // Upstream takes both for "the newest".
        if (selection.TxId is <= 0)
            throw Wrong("The TXID is zero; the first one is 0000000000000001.");
        if (selection.Timestamp?.ToUniversalTime().Year == 1)
            throw Wrong("The moment is the year 1; that is no moment of a backup.");

        static LitestreamException Wrong(MessageText message) => new("LSB3008", message);
    }

    public IReadOnlyList<string> Arguments(RestoreSelection selection) => [.. Flags(selection)];

    /// <summary>With `-json` it says in the end what it took: several lines, after those of its log. It knows a replica
    /// by its type, as a database has one only.</summary>
    public RestoreSource? Source(EffectiveDatabase database, LogLine line, RestoreSource? source)
    {
        var known = source as LtxSource ?? new LtxSource("", "", null);
        return JsonLine().Match(line.Text) is { Success: true } match
            ? match.Groups["name"].Value == "txid"
                ? known with { TxId = match.Groups["value"].Value }
                : known with { Replica = database.Replicas is [var only] ? only.Name : match.Groups["value"].Value }
            : source;
    }

    public bool SaysNoBackup(string text) =>
        text.Contains("no matching backup files available", StringComparison.Ordinal)
        || text.Contains("no snapshots available", StringComparison.Ordinal);

    public string Classify(string message) =>
        RestoreErrors.Classify(
            message,
            [
                "malformed",
                "checksum",
                "lz4",
                "unexpected EOF",
                "not a database",
                "non-contiguous",
                "nonsequential",
                "invalid ltx",
                "decode ",
                "mismatched page sizes",
                "integrity check failed",
            ]
        );

    public async Task<string?> RestoreUpToAsync(
        string folder,
        ReplicaPosition position,
        string replica,
        Func<string, IReadOnlyList<string>, Task> restore
    )
    {
        if (position is not TxIdPosition place)
            return null;
        var output = Path.Combine(folder, "cut.db");
        File.Delete(output);
        await restore(output, ["-txid", TxIdPosition.Format(place.TxId)]).ConfigureAwait(false);
        return File.Exists(output) ? output : null;
    }

    private static IEnumerable<string> Flags(RestoreSelection selection)
    {
        yield return "-json";
        if (selection.TxId is { } txId)
        {
            yield return "-txid";
            yield return TxIdPosition.Format(txId);
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

    [GeneratedRegex("""^\s*"(?<name>txid|replica)": "(?<value>[^"]*)",?$""")]
    private static partial Regex JsonLine();
}
