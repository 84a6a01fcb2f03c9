using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Sqlite;

namespace Litestream.Databases;

/// <summary>Finds an app's SQLite database files in its settings files.</summary>
public static class DatabaseFinder
{
    /// <summary>
    /// Reads the settings files and tells SQLite files from everything else. Only the settings and the packages count,
    /// never the database files: a build gives the same on every machine.
    /// </summary>
    /// <remarks>
    /// JSON files are layered as the configuration system does it; XML files stand each for itself.
    /// <see cref="DatabaseSearch.ConnectionStrings"/> decides where it
    /// names something: as soon as it names one setting to take, exactly those that it names are taken, whatever the
    /// evidence; <c>!Name</c> alone leaves that one out and
    /// the rest to the evidence.
    /// </remarks>
    /// <exception cref="LitestreamException">LSB1001: a file is not valid JSON. LSB1002: a file is not valid
    /// XML.</exception>
    public static DatabaseSearchResult Find(DatabaseSearch search)
    {
        ArgumentNullException.ThrowIfNull(search);
        return Find(ReadSettings(search.SettingsFiles), search);
    }

    internal static DatabaseSearchResult Find(IReadOnlyList<Setting> settings, DatabaseSearch search)
    {
        var evidence = new SettingEvidence(settings, search.Packages);
        var classified = settings.Select(s => (Setting: s, Target: SettingClassifier.Classify(s, evidence))).ToList();
        var diagnostics = new List<LitestreamDiagnostic>();
        var selection = SettingSelection.Create(search.ConnectionStrings, classified, diagnostics);
        var taken = classified
            .Where(c => !selection.IsExcluded(c.Setting))
            .Where(c => !selection.TakesOnlyNamed || selection.IsNamed(c.Setting))
            .Select(c =>
                selection.TakesOnlyNamed ? (c.Setting, Target: SqliteConnectionSetting.Parse(c.Setting.Value)) : c
            )
            .ToList();

        var databases = new List<FoundDatabase>();
        var found = new HashSet<string>(
            search.WindowsTarget ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal
        );
        foreach (var (setting, target) in taken)
        {
            // Whoever names a setting says that its path is right: a read-only one is written by somebody else, a
            // placeholder is filled in at run time.
            var isFile =
                target.Kind == SqliteTargetKind.File
                || selection.TakesOnlyNamed && target.Kind is SqliteTargetKind.ReadOnly or SqliteTargetKind.Unresolved;
            if (isFile && found.Add(Identity(target.Path!, search.WindowsTarget)))
            {
                databases.Add(
                    new FoundDatabase(target.Path!, SettingEvidence.LastName(setting.Key), setting.Key)
                    {
                        File = setting.File,
                        Line = setting.Line,
                        Column = setting.Column,
                    }
                );
            }
        }

        var names = databases.Select(d => SettingSelection.ShortName(d.Key!)).ToList();
        foreach (var (setting, target) in taken)
        {
            // A file that is replicated anyway needs no word about a second setting that names it too.
            var isKnown = target.Path is not null && found.Contains(Identity(target.Path, search.WindowsTarget));
            var isFinding =
                !isKnown
                || target.Kind
                    is not (SqliteTargetKind.Candidate or SqliteTargetKind.ReadOnly or SqliteTargetKind.Unresolved);
            if (isFinding && Describe(setting, target, names) is { } diagnostic)
                diagnostics.Add(diagnostic);
        }

        diagnostics.AddRange(
            databases
                .Where(d => !search.WindowsTarget && IsWindowsPath(d.Path))
                .Select(d => new LitestreamDiagnostic(
                    "LSB1009",
                    LitestreamSeverity.Warning,
                    $"'{d.Key}' has a Windows path ('{d.Path}'), but the app is not built for Windows: on other "
                        + "systems it is the name of one file in the working directory. Write the path with '/'.",
                    d.File,
                    d.Line,
                    d.Column
                ))
        );

        // The running app may not know its packages, and knows no selection: what it would take then has to be said.
        var unaided = new SettingEvidence(settings, []);
        var excluded = classified
            .Where(c =>
                selection.IsExcluded(c.Setting)
                || (
                    SettingClassifier.Classify(c.Setting, unaided) is { Kind: SqliteTargetKind.File, Path: { } path }
                    && !found.Contains(Identity(path, search.WindowsTarget))
                )
            )
            .Select(c => c.Setting.Key);
        var encrypted = taken
            .Where(c => c.Target is { Kind: SqliteTargetKind.Encrypted, Path: not null })
            .Select(c => new FoundDatabase(c.Target.Path!, SettingEvidence.LastName(c.Setting.Key), c.Setting.Key));
        return new DatabaseSearchResult(databases, diagnostics)
        {
            Excluded = [.. excluded],
            Encrypted = [.. encrypted],
        };
    }

