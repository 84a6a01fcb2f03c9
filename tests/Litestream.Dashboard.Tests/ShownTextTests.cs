using Litestream.Dashboard.Monitoring;

namespace Litestream.Dashboard.Tests;

/// <summary>No absolute path outside the content root is shown.</summary>
public sealed class ShownTextTests
{
    private static readonly ShownText s_text = new("/srv/shop", ["/var/lib/my data/app.db", "/srv/shop/data/a b.db"]);

    [Theory]
    [InlineData("/srv/shop/data/app.db", "data/app.db")]
    [InlineData("/srv/shopping/app.db", "…/app.db")]
    [InlineData("/var/lib/other/app.db", "…/app.db")]
    [InlineData("data/app.db", "data/app.db")]
    [InlineData(@"C:\data\app.db", "…/app.db")]
    public void A_path_is_relative_to_the_content_root_or_its_last_part(string path, string expected) =>
        Assert.Equal(expected, s_text.PathOf(path));

    [Theory]
    [InlineData("'/srv/shop/data/app.db' is behind", "'data/app.db' is behind")]
    [InlineData("/var/lib/my data/app.db: gone", "…/app.db: gone")]
    [InlineData("replicating to path=/mnt/backup/shop", "replicating to path=…/shop")]
    [InlineData("cannot open \"/home/o/x y/z.db\" now", "cannot open \"…/z.db\" now")]
    [InlineData("s3://bucket/shop/app.db is empty", "s3://bucket/shop/app.db is empty")]
    [InlineData("https://minio.example:9000/bucket/x", "https://minio.example:9000/bucket/x")]
    [InlineData("file:///mnt/backup/shop", "…/shop")]
    [InlineData("data/a b.db and 1/2 of it", "data/a b.db and 1/2 of it")]
    [InlineData("open /proc/1/fd: permission denied", "open …/fd: permission denied")]
    [InlineData("open /backup: no such file", "open …/backup: no such file")]
    [InlineData("file:/var/lib/x/app.db?mode=ro", "…/app.db?mode=ro")]
    [InlineData("path:/var/lib/x", "path:…/x")]
    [InlineData(@"open \\server\share\x.db now", "open …/x.db now")]
    [InlineData("http://127.0.0.1:42095/metrics", "http://127.0.0.1:42095/metrics")]
    [InlineData("sftp://me@host:22/srv/backup", "sftp://me@host:22/srv/backup")]
    public void Paths_in_a_text_are_shortened_and_URLs_stay(string text, string expected) =>
        Assert.Equal(expected, s_text.Of(text));

    [Fact]
    public void Databases_of_one_name_are_distinguished_wherever_they_are_named()
    {
        string[] paths = ["/data/acme/app.db", "/data/zeta/app.db", "/data/zeta/old/app.db", "/srv/shop/own.db"];
        var plain = new ShownText("/srv/shop", []);
        var text = new ShownText("/srv/shop", [], DatabaseNames.Of(paths, plain.PathOf));
        Assert.Equal(
            "LSB5007: '…/acme/app.db' is behind, …/zeta/app.db and '…/old/app.db' are not, own.db is",
            text.Of($"LSB5007: '{paths[0]}' is behind, {paths[1]} and '{paths[2]}' are not, {paths[3]} is")
        );
        Assert.Equal(["…/acme/app.db", "…/zeta/app.db", "…/old/app.db", "own.db"], paths.Select(text.NameOf));
        Assert.Equal(
            ["…/a/x/app.db", "…/b/x/app.db"],
            DatabaseNames.Of(["/a/x/app.db", "/b/x/app.db"], plain.PathOf).Values
        );
    }
}
