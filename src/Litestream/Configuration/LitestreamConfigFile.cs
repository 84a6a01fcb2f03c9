using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Configuration;

/// <summary>A litestream.yml on disk, generated or the user's own.</summary>
public sealed class LitestreamConfigFile
{
    private LitestreamConfigFile(string path, string text, YamlMap root, IReadOnlyList<ConfigEntry> entries) =>
        (Path, Text, Root, Entries) = (path, text, root, entries);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>True when this project wrote the file (it begins with the marker comment).</summary>
    public bool IsGenerated => IsGeneratedText(Text);

    /// <summary>The databases in the file's order, paths as they stand there.</summary>
    public IReadOnlyList<ConfiguredDatabase> Databases => [.. Entries.Select(e => e.Database)];

    /// <summary>Reads the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="expandVariables">False: a <c>$</c> in a file of the user's own is a dollar sign
    /// (<c>-no-expand-env</c>). A generated file has variables in any case.</param>
    /// <exception cref="LitestreamException">LSB1010: it cannot be parsed; with line and column.</exception>
    public static LitestreamConfigFile Load(string path, bool expandVariables = true)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Parse(path, ReadText(path), expandVariables);
    }

    /// <summary>
    /// Checks the file strictly: every key, its place and its value, against what a release line of Litestream reads.
    /// What that line would ignore, misread or stop at
    /// is an error; what is only doubtful a warning.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="dialects">That of the executable which will read it, then those of the other lines.</param>
    /// <param name="variable">See <see cref="ConfigCheck.Run"/>; left out: none has a value.</param>
    /// <param name="expandVariables">See <see cref="ConfigCheck.Run"/>.</param>
    /// <returns>All findings, in the order of the file. A file that cannot be read is one finding, LSB1010.</returns>
    internal static IReadOnlyList<LitestreamDiagnostic> Check(
        string path,
        IReadOnlyList<ConfigDialect> dialects,
        Func<string, string?>? variable = null,
        bool expandVariables = true
    )
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            return ConfigCheck.Run(path, ReadText(path), dialects, variable ?? (_ => null), expandVariables);
        }
        catch (LitestreamException e)
        {
            return e.Diagnostics;
        }
    }

    internal static string ReadText(string path)
    {
        try
        {
            return ConfigText.Decode(path, NonDatabaseFile.ReadAllBytes(path));
        }
        catch (Exception e)
            when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new LitestreamException(
                "LSB1010",
                $"The Litestream configuration cannot be read: {e.Message}",
                path,
                innerException: e
            );
        }
    }

    internal static bool IsGeneratedText(string raw) =>
        raw.StartsWith(GeneratedConfig.Marker, StringComparison.Ordinal);

    /// <summary>A generated file without a database, in the place of one that is not there.</summary>
    internal static LitestreamConfigFile Empty(string path) =>
        Parse(path, GeneratedConfig.Create([], new GeneratedConfigOptions()).Text, expandVariables: true);

    internal static LitestreamConfigFile Parse(string path, string raw, bool expandVariables)
    {
        var generated = IsGeneratedText(raw);
        var lines = raw.Split('\n');
        var root = YamlReader.Read(path, raw, expandVariables || generated);
        LitestreamException Error(string message, YamlNode at) => new("LSB1010", message, path, at.Line, at.Column);

        var entries = new List<ConfigEntry>();
        IReadOnlyList<YamlNode> databases = root["dbs"] switch
        {
            null or YamlScalar { IsNull: true } => [],
            YamlList list => list.Items,
            var other => throw Error("`dbs:` must be a list: one `- path: ...` for each database.", other),
        };
        foreach (var item in databases)
        {
            if (item is not YamlMap map)
                throw Error("Each entry of `dbs:` must be a mapping that begins with `- path: ...`.", item);

            // Release line 0.5 can name a folder instead of a file.
            if (map.Has("dir"))
                continue;
            if (map.Given("path") is not YamlScalar name)
                throw Error("This entry of `dbs:` has no `path:`.", map["path"] ?? map);

            var replicas = ReadReplicas(map, Error);
            entries.Add(
                new ConfigEntry(
                    map,
                    replicas,
                    new ConfiguredDatabase(
                        EnvPlaceholders.Unmark(name.Text),
                        generated ? KeyAbove(lines, map.Line) : null,
                        [.. replicas.Select(r => ConfiguredReplica.Of(ReplicaIdentity.AtBuild(r)))],
                        map.Line,
                        map.Column
                    )
                )
            );
        }

        return new LitestreamConfigFile(path, raw, root, entries);
    }

    /// <summary>All of it, as it was read.</summary>
    internal string Text { get; }

    /// <summary>The settings that its comments exclude (<c># Not replicated: ConnectionStrings:Cache</c>).</summary>
    internal IEnumerable<string> Excluded => Comments(GeneratedConfig.ExcludedMarker);

    /// <summary>What its comments keep for databases that are found when the app runs (<c># At run time: retention:
    /// 72h</c>).</summary>
    internal IReadOnlyDictionary<string, string> AtRunTime =>
        (IsGenerated ? Comments(GeneratedConfig.AtRunTimeMarker) : [])
            .Select(comment => comment.Split(": ", 2))
            .Where(pair => pair.Length == 2)
            .DistinctBy(pair => pair[0])
            .ToDictionary(pair => pair[0], pair => pair[1]);

    /// <summary>All of it, as nodes.</summary>
    internal YamlMap Root { get; }

    /// <summary>The databases with their nodes in <see cref="Root"/>.</summary>
    internal IReadOnlyList<ConfigEntry> Entries { get; }

    /// <summary>
    /// The replicas of a database, in the list form. 0.3 ignores the <c>replica:</c> of the 0.5 line without a word and
    /// then replicates nothing;
    /// a list of one is read by both, so the one becomes the other.
    /// </summary>
    private static List<YamlMap> ReadReplicas(YamlMap database, Func<string, YamlNode, LitestreamException> error)
    {
        if (database["replica"] is { } single and not YamlScalar { IsNull: true })
        {
            if (database.Has("replicas"))
                throw error("This database has `replica:` and `replicas:`; keep one of them.", single);
            if (single is not YamlMap)
                throw error("`replica:` must be a mapping. Write its keys in the lines below, indented.", single);
            database["replicas"] = new YamlList
            {
                Items = [single],
                Line = single.Line,
                Column = single.Column,
            };
        }

        database.Remove("replica");
        return database["replicas"] switch
        {
            null or YamlScalar { IsNull: true } => [],
            YamlList list =>
            [
                .. list.Items.Select(r =>
                    r as YamlMap ?? throw error("Each entry of `replicas:` must be a mapping.", r)
                ),
            ],
            var other => throw error("`replicas:` must be a list.", other),
        };
    }

    /// <summary>The comments of a kind, each in a line of its own.</summary>
    private IEnumerable<string> Comments(string marker) =>
        Text.Split('\n')
            .Select(line => line.Trim())
            .Where(line => line.StartsWith(marker, StringComparison.Ordinal))
            .Select(line => YamlWriter.UnescapeComment(line[marker.Length..]));

    private static string? KeyAbove(string[] lines, int line)
    {
        var above = lines.ElementAtOrDefault(line - 2)?.TrimStart(' ').TrimEnd('\r') ?? "";
        return above.StartsWith("# ", StringComparison.Ordinal) ? YamlWriter.UnescapeComment(above[2..]) : null;
    }
}

