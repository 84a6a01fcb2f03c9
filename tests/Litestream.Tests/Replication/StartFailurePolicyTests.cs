using Litestream.Diagnostics;
using Litestream.Replication;

namespace Litestream.Tests.Replication;

public sealed class StartFailurePolicyTests
{
    private const int NoSpace = 28;
    private const int ReadOnly = 30;
    private const int IsThere = 17;

    public static TheoryData<string, Exception, bool, bool, bool> Starts =>
        new()
        {
            { "a full disk, no lock file", Unwritable(new IOException("No space", NoSpace)), false, false, true },
            { "a full disk, no folder", Unwritable(new IOException("No space", NoSpace)), true, false, true },
            { "a full disk, bare", new IOException("No space", NoSpace), false, false, true },
            { "a disk that is read-only", Unwritable(new IOException("Read-only", ReadOnly)), false, false, true },
            { "another user's folder", Unwritable(new UnauthorizedAccessException()), false, false, false },
            { "a folder that was writable", Unwritable(new UnauthorizedAccessException()), true, false, true },
            {
                "a file in the place of the folder",
                Unwritable(new IOException("exists", IsThere)),
                false,
                false,
                false
            },
            { "an executable that never ran", new LitestreamException("LSB2008", "x"), true, false, false },
            { "an executable that has run", new LitestreamException("LSB2008", "x"), true, true, true },
            { "a configuration that is refused", new LitestreamException("LSB5014", "x"), true, true, false },
            { "a stop", new OperationCanceledException(), true, true, false },
            { "something unforeseen", new InvalidOperationException(), true, false, false },
        };

    [Theory]
    [MemberData(nameof(Starts))]
    public void A_start_is_tried_again_where_a_later_one_may_do_better(
        string what,
        Exception error,
        bool hasLocks,
        bool hasRun,
        bool expected
    ) => Assert.True(StartFailurePolicy.MayPass(new StartFailure(error, hasLocks, hasRun)) == expected, what);

    [Theory]
    [InlineData(0, LitestreamHealth.Degraded)]
    [InlineData(19, LitestreamHealth.Degraded)]
    [InlineData(20, LitestreamHealth.Unhealthy)]
    public void Meanwhile_no_database_is_healthy(int seconds, LitestreamHealth expected) =>
        Assert.Equal(expected, StartFailurePolicy.HealthOf(TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(20)));

    private static LitestreamException Unwritable(Exception inner) => new("LSB0003", "x", innerException: inner);
}
