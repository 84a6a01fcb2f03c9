using System.Text;
using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>
/// Finds everything in a litestream.yml that the executable would silently ignore, would read as something else, or
/// would stop at. A finding is an error if the executable would lose data or do nothing, else a warning.
/// </summary>
internal static class ConfigCheck
{
    private const string Restore = "restore-if-db-not-exists";
    private const string AutoRecover = "auto-recover";

    /// <summary>Level 9 is that of the snapshots.</summary>
    private const int MostLevels = 8;

    /// <summary>What the system allows for the path of a Unix domain socket.</summary>
    internal const int LongestSocketPath = 107;

    /// <summary>All findings in the order of the file.</summary>
    /// <param name="file">For messages.</param>
    /// <param name="raw">The text.</param>
    /// <param name="dialects">That of the executable which will read it, then those of the other lines.</param>
    /// <param name="variable">The value of a variable, null or empty when it has none. What depends on one without a
    /// value is not checked.</param>
    /// <param name="expandVariables">Whether <c>$</c> begins a variable.</param>
    public static IReadOnlyList<LitestreamDiagnostic> Run(
        string file,
        string raw,
        IReadOnlyList<ConfigDialect> dialects,
        Func<string, string?> variable,
        bool expandVariables
    )
    {
        var findings = new ConfigFindings(file, dialects, variable);
        try
        {
            CheckFile(YamlReader.Read(file, raw, expandVariables, findings.All), findings);
        }
        catch (LitestreamException e)
        {
            findings.All.Add(e.Diagnostic);
        }

        // What an anchor brings to several places is found at each of them.
        return [.. findings.All.Distinct().OrderBy(f => f.Line).ThenBy(f => f.Column)];
    }

    private static void CheckFile(YamlMap root, ConfigFindings findings)
    {
        new ConfigKeyCheck(findings, root).Check(root, ConfigPlace.Root);
        if (findings.Dialect.Find(ConfigPlace.Root, "snapshot") is not null)
            new SnapshotCheck(findings, root).Check();
        if (findings.Dialect.Find(ConfigPlace.Root, "levels") is not null)
            CheckLevels(root, findings);
        if (findings.Dialect.Find(ConfigPlace.Root, "socket") is not null)
            CheckSocket(root, findings);
        foreach (var scalar in root.Scalars)
            CheckDollars(scalar, findings);
        if (root["exec"] is YamlScalar { IsNull: false } exec)
        {
            findings.Warn(
                "LSB1020",
                exec,
                "`exec:` has no effect: the app starts Litestream, not the other way round. Remove it."
            );
        }

        if (findings.Dialect.Find(ConfigPlace.Replica, AutoRecover) is not null)
            CheckAutoRecover(root, findings);

        switch (root["dbs"])
        {
            case null
                when findings.IsMisspelt(root, ConfigPlace.Root, "dbs")
                    || root.Entries.Any(e => e.Value is YamlList && !findings.IsKey(e.Key)):
                break;
            case null or YamlScalar { IsNull: true } or YamlList { Items.Count: 0 }:
                findings.Fail(
                    "LSB1043",
                    root["dbs"] ?? root,
                    "The file names no database, so nothing is backed up. Add a `dbs:` list in which each entry has a "
                        + "`path:`."
                );
                break;
            case YamlList:
                var check = new ConfigDatabaseCheck(findings, root);
                foreach (var database in root.Maps("dbs"))
                {
                    check.Check(database);
                    if (
                        database[Restore] is YamlScalar { IsNull: false } restore
                        && findings.Dialect.Find(ConfigPlace.Database, Restore) is not null
                    )
                    {
                        findings.Warn(
                            "LSB1020",
                            restore,
                            $"`{Restore}:` has no effect: the app restores a missing database before it "
                                + "opens it (Litestream:RestoreOnStart). Remove it."
                        );
                    }
                }

                break;
        }
    }

    private static void CheckLevels(YamlMap root, ConfigFindings findings)
    {
        if (root["levels"] is YamlList { Items.Count: > MostLevels } levels)
        {
            findings.Fail(
                "LSB1035",
                levels.Items[MostLevels],
                $"`levels:` has {levels.Items.Count} entries; with more than {MostLevels} Litestream would not start. "
                    + "Remove the last ones."
            );
        }

        foreach (var level in root.Maps("levels"))
        {
            if (level.Given("interval") is null && !findings.IsMisspelt(level, ConfigPlace.Level, "interval"))
            {
                findings.Fail(
                    "LSB1035",
                    level,
                    "This entry of `levels:` has no `interval:`; Litestream would not start. Write one, such as 30s."
                );
            }
        }
    }

    private static void CheckSocket(YamlMap root, ConfigFindings findings)
    {
        if (root["socket"] is not YamlMap socket)
            return;
        if (
            socket["path"] is YamlScalar { IsNull: false } path
            && findings.Resolve(path) is { Length: > 0 } text
            && (!text.StartsWith('/') || Encoding.UTF8.GetByteCount(text) > LongestSocketPath)
        )
        {
            findings.Fail(
                "LSB1058",
                path,
                $"The path of the socket must be absolute and have at most {LongestSocketPath} bytes; with another one "
                    + "Litestream would run without a socket. Write a short absolute path."
            );
        }

        if (socket["enabled"] is YamlScalar { IsNull: false } enabled && IsOn(enabled, findings))
        {
            findings.Warn(
                "LSB1058",
                enabled,
                "With `litestream sync`, `stop` and `start` through this socket, Litestream can miss commits while the "
                    + "app writes. Use the commands of the app instead, and remove `socket:`."
            );
        }
    }

    private static void CheckAutoRecover(YamlMap root, ConfigFindings findings)
    {
        var replicas = root.Maps("dbs")
            .SelectMany(database => database.Maps("replicas").Append(database["replica"] as YamlMap));
        foreach (var map in replicas.OfType<YamlMap>().Prepend(root))
        {
            if (map[AutoRecover] is YamlScalar { IsNull: false } flag && IsOn(flag, findings))
            {
                findings.Warn(
                    "LSB1020",
                    flag,
                    $"`{AutoRecover}:` has no effect: with it, Litestream would forget commits that it has not sent, "
                        + "and report no error. Remove it."
                );
            }
        }
    }

    private static bool IsOn(YamlScalar flag, ConfigFindings findings) =>
        findings.Resolve(flag)?.ToLowerInvariant() is "true" or "yes" or "on" or "y";

    private static void CheckDollars(YamlScalar scalar, ConfigFindings findings)
    {
        foreach (var text in EnvPlaceholders.Swallowed(scalar.Text).Distinct())
        {
            findings.Fail(
                "LSB1041",
                scalar,
                $"Litestream would replace `{ConfigFindings.Short(text)}` like a variable: it knows no escape for `$` "
                    + "and no default value. Put the whole value into an environment variable and write ${NAME}."
            );
        }

        if (EnvPlaceholders.HasDollarInWord(scalar.Text))
        {
            findings.Warn(
                "LSB1041",
                scalar,
                "Litestream reads `$` and the text after it as a variable. If you mean a variable, write it with "
                    + "braces, `${NAME}`. If not, put the whole value into an environment variable."
            );
        }
    }
}
