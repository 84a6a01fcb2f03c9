using Litestream.FileSystem;
using Litestream.Tests.Verification;

namespace Litestream.Tests.FileSystem;

[Trait("Uses", "litestream")]
public sealed class ReplicatorSignsTests
{
    [Theory]
    [InlineData(true, 0, 0, false, true, true)]
    [InlineData(true, 0, 1, false, true, false)]
    [InlineData(true, 1, 0, false, false, false)]
    [InlineData(true, 0, 0, true, false, false)]
    [InlineData(false, 0, 0, false, false, false)]
    public void Nothing_replicates_where_the_system_tells_and_neither_a_litestream_nor_an_app_is_there(
        bool isTold,
        int replicators,
        int others,
        bool appLives,
        bool areNone,
        bool areNoneToCome
    )
    {
        var signs = new ReplicatorSigns(isTold, replicators, others, LockRecord.Empty, appLives);

        Assert.Equal((areNone, areNoneToCome), (signs.AreNone, signs.AreNoneToCome));
    }

    [Fact]
    public async Task A_litestream_that_has_not_opened_its_database_yet_is_one_of_the_others()
    {
        using var folder = new ReplicatedFolder(
            replica: "type: s3\n    bucket: b\n    endpoint: http://127.0.0.1:1\n    region: us-east-1"
        );

        folder.Start();

        await LitestreamTool.WaitUntilAsync(() => ReplicatorSigns.Of(folder.Database) is { AreNoneToCome: false });
    }
}
