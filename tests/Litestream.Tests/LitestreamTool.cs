using Litestream.Configuration;
using Litestream.Execution;
using Litestream.Releases;
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
            return _executable ??= new(path);
        }
    }

    public static LitestreamCommand Command(IReadOnlyDictionary<string, string>? variables = null) =>
        new(Executable, variables ?? new Dictionary<string, string>());

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
                () => string.Join('\n', lines),
                () => Nudge(config)
            );
        }
        finally
        {
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        }
    }

    /// <param name="condition">What is waited for, for 30 s.</param>
    /// <param name="what">Explains it when it does not come.</param>
    /// <param name="nudge">Called every 3 s: release line 0.3 can overlook a change until the next one.</param>
    public static async Task WaitUntilAsync(Func<bool> condition, Func<string>? what = null, Action? nudge = null)
    {
        var deadline = DateTime.UtcNow.AddSeconds(30);
        var nudgeAt = DateTime.UtcNow.AddSeconds(3);
        while (!condition())
        {
            if (DateTime.UtcNow > deadline)
                Assert.Fail("The condition did not come about within 30 s. " + what?.Invoke());
            if (DateTime.UtcNow > nudgeAt)
            {
                nudge?.Invoke();
                nudgeAt = DateTime.UtcNow.AddSeconds(3);
            }

            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Commits what the executable itself commits when it checkpoints: no table of the app changes.</summary>
    public static void Nudge(EffectiveConfig config)
    {
        foreach (var database in config.Databases.Where(d => File.Exists(d.Path)))
            Sql(
                database.Path,
                "CREATE TABLE IF NOT EXISTS _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); INSERT INTO "
                    + "_litestream_seq (id, seq) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET seq = seq + 1"
            );
    }

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
                DefaultTimeout = 10,
            }.ToString()
        );
        connection.Open();
        return connection;
    }
}
