using Litestream.Diagnostics;
using Litestream.Restore;
using Litestream.Tests.Verification;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Restore;

[Trait("Uses", "litestream")]
public sealed class RestoredFileTests
{
    [Fact]
    public async Task The_check_of_a_large_file_can_be_cancelled()
    {
        using var folder = new ReplicatedFolder();
        var restored = Path.Combine(folder.Root, "restored.db");

        // Few rows that take as long to check as a file of many gigabytes.
        LitestreamTool.Sql(
            restored,
            "CREATE TABLE slow(x); "
                + "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000) "
                + "INSERT INTO slow SELECT x FROM n; "
                + "PRAGMA writable_schema = ON; "
                + "UPDATE sqlite_master SET sql = 'CREATE TABLE slow(x, y AS (hex(zeroblob(20000000 + x))) NOT NULL)'"
        );
        using var stop = new CancellationTokenSource();
        var request = new RestoreRequest(folder.Config, folder.Config.Databases[0]);

        var check = Task.Run(
            () => RestoredFile.Check(restored, request, line => Assert.Fail(line.Message), stop.Token),
            CancellationToken.None
        );

        await LitestreamTool.WaitUntilAsync(() => LitestreamTool.OpenCount(restored) > 0);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            check.WaitAsync(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken)
        );
    }

    [Theory]
    [InlineData("NULL", true)]
    [InlineData("1", false)]
    public void A_table_that_only_the_app_can_read_does_not_hide_the_damage_in_another_one(string value, bool isDamaged)
    {
        using var folder = new ReplicatedFolder();
        var restored = Path.Combine(folder.Root, "restored.db");
        using (var connection = new SqliteConnection($"Data Source={restored};Pooling=false"))
        {
            connection.Open();
            connection.CreateCollation("OF_THE_APP", string.CompareOrdinal);
            using var command = connection.CreateCommand();
            command.CommandText =
                "CREATE TABLE own(name TEXT COLLATE OF_THE_APP PRIMARY KEY); INSERT INTO own VALUES ('a'); "
                + $"CREATE TABLE plain(x); INSERT INTO plain VALUES ({value}); PRAGMA writable_schema = ON; "
                + "UPDATE sqlite_master SET sql = 'CREATE TABLE plain(x NOT NULL)' WHERE name = 'plain'";
            command.ExecuteNonQuery();
        }

        var request = new RestoreRequest(folder.Config, folder.Config.Databases[0]);
        var lines = new List<string>();
        void Check() =>
            RestoredFile.Check(
                restored,
                request,
                line => lines.Add(line.Message),
                TestContext.Current.CancellationToken
            );

        if (isDamaged)
        {
            Assert.Equal("LSB4003", Assert.Throws<LitestreamException>(Check).Diagnostic.Code);
            return;
        }

        Check();
        Assert.Contains("is incomplete. The integrity of these tables", Assert.Single(lines), StringComparison.Ordinal);
    }

    [Fact]
    public void A_sound_file_passes_and_what_was_cancelled_before_does_not()
    {
        using var folder = new ReplicatedFolder();
        var request = new RestoreRequest(folder.Config, folder.Config.Databases[0]);

        var cancel = TestContext.Current.CancellationToken;
        RestoredFile.Check(folder.Database, request, line => Assert.Fail(line.Message), cancel);
        Assert.ThrowsAny<OperationCanceledException>(() =>
            RestoredFile.Check(folder.Database, request, onLine: null, new CancellationToken(canceled: true))
        );
    }
}
