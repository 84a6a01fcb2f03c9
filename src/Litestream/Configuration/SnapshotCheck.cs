using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>Whether keys of a replica can become one key of <c>snapshot:</c>.</summary>
internal enum SnapshotTranslation
{
    /// <summary>All replicas have the same value.</summary>
    Exact,

    /// <summary>They have different values, or some have none.</summary>
    Differs,

    /// <summary>The file has <c>snapshot:</c> too, or the value has no equal.</summary>
    Refused,
}

/// <summary>Snapshots where they are the same for all databases: release line 0.5.</summary>
internal sealed class SnapshotCheck(ConfigFindings findings, YamlMap root)
{
    private static readonly string[] Keys = ["interval", "retention"];

    /// <summary>Whether a key of the replicas can become a key of <c>snapshot:</c>.</summary>
    public SnapshotTranslation Translate(string replicaKey, string key)
    {
        var databases = root.Maps("dbs").ToList();
        if (databases.Prepend(root).Any(map => Given(map, key) is not null))
            return SnapshotTranslation.Refused;
        var values = databases
            .SelectMany(database => database.Maps("replicas").Append(database["replica"] as YamlMap).OfType<YamlMap>())
            .Select(replica => Known(replica[replicaKey] as YamlScalar))
            .Distinct()
            .ToList();
        return values.Count != 1 ? SnapshotTranslation.Differs
            : values[0] is "0" ? SnapshotTranslation.Refused
            : SnapshotTranslation.Exact;
    }

    /// <summary>What an entry of <c>dbs:</c> says holds for the others too, or for none.</summary>
    public void Check()
    {
        var databases = root.Maps("dbs").ToList();
        foreach (var key in Keys)
        {
            var all = Given(root, key);
            foreach (var database in databases)
            {
                if (Given(database, key) is not { } own)
                    continue;
                if (all is not null && Known(all) != Known(own))
                {
                    findings.Fail(
                        "LSB1057",
                        own,
                        $"`{key}:` is ignored here: `snapshot:` at the top of the file has it too. Remove this one."
                    );
                }
                else if (all is null && databases.Exists(other => Known(Given(other, key)) != Known(own)))
                {
                    findings.Fail(
                        "LSB1057",
                        own,
                        $"{findings.Reader} has one `{key}:` of `snapshot:` for all databases. Write it once, in "
                            + "`snapshot:` at the top of the file."
                    );
                }
            }
        }
    }

    private static YamlScalar? Given(YamlMap map, string key) =>
        (map["snapshot"] as YamlMap)?[key] as YamlScalar is { IsNull: false } scalar ? scalar : null;

    /// <summary>In nanoseconds where it is a duration; else as it stands there.</summary>
    private string? Known(YamlScalar? scalar) =>
        scalar is null or { IsNull: true } ? null
        : findings.Resolve(scalar) is { } text && GoDuration.Seconds(text) is { } seconds
            ? seconds.ToString(System.Globalization.CultureInfo.InvariantCulture)
        : scalar.Text;
}
