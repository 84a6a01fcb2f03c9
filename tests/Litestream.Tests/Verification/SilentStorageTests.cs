using System.Net;
using System.Net.Sockets;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Restore;
using Litestream.Verification;

namespace Litestream.Tests.Verification;

/// <summary>A storage that accepts connections and never answers, and restores that show no sign of life.</summary>
[Trait("Uses", "litestream")]
public sealed class SilentStorageTests : IDisposable
{
    /// <summary>For what gives up after seconds; generous, for a slow machine.</summary>
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> _sockets = [];

    public SilentStorageTests()
    {
        _listener.Start();
        _ = AcceptAsync();
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Replica =>
        $"type: s3\n    bucket: b\n    endpoint: http://{_listener.LocalEndpoint}\n    region: us-east-1\n    "
        + $"access-key-id: AKIDAKID\n    secret-access-key: s3cr3ts3cr3t";

    [Theory]
    [InlineData(VerificationLevel.Position)]
    [InlineData(VerificationLevel.Full)]
    [InlineData(VerificationLevel.Full, false)]
    public async Task A_storage_that_never_answers_is_Inconclusive(VerificationLevel level, bool isLimited = true)
    {
        // A replicator counts as alive when it reads a commit within two of its intervals.
        using var folder = new ReplicatedFolder(monitor: "3s", replica: Replica);
        folder.Start();

        // Release line 0.5 reads nothing of the database before the storage has answered.
        await folder.WaitUntilAsync(() =>
            Repository.IsLine05
                ? folder.Log.Contains("replicating to", StringComparison.Ordinal)
                : folder.GenerationName != "none"
        );

        var result = await Verify(
                folder,
                new()
                {
                    Level = level,
                    Timeout = isLimited ? TimeSpan.FromSeconds(15) : null,
                    StorageTimeout = TimeSpan.FromSeconds(1),
                }
            )
            .WaitAsync(Long, Cancel);

        Assert.True(
            result is { Outcome: VerificationOutcome.Inconclusive, Code: "LSB4005" },
            $"{result}\n{folder.Log}"
        );
        Assert.Contains("does not answer", result.Message, StringComparison.Ordinal);
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    [Fact]
    public async Task A_restore_from_a_storage_that_never_answers_is_given_up()
    {
        using var folder = new ReplicatedFolder(replica: Replica);
        using var copy = new ScratchCopy(
            LitestreamTool.Executable,
            folder.Config,
            folder.Config.Databases[0],
            TimeSpan.FromSeconds(1)
        );

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            copy.RestoreAsync(new RestoreSelection(folder.Config.Databases[0]), Cancel)
                .WaitAsync(Long, Cancel)
        );

        Assert.Equal("LSB4005", error.Diagnostic.Code);
        Assert.Contains("does not answer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restore_of_a_lost_database_from_a_storage_that_never_answers_is_given_up_and_leaves_nothing()
    {
        using var folder = new ReplicatedFolder(replica: Replica);
        var database = folder.Config.Databases[0];
        var request = new RestoreRequest(folder.Config, database)
        {
            Output = Path.Combine(folder.Root, "lost.db"),
            IfReplicaExists = true,
            Patience = TimeSpan.FromSeconds(1),
        };
        var before = Directory.GetFileSystemEntries(folder.Root);

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            DatabaseRestore
                .RunAsync(LitestreamTool.Executable, request, null, Cancel)
                .WaitAsync(Long, Cancel)
        );

        Assert.Equal("LSB4005", error.Diagnostic.Code);
        Assert.Contains($"'{database.Path}' could not be restored from ", error.Message, StringComparison.Ordinal);
        Assert.Contains("does not answer", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Directory.GetFileSystemEntries(folder.Root));
    }

    [Fact]
    public async Task A_restore_without_a_sign_of_life_is_given_up_and_one_that_is_slow_is_not()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        var options = new VerificationOptions
        {
            StorageTimeout = TimeSpan.FromSeconds(20),
            Timeout = TimeSpan.FromMinutes(3),
        };

        var silent = await Verify(folder, options, "exec sleep 1000").WaitAsync(Long, Cancel);
        var slow = await Verify(folder, options, "for i in $(seq 50); do echo $i; sleep 0.5; done");

        Assert.True(silent is { Outcome: VerificationOutcome.Inconclusive, Code: "LSB4005" }, silent.ToString());
        Assert.Contains("does not answer", silent.Message, StringComparison.Ordinal);
        Assert.True(slow.Outcome == VerificationOutcome.Verified, slow.ToString());
        Assert.True(slow.RestoreTime > options.StorageTimeout, slow.ToString());
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    public void Dispose()
    {
        _listener.Dispose();
        lock (_sockets)
            _sockets.ForEach(socket => socket.Dispose());
    }

    private static Task<VerificationResult> Verify(
        ReplicatedFolder folder,
        VerificationOptions options,
        string? beforeRestore = null
    ) =>
        DatabaseVerification.RunAsync(
            beforeRestore is null ? LitestreamTool.Executable : folder.ExecutableThat(beforeRestore),
            folder.Config,
            folder.Config.Databases[0],
            options,
            Cancel
        );

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync(Cancel);
                lock (_sockets)
                    _sockets.Add(socket);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The test is over.
        }
    }
}
