using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Verification;

public sealed class ScratchErrorTests
{
    [Theory]
    [InlineData(7, true)]
    [InlineData(10, true)]
    [InlineData(13, true)]
    [InlineData(14, true)]
    [InlineData(1, false)]
    [InlineData(11, false)]
    [InlineData(26, false)]
    public void An_error_of_this_machine_says_nothing_about_the_backup(int code, bool isOfTheMachine) =>
        Assert.Equal(isOfTheMachine, ScratchError.IsOfTheMachine(new SqliteException("SQLite Error.", code)));

    [Fact]
    public void Nor_does_a_file_that_cannot_be_read_or_written()
    {
        Assert.True(ScratchError.IsOfTheMachine(new IOException("No space left on device.")));
        Assert.True(ScratchError.IsOfTheMachine(new UnauthorizedAccessException()));
        Assert.False(ScratchError.IsOfTheMachine(new OperationCanceledException()));
        Assert.Equal($"No space left on device (in {Path.GetTempPath()})", ScratchError.Explain(new IOException("No space left on device.")));
    }
}
