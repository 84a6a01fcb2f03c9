using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>
/// Finds everything in a litestream.yml that the executable would silently ignore, would read as something else, or
/// would stop at. A finding is an error if the executable would lose data or do nothing, else a warning.
/// </summary>
internal static class ConfigCheck
{
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
        new ConfigKeyCheck(findings).Check(root, ConfigPlace.Root);
        foreach (var scalar in root.Scalars)
            CheckDollars(scalar, findings);
        if (root["exec"] is YamlScalar { IsNull: false } exec)
            findings.Warn(
                "LSB1020",
                exec,
                "`exec:` has no effect: the app starts Litestream, not the other way round. Remove it."
            );

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
                    check.Check(database);
                break;
        }
    }

    private static void CheckDollars(YamlScalar scalar, ConfigFindings findings)
    {
        foreach (var text in EnvPlaceholders.Swallowed(scalar.Text).Distinct())
            findings.Fail(
                "LSB1041",
                scalar,
                $"Litestream would replace `{ConfigFindings.Short(text)}` like a variable: it knows no escape for `$` "
                    + "and no default value. Put the whole value into an environment variable and write ${NAME}."
            );
        if (EnvPlaceholders.HasDoubtful(scalar.Text))
            findings.Warn(
                "LSB1041",
                scalar,
                "Litestream reads `$` and the text after it as a variable. If you mean a variable, write it with "
                    + "braces, `${NAME}`. If not, put the whole value into an environment variable."
            );
    }
}
