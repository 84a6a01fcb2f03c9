using Litestream.Diagnostics;
using Litestream.Releases.V05;

namespace Litestream.Tests.Releases.V05;

public sealed class LtxLayoutTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lsb-ltx-").FullName;
    private readonly LtxLayout _layout = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("0:1-1 0:2-2 0:3-3", 3)]
    [InlineData("9:1-7 0:6-6 0:8-8", 8)]
    [InlineData("9:1-7 0:9-9", 7)] // 8 is missing.
    [InlineData("1:1-4 1:5-8 0:8-8", 8)]
    [InlineData("2:1-4 1:6-8", 4)]
    [InlineData("0:2-2 0:3-3", null)] // Nothing to begin with.
    [InlineData("", null)]
    public void A_replica_reaches_as_far_as_it_has_no_gap(string files, int? reach)
    {
        foreach (var file in files.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            Write(file);
        var progress = _layout.Reader(_folder)(TxIdPosition.OnlyLineage)!;
        Assert.Equal(reach is { } txId ? new TxIdPosition(txId) : null, progress.Position);
        Assert.True(progress.IsExact);
        Assert.Equal(reach is null ? [] : ["ltx"], _layout.Restorable(_folder));
        Assert.Equal(reach is not null, _layout.HasFullCopy(_folder, "ltx"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(99)]
    public void Files_that_are_being_written_or_cut_off_or_something_else_do_not_count(int length)
    {
        Write("0:1-1");
        Directory.CreateDirectory(Path.Combine(_folder, "ltx", "0"));
        File.WriteAllText(Path.Combine(_folder, "ltx", "0", $"{2:x16}-{2:x16}.ltx.tmp"), "x");
        File.WriteAllText(Path.Combine(_folder, "ltx", "0", $"{2:x16}-{2:x16}.ltx"), new string('x', length));
        File.WriteAllText(Path.Combine(_folder, "ltx", "0", "notes.ltx"), "x");
        Assert.Equal(new TxIdPosition(1), _layout.Reader(_folder)("ltx")!.Position);
    }

    [Fact]
    public void A_folder_that_is_not_there_yet_is_empty_and_a_file_in_its_place_cannot_be_read()
    {
        Assert.Empty(_layout.Restorable(Path.Combine(_folder, "new")));
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        Assert.Equal(
            "LSB4005",
            Assert.Throws<LitestreamException>(() => _layout.Restorable(file)).Diagnostic.Code
        );
    }

    /// <summary>Somebody has copied a file of another level there.</summary>
    [Fact]
    public void Of_level_0_only_files_of_one_transaction_identify_the_database_of_the_replica()
    {
        Write("0:1-1");
        Write("0:3-3");
        Write("0:1-3");
        Assert.Equal(["0000000000000001", "0000000000000003"], _layout.Signatures(_folder).Keys.Order());
        Assert.Equal(new TxIdPosition(3), _layout.Reader(_folder)("ltx")!.Position);
    }

    [Fact]
    public async Task A_file_that_is_removed_while_the_folder_is_read_hides_no_other_one()
    {
        Write("0:1-1");
        using var end = new CancellationTokenSource();
        var compaction = Task.Run(
            () =>
            {
                while (!end.IsCancellationRequested)
                {
                    for (var txId = 2; txId < 20; txId++)
                        Write($"0:{txId}-{txId}");
                    foreach (var file in Directory.GetFiles(Path.Combine(_folder, "ltx", "0")).Order().Skip(1))
                        File.Delete(file);
                }
            },
            TestContext.Current.CancellationToken
        );

        try
        {
            for (var i = 0; i < 1000; i++)
                Assert.True(_layout.HasFullCopy(_folder, "ltx"), $"look {i}");
        }
        finally
        {
            await end.CancelAsync();
            await compaction;
        }
    }

    [Theory]
    [InlineData("0000000000000001-000000000000000a.ltx", 1L, 10L)]
    [InlineData("0000000000000001-000000000000000A.ltx", 1L, 10L)]
    public void A_name_says_the_transactions(string name, long min, long max) =>
        Assert.Equal(new TxIdRange(min, max), TxIdRange.Of(name));

    [Theory]
    [InlineData("0000000000000002-0000000000000001.ltx")]
    [InlineData("0000000000000001-0000000000000001.ltx.tmp")]
    [InlineData("000000000000001-0000000000000001.ltx")]
    [InlineData("0000000000000001_0000000000000001.ltx")]
    [InlineData("ffffffffffffffff-ffffffffffffffff.ltx")]
    [InlineData("")]
    public void Other_names_do_not(string name) => Assert.Null(TxIdRange.Of(name));

    private void Write(string file)
    {
        var parts = file.Split(':', '-');
        var path = Path.Combine(
            Directory.CreateDirectory(Path.Combine(_folder, "ltx", parts[0])).FullName,
            $"{long.Parse(parts[1]):x16}-{long.Parse(parts[2]):x16}.ltx"
        );
        File.WriteAllBytes(path, new byte[LtxHeader.Length]);
    }
}
