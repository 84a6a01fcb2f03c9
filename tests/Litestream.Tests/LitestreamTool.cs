using System.Diagnostics;
using Litestream.Configuration;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests;

/// <summary>The real executable of the repository.</summary>
internal static class LitestreamTool
{
    private static LitestreamExecutable? _executable;

    public static LitestreamExecutable Executable
    {
        get
        {
            // Each time, as it checks which test wants it.
            var path = Repository.Executable;
            return _executable ??= Known(new(path));
        }
    }

    /// <summary>
    /// Asks for its version, however long that takes: what does not say it in time counts as another release line.
    /// </summary>
    public static LitestreamExecutable Known(LitestreamExecutable executable)
    {
        Task.Run(() => executable.GetVersionAsync(CancellationToken.None)).GetAwaiter().GetResult();
        return executable;
    }

    /// <summary>
    /// A shell script that can be run at once. Another process writes it: what this one had open for writing may still
    /// be open in a process that is just being started, and is busy for that long.
    /// </summary>
    public static LitestreamExecutable Script(string path, string text)
    {
        using var writer = Process.Start(
            new ProcessStartInfo("/bin/sh", ["-c", "cat > \"$0\" && chmod 700 \"$0\"", path])
            {
                RedirectStandardInput = true,
            }
        )!;
        writer.StandardInput.Write(text);
        writer.StandardInput.Close();
        writer.WaitForExit();
        Assert.Equal(0, writer.ExitCode);
        return Known(new(path));
    }

    /// <summary>The same for a copy of a program.</summary>
    public static void Copy(string program, string path)
    {
        using var copy = Process.Start("cp", ["-p", program, path]);
        copy.WaitForExit();
        Assert.Equal(0, copy.ExitCode);
    }

    /// <summary>Its end is waited for long enough that its final sync is not cut off on a slow machine.</summary>
    public static LitestreamCommand Command(IReadOnlyDictionary<string, string>? variables = null) =>
        new(Executable, variables ?? new Dictionary<string, string>()) { StopTimeout = TimeSpan.FromMinutes(2) };

    /// <summary>An effective configuration that looks at its databases every 20 ms.</summary>
    public static EffectiveConfig Effective(
        string configPath,
        string baseDirectory,
        IReadOnlyDictionary<string, string>? settings = null,
        IReadOnlyDictionary<string, string>? environment = null,
        string? dataDirectory = null,
        bool fast = true
    ) =>
        EffectiveConfig.Create(
            new EffectiveConfigOptions
            {
                ConfigPath = configPath,
                BaseDirectory = baseDirectory,
                DataDirectory = dataDirectory,
                GetSetting = key => settings?.GetValueOrDefault(key),
                Environment = environment ?? new Dictionary<string, string>(),
                MonitorInterval = fast ? TimeSpan.FromMilliseconds(20) : null,
            },
            Executable.Line.Dialects
        );

    /// <summary>
    /// Replicates until the condition holds, then ends the executable properly (its final sync included).
    /// </summary>
    public static async Task ReplicateUntilAsync(
        EffectiveConfig config,
        string folder,
        Func<bool> condition,
        IReadOnlyDictionary<string, string>? variables = null
    )
    {
        var yml = config.Write(Path.Combine(folder, ".litestream-run"));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var lines = new List<string>();
        var all = config.Variables.Concat(variables ?? new Dictionary<string, string>()).ToDictionary();
        var running = Command(all)
            .RunAsync(
                ["replicate", "-config", yml],
                stop.Token,
                line =>
                {
                    lock (lines)
                        lines.Add(line.Text);
                }
            );
        try
        {
            await WaitUntilAsync(
                () => condition() || running.IsCompleted,
                () =>
                {
                    lock (lines)
                        return string.Join('\n', lines);
                },
                () => Nudge(config)
            );
        }
        finally
        {
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        }
    }

    /// <param name="condition">What is waited for, for 3 minutes: a slow machine takes 20 s to start a process.</param>
    /// <param name="what">Explains it when it does not come.</param>
    /// <param name="nudge">Called every 3 s: release line 0.3 can overlook a change until the next one.</param>
    public static async Task WaitUntilAsync(Func<bool> condition, Func<string>? what = null, Action? nudge = null)
    {
        var deadline = DateTime.UtcNow.AddMinutes(3);
        var nudgeAt = DateTime.UtcNow.AddSeconds(3);
        while (!condition())
        {
            if (DateTime.UtcNow > deadline)
                Assert.Fail("The condition did not come about within 3 minutes. " + what?.Invoke());
            if (DateTime.UtcNow > nudgeAt)
            {
                nudge?.Invoke();
                nudgeAt = DateTime.UtcNow.AddSeconds(3);
            }

            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>
    /// Commits what the executable itself commits when it checkpoints: no table of the app changes. Not before it has
    /// begun with the database, which it would then find changed.
    /// </summary>
    public static void Nudge(EffectiveConfig config)
    {
        foreach (var database in config.Databases.Where(IsReplicated))
        {
            Sql(
                database.Path,
                "CREATE TABLE IF NOT EXISTS _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); INSERT INTO "
                    + "_litestream_seq (id, seq) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET seq = seq + 1"
            );
        }
    }

    /// <summary>Where what was committed last stands, as the executable counts; null when that is not known.</summary>
    public static ReplicaPosition? LastCommit(EffectiveDatabase database)
    {
        var state = Executable.Line.State(database.MetaPath);
        return state.Lineage() is { } lineage && WalFile.LastCommit(WalFile.PathOf(database.Path)) is { } mark
            ? state.Find(lineage, mark)
            : null;
    }

    /// <summary>Whether a file replica holds what was committed last: nothing is on its way any more.</summary>
    public static bool IsSent(EffectiveDatabase database, string replica) =>
        HasBackup(replica, 1)
        && LastCommit(database) is { } last
        && Executable.Line.Layout.Reader(replica)(last.Lineage)?.Position?.Reaches(last) == true;

    private static bool IsReplicated(EffectiveDatabase database) =>
        File.Exists(database.Path)
        && Executable.Line.State(database.MetaPath).Lineage() is not null
        && (!OperatingSystem.IsLinux() || OpenDatabases.Replicators(database.Path).Any());

    /// <summary>Whether a file replica holds a snapshot and at least so many WAL segments.</summary>
    public static bool HasBackup(string replica, int segments = 0) =>
        ReplicaFiles.Starts(replica).Count > 0 && ReplicaFiles.Changes(replica).Count >= segments;

    /// <summary>How often a file is open in this process.</summary>
    public static int OpenCount(string path) =>
        Directory.EnumerateFiles("/proc/self/fd").Count(link => new FileInfo(link).LinkTarget == path);

    public static void Sql(string database, string sql)
    {
        using var connection = Open(database, SqliteOpenMode.ReadWriteCreate);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public static string Query(string database, string sql)
    {
        using var connection = Open(database, SqliteOpenMode.ReadWrite);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToString(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture) ?? "";
    }

    private static SqliteConnection Open(string database, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder
            {
                DataSource = database,
                Mode = mode,
                Pooling = false,
                DefaultTimeout = 120,
            }.ToString()
        );
        connection.Open();
        return connection;
    }
}
