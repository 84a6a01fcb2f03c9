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

        var taken = new List<(Setting Setting, SqliteTarget Target)>();
        foreach (var (setting, target) in classified)
        {
            if (selection.IsExcluded(setting))
                continue;
            if (!selection.TakesOnlyNamed)
                taken.Add((setting, target));
            else if (selection.IsNamed(setting))
                taken.Add((setting, SqliteConnectionSetting.Parse(setting.Value)));
        }

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
                || (
                    selection.TakesOnlyNamed && target.Kind is SqliteTargetKind.ReadOnly or SqliteTargetKind.Unresolved
                );
            if (!isFile || !found.Add(Identity(target.Path!, search.WindowsTarget)))
                continue;
            databases.Add(
                new FoundDatabase(
                    target.Path!,
                    SettingEvidence.LastName(setting.Key),
                    setting.Key,
                    setting.File,
                    setting.Line,
                    setting.Column
                )
            );
        }

        var names = databases.Select(d => SettingSelection.ShortName(d.Key!)).ToList();
        foreach (var (setting, target) in taken)
        {
            // A file that is replicated anyway needs no word about a second setting that names it too.
            var isKnown = target.Path is not null && found.Contains(Identity(target.Path, search.WindowsTarget));
            var diagnostic =
                target.Kind == SqliteTargetKind.File
                || (
                    isKnown
                    && target.Kind
                        is SqliteTargetKind.Candidate
                            or SqliteTargetKind.ReadOnly
                            or SqliteTargetKind.Unresolved
                )
                    ? null
                    : Describe(setting, target, names);
            if (diagnostic is not null)
                diagnostics.Add(diagnostic);
        }

        diagnostics.AddRange(
            taken
                .Where(one =>
                    one.Target is { Kind: SqliteTargetKind.File }
                    && SqliteConnectionSetting.SetsRollbackJournal(one.Setting.Value)
                )
                .Select(one => new LitestreamDiagnostic(
                    "LSB1054",
                    LitestreamSeverity.Warning,
                    $"'{one.Setting.Key}' sets a rollback journal for {one.Target.Path} (Journal Mode), and "
                        + $"Litestream needs WAL mode: the running app does not replicate it (LSB5019). "
                        + "Write 'Journal Mode=Wal', or leave the keyword out.",
                    one.Setting.File,
                    one.Setting.Line,
                    one.Setting.Column
                ))
        );

        if (!search.WindowsTarget)
        {
            diagnostics.AddRange(
                databases
                    .Where(d => IsWindowsPath(d.Path))
                    .Select(d => new LitestreamDiagnostic(
                        "LSB1009",
                        LitestreamSeverity.Warning,
                        $"'{d.Key}' has a Windows path ({d.Path}), but the app is not built for Windows: there it "
                            + $"is one file of just that odd name in the working directory. Write the path with '/'.",
                        d.File,
                        d.Line,
                        d.Column
                    ))
            );
        }

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
        return new DatabaseSearchResult(databases, diagnostics) { Excluded = [.. excluded] };
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
        return target.Kind switch
        {
            SqliteTargetKind.Candidate => Warning(
                "LSB1004",
                $"'{setting.Key}' may name a SQLite database ({target.Path}), but nothing says so for certain. To "
                    + $"replicate it, set "
                    + $"<LitestreamConnectionStrings>"
                    + $"{string.Join(';', [.. names, name])}</LitestreamConnectionStrings> "
                    + $"in the project, or add <LitestreamDatabase Include=\"{target.Path}\" />; "
                    + $"if it is none, set <LitestreamConnectionStrings>!{name}</LitestreamConnectionStrings>."
            ),
            SqliteTargetKind.Memory => Message(
                "LSB1005",
                $"'{setting.Key}' is a SQLite database in memory: there is no file to replicate."
            ),
            SqliteTargetKind.ReadOnly => Message(
                "LSB1006",
                $"'{setting.Key}' opens {target.Path} read-only, so it is not replicated. If something else writes "
                    + $"it, add <LitestreamDatabase Include=\"{target.Path}\" />."
            ),
            SqliteTargetKind.Encrypted => Warning(
                "LSB1007",
                $"'{setting.Key}' names a SQLite database ({target.Path}) that is encrypted (it has a password or "
                    + $"key), which Litestream cannot replicate: it is left out and has NO backup. "
                    + $"Back it up by other "
                    + $"means"
                    + $"{(setting.File is null ? "." : $"; <LitestreamConnectionStrings>!{name}</LitestreamConnectionStrings> ends this warning.")}"
            ),
            SqliteTargetKind.Unresolved => Warning(
                "LSB1008",
                $"'{setting.Key}' has a placeholder in its path ({target.Path}) that only the app can fill in. Add "
                    + $"<LitestreamDatabase Include=\"...\" /> with the path that the app opens, or, where the "
                    + $"configuration has the real path when the app runs, set "
                    + $"<LitestreamConnectionStrings>"
                    + $"{string.Join(';', [.. names.Where(n => n != name), name])}</LitestreamConnectionStrings>."
            ),
            _ => null,
        };

        LitestreamDiagnostic Warning(string code, string message) =>
            new(code, LitestreamSeverity.Warning, message, setting.File, setting.Line, setting.Column);
        LitestreamDiagnostic Message(string code, string message) =>
            new(code, LitestreamSeverity.Message, message, setting.File, setting.Line, setting.Column);
    }

    private static bool IsXml(string file)
    {
        if (file.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            return false;
        return file.EndsWith(".config", StringComparison.OrdinalIgnoreCase)
            || file.EndsWith(".xml", StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsWindowsPath(string path)
    {
        var rest = path.Replace("|DataDirectory|", string.Empty, StringComparison.OrdinalIgnoreCase);
        return rest.Contains('\\', StringComparison.Ordinal)
            || (rest.Length > 2 && char.IsAsciiLetter(rest[0]) && rest[1] == ':' && rest[2] == '/');
    }

    // Whether two settings name one file: lexically, against any folder.
    private static string Identity(string path, bool windowsTarget)
    {
        if (windowsTarget)
            path = path.Replace('\\', '/');
        return path.Contains('\0', StringComparison.Ordinal) ? path : DatabasePath.Resolve(path, Path.GetTempPath());
    }
}
