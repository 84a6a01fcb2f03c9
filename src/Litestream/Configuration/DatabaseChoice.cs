using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Configuration;

/// <summary>Chooses a database by name. A guess could restore the wrong one, so a name that fits two is refused.
/// </summary>
internal static class DatabaseChoice
{
    private static MessageText HowToSay => $"{OptionName.Database} on a command line";

    private static StringComparison PathComparison =>
        OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    public static IReadOnlyList<EffectiveDatabase> Many(
        IReadOnlyList<EffectiveDatabase> databases,
        string? choice,
        Func<string, string> resolve
    ) =>
        choice != "*" ? [One(databases, choice, resolve)]
        : databases.Count > 0 ? databases
        : throw Nothing();

    public static EffectiveDatabase One(
        IReadOnlyList<EffectiveDatabase> databases,
        string? choice,
        Func<string, string> resolve
    )
    {
        if (databases.Count == 0)
            throw Nothing();
        if (string.IsNullOrWhiteSpace(choice))
        {
            return databases.Count == 1
                ? databases[0]
                : throw new LitestreamException(
                    "LSB3002",
                    $"There are {databases.Count} databases. Choose one ({HowToSay}): {List(databases)}."
                );
        }

        // A live setting can move a database to the path that another one is configured with: an absolute path is
        // always the file, anything else has to be clear.
        var path = DatabasePath.Real(resolve(choice));
        var byFile = databases.Where(d => string.Equals(DatabasePath.Real(d.Path), path, PathComparison)).ToList();
        if (byFile.Count == 1 && Path.IsPathRooted(choice))
            return byFile[0];
        var found = byFile.Union(databases.Where(d => d.ConfiguredPath == choice)).ToList();
        if (found.Count == 0)
        {
            found =
            [
                .. databases.Where(d =>
                    string.Equals(d.Name, choice, StringComparison.OrdinalIgnoreCase)
                    || string.Equals(d.Key, choice, StringComparison.OrdinalIgnoreCase)
                ),
            ];
        }

        return found.Count switch
        {
            1 => found[0],
            0 => throw Unknown(databases, choice),
            _ => throw new LitestreamException(
                "LSB3002",
                $"'{choice}' matches {found.Count} databases. Choose one by the path of its file "
                    + $"({HowToSay}): {string.Join(", ", found.Select(d => $"'{d.Path}'"))}."
            ),
        };
    }

    private static LitestreamException Nothing() =>
        new(
            "LSB3004",
            "No database is configured, or none can be replicated (an earlier warning says why). If the app gets its "
                + "connection string from its environment, run this with the same environment. Otherwise add a "
                + "database to litestream.yml, or a connection string or a <LitestreamDatabase Include=\"...\" /> item "
                + "to the project."
        );

    private static LitestreamException Unknown(IReadOnlyList<EffectiveDatabase> databases, string choice)
    {
        // The file's name alone is not enough to choose by, but people try it.
        var known = new Dictionary<string, string>();
        foreach (var database in databases)
        {
            foreach (
                var text in new[]
                {
                    database.ConfiguredPath,
                    database.Name,
                    database.Path,
                    Path.GetFileName(database.Path),
                }.OfType<string>()
            )
            {
                known.TryAdd(text, text == database.Name ? text : database.ConfiguredPath);
            }
        }

        var meant = known.GetValueOrDefault(choice)
            ?? (NearestName.Of(choice, known.Keys) is { } nearest ? known[nearest] : null);
        return new LitestreamException(
            "LSB3003",
            $"The configuration has no database '{choice}'. "
                + $"{(meant is null ? "" : $"Did you mean '{meant}'? ")}Databases: {List(databases)}."
        );
    }

    private static string List(IReadOnlyList<EffectiveDatabase> databases) =>
        string.Join(
            ", ",
            databases.Select(database =>
                database.Name is null
                    ? $"'{database.ConfiguredPath}'"
                    : $"'{database.ConfiguredPath}' ({database.Name})"
            )
        );
}
