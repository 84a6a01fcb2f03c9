using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Litestream.FileSystem;
using Litestream.Releases.V05;
using Microsoft.Data.Sqlite;

namespace Litestream.Testing;

/// <summary>
/// A published app in a folder of its own, with its own copy of the executable, started from another folder.
/// </summary>
public sealed partial class AppFolder : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LatePause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LateAfter = TimeSpan.FromSeconds(3);

    private readonly string _top = Directory.CreateTempSubdirectory("hosted-").FullName;

    /// <param name="name">The folder's name; empty: any.</param>
    /// <param name="files">The folder of the published app, relative to the repository; null: HostedApp's.</param>
    /// <param name="program">The name of its program.</param>
    public AppFolder(string name = "", string? files = null, string program = "HostedApp")
    {
        Root = Directory.CreateDirectory(Path.Combine(_top, name)).FullName;
        App = Directory.CreateDirectory(Path.Combine(Root, "app")).FullName;
        Work = Directory.CreateDirectory(Path.Combine(Root, "work")).FullName;
        foreach (var file in Directory.EnumerateFiles(Repository.In(files ?? Built(program))))
            File.Copy(file, Path.Combine(App, Path.GetFileName(file)));

        Program = Path.Combine(App, program);
        File.Copy(Repository.Executable, Executable);
        WriteConfig(FileReplica);

        // Not in a folder with an odd name: .NET takes it for a format, and crashes at its start if that has "%41s" in
        // it.
        Environment["TMPDIR"] = Directory.CreateDirectory(Path.Combine(_top, "tmp")).FullName;
        Environment["ConnectionStrings__Orders"] = "Data Source=orders.db";

        // Most processes end within seconds, long before a second compilation would pay.
        Environment["DOTNET_TC_CallCountThreshold"] = "7FFF";
    }

    public string Root { get; }

    public string App { get; }

    public string Work { get; }

    public string Program { get; }

    public string Executable => Path.Combine(App, "litestream");

    public string Config => Path.Combine(App, "litestream.yml");

    public string Database => Path.Combine(Work, "orders.db");

    public string Replica => Path.Combine(Root, "replica");

    public string FileReplica => $"type: file\n        path: '{Replica.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>The folders with a configuration of litestream in them.</summary>
    public IEnumerable<string> RunDirectories => Directory.EnumerateDirectories(Work, ".orders.db.litestream-run-*");

    public Dictionary<string, string?> Environment { get; } = new(StringComparer.Ordinal);

    /// <summary>
    /// The command that starts the app. setsid makes it the leader of a group, so that a signal can go to the group as
    /// from a terminal or a service manager.
    /// </summary>
    public Func<IReadOnlyList<string>, IReadOnlyList<string>> Launch { get; set; } = app => ["setsid", .. app];

    /// <param name="replica">The replica, as YAML.</param>
    /// <param name="database">The path of the database.</param>
    /// <param name="interval">How often litestream looks and sends; null for its defaults.</param>
    public void WriteConfig(string replica, string database = "orders.db", string? interval = null) =>
        File.WriteAllText(
            Config,
            $"""
            dbs:
              - path: {database}{(interval is null ? "" : $"\n    monitor-interval: {interval}")}
                replicas:
                  - {replica}{(interval is null ? "" : $"\n        sync-interval: {interval}")}
            """.Replace("\r", "", StringComparison.Ordinal)
        );

    public AppProcess Start(params string[] arguments) => new(this, arguments);

    /// <summary>Starts it with its output into a pipe that nothing reads.</summary>
    public AppProcess StartUnread(params string[] arguments) => new(this, arguments, isRead: false);

    /// <summary>Ids of the running processes of this folder's executable.</summary>
    public IReadOnlyList<int> Replicators() =>
        [
            .. Directory
                .EnumerateDirectories("/proc")
                .Select(Path.GetFileName)
                .Where(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                .Select(name => int.Parse(name!, CultureInfo.InvariantCulture))
                .Where(RunsExecutable),
        ];

    /// <summary>Those of them that replicate, and do not list what is in a replica.</summary>
    public IReadOnlyList<int> Replicating() =>
        [.. Replicators().Where(id => CommandLine(id).Contains("\0replicate\0", StringComparison.Ordinal))];

    /// <summary>Whether a process has locks on any file. One that was killed may have them for a moment longer than it
    /// is seen.</summary>
    public static bool HoldsLocks(int process) =>
        File.ReadLines("/proc/locks")
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Any(fields =>
                fields is [_, _, _, _, var holder, ..] && holder == process.ToString(CultureInfo.InvariantCulture)
            );

    /// <summary>What a bare restore of the replica gives, null when there is no backup.</summary>
    public async Task<IReadOnlyList<string>?> RestoredRowsAsync(string? database = null) =>
        await RestoreAsync(database ?? Database) is { } restored ? Rows(restored) : null;

    /// <summary>The file that a bare restore of the replica gives, null when there is no backup.</summary>
    /// <param name="database">The path of the database.</param>
    /// <param name="executable">What restores; null: the executable that is tested.</param>
    public async Task<string?> RestoreAsync(string database, string? executable = null)
    {
        var output = Path.Combine(Root, $"restored-{Guid.NewGuid():N}.db");
        var start = new ProcessStartInfo(executable ?? Repository.Executable)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = Work,
        };
        SetEnvironment(start);
        foreach (var argument in new[] { "restore", "-if-replica-exists", "-config", Config, "-o", output, database })
            start.ArgumentList.Add(argument);

        using var process = Process.Start(start)!;
        var messages = await Task.WhenAll(
            process.StandardOutput.ReadToEndAsync(),
            process.StandardError.ReadToEndAsync()
        );
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, string.Concat(messages));
        return File.Exists(output) ? output : null;
    }

    public void SetEnvironment(ProcessStartInfo start)
    {
        foreach (var (name, value) in Environment)
            start.Environment[name] = value;
    }

    /// <summary>A bare restore gives what the database holds.</summary>
    /// <param name="expected">What the restore is compared with, such as a file of <see cref="RestoredContent.Save"/>;
    /// null: the database as it is now. It may be in use, but is not written to.</param>
    public async Task AssertRestoredAsync(string? expected = null) =>
        await RestoredContent.AssertSameAsync(expected ?? Database, await RestoreAsync(Database));

    /// <summary>Ends the app in the middle of a storm of writes, several times: nothing may be missing.</summary>
    public async Task StormAsync(string signal, bool toTheGroup, int times)
    {
        for (var i = 0; i < times; i++)
        {
            using var app = Start();
            await SettledAsync(app);
            var before = DatabaseRows().Count;
            await app.TellAsync("storm");
            await UntilAsync(() => DatabaseRows().Count > before + 50, "it stormed");
            await SignalAsync(signal, toTheGroup ? -app.Id : app.Id);
            await app.EndedAsync();

            await AssertRestoredAsync();
            Assert.Empty(Replicators());
        }
    }

    /// <summary>A database with one row, that no litestream has seen.</summary>
    public static string MakeDatabase(string path)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText =
            "CREATE TABLE orders(text TEXT NOT NULL); INSERT INTO orders VALUES ('other'); CREATE TABLE more(x)";
        command.ExecuteNonQuery();
        return path;
    }

    public IReadOnlyList<string> DatabaseRows() => Rows(Database);

    /// <summary>What is in the folder that the app works in, in order: but for the next status file, which an app that
    /// runs writes at any moment.</summary>
    public IReadOnlyList<string> FilesInWork() =>
        [
            .. Directory
                .GetFileSystemEntries(Work)
                .Where(file => !file.EndsWith(".status.new", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal),
        ];

    /// <summary>Waits until the row comes back from a bare restore.</summary>
    public Task ArrivesAsync(AppProcess app, string row) =>
        UntilAsync(
            async () => (await TryRestoreAsync())?.Contains(row) == true,
            () => $"{row} was in the replica\n{app.Output}"
        );

    /// <summary>Waits until 0.5 has merged what it has sent, which it does every 30 s; 0.3 never does.</summary>
    public async Task MergedAsync()
    {
        if (!Repository.IsLine05)
            return;
        await UntilAsync(() => Newest("0") is { } sent && Newest("1") == sent, "all was merged");

        long? Newest(string level) =>
            Directory.Exists(Path.Combine(ReplicaContent, level))
                ? Directory
                    .EnumerateFiles(Path.Combine(ReplicaContent, level), "*.ltx")
                    .Max(file => TxIdRange.Of(Path.GetFileName(file))?.Max)
                : null;
    }

    /// <summary>What each release line calls the folder in which it keeps what was sent.</summary>
    public static string ContentFolder => Repository.IsLine05 ? "ltx" : "generations";

    /// <summary>The folder beside the database in which is what litestream has read.</summary>
    public string LocalContent => Path.Combine(Work, ".orders.db-litestream", ContentFolder);

    /// <summary>The folder in the replica in which is what was sent.</summary>
    public string ReplicaContent => Path.Combine(Replica, ContentFolder);

    /// <summary>The full copies that litestream has made of its own, and that were sent. (0.5 also makes some of what
    /// was sent before.)</summary>
    public IReadOnlyList<string> FullCopies()
    {
        if (!Directory.Exists(Replica))
            return [];

        return Repository.IsLine05
            ?
            [
                .. Directory
                    .EnumerateFiles(Replica, "*.ltx", SearchOption.AllDirectories)
                    .Where(file => file.Contains("/ltx/0/", StringComparison.Ordinal))
                    .Where(file => LtxHeader.Read(file)?.IsFullCopy(file) == true),
            ]
            : [.. Directory.EnumerateFiles(Replica, "*.snapshot.lz4", SearchOption.AllDirectories)];
    }

    /// <summary>Waits until the database is there, and all of it in the replica.</summary>
    public async Task SettledAsync(AppProcess app)
    {
        await app.SaysAsync("initialized db");
        await app.StatusAsync("Replicating after", "Healthy 0.0 s 0 bytes");
        var identity = Path.Combine(Work, ".orders.db-litestream", "history.json");
        await UntilAsync(
            () => File.Exists(identity) && File.ReadAllText(identity).Contains("\"id\"", StringComparison.Ordinal),
            "the database had its number"
        );
    }

    /// <summary>
    /// Waits until this package has read the database's number in the file itself, through the app's SQLite.
    /// </summary>
    public Task InFileAsync(AppProcess app) =>
        UntilAsync(
            () =>
                File.ReadAllText(Path.Combine(Work, ".orders.db-litestream", "history.json"))
                    .Contains("\"inFile\":true", StringComparison.Ordinal),
            () => $"the number was seen in the file\n{app.Output}"
        );

    /// <summary>Waits until litestream has looked at the database so often, once a second by default.</summary>
    /// <param name="looks">How often.</param>
    /// <param name="afterEach">What is done after each look; null: nothing.</param>
    public async Task IdleAsync(int looks, Func<Task>? afterEach = null)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var (seen, last) = (0.0, double.MaxValue);
        await UntilAsync(
            async () =>
            {
                // Another litestream, at another address, begins to count anew.
                if (await LooksAsync() is { } now)
                {
                    var more = Math.Max(now - last, 0);
                    (seen, last) = (seen + more, now);
                    if (more > 0 && afterEach is not null)
                        await afterEach();
                }

                return seen >= looks;
            },
            () => $"litestream had looked {looks} times"
        );

        async Task<double?> LooksAsync()
        {
            var config = File.ReadAllText(Directory.EnumerateFiles(RunDirectories.Single(), "*.yml").Single());
            var address = new Uri($"http://{Address().Match(config).Groups[1].Value}/metrics");
            try
            {
                var metrics = await client.GetStringAsync(address, TestContext.Current.CancellationToken);
                return Looks().Match(metrics) is { Success: true } found
                    ? double.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture)
                    : null;
            }
            catch (HttpRequestException)
            {
                // None runs just now.
                return null;
            }
        }
    }

    /// <summary>Another database than the app's.</summary>
    public string OtherDatabase() => MakeDatabase(Path.Combine(Root, "other.db"));

    public static IReadOnlyList<string> Rows(string path)
    {
        using var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder
            {
                DataSource = path,
                Mode = SqliteOpenMode.ReadOnly,
                Pooling = false,
            }.ConnectionString
        );
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT text FROM orders ORDER BY rowid";
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
            rows.Add(reader.GetString(0));

        return rows;
    }

    public void DeleteDatabase(string? keep = null)
    {
        foreach (var file in Directory.EnumerateFiles(Work, "orders.db*").Where(file => file != keep))
            File.Delete(file);

        Directory.Delete(Path.Combine(Work, ".orders.db-litestream"), recursive: true);
    }

    public static Task UntilAsync(Func<bool> condition, string what, TimeSpan? deadline = null) =>
        UntilAsync(condition, () => what, deadline);

    public static Task UntilAsync(Func<bool> condition, Func<string> what, TimeSpan? deadline = null) =>
        UntilAsync(() => Task.FromResult(condition()), what, deadline);

    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string> what, TimeSpan? deadline = null)
    {
        for (var watch = Stopwatch.StartNew(); ;)
        {
            var asked = watch.Elapsed;
            if (await condition())
                return;
            Assert.True(watch.Elapsed < (deadline ?? Deadline), $"Waited in vain until {what()}.");

            // A look that costs much, a restore for example, leaves the processor to what is waited for.
            var pause = PauseAfter(watch.Elapsed, ShortestPause) + (watch.Elapsed - asked);
            await Task.Delay(pause < LongestPause ? pause : LongestPause, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The pause before the next look. It is longer after some seconds: many tests wait at the same time, and
    /// each look takes processor time from what they wait for.</summary>
    /// <param name="waited">How long the wait has lasted.</param>
    /// <param name="early">The pause in the first seconds.</param>
    internal static TimeSpan PauseAfter(TimeSpan waited, TimeSpan early) => waited < LateAfter ? early : LatePause;

    public static async Task SignalAsync(string signal, int target, bool mayHaveEnded = false)
    {
        using var kill = Process.Start("kill", ["-s", signal, "--", target.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        Assert.True(kill.ExitCode == 0 || mayHaveEnded, $"There was no process {target} to signal.");
    }

    public void Dispose()
    {
        foreach (var id in Replicators())
        {
            try
            {
                using var process = Process.GetProcessById(id);
                process.Kill();
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException)
            {
                // It has ended since: it was killed with its app, for example.
            }
        }

        SqliteConnection.ClearAllPools();
        TestFolder.Delete(_top);
    }

    /// <summary>Reads the link first: for most processes it is enough, and it costs less than the whole identity.
    /// </summary>
    private bool RunsExecutable(int process) =>
        new FileInfo($"/proc/{process}/exe").LinkTarget?.StartsWith(Executable, StringComparison.Ordinal) == true
        && ProcessIdentity.Of(process)?.Executable == Executable;

    /// <summary>Null while there is nothing that can be restored.</summary>
    private async Task<IReadOnlyList<string>?> TryRestoreAsync()
    {
        try
        {
            return await RestoredRowsAsync();
        }
        catch (Exception e) when (e is Xunit.Sdk.TrueException or SqliteException)
        {
            return null;
        }
    }

    /// <summary>Empty when it has ended.</summary>
    private static string CommandLine(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline");
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static string Built(string app) =>
        Assembly
            .GetExecutingAssembly()
            .GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(attribute => attribute.Key == app)
            .Value!;

    [GeneratedRegex("^addr: ['\"]?([^'\"\\s]+)", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Address();

    [GeneratedRegex(
        "^litestream_sync_count\\{.*orders.* (\\S+)$",
        RegexOptions.CultureInvariant | RegexOptions.Multiline
    )]
    private static partial Regex Looks();
}
