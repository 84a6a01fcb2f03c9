using System.Diagnostics;
using System.Globalization;
using System.Text;
using Litestream.Configuration;
using Litestream.Execution;
using Litestream.Releases;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Verification;

/// <summary>Databases with file replicas and a real replicator of their own.</summary>
internal sealed class ReplicatedFolder : IDisposable
{
    /// <summary>No file but those that were sent and the snapshot: a compaction would mend what a test has
    /// broken.</summary>
    private const string LateCompaction = "levels:\n- interval: 24h\n";

    private readonly TemporaryFolder _folder = new();
    private readonly StringBuilder _log = new();
    private readonly List<string> _databases = [];
    private Process? _replicator;

    public ReplicatedFolder(
        int databases = 1,
        string monitor = "20ms",
        string sync = "20ms",
        string? address = null,
        string? replica = null,
        int checkpointPages = 1000,
        string? logLevel = null,
        string? checkpointInterval = null
    )
    {
        var yml = new StringBuilder(address is null ? "" : $"addr: {address}\n")
            .Append(logLevel is null ? "" : $"logging:\n  level: {logLevel}\n")
            .Append(Repository.IsLine05 ? LateCompaction : "")
            .Append("dbs:\n");
        var checkpoints = checkpointInterval is null ? "" : $"checkpoint-interval: {checkpointInterval}\n  ";
        for (var i = 0; i < databases; i++)
        {
            var database = Path.Combine(_folder.Path, "data", $"app {i}.db");
            _databases.Add(database);
            yml.Append(
                CultureInfo.InvariantCulture,
                $"- path: \"{database}\"\n  monitor-interval: {monitor}\n  "
                    + $"min-checkpoint-page-count: {checkpointPages}\n  {checkpoints}replicas:\n  "
                    + $"- {replica ?? $"path: \"{ReplicaOf(i)}\""}\n    sync-interval: {sync}\n"
            );
            Directory.CreateDirectory(Path.GetDirectoryName(database)!);
            LitestreamTool.Sql(
                database,
                "CREATE TABLE item(id INTEGER PRIMARY KEY, text TEXT); INSERT INTO item(text) VALUES ('a'), ('b'), "
                    + "('c'); CREATE TABLE \"odd \"\"name\"(x); CREATE VIEW v AS SELECT 1"
            );
        }

