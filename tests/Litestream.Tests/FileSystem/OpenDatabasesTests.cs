using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Tests.Databases;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.FileSystem;

/// <summary>A database at <c>current/app.db</c>, where <c>current</c> is a link to <c>releases/7</c>.</summary>
[Trait("Uses", "litestream")]
public sealed class OpenDatabasesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _linked;
    private readonly string _real;

    public OpenDatabasesTests()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Open files are seen on Linux.");
        var release = Directory.CreateDirectory(Path.Combine(_folder.Path, "releases", "7")).FullName;
        Directory.CreateSymbolicLink(Path.Combine(_folder.Path, "current"), "releases/7");
        _linked = Path.Combine(_folder.Path, "current", "app.db");
        _real = Path.Combine(release, "app.db");
        LitestreamTool.Sql(_real, "CREATE TABLE t(x)");
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_database_that_is_open_by_one_of_its_paths_is_seen_by_the_other(bool openedByLink)
    {
        Assert.False(OpenDatabases.IsOpenHere(_linked));
        using var connection = new SqliteConnection($"Data Source={(openedByLink ? _linked : _real)};Pooling=false");
        connection.Open();

        Assert.True(OpenDatabases.IsOpenHere(_linked));
        Assert.True(OpenDatabases.IsOpenHere(_real));
        Assert.Equal([Environment.ProcessId], OpenDatabases.Find(_linked, out _)!.Select(user => user.Id));
    }

    [Fact]
    public void A_database_that_is_open_by_a_second_name_of_its_file_is_seen()
    {
        var second = Path.Combine(_folder.Path, "second.db");
        File.CreateSymbolicLink(second, "current/app.db");
        using var connection = new SqliteConnection($"Data Source={second};Pooling=false");
        connection.Open();

        Assert.True(OpenDatabases.IsOpenHere(second));
        Assert.True(OpenDatabases.IsOpenHere(_linked));
        Assert.False(OpenDatabases.IsOpenHere(Path.Combine(_folder.Path, "other.db")));
    }

    [Theory]
    [InlineData("current/app.db", "releases/7/app.db")]
    [InlineData("current/new.db", "releases/7/new.db")]
    [InlineData("up/app.db", "releases/7/app.db")]
    [InlineData("chain.db", "releases/7/app.db")]
    [InlineData("current/beside.db", "releases/other/x.db")]
    [InlineData("nowhere/x.db", "missing/x.db")]
    public void A_path_leads_where_the_system_says(string path, string real)
    {
        Directory.CreateSymbolicLink(Path.Combine(_folder.Path, "up"), "current/../../current");
        File.CreateSymbolicLink(Path.Combine(_folder.Path, "chain.db"), Path.Combine(_folder.Path, "up", "app.db"));
        File.CreateSymbolicLink(Path.Combine(_folder.Path, "releases", "7", "beside.db"), "../other/x.db");
        Directory.CreateSymbolicLink(Path.Combine(_folder.Path, "nowhere"), "missing");

        Assert.Equal(Path.Combine(_folder.Path, real), DatabasePath.Real(Path.Combine(_folder.Path, path)));
    }

    [Fact]
    public void A_link_that_leads_to_itself_ends()
    {
        var loop = Path.Combine(_folder.Path, "loop");
        Directory.CreateSymbolicLink(loop, "loop");

        Assert.Equal(Path.Combine(loop, "app.db"), DatabasePath.Real(Path.Combine(loop, "app.db")));
    }

    [Fact]
    public void The_lock_is_one_by_both_paths()
    {
        using var held = DatabaseLock.TryAcquire(_linked, out _);

        Assert.NotNull(held);
        Assert.Null(DatabaseLock.TryAcquire(_real, out _));
    }

    [Fact]
    public void Both_paths_in_one_file_are_one_database_twice_and_either_one_chooses_it()
    {
        var error = Assert.Throws<LitestreamException>(() =>
            Effective(
                $"dbs:\n  - path: {_linked}\n    replicas: [{{path: a}}]\n  - path: {_real}\n    replicas: "
                    + $"[{{path: b}}]\n"
            )
        );
        var config = Effective($"dbs:\n  - path: {_linked}\n    replicas: [{{path: a}}]\n");

        Assert.Equal("LSB1012", error.Diagnostic.Code);
        Assert.Equal(_linked, config.Choose(_real).Path);
        Assert.Equal(_linked, config.Choose("releases/7/app.db").Path);
    }

    private Litestream.Configuration.EffectiveConfig Effective(string yml) =>
        LitestreamTool.Effective(_folder.Write("litestream.yml", yml), _folder.Path);
}
