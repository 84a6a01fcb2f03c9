using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using Litestream.FileSystem;
using Microsoft.Data.Sqlite;

namespace Litestream.Hosting.Tests;

/// <summary>
/// A published app in a folder of its own, with its own copy of the executable, started from another folder.
/// </summary>
public sealed class AppFolder : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(90);

    public AppFolder(string name = "")
    {
        Root = Directory.CreateTempSubdirectory("hosted-" + name).FullName;
        App = Directory.CreateDirectory(Path.Combine(Root, "app")).FullName;
        Work = Directory.CreateDirectory(Path.Combine(Root, "work")).FullName;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(RepositoryRoot, Metadata("HostedApp"))))
        {
            File.Copy(file, Path.Combine(App, Path.GetFileName(file)));
        }

        File.Copy(RealExecutable, Executable);
        WriteConfig(FileReplica);
        Environment["TMPDIR"] = Directory.CreateDirectory(Path.Combine(Root, "tmp")).FullName;
        Environment["ConnectionStrings__Orders"] = "Data Source=orders.db";
    }

    public static string RepositoryRoot { get; } = FindRepositoryRoot();

    public static string RealExecutable
    {
        get
        {
            var path = Path.Combine(RepositoryRoot, "runtimes", "0.3.13", "linux-x64", "litestream");
            return File.Exists(path)
                ? path
                : throw new FileNotFoundException($"The real executable is missing: {path}. `dotnet pack` fetches it.");
        }
    }

    public string Root { get; }

    public string App { get; }

    public string Work { get; }

    public string Executable => Path.Combine(App, "litestream");

    public string Config => Path.Combine(App, "litestream.yml");

    public string Database => Path.Combine(Work, "orders.db");

    public string Replica => Path.Combine(Root, "replica");

    public string FileReplica => $"type: file\n        path: '{Replica.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>The folders with a configuration of litestream in them.</summary>
    public IEnumerable<string> PrivateFolders => Directory.EnumerateDirectories(Work, ".orders.db.litestream-run-*");

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

    /// <summary>Starts it with its output into a pipe that nobody reads.</summary>
    public AppProcess StartUnread(params string[] arguments) => new(this, arguments, isRead: false);

    /// <summary>Ids of the running processes of this folder's executable.</summary>
    public IReadOnlyList<int> Replicators() =>
        [
            .. Directory
                .EnumerateDirectories("/proc")
                .Select(Path.GetFileName)
                .Where(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                .Select(name => int.Parse(name!, CultureInfo.InvariantCulture))
                .Where(id => ProcessIdentity.Of(id)?.Executable == Executable),
        ];

    /// <summary>What a bare restore of the replica gives, null when there is no backup.</summary>
    public async Task<IReadOnlyList<string>?> RestoredRowsAsync(string? database = null) =>
        await RestoreAsync(database ?? Database) is { } restored ? Rows(restored) : null;

    /// <summary>The file that a bare restore of the replica gives, null when there is no backup.</summary>
    public async Task<string?> RestoreAsync(string database)
    {
        var output = Path.Combine(Root, $"restored-{Guid.NewGuid():N}.db");
        var start = new ProcessStartInfo(RealExecutable)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = Work,
        };
        SetEnvironment(start);
        foreach (var argument in new[] { "restore", "-if-replica-exists", "-config", Config, "-o", output, database })
        {
            start.ArgumentList.Add(argument);
        }

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
        {
            start.Environment[name] = value;
        }
    }

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

            await this.AssertRestoredAsync();
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

    /// <summary>Waits until the row comes back from a bare restore.</summary>
    public Task ArrivesAsync(AppProcess app, string row) =>
        UntilAsync(
            () => TryRestoreAsync().GetAwaiter().GetResult()?.Contains(row) == true,
            () => $"{row} was in the replica\n{app.Output}"
        );

    /// <summary>Waits until the database is there, and all of it in the replica.</summary>
    public async Task SettledAsync(AppProcess app)
    {
        await app.SaysAsync("initialized db");
        await app.StatusAsync("Replicating after", "Healthy 0.0 s 0 bytes");
        var history = Path.Combine(Work, ".orders.db-litestream", "history.json");
        await UntilAsync(
            () => File.Exists(history) && File.ReadAllText(history).Contains("\"id\"", StringComparison.Ordinal),
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
        {
            rows.Add(reader.GetString(0));
        }

        return rows;
    }

    public void DeleteDatabase(string? keep = null)
    {
        foreach (var file in Directory.EnumerateFiles(Work, "orders.db*").Where(file => file != keep))
        {
            File.Delete(file);
        }

        Directory.Delete(Path.Combine(Work, ".orders.db-litestream"), recursive: true);
    }

    public static Task UntilAsync(Func<bool> condition, string what, TimeSpan? deadline = null) =>
        UntilAsync(condition, () => what, deadline);

    public static async Task UntilAsync(Func<bool> condition, Func<string> what, TimeSpan? deadline = null)
    {
        for (var watch = Stopwatch.StartNew(); !condition(); await Task.Delay(20))
        {
            Assert.True(watch.Elapsed < (deadline ?? Deadline), $"Waited in vain until {what()}.");
        }
    }

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
            using var process = Process.GetProcessById(id);
            process.Kill();
        }

        SqliteConnection.ClearAllPools();
        Directory.Delete(Root, recursive: true);
    }

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

    private static string Metadata(string key) =>
        Assembly
            .GetExecutingAssembly()
            .GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(attribute => attribute.Key == key)
            .Value!;

    private static string FindRepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Litestream.Build.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("Litestream.Build.sln is in no folder above the tests.");
    }
}

