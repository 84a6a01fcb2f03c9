using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;

namespace Litestream.Tests.Replication;

public sealed class UnsentPolicyTests
{
    private static readonly UnsentFacts Sent = new("/app.db") { FileSize = 8192, Unsent = 0 };

    private static readonly UnsentFacts NotRun = new("/app.db")
    {
        FileSize = 8192,
        WalBytes = 4152,
        NotReplicated = "litestream never ran (LSB5001)",
    };

    [Fact]
    public void Nothing_is_reported_where_everything_was_sent() => Assert.Null(UnsentPolicy.Decide(Sent));

    [Theory]
    [InlineData(4152L, "4152 bytes of the last commits of '/app.db'")]
    [InlineData(null, "Up to 8192 bytes of the last commits of '/app.db'")]
    public void What_litestream_had_not_sent_is_reported_with_how_much(long? unsent, string text) =>
        Assert.StartsWith(
            $"{text} did not arrive in the replica: litestream ended before",
            Message(Sent with { Unsent = unsent }),
            StringComparison.Ordinal
        );

    [Fact]
    public void A_full_copy_that_has_not_arrived_is_reported() =>
        Assert.StartsWith(
            "The full copy (8192 bytes) of '/app.db' did not arrive in the replica: "
                + "it was needed because it was killed.",
            Message(Sent with { CopyNeededBy = "it was killed" }),
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("litestream never ran (LSB5001)")]
    [InlineData("litestream never ran (LSB2008)")]
    [InlineData("it is not replicated (LSB5016)")]
    public void Without_litestream_the_commits_in_the_WAL_or_else_the_file_tell_how_much(string why)
    {
        Assert.Equal(
            $"Up to 4152 bytes of the last commits of '/app.db' did not arrive in the replica: {why}. "
                + "Everything is in the database file, and the next start sends it. Keep the file until then.",
            Message(NotRun with { NotReplicated = why })
        );
        Assert.StartsWith(
            "Up to 8192 bytes",
            Message(NotRun with { NotReplicated = why, WalBytes = null }),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void What_no_start_sends_by_itself_is_not_promised() =>
        Assert.EndsWith(
            "a start sends it only after you correct that. Keep the file until then.",
            Message(NotRun with { IsRefused = true }),
            StringComparison.Ordinal
        );

    [Fact]
    public void Nothing_is_reported_where_nothing_can_be_missing()
    {
        Assert.Null(UnsentPolicy.Decide(NotRun with { IsAsSent = true }));
        Assert.Null(UnsentPolicy.Decide(NotRun with { IsAnothers = true }));
        Assert.Null(UnsentPolicy.Decide(NotRun with { MayHaveTables = false }));
        Assert.Null(UnsentPolicy.Decide(NotRun with { FileSize = null }));
    }

    [Fact]
    public void A_file_that_was_there_and_is_gone_at_the_stop_was_deleted()
    {
        var file = new FileStamp(null, 8192, 1);
        var state = new DatabaseState("/app.db") { File = file };

        Assert.True(state.AtStop(null).WasDeleted);
        Assert.False(state.AtStop(file with { Size = 0 }).WasDeleted);
        Assert.False((state with { File = null }).AtStop(null).WasDeleted);
    }

    [Fact]
    public void What_was_committed_to_a_deleted_file_is_lost_and_said_so() =>
        Assert.StartsWith(
            "The commits that the app made to '/app.db' after the file was deleted are lost",
            Message(NotRun with { FileSize = null, WasDeleted = true }),
            StringComparison.Ordinal
        );

    [Fact]
    public void Databases_without_a_replica_are_named_once_with_their_sizes()
    {
        Assert.Null(UnsentPolicy.WithoutReplica([]));
        var found = UnsentPolicy.WithoutReplica([("/a.db", 1), ("/b.db", 4096)])!;
        Assert.Equal(("LSB5027", LitestreamSeverity.Warning), (found.Code, found.Severity));
        Assert.Contains("'/a.db' (1 bytes), '/b.db' (4096 bytes)", found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stop_that_hangs_says_what_was_missing_at_the_last_look()
    {
        var one = new LitestreamDatabaseStatus("/a.db") { LagBytes = 12 };
        var other = new LitestreamDatabaseStatus("/b.db");
        Assert.Equal(" (12 bytes at the last check)", UnsentPolicy.AtLastLook([one, other]));
        Assert.Equal("", UnsentPolicy.AtLastLook([other]));
    }

    private static string Message(UnsentFacts facts)
    {
        var said = UnsentPolicy.Decide(facts)!;
        Assert.Equal(("LSB5021", LitestreamSeverity.Error), (said.Code, said.Severity));
        return said.Message;
    }
}
