using System.Text;
using Litestream.Replication;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Replication;

public sealed class AdmissionPolicyTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData("no file", "None", "NoFile")]
    [InlineData("no file", "Keyword", "NoFile")]
    [InlineData("None", "None", "NoTable")]
    [InlineData("None", "Keyword", "NoTable")]
    [InlineData("None", "Possible", "NoTable")]
    [InlineData("Some", "None", "Admit")]
    [InlineData("NotNow", "None", "Wait")]
    [InlineData("NotNow", "None", "Admit", true)]
    [InlineData("Unreadable", "None", "Admit")]
    [InlineData("Unreadable", "Keyword", "RollbackJournal")]
    [InlineData("Some", "Keyword", "RollbackJournal")]
    public void Litestream_gets_what_has_a_table_of_the_apps_own(
        string content,
        string evidence,
        string expected,
        bool isLast = false
    )
    {
        var there = content == "no file" ? null : new TablesProbe(Enum.Parse<AppTables>(content), null);
        var facts = new AdmissionFacts(
            there is null ? null : 4096,
            there,
            Enum.Parse<JournalEvidence>(evidence),
            false,
            TimeSpan.Zero,
            isLast
        );

        Assert.Equal(Enum.Parse<Admission>(expected), AdmissionPolicy.Decide(facts));
    }

    [Theory]
    [InlineData(false, false, 0, false, "Admit")]
    [InlineData(true, false, 0, false, "Wait")]
    [InlineData(true, true, 9, false, "Wait")]
    [InlineData(true, true, 10, false, "Admit")]
    [InlineData(false, true, 1, false, "RollbackJournal")]
    [InlineData(false, true, 60, false, "RollbackJournal")]
    [InlineData(false, true, 1, true, "RollbackJournal")]
    [InlineData(null, true, 1, false, "Wait")]
    [InlineData(null, false, 60, false, "Admit")]
    [InlineData(true, true, 1, true, "Admit")]
    [InlineData(true, true, 29, false, "Wait", true)]
    [InlineData(true, true, 30, false, "Admit", true)]
    [InlineData(false, true, 29, false, "RollbackJournal", true)]
    public void An_app_that_may_set_a_rollback_journal_is_watched_whether_it_does(
        bool? isWal,
        bool wasWal,
        int seconds,
        bool isLast,
        string expected,
        bool isSuspect = false
    ) =>
        Assert.Equal(
            Enum.Parse<Admission>(expected),
            AdmissionPolicy.Decide(
                new AdmissionFacts(
                    4096,
                    new TablesProbe(AppTables.Some, isWal),
                    JournalEvidence.Possible,
                    wasWal,
                    TimeSpan.FromSeconds(seconds),
                    isLast,
                    isSuspect
                )
            )
        );

    [Theory]
    [InlineData(false, "RollbackJournal")]
    [InlineData(true, "Admit")]
    [InlineData(null, "Admit")]
    public void A_file_that_litestream_left_in_WAL_mode_and_that_is_in_another_now_is_refused(
        bool? isWal,
        string expected
    ) =>
        Assert.Equal(
            Enum.Parse<Admission>(expected),
            AdmissionPolicy.Decide(
                new AdmissionFacts(
                    4096,
                    new TablesProbe(AppTables.Some, isWal),
                    JournalEvidence.LeftWal,
                    false,
                    TimeSpan.Zero,
                    IsLast: false
                )
            )
        );

    [Theory]
    [InlineData(Admission.NoFile, "has not existed")]
    [InlineData(Admission.NoTable, "has no table")]
    [InlineData(Admission.Wait, "locked")]
    public void What_is_not_seen_for_long_is_degraded_and_not_before(object admission, string text)
    {
        var (early, _) = AdmissionPolicy.Explain(
            (Admission)admission,
            "/a.db",
            TimeSpan.FromSeconds(19),
            TimeSpan.FromSeconds(20)
        );
        var (late, why) = AdmissionPolicy.Explain(
            (Admission)admission,
            "/a.db",
            TimeSpan.FromSeconds(20),
            TimeSpan.FromSeconds(20)
        );

        Assert.Equal((LitestreamHealth.Healthy, LitestreamHealth.Degraded, "LSB5017"), (early, late, why.Code));
        Assert.Contains(text, why.Message, StringComparison.Ordinal);
        Assert.Equal(
            LitestreamHealth.Degraded,
            AdmissionPolicy.Explain(Admission.Wait, "/a.db", TimeSpan.Zero, Long, isSuspect: true).Health
        );
    }

    [Theory]
    [InlineData("", "None", null)]
    [InlineData("PRAGMA user_version = 7", "None", false)]
    [InlineData("CREATE TABLE gone(x); DROP TABLE gone", "None", false)]
    [InlineData("CREATE TABLE _litestream_seq(id, seq); CREATE TABLE _litestream_lock(id)", "None", false)]
    [InlineData("CREATE TABLE _litestream_verification(id INTEGER PRIMARY KEY AUTOINCREMENT)", "None", false)]
    [InlineData("CREATE VIEW v AS SELECT 1", "None", false)]
    [InlineData("CREATE TABLE t(x)", "Some", false)]
    [InlineData("CREATE TABLE xlitestream_seq(x)", "Some", false)]
    [InlineData("CREATE VIRTUAL TABLE f USING fts5(x)", "Some", false)]
    [InlineData("PRAGMA journal_mode = wal; CREATE TABLE t(x)", "Some", true)]
    [InlineData("PRAGMA journal_mode = wal; CREATE TABLE _litestream_seq(id, seq)", "None", true)]
    public void A_look_finds_tables_and_mode_and_changes_nothing(string sql, string tables, bool? isWal)
    {
        var folder = Directory.CreateTempSubdirectory("look-").FullName;
        try
        {
            var path = Path.Combine(folder, "a ?#%25.db");
            File.WriteAllBytes(path, []);
            Assert.Equal(new TablesProbe(AppTables.None, null), LiveDatabase.ProbeTables(path + "x", asksMode: true));
            using (var connection = Open(path))
            {
                Execute(connection, sql);
                Assert.Equal(
                    new TablesProbe(Enum.Parse<AppTables>(tables), isWal),
                    LiveDatabase.ProbeTables(path, asksMode: true)
                );
                Assert.Equal(Enum.Parse<AppTables>(tables), LiveDatabase.ProbeTables(path, asksMode: false).Tables);
            }

            // And so without anybody who has it open.
            var before = Files(folder);
            Assert.Equal(Enum.Parse<AppTables>(tables), LiveDatabase.ProbeTables(path, asksMode: false).Tables);
            Assert.Equal(before, Files(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_database_that_is_locked_tells_nothing_now_and_one_that_is_not_a_database_never()
    {
        var folder = Directory.CreateTempSubdirectory("look-").FullName;
        try
        {
            var path = Path.Combine(folder, "a.db");
            using (var connection = Open(path))
            {
                Execute(connection, "PRAGMA user_version = 1; BEGIN EXCLUSIVE");
                Assert.Equal(AppTables.NotNow, LiveDatabase.ProbeTables(path, asksMode: true).Tables);
                Execute(connection, "ROLLBACK");
            }

            File.WriteAllText(path, new string('x', 8192));
            Assert.Equal(AppTables.Unreadable, LiveDatabase.ProbeTables(path, asksMode: false).Tables);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("PRAGMA journal_mode = wal", false)]
    [InlineData("PRAGMA journal_mode='WAL'; PRAGMA synchronous=NORMAL", false)]
    [InlineData("PRAGMA journal_mode(wal)", false)]
    [InlineData("PRAGMA journal_mode", false)]
    [InlineData("PRAGMA journal_mode;", false)]
    [InlineData("the column journal_mode of a table", false)]
    [InlineData("PRAGMA journal_mode=DELETE", true)]
    [InlineData("PRAGMA journal_mode = 'truncate';", true)]
    [InlineData("PRAGMA journal_mode(persist)", true)]
    [InlineData("PRAGMA journal_mode=", true)]
    [InlineData("PRAGMA journal_mode={0}", true)]
    [InlineData("PRAGMA journal_mode = wal\0PRAGMA journal_mode = off", true)]
    public void The_strings_of_an_assembly_tell_whether_the_app_may_set_a_rollback_journal(string text, bool expected)
    {
        byte[] assembly = [1, 0, 77, .. Encoding.Unicode.GetBytes(text), 1, 23, 0xFF, 0];

        Assert.Equal(expected, JournalModeText.MaySetRollback(assembly));
    }

    private static string[] Files(string folder) =>
        [
            .. Directory
                .EnumerateFiles(folder)
                .Select(file => $"{file} {new FileInfo(file).Length}")
                .Order(StringComparer.Ordinal),
        ];

    private static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString()
        );
        connection.Open();
        return connection;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
