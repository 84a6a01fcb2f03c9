using Litestream.Execution;
using Litestream.Releases;
using Litestream.Releases.V05;
using Litestream.Sqlite;

namespace Litestream.Tests.Releases.V05;

/// <summary>
/// Files of level 0 that litestream 0.5.17 wrote (in Recorded/): the first copy of a database, three commits of which
/// the last came while litestream was down, then a full copy after its WAL had been emptied, and one commit more.
/// </summary>
public sealed class LocalLtxTests : IDisposable
{
    private const uint FirstSalt1 = 0x16cdd2ba;
    private const uint FirstSalt2 = 0x84b46eb9;
    private const uint SecondSalt2 = 0x38b430dd;

    private readonly string _metaPath = Directory.CreateTempSubdirectory("lsb-ltx-").FullName;
    private readonly LocalLtx _state;

    public LocalLtxTests()
    {
        Directory.CreateDirectory(Folder);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Releases/V05/Recorded")))
            File.Copy(file, Path.Combine(Folder, Path.GetFileName(file)));
        _state = new LocalLtx(_metaPath);
    }

    private string Folder => Path.Combine(_metaPath, "ltx", "0");

    public void Dispose() => Directory.Delete(_metaPath, recursive: true);

    [Fact]
    public void The_newest_file_is_where_litestream_has_come()
    {
        Assert.Equal(new TxIdPosition(6), _state.Newest(TxIdPosition.OnlyLineage));
        Assert.Equal("ltx", _state.Lineage());
        Assert.Equal(
            DateTimeOffset.FromUnixTimeMilliseconds(1795994802076),
            _state.LastWrite(TxIdPosition.OnlyLineage)
        );
    }

    [Fact]
    public void Without_files_nothing_was_replicated_from_here()
    {
        Directory.Delete(Folder, recursive: true);
        Assert.Null(_state.Lineage());
        Assert.Null(_state.Newest(TxIdPosition.OnlyLineage));
        Assert.Null(_state.Bookmark());
        Assert.Empty(_state.Signatures());
        Assert.Null(_state.Find(TxIdPosition.OnlyLineage, new(FirstSalt1, FirstSalt2, 100)));
    }

    [Theory]
    [InlineData(568, 1)]
    [InlineData(5928, 1)]
    [InlineData(5929, 2)]
    [InlineData(6464, 2)]
    [InlineData(7536, 4)]
    public void A_commit_is_in_the_first_file_that_reaches_it(long end, long txId) =>
        Assert.Equal(
            new TxIdPosition(txId),
            _state.Find(TxIdPosition.OnlyLineage, new(FirstSalt1, FirstSalt2, end))
        );

    [Fact]
    public void A_commit_that_litestream_has_not_read_has_no_place()
    {
        Assert.Null(_state.Find(TxIdPosition.OnlyLineage, new(FirstSalt1 + 1, SecondSalt2, 1105)));
        Assert.Null(_state.Find(TxIdPosition.OnlyLineage, new(FirstSalt1 + 2, 7, 568)));
        Assert.Null(_state.Find(TxIdPosition.OnlyLineage, new(77, 7, 568)));
    }

    [Fact]
    public void A_commit_of_a_WAL_that_was_restarted_before_litestream_saw_its_end_is_in_the_first_file_of_the_next()
    {
        Assert.Equal(
            new TxIdPosition(5),
            _state.Find(TxIdPosition.OnlyLineage, new(FirstSalt1, FirstSalt2, 8072))
        );
    }

    [Fact]
    public void A_commit_that_litestream_did_not_read_before_the_WAL_was_restarted_is_only_in_a_full_copy()
    {
        RestartAfter(4);
        File.Delete(FileOf(6));
        Assert.Null(_state.Find(TxIdPosition.OnlyLineage, new(FirstSalt1, FirstSalt2, 8072)));

        var bytes = File.ReadAllBytes(Recorded(5));
        bytes[23] = bytes[31] = 6;
        File.WriteAllBytes(FileOf(6), bytes);
        Assert.Equal(
            new TxIdPosition(6),
            _state.Find(TxIdPosition.OnlyLineage, new(FirstSalt1, FirstSalt2, 8072))
        );
    }

    [Theory]
    [InlineData(8072, false, true)]
    [InlineData(7536, false, false)] // Litestream had read all of it.
    [InlineData(8072, true, false)] // It went on with a full copy.
    public void A_WAL_that_was_restarted_before_its_end_was_read_is_noticed(long end, bool isFull, bool isSkipped)
    {
        File.Delete(FileOf(6));
        if (!isFull)
            RestartAfter(4);

        Assert.Equal(isSkipped, _state.Skips(new(FirstSalt1, FirstSalt2, end)));

        File.Delete(FileOf(4));
        Assert.False(_state.Skips(new(FirstSalt1, FirstSalt2, end))); // What was read in between is not known.
    }

