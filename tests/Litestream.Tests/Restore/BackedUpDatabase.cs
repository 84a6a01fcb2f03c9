using System.Diagnostics;
using System.Reflection;
using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Restore;
using Litestream.Tests.Databases;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Restore;

/// <summary>
/// A database with three rows in its replica, and then, as its local state, five: two of them only in the <c>-wal</c>,
/// which no process has open.
/// </summary>
internal sealed class BackedUpDatabase : IDisposable
{
    public const string Backup = "1,2,3";
    public const string Local = "1,2,3,4,5";

    /// <summary>nobody.</summary>
    public const uint OtherUser = 65534;

    private readonly TemporaryFolder _folder = new();
    private readonly string _template;

    private BackedUpDatabase(string name)
    {
        Name = name;
        File = Path.Combine(Folder, "data", name);
        _template = Path.Combine(Folder, "template");
        Yml = _folder.Write(
            "litestream.yml",
            GeneratedConfig
                .Create([new FoundDatabase("data/" + name, null, null)], new GeneratedConfigOptions())
                .Text
        );
        Config = LitestreamTool.Effective(Yml, Folder);
    }

    public string Name { get; }

    public string Folder => _folder.Path;

    public string Yml { get; }

    public string File { get; }

    public string Data => Path.GetDirectoryName(File)!;

    public EffectiveConfig Config { get; }

    public string Replica => Path.Combine(Data, "litestream-replicas", Name);

    public static string HostDll { get; } =
        Repository.In(
            typeof(BackedUpDatabase)
                .Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
                .Single(data => data.Key == "RestoreHost")
                .Value!
        );

    public static async Task<BackedUpDatabase> CreateAsync(string name = "app.db")
    {
        var database = new BackedUpDatabase(name);
        Directory.CreateDirectory(database.Data);
        LitestreamTool.Sql(database.File, "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2), (3)");
        await LitestreamTool.ReplicateUntilAsync(
            database.Config,
            database.Folder,
            () => LitestreamTool.HasBackup(database.Replica, 1)
        );
        database.GoOnLocally();
        return database;
    }

    /// <summary>The files as they were when this was made; the replica aside.</summary>
    public void Reset()
    {
        foreach (
            var entry in new DirectoryInfo(Data)
                .GetFileSystemInfos()
                .Where(entry => entry.Name != "litestream-replicas")
        )
        {
            if (entry is DirectoryInfo directory)
                directory.Delete(recursive: true);
            else
                entry.Delete();
        }

        Copy(_template, Data);
    }

    public static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
            System.IO.File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (var directory in Directory.GetDirectories(from))
            Copy(directory, Path.Combine(to, Path.GetFileName(directory)));
    }

    /// <summary>What is in a database, with a check of it; of copies, so that looking changes nothing.</summary>
    public string Rows(string? database = null)
    {
        database ??= File;
        var copy = Directory.CreateDirectory(Path.Combine(Folder, "look-" + Guid.NewGuid().ToString("n"))).FullName;
        foreach (
            var ending in DatabasePath.Endings.Where(ending =>
                ending != "-shm" && System.IO.File.Exists(database + ending)
            )
        )
        {
            System.IO.File.Copy(database + ending, Path.Combine(copy, "copy.db" + ending));
        }

        Assert.Equal("ok", LitestreamTool.Query(Path.Combine(copy, "copy.db"), "PRAGMA integrity_check"));
        return LitestreamTool.Query(
            Path.Combine(copy, "copy.db"),
            "SELECT group_concat(x) FROM (SELECT x FROM t ORDER BY rowid)"
        );
    }

    public string? ReplacedSet() => Directory.GetDirectories(Data, Name + ".replaced-*").SingleOrDefault();

    public IEnumerable<string> WorkFolders() => Directory.GetDirectories(Data, "*litestream-restore*");

    public IEnumerable<string> Names() =>
        Directory
            .GetFileSystemEntries(Data)
            .Select(entry => Path.GetFileName(entry))
            .Where(name => name != "litestream-replicas")
            .Order(StringComparer.Ordinal);

    public RestoreRequest Request() => new(Config, Config.Databases[0]);

    public static Task<RestoreResult> RestoreAsync(
        RestoreRequest request,
        Action<LogLine>? onLine = null,
        CancellationToken? cancellationToken = null
    ) =>
        DatabaseRestore.RunAsync(
            LitestreamTool.Executable,
            request,
            onLine,
            cancellationToken ?? TestContext.Current.CancellationToken
        );

    public static async Task<LitestreamException> FailsAsync(string code, RestoreRequest request)
    {
        var error = await Assert.ThrowsAsync<LitestreamException>(() => RestoreAsync(request));
        Assert.True(error.Diagnostic.Code == code, error.ToString());
        return error;
    }

    public static Process StartHost(params string[] arguments) => Start("dotnet", [HostDll, .. arguments]);

    /// <summary>The same as a user who may do nothing.</summary>
    public static Process StartHostAsOther(params string[] arguments) =>
        Start(
            "setpriv",
            [$"--reuid={OtherUser}", $"--regid={OtherUser}", "--clear-groups", "dotnet", HostDll, .. arguments]
        );

    /// <summary>Makes all of it that user's.</summary>
    public void GiveToOther() => Give(Folder, OtherUser, OtherUser);

    /// <summary>Gives a file, or a folder and all in it, to a user and a group; of links the links.</summary>
    public static void Give(string path, uint user, uint group)
    {
        using var change = Process.Start("chown", ["-R", "-h", $"{user}:{group}", path]);
        change.WaitForExit();
        Assert.Equal(0, change.ExitCode);
    }

    private static Process Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    /// <summary>A process that has a database open.</summary>
    public static async Task<Process> StartOpenerAsync(string database)
    {
        var process = StartHost("open", database, "6");
        Assert.Equal("open", await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        return process;
    }

    public static async Task EndAsync(Process process)
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        process.Dispose();
    }

    public void Dispose() => _folder.Dispose();

    private void GoOnLocally()
    {
        using (
            var connection = new SqliteConnection(
                new SqliteConnectionStringBuilder { DataSource = File, Pooling = false }.ToString()
            )
        )
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText =
                "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; INSERT INTO t VALUES (4); INSERT INTO t "
                + "VALUES (5)";
            command.ExecuteNonQuery();
            Directory.CreateDirectory(_template);
            foreach (var ending in new[] { "", "-wal", "-shm" })
                System.IO.File.Copy(File + ending, Path.Combine(_template, Name + ending));
        }

        Copy(Config.Databases[0].MetaPath, Path.Combine(_template, Path.GetFileName(Config.Databases[0].MetaPath)));
        Reset();
    }
}
