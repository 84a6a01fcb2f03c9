using Litestream.Diagnostics;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Configuration;

/// <summary>Where the configuration for one run of the executable is.</summary>
[Trait("Uses", "litestream")]
public sealed class ConfigFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("temp", "temp")]
    [InlineData("nowhere", "data")]
    [InlineData("file", "data")]
    public async Task Without_a_folder_for_temporary_files_it_lies_beside_the_database(string temp, string expected)
    {
        Directory.CreateDirectory(In("temp"));
        _folder.Write("file", "");
        _folder.Write("data/app.db", "");

        var (file, text) = await UseAsync("data/app.db", temp);

        Assert.Equal(In(expected), Path.GetDirectoryName(Path.GetDirectoryName(file)));
        Assert.Contains("s3://bucket/app", text, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(In(expected)));
        Assert.Equal(expected == "data" ? ["app.db"] : [], Directory.GetFiles(In(expected)).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Where_there_is_no_folder_of_the_database_it_lies_in_the_apps()
    {
        var (file, _) = await UseAsync("missing/app.db", "nowhere");

        Assert.Equal(_folder.Path, Path.GetDirectoryName(Path.GetDirectoryName(file)));
        Assert.False(Directory.Exists(In("missing")));
    }

    [Fact]
    public async Task A_place_that_takes_no_file_is_followed_by_the_next_one()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "There is no other folder in which root cannot make one.");
        _folder.Write("data/app.db", "");

        var (file, _) = await UseAsync("data/app.db", "/proc/self/fd");

        Assert.StartsWith(In("data"), file, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_nothing_can_be_written_all_places_are_named()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "There is no other folder in which root cannot make one.");
        var yml = _folder.Write("litestream.yml", Yml("/proc/self/app.db"));
        var config = LitestreamTool.Effective(yml, "/proc", fast: false);

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            config.WithFileAsync("/nowhere", Task.FromResult)
        );

        Assert.Equal("LSB0003", error.Diagnostic.Code);
        foreach (var place in new[] { "'/nowhere'", "'/proc/self'", "'/proc'", "TMPDIR" })
            Assert.Contains(place, error.Message, StringComparison.Ordinal);
    }

    private static string Yml(string database) =>
        $"dbs:\n  - path: {database}\n    replicas:\n      - url: s3://bucket/app\n        region: eu-west-1\n";

    private string In(string name) => Path.Combine(_folder.Path, name);

    private async Task<(string File, string Text)> UseAsync(string database, string temp)
    {
        var yml = _folder.Write("litestream.yml", Yml(database));
        var config = LitestreamTool.Effective(yml, _folder.Path, fast: false);
        var used = await config.WithFileAsync(
            Path.Combine(_folder.Path, temp),
            async file =>
            {
                if (!OperatingSystem.IsWindows())
                    Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
                return (file, await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
            }
        );
        Assert.False(Directory.Exists(Path.GetDirectoryName(used.file)));
        return used;
    }
}
