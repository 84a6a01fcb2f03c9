using System.Text.RegularExpressions;
using Litestream.Sqlite;

namespace Litestream.Databases;

/// <summary>
/// What stands around a setting: provider names beside it and above it, words in its key, the app's packages.
/// </summary>
internal sealed partial class SettingEvidence
{
    private readonly Dictionary<string, List<(string Name, Engine Engine)>> _hints = new(
        StringComparer.OrdinalIgnoreCase
    );
    private readonly IReadOnlyCollection<string> _packages;

    public SettingEvidence(IReadOnlyCollection<Setting> settings, IReadOnlyCollection<string> packages)
    {
        _packages = packages;
        HasSqlite = packages.Any(p => p.Contains("sqlite", StringComparison.OrdinalIgnoreCase));
        var wide = new HashSet<Engine>();
        foreach (var setting in settings)
        {
            if (HintOf(setting) is not { } engine)
                continue;
            var segments = Segments(setting.Key);
            var name = segments[^1];
            var depth = segments.Length - 1;
            if (char.IsAsciiDigit(name[0]) && depth > 0)
                name = segments[--depth];
            var parent = string.Join(':', segments[..depth]);
            if (!_hints.TryGetValue(parent, out var hints))
                _hints[parent] = hints = [];
            hints.Add((name, engine));
            if (ProviderKey().IsMatch(name) && !name.EndsWith("_ProviderName", StringComparison.OrdinalIgnoreCase))
                wide.Add(engine);
        }

        FileWide = wide.Count == 1 ? wide.Single() : Engine.Unknown;
    }

    /// <summary>
    /// What the whole of the settings says when nothing nearer does; never enough against the value itself.
    /// </summary>
    public Engine FileWide { get; }

    /// <summary>Whether the app has a SQLite package.</summary>
    public bool HasSqlite { get; }

    /// <summary>Whether the packages are known at all.</summary>
    public bool HasPackages => _packages.Count > 0;

    /// <summary>
    /// Whether the app has a package of an engine that takes the same form of string: LiteDB has Filename= and plain
    /// paths, DuckDB Data Source=.
    /// </summary>
    public bool HasCompetitor(PathKeyword keyword) =>
        keyword switch
        {
            PathKeyword.DataSource => HasAny("DuckDB", "SqlServerCompact", "SqlServer.Compact", "SqlServerCe"),
            PathKeyword.FileName or PathKeyword.Bare => HasPackage("LiteDB"),
            _ => false,
        };

    /// <summary>
    /// Whether the app has a package of a server whose connection strings begin with Data Source= too.
    /// </summary>
    public bool HasServer => HasAny("SqlClient", "SqlServer", "Oracle", "MySql", "Firebird", "AseClient");

    /// <summary>Whether the app has a package of the engine that this word names.</summary>
    public bool HasPackage(string word) => _packages.Any(p => p.Contains(word, StringComparison.OrdinalIgnoreCase));

    private bool HasAny(params IEnumerable<string> words) => words.Any(HasPackage);

    /// <summary>
    /// The nearest evidence about a key: a word in its last segment, a provider beside it, a word in the segment above,
    /// and so on outwards.
    /// </summary>
    /// <returns>The engine, and the word that speaks for another engine than SQLite.</returns>
    public (Engine Engine, string? Word) Near(string key)
    {
        var segments = Segments(key);
        for (var i = segments.Length; i > 0; i--)
        {
            var own = EngineDetector.Detect(segments[i - 1]);
            if (own != Engine.Unknown)
                return (own, EngineDetector.OtherEngineName(segments[i - 1]));

            // What the root of a file says is about everything in it, and so about nothing for certain: unless the key
            // stands there itself.
            if (i == 1 && segments.Length > 1)
                break;
            if (!_hints.TryGetValue(string.Join(':', segments[..(i - 1)]), out var hints))
                continue;
            var specific = Agreed(
                hints.Where(h =>
                    h.Name.Length > segments[i - 1].Length
                    && h.Name.StartsWith(segments[i - 1], StringComparison.OrdinalIgnoreCase)
                )
            );
            if (specific != Engine.Unknown)
                return (specific, null);
            var general = Agreed(
                hints.Where(h =>
                    !h.Name.EndsWith("_ProviderName", StringComparison.OrdinalIgnoreCase)
                    && !h.Name.Equals(segments[i - 1], StringComparison.OrdinalIgnoreCase)
                )
            );
            if (general != Engine.Unknown)
                return (general, null);
        }

        return (Engine.Unknown, null);
    }

    /// <summary>Whether the value only names an engine or a type of it and is not a database setting itself.</summary>
    public static bool IsHint(Setting setting) =>
        HintOf(setting) is not null && ProviderKey().IsMatch(LastName(setting.Key));

    /// <summary>The last segment of a key that is not an index.</summary>
    public static string LastName(string key)
    {
        var segments = key.Split(':');
        return Array.FindLast(segments, s => s.Length > 0 && !s.All(char.IsAsciiDigit)) ?? key;
    }

    private static Engine Agreed(IEnumerable<(string Name, Engine Engine)> hints)
    {
        var engines = hints.Select(h => h.Engine).Distinct().Take(2).ToList();
        return engines.Count == 1 ? engines[0] : Engine.Unknown;
    }

    private static Engine? HintOf(Setting setting)
    {
        // "System.Data.SQLite.SQLiteConnection, System.Data.SQLite, Version=1.0" names its engine before the comma.
        var value = setting.Value.AsSpan();
        var comma = value.IndexOf(',');
        if (comma > 0)
            value = value[..comma];
        if (value.Length is 0 or > 200 || value.ContainsAny("=/\\;:"))
            return null;
        var name = LastName(setting.Key);
        if (!HintKey().IsMatch(name))
            return null;
        var text = value.ToString();
        var isFile = FileName().IsMatch(text) && !AssemblyName().IsMatch(text);
        return !isFile && EngineDetector.Detect(text) is var engine and not Engine.Unknown ? engine : null;
    }

    // Dots separate too: quartz.dataSource.default.provider stands beside quartz.dataSource.default.connectionString.
    private static string[] Segments(string key) => key.Split(':', '.');

    /// <summary>
    /// Whether a text is a name like Microsoft.Data.Sqlite, which looks like a file with the extension .sqlite.
    /// </summary>
    public static bool IsAssemblyName(string text) => AssemblyName().IsMatch(text);

    private const string Providers =
        "provider|providername|type|driver|class|engine|dialect|client|backend|dbms|kind|vendor|using|factory|assembly|"
        + "adapter|flavou?r|invariantname|database|storage|store|db|persistence";

    [GeneratedRegex($"({Providers})$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex ProviderKey();

    // What a thing is called says something about it, but it may also be a value in its own right.
    [GeneratedRegex($"({Providers}|name|id|key|sink)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex HintKey();

    [GeneratedRegex(
        @"\.(db|db3|sqlite|sqlite3|s3db|sdb|sl3)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex FileName();

    [GeneratedRegex(@"^[A-Z][A-Za-z0-9]*(\.[A-Z][A-Za-z0-9]*)+$", RegexOptions.CultureInvariant)]
    private static partial Regex AssemblyName();
}