    [Fact]
    public void What_litestream_has_not_read_is_reported_in_bytes()
    {
        Assert.Equal(536, _state.Unread("ltx", new(FirstSalt1 + 1, SecondSalt2, 1104 + 536)));
        Assert.Null(_state.Unread("ltx", new(77, 7, 568)));
    }

    [Fact]
    public void A_place_can_be_restored_where_its_file_ends() =>
        Assert.Equal(new WalPosition(FirstSalt1, FirstSalt2, 7000), _state.RestorableEnd(new TxIdPosition(3)));

    [Fact]
    public void The_distance_is_the_bytes_of_the_WAL_in_the_files_between()
    {
        Assert.Equal(1072, _state.Distance(new TxIdPosition(2), new TxIdPosition(4)));
        Assert.Equal(0, _state.Distance(new TxIdPosition(4), new TxIdPosition(4)));
        Assert.Equal(5896 + 536, _state.Distance(null, new TxIdPosition(2)));
        File.Delete(FileOf(4));
        Assert.Null(new LocalLtx(_metaPath).Distance(new TxIdPosition(2), new TxIdPosition(5)));
    }

    [Theory]
    [InlineData(null, 1, true)]
    [InlineData("0000000000000001", 4, false)]
    [InlineData("0000000000000004", 4, false)]
    [InlineData("0000000000000004", 5, true)]
    [InlineData("0000000000000002", 6, true)]
    [InlineData("0000000000000005", 6, false)]
    public void A_full_copy_counts_when_it_was_begun_after_the_bookmark_and_has_arrived(
        string? bookmark,
        long replicated,
        bool has
    ) => Assert.Equal(has, _state.HasFullCopySince(bookmark, new TxIdPosition(replicated)));

    [Theory]
    [InlineData("0000000000000003")] // It continues in the same WAL.
    [InlineData("0000000000000004")] // It begins with a full copy.
    public void What_was_read_after_a_start_continues_what_was_read_before(string bookmark) =>
        Assert.Equal(ChainLink.Whole, _state.LinkAfter(bookmark));

    [Theory]
    [InlineData(0, "0000000000000002", "0000000000000002", -1, true)]
    [InlineData(0, "0000000000000002", "0000000000000002", 0, false)]
    [InlineData(1, "0000000000000002", "0000000000000002", -1, false)] // Compacted: there is no such file here.
    [InlineData(0, "0000000000000001", "0000000000000002", -1, false)]
    [InlineData(0, "0000000000000007", "0000000000000007", -1, false)] // Not here any more.
    public void A_file_in_the_replica_that_is_shorter_than_the_one_here_was_cut_off(
        int level,
        string min,
        string max,
        long more,
        bool isCutOff
    )
    {
        var size = new FileInfo(FileOf(2)).Length + more;
        Assert.Equal(isCutOff, _state.IsCutOff(new("s3", level, min, max, size, default)));
    }

    [Fact]
    public void There_is_no_link_before_something_was_read()
    {
        Assert.Equal(ChainLink.None, _state.LinkAfter("0000000000000006"));
        Directory.Delete(Folder, recursive: true);
        Assert.Equal(ChainLink.None, new LocalLtx(_metaPath).LinkAfter(null));
    }

    [Fact]
    public void The_first_copy_in_an_empty_replica_is_whole() =>
        Assert.Equal(ChainLink.Whole, _state.LinkAfter(null));

    [Theory]
    [InlineData(6, "None")] // Nothing was read yet.
    [InlineData(4, "Whole")] // A full copy.
    [InlineData(2, "Whole")] // It continues in the same WAL.
    public void Without_files_here_what_was_read_continues_the_newest_of_the_replica(long newest, string link)
    {
        for (var txId = 1; txId < newest; txId++)
            File.Delete(FileOf(txId));
        Assert.Equal(link, new LocalLtx(_metaPath).LinkAfter(null).ToString());
    }

    [Fact]
    public void Without_files_here_what_does_not_continue_the_newest_of_the_replica_breaks_the_chain()
    {
        RestartAfter(4);
        for (var txId = 1; txId < 4; txId++)
            File.Delete(FileOf(txId));
        Assert.Equal(ChainLink.Broken, new LocalLtx(_metaPath).LinkAfter(null));
    }

    [Fact]
    public void Files_that_litestream_took_from_the_replica_as_the_ones_here_were_older_break_the_chain()
    {
        var state = new LocalLtx(_metaPath);
        for (var txId = 3; txId <= 4; txId++)
            File.Delete(FileOf(txId));
        Assert.Equal(ChainLink.Broken, state.LinkAfter("0000000000000002"));
    }

    [Fact]
    public void A_bookmark_can_be_compared_though_its_file_is_gone()
    {
        var state = new LocalLtx(_metaPath);
        for (var txId = 4; txId <= 6; txId++)
            File.Delete(FileOf(txId));
        var bookmark = state.Bookmark();
        File.Copy(Recorded(4), FileOf(4));
        File.Delete(FileOf(3));
        Assert.Equal(ChainLink.Whole, state.LinkAfter(bookmark));
    }