/// <summary>A database of a file with its nodes.</summary>
internal sealed record ConfigEntry(YamlMap Node, IReadOnlyList<YamlMap> Replicas, ConfiguredDatabase Database);

/// <summary>A database of a litestream.yml.</summary>
/// <param name="Path">The path as it stands in the file.</param>
/// <param name="Key">The configuration key that the path came from (a comment in a generated file), null
/// otherwise.</param>
/// <param name="Replicas">Where it goes.</param>
/// <param name="Line">1-based line of the entry.</param>
/// <param name="Column">1-based column of the entry.</param>
public sealed record ConfiguredDatabase(
    string Path,
    string? Key,
    IReadOnlyList<ConfiguredReplica> Replicas,
    int Line,
    int Column
);

/// <summary>A replica of a database.</summary>
/// <param name="Name">Its name; the type when the file gives none, as the executable has it. Empty when it is not known
/// yet.</param>
/// <param name="Type"><c>file</c>, <c>s3</c>, <c>abs</c>, <c>gcs</c> or <c>sftp</c>. Empty when it is not known yet,
/// because a variable decides.</param>
/// <param name="Location">Where it is, for people; carries no secret. A variable without a value stands in it as
/// <c>${NAME}</c>.</param>
public sealed record ConfiguredReplica(string Name, string Type, string Location)
{
    /// <summary>In an effective configuration the folder of a replica of the type <c>file</c>, absolute; null for all
    /// others, and when it is not known yet.</summary>
    public string? Folder { get; init; }

    /// <summary>False when its type or its place depends on an environment variable that has no value here.</summary>
    public bool IsKnown { get; init; } = true;

    /// <summary>The type and the place, for people.</summary>
    internal string Describe(string separator = " ") =>
        Type.Length == 0
            ? $"{Location}{(IsKnown ? "" : " (known where the app runs)")}"
            : $"{Type}{separator}{Location}";

    internal static ConfiguredReplica Of(ReplicaIdentity replica) =>
        new(replica.Name ?? "", replica.Type ?? "", replica.Location)
        {
            Folder = replica.Folder,
            IsKnown = replica.IsKnown,
        };
}
