using System.Globalization;
using System.Security.Cryptography;
using Litestream.Configuration;
using Litestream.Doctor;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Replication;
using Litestream.Sqlite;
using Litestream.Tests.Databases;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Doctor;

[Trait("Uses", "litestream")]
public sealed class LitestreamDoctorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(
        TestContext.Current.CancellationToken
    );

    private string Database => Path.Combine(_folder.Path, "app.db");

    public void Dispose()
    {
        _stop.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_replicated_database_is_in_order_and_nothing_is_changed_by_looking()
    {
        CreateDatabase();
        await LitestreamTool.ReplicateUntilAsync(
            LitestreamTool.Effective(Yml(), _folder.Path),
            _folder.Path,
            () => LitestreamTool.HasBackup(Path.Combine(_folder.Path, "replica"), 1)
        );
        var before = Everything();

        var findings = await ExamineAsync(Yml());

        Assert.DoesNotContain(findings, f => f.Level == FindingLevel.Error);
        Assert.Contains(findings, f => f is { Level: FindingLevel.Ok, Subject: "SDK" });
        Assert.Contains(
            findings,
            f => f.Level == FindingLevel.Ok && f.Message.StartsWith(Repository.Version + ", ", StringComparison.Ordinal)
        );
        Assert.Contains(
            findings,
            f => f.Level == FindingLevel.Ok && f.Message.Contains("in the package's manifest", StringComparison.Ordinal)
        );
        // Which SQLite is in the executable: 0.5.17 has one without the race.
        Assert.Equal(
            !Repository.IsLine05,
            findings.Any(f =>
                f.Level == FindingLevel.Warning && f.Message.Contains("WAL-reset race", StringComparison.Ordinal)
            )
        );
        Assert.Contains(
            findings,
            f => f.Level == FindingLevel.Ok && f.Message.Contains("journal mode WAL", StringComparison.Ordinal)
        );
        Assert.Contains(
            findings,
            f => f.Level == FindingLevel.Ok && f.Message.StartsWith("The newest backup", StringComparison.Ordinal)
        );
        Assert.Contains(findings, f => f is { Level: FindingLevel.Warning, Code: "LSB1101" });
        Assert.All(
            findings.Where(f => f.Level is FindingLevel.Warning or FindingLevel.Error),
            f => Assert.False(string.IsNullOrEmpty(f.Action))
        );
        Assert.Equal(before, Everything());
    }

    [Fact]
    public async Task A_wal_beside_a_missing_database_is_an_error()
    {
        _folder.Write("app.db-wal", "x");

        var finding = Assert.Single(await ExamineAsync(Yml()), f => f.Level == FindingLevel.Error);

        Assert.Equal(("app.db", "LSB4004"), (finding.Subject, finding.Code));
    }

    [Fact]
    public async Task What_is_not_a_database_is_an_error()
    {
        _folder.Write("app.db", "this is a text that is longer than the header of a database");

        Assert.Equal("LSB1007", Assert.Single(await ExamineAsync(Yml()), f => f.Level == FindingLevel.Error).Code);
    }

    [Fact]
    public async Task A_database_that_was_cut_off_is_an_error()
    {
        LitestreamTool.Sql(Database, "CREATE TABLE rows(text); INSERT INTO rows VALUES (hex(randomblob(20000)))");
        using (var file = new FileStream(Database, FileMode.Open))
            file.SetLength(file.Length / 2);

        // While somebody writes to it, it may look so for a moment.
        File.SetLastWriteTimeUtc(Database, DateTime.UtcNow.AddHours(1));
        Assert.Equal(DatabaseFormat.Unread, LiveDatabase.ReadFormat(Database, out _));
        File.SetLastWriteTimeUtc(Database, DateTime.UtcNow.AddMinutes(-1));

        Assert.Contains(
            await ExamineAsync(Yml()),
            f => f.Level == FindingLevel.Error && f.Message.Contains("is damaged: ", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_database_that_this_process_has_open_is_looked_into_and_keeps_its_locks()
    {
        CreateDatabase();
        using var connection = new SqliteConnection($"Data Source={Database};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "BEGIN IMMEDIATE; INSERT INTO rows VALUES ('second')";
        command.ExecuteNonQuery();
        var locks = Locks();

        var findings = await ExamineAsync(Yml());

        Assert.Contains(
            findings,
            f => f.Level == FindingLevel.Ok && f.Message.Contains("journal mode WAL", StringComparison.Ordinal)
        );
        Assert.DoesNotContain(findings, f => f.Level == FindingLevel.Error);
        Assert.Equal(locks, Locks());
        if (OperatingSystem.IsLinux())
            Assert.NotEmpty(locks);
    }

    [Theory]
    [InlineData("PRAGMA journal_mode=wal; CREATE TABLE rows(text)", false, nameof(DatabaseFormat.Wal))]
    [InlineData("PRAGMA journal_mode=wal; CREATE TABLE rows(text)", true, nameof(DatabaseFormat.Wal))]
    [InlineData("CREATE TABLE rows(text)", false, nameof(DatabaseFormat.Rollback))]
    [InlineData("CREATE TABLE rows(text)", true, nameof(DatabaseFormat.Rollback))]
    public void The_format_is_read_without_a_trace(string sql, bool isOpen, string expected)
    {
        LitestreamTool.Sql(Database, sql);
        using var connection = new SqliteConnection($"Data Source={Database};Pooling=false");
        if (isOpen)
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE; INSERT INTO rows VALUES ('uncommitted')";
            command.ExecuteNonQuery();
        }

        var (files, locks) = (Directory.GetFiles(_folder.Path).Order(StringComparer.Ordinal).ToList(), Locks());

        Assert.Equal(expected, LiveDatabase.ReadFormat(Database, out _).ToString());

        Assert.Equal(files, Directory.GetFiles(_folder.Path).Order(StringComparer.Ordinal));
        Assert.Equal(locks, Locks());
        Assert.Equal(isOpen && OperatingSystem.IsLinux(), locks.Count > 0);
    }

    [Fact]
    public void What_is_not_a_database_or_not_there_has_no_format()
    {
        _folder.Write("app.db", new string('x', 5000));
        Assert.Equal(DatabaseFormat.NoDatabase, LiveDatabase.ReadFormat(Database, out _));
        File.Delete(Database);
        Assert.Equal(DatabaseFormat.NotReadable, LiveDatabase.ReadFormat(Database, out _));
        Assert.False(File.Exists(Database));
    }

    [Fact]
    public async Task What_a_forced_restore_replaced_is_reported_with_its_size_and_what_to_do()
    {
        CreateDatabase();
        _folder.Write("app.db.replaced-20260101T000000Z/app.db", new string('x', 3 * 1024));
        _folder.Write("app.db.replaced-20260101T000000Z/app.db-wal", new string('x', 1024));
        _folder.Write("app.db.replaced-20260102T000000Z-2/app.db", new string('x', 10));
        _folder.Write("another.db.replaced-20260101T000000Z/another.db", "x");

        var finding = Assert.Single(
            await ExamineAsync(Yml()),
            f => f.Message.Contains(".replaced-", StringComparison.Ordinal)
        );

        Assert.Contains("app.db.replaced-20260101T000000Z' (4 KiB)", finding.Message, StringComparison.Ordinal);
        Assert.Contains("app.db.replaced-20260102T000000Z-2' (10 B)", finding.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("another", finding.Message, StringComparison.Ordinal);
        Assert.Contains("Delete", finding.Action, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_restore_replaced_beside_the_file_that_a_link_leads_to_is_reported()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a privilege there.");
        LitestreamTool.Sql(_folder.Write("volume/real.db", ""), "CREATE TABLE rows(text)");
        _folder.Write("volume/real.db.replaced-20260101T000000Z/real.db", "x");
        File.CreateSymbolicLink(Database, Path.Combine(_folder.Path, "volume", "real.db"));

        Assert.Contains(
            await ExamineAsync(Yml()),
            f => f.Message.Contains("real.db.replaced-20260101T000000Z", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task The_replicator_of_a_database_in_a_linked_folder_that_this_process_has_open_is_found()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Open files are seen on Linux.");
        Directory.CreateDirectory(Path.Combine(_folder.Path, "releases", "7"));
        Directory.CreateSymbolicLink(Path.Combine(_folder.Path, "current"), "releases/7");
        var yml = _folder.Write(
            "litestream.yml",
            "dbs:\n  - path: current/app.db\n    replicas:\n      - path: replica\n"
        );
        using var connection = new SqliteConnection(
            $"Data Source={Path.Combine(_folder.Path, "current", "app.db")};Pooling=false"
        );
        connection.Open();
        using (var command = connection.CreateCommand())
        {
            command.CommandText = "PRAGMA journal_mode=wal; CREATE TABLE rows(text); INSERT INTO rows VALUES ('first')";
            command.ExecuteNonQuery();
        }

        IReadOnlyList<Finding> findings = [];
        await LitestreamTool.ReplicateUntilAsync(
            LitestreamTool.Effective(yml, _folder.Path),
            _folder.Path,
            () =>
                LitestreamTool.HasBackup(Path.Combine(_folder.Path, "replica"), 1)
                && (findings = ExamineAsync(yml).GetAwaiter().GetResult()).Count > 0
        );

        Assert.Contains(findings, f => f.Message.Contains("journal mode WAL", StringComparison.Ordinal));
        Assert.Contains(findings, f => f is { Level: FindingLevel.Warning, Code: "LSB5003" });
    }

    [Fact]
    public async Task A_database_without_a_backup_and_leftovers_of_restores_are_reported()
    {
        CreateDatabase();
        _folder.Write(".app.db-litestream.lost-20250101T000000Z/generation", "x");
        _folder.Write(".app.db.litestream-restore-1/lock", "");

        var findings = await ExamineAsync(Yml());

        Assert.Contains(findings, f => f is { Level: FindingLevel.Warning, Code: "LSB4002" });
        Assert.Contains(
            findings,
            f => f.Message.Contains(".app.db-litestream.lost-20250101T000000Z", StringComparison.Ordinal)
        );
        Assert.Contains(findings, f => f.Message.Contains(".app.db.litestream-restore-1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Changes_that_nothing_replicates_are_a_warning()
    {
        CreateDatabase();
        await LitestreamTool.ReplicateUntilAsync(
            LitestreamTool.Effective(Yml(), _folder.Path),
            _folder.Path,
            () => LitestreamTool.HasBackup(Path.Combine(_folder.Path, "replica"), 1)
        );
        File.SetLastWriteTimeUtc(Database, DateTime.UtcNow.AddHours(1));

        Assert.Contains(await ExamineAsync(Yml()), f => f is { Level: FindingLevel.Warning, Code: "LSB4101" });
    }

    [Fact]
    public async Task The_replicator_at_work_is_named_and_is_no_other()
    {
        CreateDatabase();
        var run = ForegroundReplication.RunAsync(
            LitestreamTool.Executable,
            Config(Yml()),
            new ForegroundReplicationOptions { StopTimeout = TimeSpan.FromMinutes(3) },
            _ => { },
            _ => { },
            _stop.Token
        );
        await LitestreamTool.WaitUntilAsync(() =>
            run.IsCompleted || LitestreamTool.HasBackup(Path.Combine(_folder.Path, "replica"), 1)
        );

        var findings = await ExamineAsync(Yml());
        await _stop.CancelAsync();
        await run;

        Assert.Contains(
            findings,
            f =>
                f.Level == FindingLevel.Ok
                && f.Message.StartsWith($"Process {Environment.ProcessId} ", StringComparison.Ordinal)
        );
        Assert.DoesNotContain(findings, f => f.Code == "LSB5003");
    }

    [Fact]
    public async Task A_litestream_that_was_started_elsewhere_is_found_by_its_open_file()
    {
        CreateDatabase();
        IReadOnlyList<Finding> findings = [];
        await LitestreamTool.ReplicateUntilAsync(
            LitestreamTool.Effective(Yml(), _folder.Path),
            _folder.Path,
            () =>
                LitestreamTool.HasBackup(Path.Combine(_folder.Path, "replica"), 1)
                && (findings = ExamineAsync(Yml()).GetAwaiter().GetResult()).Count > 0
        );

        Assert.Contains(findings, f => f is { Level: FindingLevel.Warning, Code: "LSB5003" });
    }

    [Fact]
    public async Task Variables_that_are_missing_are_errors_and_the_rest_is_looked_at_all_the_same()
    {
        var findings = await ExamineAsync(
            "dbs:\n  - path: ${DATA}\n    replicas:\n      - url: s3://bucket/x\n        secret-access-key: "
                + "${S3_SECRET}\n"
        );

        Assert.Equal(
            ["DATA", "S3_SECRET"],
            findings.Where(f => f.Code == "LSB1018").Select(f => f.Message.Split(' ')[0])
        );
        Assert.All(findings.Where(f => f.Code == "LSB1018"), f => Assert.Equal(FindingLevel.Error, f.Level));
        Assert.Contains(findings, f => f.Subject == "executable");
    }

    [Fact]
    public async Task Storage_that_does_not_answer_is_an_error_without_the_secret()
    {
        CreateDatabase();

        var findings = await ExamineAsync(
            "dbs:\n  - path: app.db\n    replicas:\n      - type: s3\n        bucket: b\n        path: p\n        "
                + "endpoint: http://127.0.0.1:1\n        access-key-id: id\n        secret-access-key: ${S3_SECRET}\n",
            new() { ["S3_SECRET"] = "pa55word" }
        );

        Assert.Contains(
            findings,
            f => f.Level == FindingLevel.Error && f.Message.Contains("cannot be listed", StringComparison.Ordinal)
        );
        Assert.DoesNotContain(findings, f => f.ToString().Contains("pa55word", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_wrong_yml_an_old_sdk_and_an_executable_that_is_missing_or_another_are_errors_with_their_codes()
    {
        var yml = _folder.Write("litestream.yml", "dbs: [\n");
        var missing = await LitestreamDoctor.ExamineAsync(
            new DoctorOptions
            {
                Config = Config(yml),
                SdkVersion = "9.0.100",
                Executable = () =>
                    LitestreamExecutable.Find(
                        new ExecutableSearch { ApplicationDirectory = _folder.Path, BaseDirectory = _folder.Path }
                    ),
            },
            TestContext.Current.CancellationToken
        );
        Assert.Equal(
            ["LSB0001", "LSB2003", "LSB1010"],
            missing.Where(f => f.Level == FindingLevel.Error).Select(f => f.Code)
        );

        var other = await LitestreamDoctor.ExamineAsync(
            new DoctorOptions
            {
                Config = Config(Path.Combine(_folder.Path, "nowhere.yml")),
                Executable = () => LitestreamTool.Executable,
                ExpectedSha256 = new string('0', 64),
            },
            TestContext.Current.CancellationToken
        );
        Assert.Equal(["LSB2002", "LSB3004"], other.Where(f => f.Level == FindingLevel.Error).Select(f => f.Code));
    }

    [Theory]
    [InlineData("0.3.13", FindingLevel.Warning)]
    [InlineData("0.5.16", FindingLevel.Warning)]
    [InlineData("0.5.17", null)]
    [InlineData("0.3.4", FindingLevel.Error)]
    [InlineData("(development build)", FindingLevel.Note)]
    public void What_is_known_against_a_release_depends_on_the_release(string version, FindingLevel? worst) =>
        Assert.Equal(worst, KnownProblems.Of(version).Select(f => (FindingLevel?)f.Level).Max());

    /// <summary>The locks that this process holds on the database file itself.</summary>
    private List<string> Locks() =>
        !OperatingSystem.IsLinux()
            ? []
            :
            [
                .. File.ReadAllLines("/proc/locks")
                    .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                    .Where(fields =>
                        fields is [_, "POSIX", _, _, var process, var place, ..]
                        && process == Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
                        && FileIdentity.Parse(place) == UnixCalls.Status(Database)?.Identity
                    )
                    .Select(fields => string.Join(' ', fields[1..]))
                    .Order(StringComparer.Ordinal),
            ];

    private string Yml() =>
        _folder.Write(
            "litestream.yml",
            "dbs:\n  - path: app.db\n    monitor-interval: 20ms\n    replicas:\n      - path: replica\n        "
                + "sync-interval: 20ms\n"
        );

    private void CreateDatabase() =>
        LitestreamTool.Sql(
            Database,
            "PRAGMA journal_mode=wal; CREATE TABLE rows(text); INSERT INTO rows VALUES ('first')"
        );

    private Task<IReadOnlyList<Finding>> ExamineAsync(string yml, Dictionary<string, string>? environment = null)
    {
        var file = yml.Contains('\n', StringComparison.Ordinal) ? _folder.Write("litestream.yml", yml) : yml;
        return LitestreamDoctor.ExamineAsync(
            new DoctorOptions
            {
                Config = Config(file, environment),
                Executable = () => LitestreamTool.Executable,
                ExpectedSha256 = Convert.ToHexString(
                    SHA256.HashData(File.ReadAllBytes(LitestreamTool.Executable.Path))
                ),
                SdkVersion = "10.0.100",
                ReplicaTimeout = TimeSpan.FromMinutes(2),
            },
            TestContext.Current.CancellationToken
        );
    }

    private EffectiveConfigOptions Config(string file, Dictionary<string, string>? environment = null) =>
        new()
        {
            ConfigPath = file,
            BaseDirectory = _folder.Path,
            GetSetting = _ => null,
            Environment = environment ?? [],
        };

    private string[] Everything() =>
        [
            .. Directory
                .EnumerateFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal)
                .Select(e => File.Exists(e) ? $"{e} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(e)))}" : e),
        ];
}
