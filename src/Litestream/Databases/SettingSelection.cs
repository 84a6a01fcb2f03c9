using Litestream.Diagnostics;
using Litestream.Sqlite;

namespace Litestream.Databases;

/// <summary>What LitestreamConnectionStrings says: settings to take, and, with <c>!</c>, to exclude.</summary>
internal sealed class SettingSelection
{
    private const string Section = "ConnectionStrings:";

    private readonly HashSet<Setting> _named = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Setting> _excluded = new(ReferenceEqualityComparer.Instance);

    private SettingSelection() { }

    /// <summary>Whether a setting to take is named, so that no other one is.</summary>
    public bool TakesOnlyNamed { get; private set; }

    /// <summary>
    /// Finds what the names mean. A name is a full key, the name of a connection string, or the last segment of the key
    /// of anything that may be SQLite.
    /// </summary>
    /// <remarks>
    /// LSB1016 is added to <paramref name="diagnostics"/> for a name that is not there or that cannot be taken.
    /// </remarks>
    public static SettingSelection Create(
        IReadOnlyList<string> names,
        IReadOnlyList<(Setting Setting, SqliteTarget Target)> settings,
        List<LitestreamDiagnostic> diagnostics
    )
    {
        var selection = new SettingSelection();
        foreach (var entry in names.Select(n => n.Trim()).Where(n => n.Length > 0))
        {
            var isExcluded = entry[0] == '!';
            var name = (isExcluded ? entry[1..].Trim() : entry).Replace("__", ":");
            selection.TakesOnlyNamed |= !isExcluded;
            var matches = Matches(name, settings);
            if (matches.Count == 0)
            {
                diagnostics.Add(Error(NotThere(name, settings), null));
                continue;
            }

            foreach (var setting in matches)
            {
                if (isExcluded)
                {
                    selection._excluded.Add(setting);
                }
                else if (SqliteConnectionSetting.Parse(setting.Value).Kind != SqliteTargetKind.NotSqlite)
                {
                    selection._named.Add(setting);
                }
                else
                {
                    diagnostics.Add(
                        Error(
                            $"LitestreamConnectionStrings names '{name}', but the value of '{setting.Key}' is neither "
                                + $"a SQLite connection string nor a path. Remove the name, or correct the value.",
                            setting
                        )
                    );
                }
            }
        }

        return selection;
    }

    /// <summary>The shortest name that <c>LitestreamConnectionStrings</c> takes for a key.</summary>
    public static string ShortName(string key) =>
        key.StartsWith(Section, StringComparison.OrdinalIgnoreCase) ? key[Section.Length..] : key;

    /// <summary>Whether this one is to be taken.</summary>
    public bool IsNamed(Setting setting) => _named.Contains(setting);

    /// <summary>Whether this one is to be excluded.</summary>
    public bool IsExcluded(Setting setting) => _excluded.Contains(setting);

    private static List<Setting> Matches(string name, IReadOnlyList<(Setting Setting, SqliteTarget Target)> settings)
    {
        var exact = settings.Where(s => Is(s.Setting.Key, name)).Select(s => s.Setting).ToList();
        if (exact.Count > 0)
            return exact;
        var connectionStrings = settings.Where(s => Is(s.Setting.Key, Section + name)).Select(s => s.Setting).ToList();
        return connectionStrings.Count > 0
            ? connectionStrings
            :
            [
                .. settings
                    .Where(s =>
                        s.Target.Kind != SqliteTargetKind.NotSqlite && Is(SettingEvidence.LastName(s.Setting.Key), name)
                    )
                    .Select(s => s.Setting),
            ];
    }

    private static string NotThere(string name, IReadOnlyList<(Setting Setting, SqliteTarget Target)> settings)
    {
        var known = settings
            .Where(s =>
                s.Target.Kind != SqliteTargetKind.NotSqlite
                || s.Setting.Key.StartsWith(Section, StringComparison.OrdinalIgnoreCase)
            )
            .Select(s => ShortName(s.Setting.Key))
            .Distinct(StringComparer.OrdinalIgnoreCase)
            .Order(StringComparer.Ordinal)
            .ToList();
        var nearest = NearestName.Of(name, known)
            ?? known.Find(key => NearestName.Of(name, [SettingEvidence.LastName(key)]) is not null);
        return $"LitestreamConnectionStrings names '{name}', but no settings file has that setting. "
            + (
                known.Count == 0 ? "The files have no setting that may be a database."
                : nearest is not null ? $"Did you mean '{nearest}'?"
                : $"Settings that may be a database: {string.Join(", ", known.Select(key => $"'{key}'"))}."
            );
    }

    private static LitestreamDiagnostic Error(string message, Setting? setting) =>
        new("LSB1016", LitestreamSeverity.Error, message, setting?.File, setting?.Line ?? 0, setting?.Column ?? 0);

    private static bool Is(string key, string name) => key.Equals(name, StringComparison.OrdinalIgnoreCase);
}