    internal static IReadOnlyList<Setting> ReadSettings(IReadOnlyList<string> files)
    {
        // In the order in which keys first appear, each with the last value that a file gives it.
        var order = new List<string>();
        var layered = new Dictionary<string, Setting?>(StringComparer.OrdinalIgnoreCase);
        var xml = new List<Setting>();
        foreach (var file in files)
        {
            if (IsXml(file))
            {
                xml.AddRange(XmlSettingsReader.Read(file));
                continue;
            }

            foreach (var (key, setting) in JsonSettingsReader.Read(file))
            {
                if (!layered.ContainsKey(key))
                    order.Add(key);
                layered[key] = setting;
            }
        }

        return [.. order.Select(key => layered[key]).OfType<Setting>(), .. xml];
    }

    private static LitestreamDiagnostic? Describe(Setting setting, SqliteTarget target, List<string> names)
    {
        var name = SettingSelection.ShortName(setting.Key);
        var item = $"<LitestreamDatabase Include=\"{target.Path}\" />";
        static string Selection(params IEnumerable<string> names) =>
            $"<LitestreamConnectionStrings>{string.Join(';', names)}</LitestreamConnectionStrings>";
        (string Code, LitestreamSeverity Severity, string What)? finding = target.Kind switch
        {
            SqliteTargetKind.File when SqliteConnectionSetting.SetsRollbackJournal(setting.Value) => (
                "LSB1054",
                LitestreamSeverity.Warning,
                $"sets a rollback journal for '{target.Path}' (Journal Mode), but Litestream needs WAL mode: the "
                    + "running app does not replicate it (LSB5019). Write 'Journal Mode=Wal', or remove the keyword."
            ),
            SqliteTargetKind.Candidate => (
                "LSB1004",
                LitestreamSeverity.Warning,
                $"may name a SQLite database ('{target.Path}'), but that is not certain. To replicate it, set "
                    + $"{Selection([.. names, name])} in the project, or add {item}. If it is not a database, set "
                    + $"{Selection("!" + name)}."
            ),
            SqliteTargetKind.Memory => (
                "LSB1005",
                LitestreamSeverity.Message,
                "is a SQLite database in memory: there is no file to replicate."
            ),
            SqliteTargetKind.ReadOnly => (
                "LSB1006",
                LitestreamSeverity.Message,
                $"opens '{target.Path}' read-only, so it is not replicated. If something else writes to it, add {item}."
            ),
            SqliteTargetKind.Encrypted => (
                "LSB1007",
                LitestreamSeverity.Warning,
                $"names an encrypted SQLite database ('{target.Path}', with a password or key), which Litestream "
                    + "cannot replicate: it is excluded and has NO backup. Back it up by other means"
                    + (setting.File is null ? "." : $"; {Selection("!" + name)} ends this warning.")
            ),
            SqliteTargetKind.Unresolved => (
                "LSB1008",
                LitestreamSeverity.Warning,
                $"has a placeholder in its path ('{target.Path}') that only the app can fill in. Add "
                    + "<LitestreamDatabase Include=\"...\" /> with the path that the app opens. Or, if the "
                    + "configuration has the real path when the app runs, set "
                    + $"{Selection([.. names.Where(n => n != name), name])}."
            ),
            _ => null,
        };
        return finding is var (code, severity, what)
            ? new(code, severity, $"'{setting.Key}' {what}", setting.File, setting.Line, setting.Column)
            : null;
    }

    private static bool IsXml(string file) => Path.GetExtension(file).ToUpperInvariant() is ".CONFIG" or ".XML";

    private static bool IsWindowsPath(string path)
    {
        var rest = path.Replace("|DataDirectory|", string.Empty, StringComparison.OrdinalIgnoreCase);
        return rest.Contains('\\')
            || (rest.Length > 2 && char.IsAsciiLetter(rest[0]) && rest[1] == ':' && rest[2] == '/');
    }

    // Whether two settings name one file: lexically, against any folder.
    private static string Identity(string path, bool windowsTarget)
    {
        if (windowsTarget)
            path = path.Replace('\\', '/');
        return path.Contains('\0') ? path : DatabasePath.Resolve(path, Path.GetTempPath());
    }
}
