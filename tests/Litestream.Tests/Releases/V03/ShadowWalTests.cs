using Litestream.Releases.V03;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Releases.V03;

/// <summary>
/// The WAL of a real database, and copies of it as litestream 0.3 keeps them, with what happens while litestream has
/// given up its mark to checkpoint.
/// </summary>
public sealed class ShadowWalTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("shadow-").FullName;
    private readonly SqliteConnection _app;
    private readonly ShadowWal _shadow;
    private string _lineage = "aaaaaaaaaaaaaaaa";

    public ShadowWalTests()
    {
        _app = new SqliteConnection($"Data Source={Path.Combine(_folder, "app.db")};Pooling=False");
        _app.Open();
        Run("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t(x)");
        _shadow = new ShadowWal(Meta);
        Write(10);
        Copy(0);
        Assert.False(_shadow.HasSkipped(Wal));
    }

    private string Meta => Path.Combine(_folder, "meta");

    private string Wal => Path.Combine(_folder, "app.db-wal");

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void WALs_that_are_all_read_are_not_a_gap(int restarts)
    {
        for (var i = 1; i <= restarts; i++)
        {
            // Litestream copies more of a WAL, up to its end, then comes the next.
            Write(5);
            Copy(i - 1);
            Run("PRAGMA wal_checkpoint(RESTART)");
            Write(2);
            Copy(i);
        }

        Assert.False(_shadow.HasSkipped(Wal));
        Assert.False(_shadow.HasSkipped(Wal));
    }

    [Fact]
    public void A_WAL_that_came_and_went_between_two_copies_is_a_gap_once()
    {
        Run("PRAGMA wal_checkpoint(RESTART)");
        Write(1);
        Run("PRAGMA wal_checkpoint(RESTART)");
        Write(1);
        Copy(1);

        Assert.True(_shadow.HasSkipped(Wal));
        Assert.False(_shadow.HasSkipped(Wal));
    }

    [Fact]
    public void A_WAL_that_was_truncated_before_its_end_was_copied_is_a_gap()
    {
        Write(1);
        Run("PRAGMA wal_checkpoint(TRUNCATE)");
        Write(1);
        Copy(1);

        Assert.True(_shadow.HasSkipped(Wal));
    }

    [Fact]
    public void A_new_generation_is_not_a_gap()
    {
        Run("PRAGMA wal_checkpoint(TRUNCATE)");
        Write(1);
        Run("PRAGMA wal_checkpoint(TRUNCATE)");
        Write(1);
        _lineage = "bbbbbbbbbbbbbbbb";
        Copy(0);

        Assert.False(_shadow.HasSkipped(Wal));
    }

    public void Dispose()
    {
        _app.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Write(int pages) => Run($"INSERT INTO t VALUES (randomblob({pages * 4000}))");

    private void Copy(int index)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Meta, "generations", _lineage, "wal")).FullName;
        File.WriteAllText(Path.Combine(Meta, "generation"), _lineage + "\n");
        File.Copy(Wal, Path.Combine(folder, $"{index:x8}.wal"), overwrite: true);
    }

    private void Run(string sql)
    {
        using var command = _app.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
