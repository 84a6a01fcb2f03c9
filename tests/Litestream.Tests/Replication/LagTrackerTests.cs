using System.Buffers.Binary;
using Litestream.Configuration;
using Litestream.Releases;
using Litestream.Releases.V05;
using Litestream.Replication;

namespace Litestream.Tests.Replication;

/// <summary>A database whose last commit is in the files that litestream 0.5.17 wrote (Releases/V05/Recorded).
/// </summary>
public sealed class LagTrackerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lsb-lag-").FullName;
    private readonly DateTimeOffset _seen = DateTimeOffset.UtcNow;
    private readonly LagTracker _tracker;

    public LagTrackerTests()
    {
        var database = new EffectiveDatabase("app.db", Path.Combine(_folder, "app.db"), null, null, []);
        var files = Path.Combine(database.MetaPath, "ltx", "0");
        Directory.CreateDirectory(files);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Releases/V05/Recorded")))
            File.Copy(file, Path.Combine(files, Path.GetFileName(file)));

        // The header of the WAL that the newest of them is from.
        var header = new byte[32];
        var at = 0;
        foreach (var word in (uint[])[0x377f0682, 3007000, 512, 1, 0x16cdd2bb, 0x38b430dd, 0, 0])
        {
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(at), word);
            at += sizeof(uint);
        }

        File.WriteAllBytes(database.Path + "-wal", header);
        var settings = new ReplicationSettings(
            TimeSpan.FromSeconds(1),
            TimeSpan.FromMinutes(1),
            MetricsAddress: null,
            [new ReplicaSettings("s3", "s3", TimeSpan.FromSeconds(1), Folder: null)]
        );
        _tracker = new LagTracker(ReleaseLine05.Line, database, settings);
        _tracker.PollWal(_seen);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_commit_has_arrived_when_a_later_list_reaches_it()
    {
        Apply(6, listedAt: _seen);

        Assert.False(_tracker.IsPending);
        Assert.Equal(_seen, _tracker.LastSync);
    }

    /// <summary>The numbers begin again where the replica and litestream's state were removed.</summary>
    [Fact]
    public void A_list_that_was_begun_before_a_commit_says_nothing_of_it()
    {
        Apply(6, listedAt: _seen - TimeSpan.FromSeconds(1));

        Assert.True(_tracker.IsPending);
        Assert.Null(_tracker.LastSync);
        Assert.Equal(new TxIdPosition(6), _tracker.Replicated);
    }

    [Fact]
    public void A_list_that_does_not_reach_it_says_that_it_has_not_arrived()
    {
        Apply(4, listedAt: _seen);

        Assert.True(_tracker.IsPending);
        Assert.Null(_tracker.LastSync);
    }

    private void Apply(long txId, DateTimeOffset listedAt) =>
        _tracker.ApplyMetrics(
            new MetricsAnswer(new Dictionary<string, double>(), new HashSet<string>()),
            new FolderProbe
            {
                Lineage = TxIdPosition.OnlyLineage,
                Progress = new Dictionary<string, ReplicaProgress?>
                {
                    ["s3"] = new(new TxIdPosition(txId), IsExact: true),
                },
                ListedAt = listedAt,
            },
            _seen
        );
}