        Config = LitestreamTool.Effective(_folder.Write("litestream.yml", yml.ToString()), _folder.Path, fast: false);
    }

    public EffectiveConfig Config { get; }

    public string Root => _folder.Path;

    public string Database => _databases[0];

    public string Replica => ReplicaOf(0);

    /// <summary>The generation that is written to.</summary>
    public string Generation => Path.Combine(Replica, "generations", GenerationName);

    /// <summary>On 0.5, which has one only, <c>ltx</c>.</summary>
    public string GenerationName =>
        LitestreamTool.Executable.Line.State(Config.Databases[0].MetaPath).Lineage() ?? "none";

    /// <summary>Where the files of this one are in the replica of another one, to which it was sent.</summary>
    public string GenerationIn(ReplicatedFolder other) =>
        Repository.IsLine05 ? other.Replica : Path.Combine(other.Replica, "generations", GenerationName);

    public string Log
    {
        get
        {
            lock (_log)
                return _log.ToString();
        }
    }

    /// <summary>
    /// With databases that are all in their replicas. Litestream commits by itself at the interval for checkpoints, by
    /// default after a minute.
    /// </summary>
    public static async Task<ReplicatedFolder> StartedAsync(
        int databases = 1,
        string monitor = "20ms",
        string sync = "20ms",
        string? address = null,
        int checkpointPages = 1000,
        string? checkpointInterval = null
    )
    {
        var folder = new ReplicatedFolder(
            databases,
            monitor,
            sync,
            address,
            checkpointPages: checkpointPages,
            checkpointInterval: checkpointInterval
        );
        folder.Start();
        for (var i = 0; i < databases; i++)
            await folder.ArrivesAsync(i);
        return folder;
    }

    /// <summary>Waits until a database is in its replica, and litestream has made its first snapshot of it.</summary>
    public Task ArrivesAsync(int i = 0) =>
        WaitUntilAsync(() =>
            LitestreamTool.HasBackup(ReplicaOf(i), 1)
            && (
                !Repository.IsLine05
                || ReplicaFiles.Starts(ReplicaOf(i)).Any(file => file.Contains("/ltx/9/", StringComparison.Ordinal))
            )
        );

    /// <summary>Waits until litestream has read what was committed last.</summary>
    public Task ReadAsync() =>
        WaitUntilAsync(() =>
            LitestreamTool.LastCommit(Config.Databases[0]) is { } last
            && LitestreamTool.Executable.Line.State(Config.Databases[0].MetaPath).Newest(last.Lineage)?.Reaches(last)
                == true
        );

    /// <summary>Waits until all that was committed is in the replica: nothing is on its way any more.</summary>
    /// <param name="i">Which database.</param>
    /// <param name="replica">Its replica where that is in another folder.</param>
    public Task SentAsync(int i = 0, string? replica = null) =>
        WaitUntilAsync(() => LitestreamTool.IsSent(Config.Databases[i], replica ?? ReplicaOf(i)));

    /// <summary>Puts the first copy of this database in the place of another one's.</summary>
    public void CopySnapshotTo(ReplicatedFolder other)
    {
        // On 0.5 litestream makes the snapshot of what was sent by then; what was sent first has one name in both.
        var (from, to) = (ReplicaFiles.Starts(Replica), ReplicaFiles.Starts(other.Replica));
        File.Copy(from[0], to[0], overwrite: true);
        foreach (var file in to.Skip(1))
            File.Delete(file);
    }

    /// <summary>Waits for what the replicator will do.</summary>
    public Task WaitUntilAsync(Func<bool> condition) =>
        LitestreamTool.WaitUntilAsync(condition, () => Log, () => LitestreamTool.Nudge(Config));

    public void Start()
    {
        var start = new ProcessStartInfo(LitestreamTool.Executable.Path)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (
            var argument in (ReadOnlySpan<string>)["replicate", "-config", Config.Write(Path.Combine(Root, ".run"))]
        )
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in Config.Variables)
            start.Environment[name] = value;
        _replicator = Process.Start(start)!;
        _replicator.OutputDataReceived += Keep;
        _replicator.ErrorDataReceived += Keep;
        _replicator.BeginOutputReadLine();
        _replicator.BeginErrorReadLine();
    }

    /// <summary>
    /// A database of another host, which replicates to the place of this one; its replicator is gone when it has
    /// arrived.
    /// </summary>
    public async Task<ReplicatedFolder> OtherHostAsync()
    {
        // The lists have whole seconds.
        if (_replicator is not null)
            await SentAsync();
        await LitestreamTool.WaitUntilAsync(() => DateTime.UtcNow > ReplicaFiles.Newest(Replica).AddSeconds(1));
        var other = new ReplicatedFolder(replica: $"path: \"{Replica}\"");
        LitestreamTool.Sql(other.Database, "DELETE FROM item");
        other.Start();
        await other.WaitUntilAsync(() =>
            Repository.IsLine05
                ? other.LocalFiles() is { Count: > 0 } sent
                    && sent.All(LitestreamTool.Executable.Line.Layout.Signatures(Replica).Contains)
                : LitestreamTool.HasBackup(other.GenerationIn(this), 1)
        );
        other.Stop();
        return other;
    }

    private IReadOnlyDictionary<string, string> LocalFiles() =>
        LitestreamTool.Executable.Line.State(Config.Databases[0].MetaPath).Signatures();

    /// <summary>An executable that does something else before it restores.</summary>
    public LitestreamExecutable ExecutableThat(string beforeRestore) =>
        LitestreamTool.Script(
            Path.Combine(Root, "litestream"),
            $"#!/bin/sh\nif [ \"$1\" = restore ]; then\n{beforeRestore}\nfi\nexec "
                + $"'{LitestreamTool.Executable.Path}' \"$@\"\n"
        );

    /// <summary>SIGSTOP: it is there and does nothing.</summary>
    public void Freeze() => Signal("STOP");

    public void Thaw() => Signal("CONT");

    public void Stop()
    {
        _replicator!.Kill();
        _replicator.WaitForExit();
        _replicator.Dispose();
        _replicator = null;
    }

    /// <summary>The databases' own state: nothing but SQLite's and the executable's files beside them.</summary>
    public IEnumerable<string> FilesBesideTheDatabases() =>
        Directory.GetFileSystemEntries(Path.Combine(Root, "data")).Select(Path.GetFileName)!;

    public string ReplicaOf(int i) => Path.Combine(Root, "replicas", i.ToString(CultureInfo.InvariantCulture));

    public void Dispose()
    {
        if (_replicator is not null)
            Stop();
        _folder.Dispose();
    }

    /// <summary>Scratch folders that nothing uses any more.</summary>
    public static async Task AssertNothingInTempAsync()
    {
        await LitestreamTool.WaitUntilAsync(() =>
            !Directory.GetDirectories(Path.GetTempPath(), ".litestream-scratch-*").Any(IsAbandoned)
        );

        static bool IsAbandoned(string folder)
        {
            try
            {
                using var file = new FileStream(
                    Path.Combine(folder, "lock"),
                    FileMode.Open,
                    FileAccess.ReadWrite,
                    FileShare.None
                );
                return true;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (_log)
            _log.AppendLine(line.Data);
    }

    private void Signal(string signal)
    {
        using var kill = Process.Start("kill", ["-s", signal, _replicator!.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }
}
