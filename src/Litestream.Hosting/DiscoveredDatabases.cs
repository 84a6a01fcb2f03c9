using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Microsoft.Extensions.Configuration;

namespace Litestream.Hosting;

/// <summary>
/// SQLite files that the live configuration names and litestream.yml does not: what the build could not see, because an
/// environment variable, user secrets
/// or the command line say so. The build's own rules tell them from everything else. Looks at names only: no database
/// file is opened, nothing is written.
/// </summary>
internal sealed class DiscoveredDatabases
{
    private readonly List<EffectiveDatabase> _databases = [];
    private readonly List<EffectiveDatabase> _encrypted = [];
    private readonly List<LitestreamDiagnostic> _diagnostics = [];

    private DiscoveredDatabases() { }

    /// <summary>Those that are not replicated, without replicas.</summary>
    public IReadOnlyList<EffectiveDatabase> Databases => _databases;

    /// <summary>Those that cannot be replicated, as they are encrypted.</summary>
    public IReadOnlyList<EffectiveDatabase> Encrypted => _encrypted;

    /// <summary>What the user should know.</summary>
    public IReadOnlyList<LitestreamDiagnostic> Diagnostics => _diagnostics;

    /// <summary>Finds them.</summary>
    /// <param name="configuration">The live configuration.</param>
    /// <param name="file">The litestream.yml.</param>
    /// <param name="config">What is made of it without them.</param>
    public static DiscoveredDatabases Find(
        IConfiguration configuration,
        LitestreamConfigFile file,
        EffectiveConfig config
    )
    {
        // What the file has is checked already, and so is what it excludes.
        var named = file
            .Databases.Select(database => database.Key)
            .Concat(file.Excluded)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        var settings = configuration
            .AsEnumerable()
            .Where(pair => pair.Value is not null && !IsOurs(pair.Key) && !named.Contains(pair.Key))
            .Select(pair => new Setting(pair.Key, pair.Value!))
            .OrderBy(setting => setting.Key, StringComparer.Ordinal)
            .ToList();
        var found = DatabaseFinder.Find(
            settings,
            new DatabaseSearch
            {
                SettingsFiles = [],
                Packages = Packages(),
                WindowsTarget = OperatingSystem.IsWindows(),
            }
        );

        var result = new DiscoveredDatabases();
        result._diagnostics.AddRange(found.Diagnostics.Where(diagnostic => diagnostic.Code == "LSB1007"));
        result._encrypted.AddRange(
            found
                .Encrypted.Where(one => !IsUnresolved(one.Path))
                .Select(one => new EffectiveDatabase(one.Path, config.Resolve(one.Path), one.Name, one.Key, []))
        );
        foreach (
            var database in found.Databases.Where(database =>
                !IsAmbient(database.Key!, configuration) && !IsUnresolved(database.Path)
            )
        )
        {
            result.Add(database, config);
        }

        return result;
    }

    private void Add(FoundDatabase found, EffectiveConfig config)
    {
        var path = config.Resolve(found.Path);
        try
        {
            // SQLite follows a link and keeps the log beside the file itself, where litestream has to look for it.
            path = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Nothing there, or a link that leads in a circle.
        }

        if (config.Databases.Concat(_databases).Any(other => IsSameFile(other.Path, path)))
            return;

        if (IsOfAnotherApp(path, config))
            Report("another app replicates it, so this one does not.");
        else if (!IsInWritableFolder(path))
            Report("the app cannot write to its folder, so it can only read the database, and does not replicate it.");
        else
            _databases.Add(new EffectiveDatabase(found.Path, path, found.Name, found.Key, []));

        void Report(string why) =>
            _diagnostics.Add(
                new LitestreamDiagnostic(
                    "LSB5010",
                    LitestreamSeverity.Message,
                    $"'{path}' ({found.Key}) is not in litestream.yml; {why}"
                )
            );
    }

    /// <summary>
    /// One database without a lock file would keep all others from being replicated. A folder that is not there yet can
    /// be made in one that is writable.
    /// </summary>
    private static bool IsInWritableFolder(string path)
    {
        var folder = Path.GetDirectoryName(path);
        while (folder is not null && !Path.Exists(folder))
            folder = Path.GetDirectoryName(folder);

        return Directory.Exists(folder) && (OperatingSystem.IsWindows() || UnixCalls.IsWritable(folder));
    }

    /// <summary>
    /// Whether a process replicates it that has none of ours: not this app before a deployment, which would end and
    /// leave it to us. The locks are taken all or none:
    /// waiting for that one would leave our own without replication.
    /// </summary>
    private static bool IsOfAnotherApp(string path, EffectiveConfig config) =>
        config.Databases.Count > 0
        && DatabaseLock.Peek(path).App is { } app
        && app.IsRunning()
        && config.Databases.All(own => DatabaseLock.Peek(own.Path).App != app);

    private static bool IsSameFile(string left, string right)
    {
        var comparison = OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        try
        {
            return string.Equals(left, right, comparison)
                || string.Equals(DatabasePath.Real(left), DatabasePath.Real(right), comparison)
                || (UnixCalls.Status(left) is { } status && status.Identity == UnixCalls.Status(right)?.Identity);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool IsOurs(string key) =>
        key.StartsWith(LitestreamSettings.Section + ":", StringComparison.OrdinalIgnoreCase)
        || key.StartsWith("LITESTREAM_", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// A plain path under a key without a section may be any variable of the machine (<c>HISTORY_DB</c>), unless its
    /// name says SQLite.
    /// </summary>
    private static bool IsAmbient(string key, IConfiguration configuration) =>
        !key.Contains(':', StringComparison.Ordinal)
        && !key.Contains("sqlite", StringComparison.OrdinalIgnoreCase)
        && configuration[key]?.Contains('=', StringComparison.Ordinal) != true;

    /// <summary>Without a data directory only the app knows what it puts in the place of the token.</summary>
    private static bool IsUnresolved(string path) =>
        path.StartsWith("|DataDirectory|", StringComparison.OrdinalIgnoreCase)
        && AppDomain.CurrentDomain.GetData("DataDirectory") is not string { Length: > 0 };

    /// <summary>
    /// The app's assemblies, in the place of its packages; without those that this package brings. None where they are
    /// in one file or compiled ahead of time.
    /// </summary>
    private static string[] Packages() =>
        [
            .. ((AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") as string) ?? "")
                .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
                .Select(file => Path.GetFileNameWithoutExtension(file))
                .Where(name => name is not ("Microsoft.Data.Sqlite" or "SQLitePCLRaw.core")),
        ];
}