/// <summary>The app as a running process, leader of its own process group.</summary>
public sealed class AppProcess : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(90);

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    public AppProcess(AppFolder folder, string[] arguments, string? workingDirectory = null, bool isRead = true)
    {
        var command = folder.Launch([Path.Combine(folder.App, "HostedApp"), .. arguments]);
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            WorkingDirectory = workingDirectory ?? folder.Work,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in new[] { "DOTNET_ENVIRONMENT", "ASPNETCORE_ENVIRONMENT" })
        {
            start.Environment.Remove(name);
        }

        folder.SetEnvironment(start);
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, e) => Append(e.Data);
        _process.ErrorDataReceived += (_, e) => Append(e.Data);
        _process.Start();
        if (isRead)
        {
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Has nobody at the other end of its output any more.</summary>
    public void CloseOutput()
    {
        _process.StandardOutput.Dispose();
        _process.StandardError.Dispose();
    }

    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public int Count(string text) => Output.Split(text).Length - 1;

    public async Task<AppProcess> SaysAsync(string text, TimeSpan? deadline = null)
    {
        for (var watch = Stopwatch.StartNew(); !Output.Contains(text, StringComparison.Ordinal); await Task.Delay(10))
        {
            Assert.False(
                _process.HasExited && !await SaidAtLastAsync(text),
                $"It ended without saying '{text}'. It said:\n{Output}"
            );
            Assert.True(watch.Elapsed < (deadline ?? Deadline), $"It did not say '{text}'. It said:\n{Output}");
        }

        return this;
    }

    /// <summary>Waits until the replicator's status holds the texts.</summary>
    public async Task StatusAsync(params string[] texts)
    {
        for (var watch = Stopwatch.StartNew(); ;)
        {
            var count = Count("\nstatus ");
            await TellAsync("status");
            await AppFolder.UntilAsync(() => Count("\nstatus ") > count, () => $"it told its status\n{Output}");
            var output = Output;
            var last = output[output.LastIndexOf("\nstatus ", StringComparison.Ordinal)..];
            if (texts.All(text => last.Split('\n')[1].Contains(text, StringComparison.Ordinal)))
            {
                return;
            }

            Assert.True(
                watch.Elapsed < Deadline,
                $"Its status was not '{string.Join(", ", texts)}'. It said:\n{output}"
            );
            await Task.Delay(50);
        }
    }

    public Task TellAsync(string line) => TypeAsync(line + "\n");

    public async Task TypeAsync(string keys)
    {
        await _process.StandardInput.WriteAsync(keys);
        await _process.StandardInput.FlushAsync();
    }

    public async Task<int> StopAsync()
    {
        await TellAsync("stop");
        return await EndedAsync();
    }

    public async Task<int> EndedAsync()
    {
        using var source = new CancellationTokenSource(Deadline);
        try
        {
            await _process.WaitForExitAsync(source.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"It did not end. It said:\n{Output}");
        }

        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            // Its output ends only with the last process that has it.
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private async Task<bool> SaidAtLastAsync(string text)
    {
        await _process.WaitForExitAsync();
        return Output.Contains(text, StringComparison.Ordinal);
    }

    private void Append(string? line)
    {
        lock (_output)
        {
            _output.AppendLine(line);
        }
    }
}
