using Litestream.Diagnostics;
using Litestream.Releases;

namespace Litestream.Tests.Releases;

public sealed class RestoreErrorsTests
{
    [Theory]
    [InlineData("LSB4005", "`litestream restore` ended with exit code 1: open /r/1.ltx: no such file", true)]
    [InlineData("LSB4005", "`litestream restore` ended with exit code 1: NoSuchKey: The key does not exist.", true)]
    [InlineData("LSB4005", "`litestream restore` ended with exit code 1: NoSuchBucket: it does not exist", false)]
    [InlineData("LSB4005", "`litestream restore` ended with exit code 1: 404 ContainerNotFound: not found", false)]
    [InlineData("LSB4005", "`litestream restore` ended with exit code 1: storage: bucket doesn't exist", false)]
    [InlineData("LSB4005", "`litestream restore` ended with exit code 1: dial tcp: no such host", false)]
    [InlineData("LSB4005", "`litestream restore` ended with exit code 1: connect: connection refused", false)]
    [InlineData("LSB4005", "'/srv/missing/a.db': `litestream restore` ended with exit code 1: i/o timeout", false)]
    [InlineData("LSB4005", "'/srv/missing/a.db' could not be restored: The storage does not answer.", false)]
    [InlineData("LSB4009", "`litestream restore` ended with exit code 1: file not found", false)]
    public void A_part_of_the_backup_is_missing_only_where_the_storage_answers(
        string code,
        string message,
        bool isHole
    ) =>
        Assert.Equal(
            isHole,
            RestoreErrors.IsHole(new LitestreamDiagnostic(code, LitestreamSeverity.Error, message))
        );
}
