using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;
using Litestream.Releases.V03;
using Litestream.Restore;
using Litestream.Sqlite;
using Litestream.Tests.Verification;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Sqlite;

[Trait("Uses", "litestream")]
public sealed class ScratchErrorTests
{
    [Theory]
    [InlineData(null, 1000L, null)]
    [InlineData(1000L, 1000L, null)]
    [InlineData(0L, 0L, null)]
    [InlineData(1024L, 3072L, "has 1 KiB free, but about 3 KiB are needed")]
    public void A_copy_needs_room(long? free, long needed, string? missing) =>
        Assert.Equal(missing, ScratchRoom.Missing(free, needed));

    [Theory]
    [InlineData(100, false, true)]
    [InlineData(100, true, true)]
    [InlineData(1L << 40, false, false)]
    public async Task A_restore_to_look_at_asks_for_room_first_and_leaves_nothing(long free, bool cut, bool isRefused)
    {
        using var folder = new ReplicatedFolder();
        File.WriteAllBytes(WalFile.PathOf(folder.Database), new byte[5000]);
        string place;
        var (database, patience) = (folder.Config.Databases[0], TimeSpan.FromSeconds(5));
        var executable = new LitestreamExecutable("/nowhere/litestream");
        using (var copy = new ScratchCopy(executable, folder.Config, database, patience) { Free = _ => free })
        {
            place = Path.GetDirectoryName(copy.Path)!;
            var cancel = TestContext.Current.CancellationToken;
            Task restore = cut
                ? copy.RestoreUpToAsync(new GenerationPosition("0123456789abcdef", 1, 100), "file", cancel)
                : copy.RestoreAsync(new RestoreSelection(database), cancel);
            var error = await Assert.ThrowsAsync<LitestreamException>(() => restore);

            Assert.Equal(isRefused, error.Diagnostic.Code == "LSB0003");
            if (isRefused)
                Assert.Contains("TMPDIR", error.Message, StringComparison.Ordinal);
            Assert.Equal(isRefused, !Directory.EnumerateFiles(place).Any(file => Path.GetFileName(file) != "lock"));
        }

        Assert.False(Directory.Exists(place));
    }

    [Theory]
    [InlineData(7, true)]
    [InlineData(10, true)]
    [InlineData(13, true)]
    [InlineData(14, true)]
    [InlineData(1, false)]
    [InlineData(11, false)]
    [InlineData(26, false)]
    public void An_error_of_this_machine_says_nothing_about_the_backup(int code, bool isOfTheMachine) =>
        Assert.Equal(isOfTheMachine, ScratchError.IsMachineFault(new SqliteException("SQLite Error.", code)));

    [Fact]
    public void Nor_does_a_file_that_cannot_be_read_or_written()
    {
        Assert.True(ScratchError.IsMachineFault(new IOException("No space left on device.")));
        Assert.True(ScratchError.IsMachineFault(new UnauthorizedAccessException()));
        Assert.False(ScratchError.IsMachineFault(new OperationCanceledException()));
        Assert.Equal(
            $"No space left on device (in {Path.GetTempPath()})",
            ScratchError.Explain(new IOException("No space left on device."))
        );
    }
}
