using System.Text.RegularExpressions;

namespace Litestream.Configuration;

/// <summary>The entries of <c>dbs:</c>: a path each, no path twice, replicas and states that do not share a
/// place.</summary>
internal sealed partial class ConfigDatabaseCheck(ConfigFindings findings, YamlMap root)
{
    private readonly Dictionary<string, YamlMap> _paths = new();
    private readonly Dictionary<string, YamlMap> _places = new();
    private readonly Dictionary<string, YamlMap> _states = new();
    private readonly ReplicaCheck _replicas = new(findings, root);

    private ConfigDialect Dialect => findings.Dialect;

    /// <summary>Checks the next entry.</summary>
    public void Check(YamlMap database)
    {
        if (CheckPath(database) is { } path && !_paths.TryAdd(path, database))
        {
            findings.Fail(
                "LSB1012",
                database,
                $"'{database.Text("path")}' is listed twice (also in line {_paths[path].Line}). Two replicators on one "
                    + "file damage the backup: remove one of the entries."
            );
        }

        if (database.Given("meta-path") is YamlScalar state && !_states.TryAdd(Absolute(state), database))
        {
            findings.Fail(
                "LSB1011",
                state,
                $"The database in line {_states[Absolute(state)].Line} has the same `meta-path:`. Litestream would mix "
                    + "the backups of both: give each its own."
            );
        }

        var names = new HashSet<string>();
        foreach (var replica in Replicas(database))
        {
            _replicas.Check(replica);
            var identity = findings.Identify(replica);
            if (Dialect.HasSeveralReplicas && identity.Name is { Length: > 0 } name && !names.Add(name))
            {
                findings.Fail(
                    "LSB1037",
                    replica["name"] ?? replica,
                    replica.Has("name")
                        ? $"Two replicas of this database have the name '{replica.Text("name")}', so Litestream would "
                            + "not start. Give each its own `name:`."
                        : $"Two replicas of this database have the name '{name}' (the default without `name:`), so "
                            + "Litestream would not start. Give each its own `name:`."
                );
            }

            if (replica.Entries.Count > 0 && !_places.TryAdd(identity.Place, replica))
            {
                findings.Fail(
                    "LSB1011",
                    replica,
                    $"This replica and the one in line {_places[identity.Place].Line} write to the same place. A "
                        + "restore would take the backup that was written last: give each its own path."
                );
            }
        }
    }

    private List<YamlMap> Replicas(YamlMap database)
    {
        var (single, several) = (database.Given("replica"), database.Given("replicas"));
        if (single is not null && several is not null)
            findings.Fail("LSB1010", single, "This database has `replica:` and `replicas:`; keep one of them.");
        if (
            (single ?? several) is null && !findings.IsMisspelt(database, ConfigPlace.Database, "replicas")
            || several is YamlList { Items.Count: 0 }
        )
        {
            findings.Fail(
                "LSB1043",
                several ?? database,
                "This database has no replica, so it is not backed up. Add `replicas:` with one entry, or remove the "
                    + "database."
            );
        }

        if (!Dialect.HasSeveralReplicas && several is YamlList { Items: [_, var second, ..] })
        {
            findings.Fail(
                "LSB1042",
                second,
                $"{findings.Reader} accepts only one replica for each database and would not start with more. Keep one."
            );
        }

        return [.. database.Maps("replicas"), .. single is YamlMap one ? new[] { one } : []];
    }

    /// <summary>The path for comparisons; null when there is none, or a folder.</summary>
    private string? CheckPath(YamlMap database)
    {
        var path = database.Given("path") as YamlScalar;
        if (Dialect.Find(ConfigPlace.Database, "dir") is not null && database.Given("dir") is { } folder)
        {
            findings.Fail(
                "LSB1056",
                folder,
                "Litestream alone would know the databases of `dir:`: the app would not restore, lock or watch them. "
                    + "Name each database with a `path:` of its own."
            );
            return null;
        }

        foreach (var (key, value) in database.Entries)
        {
            if (
                key is "pattern" or "recursive" or "watch" or "meta-dir"
                && Dialect.Find(ConfigPlace.Database, key) is not null
            )
            {
                findings.Fail(
                    "LSB1056",
                    value,
                    $"`{key}:` is for entries with `dir:`, which the app cannot protect. Remove it, and name each "
                        + "database with a `path:` of its own."
                );
            }
        }

        if (path is null)
        {
            if (
                database["path"] is null or YamlScalar
                && !database.Has("dir")
                && (database.Has("path") || !findings.IsMisspelt(database, ConfigPlace.Database, "path"))
            )
            {
                findings.Fail("LSB1010", database["path"] ?? database, "This entry of `dbs:` has no `path:`.");
            }

            return null;
        }

        var (text, written) = (findings.Expand(path.Text), EnvPlaceholders.Unmark(path.Text));
        if (text.Length == 0)
        {
            findings.Fail(
                "LSB1010",
                path,
                $"This entry of `dbs:` has an empty `path:`: `{ConfigFindings.Short(written)}` expands to nothing."
            );
        }
        else if (ConfigPath.Problem(text, written) is { } refused)
        {
            findings.Fail("LSB1015", path, refused);
        }
        else
        {
            if (Problem(text, written) is { } problem)
                findings.Fail("LSB1015", path, problem);
            return Absolute(path);
        }

        return null;
    }

    /// <summary>The path for comparisons, as far as it is known: variables stay as they are.</summary>
    private static string Absolute(YamlScalar path) =>
        Path.TrimEndingDirectorySeparator(
            Path.GetFullPath(EnvPlaceholders.Unmark(path.Text), Path.GetPathRoot(Environment.CurrentDirectory)!)
        );

    private string? Problem(string text, string written) =>
        text switch
        {
            _ when (UrlLike().IsMatch(text) || FileUri().IsMatch(text))
                    && !(Dialect.HasPathUrls && SqliteUrl().IsMatch(text)) =>
                $"'{written}' is a URL; {findings.Reader} would read it as a path in the working directory. Write only "
                    + "the path of the file.",
            _ when ConnectionString().IsMatch(text) =>
                "This is a connection string; Litestream would read all of it as a file name. Write only the path of "
                    + "the file.",
            ":memory:" => "A database in memory cannot be replicated; Litestream would read this as a file name. "
                + "Remove the entry.",
            _ => Dialect.PathProblem(text, written),
        };

    /// <summary>What the executable takes for a URL.</summary>
    [GeneratedRegex("^[0-9A-Za-z_]+://")]
    public static partial Regex UrlLike();

    /// <summary>What SQLite takes for a URI.</summary>
    [GeneratedRegex("^(file|sqlite3?):", RegexOptions.IgnoreCase)]
    public static partial Regex FileUri();

    [GeneratedRegex("^sqlite3?://")]
    private static partial Regex SqliteUrl();

    /// <summary>What a provider takes for a connection string.</summary>
    [GeneratedRegex(@"^\s*(data ?source|filename)\s*=", RegexOptions.IgnoreCase)]
    public static partial Regex ConnectionString();
}
