using System.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Replication;

public sealed class ReplicationMarkTests
{
    [Theory]
    [InlineData("READ  4711 fe:01:99 123 123", MarkState.Held)]
    [InlineData("READ  4711 fe:01:99 127 128", MarkState.Held)]
    [InlineData("READ  4711 00:1b:99 124 124", MarkState.Held)]
    [InlineData("READ  4711 fe:01:99 128 128", MarkState.Absent)]
    [InlineData("READ  4711 fe:01:98 124 124", MarkState.Absent)]
    [InlineData("READ  4711 fe:01:199 124 124", MarkState.Absent)]
    [InlineData("READ  4712 fe:01:99 124 124", MarkState.Absent)]
    [InlineData("WRITE 4711 fe:01:99 121 121", MarkState.Checkpointing)]
    [InlineData("WRITE 4711 fe:01:99 120 121", MarkState.Checkpointing)]
    [InlineData("WRITE 4711 fe:01:99 124 124", MarkState.Absent)]
    public void The_mark_is_a_read_lock_of_its_process_on_one_of_the_bytes_of_readers(string held, object expected)
    {
        var locks = ReplicationMark.Parse(
            ["1: FLOCK  ADVISORY  WRITE 12 00:1b:99 0 EOF", $"2: POSIX  ADVISORY  {held}"]
        )(new FileIdentity(0, 0x1b, 99));

        Assert.Equal((MarkState)expected, locks.MarkOf(4711));
    }

    [Fact]
    public void What_waits_for_a_lock_holds_none() =>
        Assert.Equal(
            MarkState.Absent,
            ReplicationMark
                .Parse(["2: -> POSIX  ADVISORY  READ  4711 fe:01:99 124 124"])(new FileIdentity(0, 0, 99))
                .MarkOf(4711)
        );

    [Theory]
    [InlineData("fe:01:99", MarkState.Held)]
    [InlineData("fe:02:99", MarkState.Absent)]
    [InlineData("08:01:99", MarkState.Absent)]
    [InlineData("00:2a:99", MarkState.Held)]
    public void A_file_with_the_same_inode_on_another_disk_is_another_one(string shown, object expected) =>
        Assert.Equal(
            (MarkState)expected,
            ReplicationMark
                .Parse([$"2: POSIX  ADVISORY  READ  4711 {shown} 124 124"])(new FileIdentity(0xfe, 1, 99))
                .MarkOf(4711)
        );

    [Fact]
    public void Without_a_shm_there_is_no_mark() =>
        Assert.Equal(
            MarkState.Absent,
            ReplicationMark.Parse(["2: POSIX  ADVISORY  READ  4711 fe:01:99 124 124"])(null).MarkOf(4711)
        );

    [Fact]
    public void A_reader_of_ours_holds_what_a_mark_holds_and_nothing_restarts_the_WAL_meanwhile()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("The list of locks is Linux's.");

        using var folder = new Folder();
        using var app = folder.Open();
        Folder.Execute(
            app,
            "PRAGMA journal_mode=wal; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); INSERT INTO t VALUES (1)"
        );
        var salts = WalFile.LastCommit(folder.Database + "-wal")!;
        using (LiveDatabase.BeginRead(folder.Database))
        {
            var look = ReplicationMark.Look([folder.Database])![folder.Database];
            Assert.Equal(MarkState.Held, look.MarkOf(Environment.ProcessId));
            Assert.Equal(MarkState.Absent, look.MarkOf(Process.GetCurrentProcess().SessionId + 1_000_000));

            Assert.NotNull(LiveDatabase.TryTruncateWal(folder.Database));
            Folder.Execute(app, "PRAGMA wal_checkpoint(PASSIVE); INSERT INTO t VALUES (2)");
            Assert.Equal((salts.Salt1, salts.Salt2), Salts());
        }

        Assert.Null(LiveDatabase.TryTruncateWal(folder.Database));
        Assert.Equal(0, new FileInfo(folder.Database + "-wal").Length);
        Folder.Execute(app, "INSERT INTO t VALUES (3)");
        Assert.NotEqual((salts.Salt1, salts.Salt2), Salts());

        (uint, uint) Salts() =>
            WalFile.LastCommit(folder.Database + "-wal") is { } commit ? (commit.Salt1, commit.Salt2) : default;
    }

    [Fact]
    public void A_database_with_a_rollback_journal_gets_no_reader_which_would_keep_the_app_from_writing()
    {
        using var folder = new Folder();
        using var app = folder.Open();
        Folder.Execute(app, "CREATE TABLE t(x)");

        using var reader = LiveDatabase.BeginRead(folder.Database);

        Assert.Null(reader);
        Folder.Execute(app, "INSERT INTO t VALUES (1)");
    }

    [Fact]
    public void A_commit_behind_the_end_that_SQLite_knows_of_is_seen_and_a_damaged_one_is_none()
    {
        using var folder = new Folder();
        using var app = folder.Open();
        Folder.Execute(
            app,
            "PRAGMA journal_mode=wal; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); INSERT INTO t VALUES (1)"
        );
        var wal = folder.Database + "-wal";
        var known = LiveDatabase.WalFrames(folder.Database)!.Value;
        Assert.True(known > 0);
        Assert.False(WalFile.HasCommitAfter(wal, known));

        Folder.Execute(app, "INSERT INTO t VALUES (2)");
        Assert.True(WalFile.HasCommitAfter(wal, known));
        Assert.True(WalFile.HasCommitAfter(wal, 0));
        Assert.False(WalFile.HasCommitAfter(wal, LiveDatabase.WalFrames(folder.Database)!.Value));

        // A byte of the last page.
        var copy = Path.Combine(folder.Path, "copy");
        File.Copy(wal, copy);
        using (var stream = new FileStream(copy, FileMode.Open, FileAccess.ReadWrite))
        {
            stream.Seek(-1, SeekOrigin.End);
            var last = stream.ReadByte();
            stream.Seek(-1, SeekOrigin.End);
            stream.WriteByte((byte)(last ^ 1));
        }

        Assert.False(WalFile.HasCommitAfter(copy, known));
    }

    private sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("mark-").FullName;

        public string Database => System.IO.Path.Combine(Path, "app.db");

        public static void Execute(SqliteConnection connection, string sql)
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }

        public SqliteConnection Open()
        {
            var connection = new SqliteConnection($"Data Source={Database};Pooling=False");
            connection.Open();
            return connection;
        }

        public void Dispose() => TestFolder.Delete(Path);
    }
}
