using Litestream.Releases;
using Litestream.Releases.V05;
using Litestream.Restore;
using Litestream.Sqlite;
using Litestream.Tests.Verification;
using Litestream.Verification;

namespace Litestream.Tests.Releases.V05;

/// <summary>Where a commit is in what was sent, as the real executable of release line 0.5 sends it.</summary>
[Trait("Uses", "litestream")]
[Trait("Line", "0.5")]
public sealed class PositionTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Files_and_list_agree_on_how_far_the_replica_has_come()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        var database = folder.Config.Databases[0];
        var state = new LocalLtx(database.MetaPath);
        var files = new FolderProgress(new LtxLayout().Reader(folder.Replica));
        var commands = new CatalogCommands(LitestreamTool.Executable, folder.Config, null);
        var list = new ListedProgress(new LtxCatalog(commands, folder.Config), database, "file");

        for (var i = 0; i < 5; i++)
        {
            var lineage = state.Lineage()!;
            LitestreamTool.Sql(database.Path, "INSERT INTO item(text) VALUES (hex(randomblob(3000)))");
            var mark = WalFile.LastCommit(database.Path + "-wal")!;
            TxIdPosition? place = null;
            await LitestreamTool.WaitUntilAsync(
                () => (place = (TxIdPosition?)state.Find(lineage, mark)) is not null,
                () => folder.Log
            );

            await LitestreamTool.WaitUntilAsync(
                () => files.ReadAsync(lineage, Cancel).Result!.Position?.Reaches(place!) == true,
                () => $"{place}\n{folder.Log}"
            );
            var listed = (await list.ReadAsync(lineage, Cancel))!;
            Assert.True(listed.IsExact);
            Assert.Null(listed.AfterGap);
            Assert.Equal((await files.ReadAsync(lineage, Cancel))!.Position, listed.Position);
            Assert.Equal(0, state.Distance(place, place!));
            Assert.True(state.Distance(new TxIdPosition(place!.TxId - 1), place) > 6000);
        }
    }

    [Fact]
    public async Task A_commit_is_found_after_the_WAL_has_begun_anew_many_times()
    {
        using var folder = await ReplicatedFolder.StartedAsync(checkpointPages: 20);
        var database = folder.Config.Databases[0];
        var state = new LocalLtx(database.MetaPath);
        var mark = WalFile.LastCommit(database.Path + "-wal")!;
        var lineage = state.Lineage()!;
        TxIdPosition? before = null;
        await LitestreamTool.WaitUntilAsync(
            () => (before = (TxIdPosition?)state.Find(lineage, mark)) is not null,
            () => folder.Log
        );

        // A WAL of more than 20 pages is checkpointed and begun anew.
        var wals = new HashSet<(uint, uint)>();
        await LitestreamTool.WaitUntilAsync(
            () =>
            {
                LitestreamTool.Sql(
                    database.Path,
                    "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 25) INSERT INTO "
                        + "item(text) SELECT hex(randomblob(3000)) FROM n"
                );
                if (WalFile.LastCommit(database.Path + "-wal") is { } commit)
                    wals.Add((commit.Salt1, commit.Salt2));
                return wals.Count >= 5;
            },
            () => folder.Log
        );

        Assert.Equal(before, state.Find(lineage, mark));
        Assert.Equal(lineage, state.Lineage());
        var result = await DatabaseVerification.RunAsync(
            LitestreamTool.Executable,
            folder.Config,
            database,
            null,
            Cancel
        );
        Assert.True(result.Outcome == VerificationOutcome.Verified, result.ToString());
    }

    [Fact]
    public async Task A_copy_of_just_what_had_arrived_can_be_made_though_the_replica_is_ahead()
    {
        using var folder = await ReplicatedFolder.StartedAsync(checkpointPages: 20);
        var database = folder.Config.Databases[0];
        var state = new LocalLtx(database.MetaPath);
        var lineage = state.Lineage()!;
        var commits = new List<(TxIdPosition Place, Sentinel Sentinel)>();
        try
        {
            for (var i = 0; i < 12; i++)
            {
                LitestreamTool.Sql(
                    database.Path,
                    "INSERT INTO item(text) VALUES (hex(randomblob(3000))), (hex(randomblob(3000)))"
                );
                var sentinel = await LiveDatabase.MarkAsync(
                    database.Path,
                    null,
                    ReaderLimit.Of(10_000),
                    TimeSpan.FromSeconds(10),
                    TimeProvider.System,
                    Cancel
                );
                Assert.NotNull(sentinel.Copy);
                TxIdPosition? place = null;
                await LitestreamTool.WaitUntilAsync(
                    () => (place = (TxIdPosition?)state.Find(lineage, sentinel.Mark!)) is not null,
                    () => folder.Log
                );
                commits.Add((place!, sentinel));
            }

            var files = new FolderProgress(new LtxLayout().Reader(folder.Replica));
            await LitestreamTool.WaitUntilAsync(
                () => files.ReadAsync(lineage, Cancel).Result!.Position?.Reaches(commits[^1].Place) == true,
                () => folder.Log
            );

            // A transaction of litestream's is a copy of just this commit where the commit ends what it read.
            var exact = commits.Where(c => state.RestorableEnd(c.Place) is { } end && end == c.Sentinel.Mark).ToList();
            Assert.NotEmpty(exact);
            foreach (var (place, sentinel) in exact)
            {
                using var copy = new ScratchCopy(
                    LitestreamTool.Executable,
                    folder.Config,
                    database,
                    TimeSpan.FromMinutes(1)
                );
                var cut = await copy.RestoreUpToAsync(place, "file", Cancel);
                Assert.True(cut is not null, place.ToString());
                using var connection = ScratchDatabase.Open(cut);
                Assert.Null(ScratchDatabase.Damage(connection, full: true, out _, Cancel));
                using var expected = sentinel.Copy!.Open();
                var comparison = DatabaseContent.Compare(expected, connection, null, Cancel);
                Assert.True(comparison.IsSame, $"{place}: {comparison}");
            }
        }
        finally
        {
            commits.ForEach(commit => commit.Sentinel.Dispose());
        }
    }
}