    [Fact]
    public void A_file_that_begins_elsewhere_and_is_not_a_full_copy_breaks_the_chain()
    {
        RestartAfter(4);
        Assert.Equal(ChainLink.Broken, new LocalLtx(_metaPath).LinkAfter("0000000000000004"));
    }

    [Fact]
    public void A_file_that_is_cut_off_or_damaged_is_not_a_full_copy()
    {
        var header = LtxHeader.Read(FileOf(5))!;
        Assert.True(header.IsFullCopy(FileOf(5)));
        for (var length = 0; length < new FileInfo(FileOf(5)).Length; length += 7)
        {
            File.WriteAllBytes(FileOf(9), File.ReadAllBytes(FileOf(5))[..length]);
            Assert.False(header.IsFullCopy(FileOf(9)), $"{length} bytes");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(256)]
    [InlineData(131072)]
    public void A_header_with_a_page_size_that_SQLite_does_not_have_is_none(int pageSize)
    {
        var bytes = File.ReadAllBytes(FileOf(5));
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), pageSize);
        File.WriteAllBytes(FileOf(5), bytes);

        var state = new LocalLtx(_metaPath);
        Assert.Null(LtxHeader.Read(FileOf(5)));
        Assert.False(state.HasFullCopySince("0000000000000004", new TxIdPosition(6)));
    }

    [Fact]
    public void A_file_of_several_transactions_is_none_of_those_that_litestream_keeps_here()
    {
        File.Copy(FileOf(6), Path.Combine(Folder, $"{1:x16}-{6:x16}.ltx"));
        Assert.Equal(6, new LocalLtx(_metaPath).Signatures().Count);
    }

    [Fact]
    public void Every_file_here_is_a_signature_that_the_replica_has_too()
    {
        var folder = Path.Combine(_metaPath, "replica");
        Directory.CreateDirectory(Path.Combine(folder, "ltx", "0"));
        var there = Path.Combine(folder, "ltx", "0", Path.GetFileName(FileOf(6)));
        File.Copy(FileOf(6), there);
        File.SetLastWriteTimeUtc(there, DateTimeOffset.FromUnixTimeMilliseconds(1795994802076).UtcDateTime);
        Assert.Equal(6, _state.Signatures().Count);
        Assert.False(ReplicaSignatures.Differ(new LtxLayout().Signatures(folder), _state.Signatures()));

        // Another database's file of the same name, beside one of ours.
        File.SetLastWriteTimeUtc(there, DateTimeOffset.FromUnixTimeMilliseconds(1795994809000).UtcDateTime);
        var ours = Path.Combine(folder, "ltx", "0", Path.GetFileName(FileOf(5)));
        File.Copy(FileOf(5), ours);
        File.SetLastWriteTimeUtc(ours, DateTimeOffset.FromUnixTimeMilliseconds(1795994801962).UtcDateTime);
        Assert.True(ReplicaSignatures.Differ(new LtxLayout().Signatures(folder), _state.Signatures()));

        // Nothing in common.
        File.Delete(there);
        File.Move(ours, Path.Combine(folder, "ltx", "0", Path.GetFileName(FileOf(7))));
        Assert.True(ReplicaSignatures.Differ(new LtxLayout().Signatures(folder), _state.Signatures()));
    }

    [Theory]
    [InlineData("ERROR", "sync error", true)]
    [InlineData("ERROR", "monitor error", true)]
    [InlineData("ERROR", "disk full while staging ltx file, replication paused until space is freed", true)]
    [InlineData("ERROR", "compaction failed", true)]
    [InlineData("ERROR", "something that no version has said before", true)]
    [InlineData("WARN", "shutdown sync failed, retrying (press Ctrl+C again to skip)", false)]
    [InlineData("INFO", "compaction complete", false)]
    [InlineData("INFO", "snapshot complete", false)]
    public void Errors_are_taken_from_the_log(string level, string message, bool isError)
    {
        var line = LogLine.Parse(
            $$"""{"time":"t","level":"{{level}}","msg":"{{message}}","db":"app.db","level":1,"error":"no room"}"""
        );
        Assert.Equal(level, line.Level);
        Assert.Equal(isError, _state.Read(line)?.Step == ReplicationStep.Failed);
    }

    /// <summary>The sixth as if it came after another one: the WAL was restarted between them.</summary>
    private void RestartAfter(byte txId)
    {
        var bytes = File.ReadAllBytes(Recorded(6));
        bytes[23] = bytes[31] = (byte)(txId + 1);
        File.WriteAllBytes(FileOf(txId + 1), bytes);
    }

    private string Recorded(long txId) =>
        Path.Combine(AppContext.BaseDirectory, "Releases/V05/Recorded", Path.GetFileName(FileOf(txId)));

    private string FileOf(long txId) => Path.Combine(Folder, $"{txId:x16}-{txId:x16}.ltx");
}
