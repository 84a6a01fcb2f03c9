using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Databases;

public sealed class SqliteConnectionSettingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Data Source=app.db", SqliteTargetKind.File, "app.db")]
    [InlineData("  DATA SOURCE = app.db ; Cache=Shared;;", SqliteTargetKind.File, "app.db")]
    [InlineData("Data Source='my ;\"app\".db'", SqliteTargetKind.File, "my ;\"app\".db")]
    [InlineData("Data Source=\"it's \"\"a\"\".db\"", SqliteTargetKind.File, "it's \"a\".db")]
    [InlineData("Data Source=a.db;Filename=b.db", SqliteTargetKind.File, "b.db")]
    [InlineData("/var/lib/app/data", SqliteTargetKind.File, "/var/lib/app/data")]
    [InlineData("/var/a=b.db", SqliteTargetKind.File, "/var/a=b.db")]
    [InlineData("file:a%20b.db?cache=shared", SqliteTargetKind.File, "a b.db")]
    [InlineData("file:///C:/data/a.db", SqliteTargetKind.File, "C:/data/a.db")]
    [InlineData("Data Source=file://localhost/data/a.db", SqliteTargetKind.File, "/data/a.db")]
    [InlineData("URI=file:a.db,version=3", SqliteTargetKind.File, "a.db")]
    [InlineData("Data Source=app.db;Mode=ReadWriteCreate;Version=3;New=True", SqliteTargetKind.File, "app.db")]
    [InlineData("Data Source=app.db;Password=", SqliteTargetKind.File, "app.db")]
    [InlineData("Data Source=:MEMORY:", SqliteTargetKind.File, ":MEMORY:")]
    [InlineData(":memory:", SqliteTargetKind.Memory, null)]
    [InlineData("Data Source=:memory:;Cache=Shared", SqliteTargetKind.Memory, null)]
    [InlineData("Data Source=x;mode=memory", SqliteTargetKind.Memory, null)]
    [InlineData("Data Source=file::memory:?cache=shared", SqliteTargetKind.Memory, null)]
    [InlineData("Data Source=file:/x?vfs=memdb", SqliteTargetKind.Memory, null)]
    [InlineData("Data Source=a.db;Mode=ReadOnly", SqliteTargetKind.ReadOnly, "a.db")]
    [InlineData("Data Source=a.db;Read Only=True", SqliteTargetKind.ReadOnly, "a.db")]
    [InlineData("Data Source=file:a.db?mode=ro", SqliteTargetKind.ReadOnly, "a.db")]
    [InlineData("Data Source=file:a.db?immutable=1", SqliteTargetKind.ReadOnly, "a.db")]
    [InlineData("Data Source=a.db;Password=x", SqliteTargetKind.Encrypted, "a.db")]
    [InlineData("Data Source=file:a.db?key=x", SqliteTargetKind.Encrypted, "a.db")]
    [InlineData("Data Source=%TEMP%/a.db", SqliteTargetKind.Unresolved, "%TEMP%/a.db")]
    [InlineData("Data Source=100% sure/50%.db", SqliteTargetKind.File, "100% sure/50%.db")]
    [InlineData("Data Source=a$b/__init__.db", SqliteTargetKind.File, "a$b/__init__.db")]
    [InlineData("Server=x;Database=y", SqliteTargetKind.NotSqlite, null)]
    [InlineData("postgres://x/y", SqliteTargetKind.NotSqlite, null)]
    [InlineData("", SqliteTargetKind.NotSqlite, null)]
    [InlineData("   ", SqliteTargetKind.NotSqlite, null)]
    [InlineData("Cache=Shared", SqliteTargetKind.NotSqlite, null)]
    [InlineData("provider=mysql;Data Source=x.db", SqliteTargetKind.NotSqlite, null)]
    public void A_value_that_is_known_to_be_sqlites_is_read_whatever_its_form(
        string value,
        SqliteTargetKind kind,
        string? path
    ) => Assert.Equal(new SqliteTarget(kind, path), SqliteConnectionSetting.Parse(value));

    [Theory]
    [InlineData("Data Source=app.db")]
    [InlineData("Data Source=./a/../app.db;Cache=Shared")]
    [InlineData("Data Source=\"quoted; name.db\"")]
    [InlineData("Data Source='single \"x\".db'")]
    [InlineData("Data Source=file:uri%20x.db?mode=rwc")]
    [InlineData("Filename=sub\\back.db")]
    [InlineData("Data Source=größe 数据 😀.db")]
    [InlineData("Data Source=a$b {c} 50%.db")]
    [InlineData("Data Source=file:name?Mode=Memory")]
    public void The_resolved_path_is_the_file_that_sqlite_opens(string value)
    {
        // SQLite resolves against the current directory: the name alone is compared, in a folder of this test.
        var (_, path) = SqliteConnectionSetting.Parse(value);
        var expected = DatabasePath.Resolve(path!, _folder.Path);
        var absolute = value.Replace("file:", $"file:{_folder.Path}/", StringComparison.Ordinal);
        var builder = new SqliteConnectionStringBuilder(absolute) { Pooling = false };
        if (!builder.DataSource.StartsWith("file:", StringComparison.Ordinal))
            builder.DataSource = Path.Combine(_folder.Path, builder.DataSource);
        Directory.CreateDirectory(Path.Combine(_folder.Path, "a"));
        using (var connection = new SqliteConnection(builder.ToString()))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "CREATE TABLE t(x)";
            command.ExecuteNonQuery();
        }

        Assert.True(
            new FileInfo(expected).Exists,
            $"{expected} is not there, but {string.Join(", ", Directory.GetFiles(_folder.Path))}"
        );
    }

    [Fact]
    public void Paths_resolve_as_the_app_resolves_them()
    {
        Assert.Equal("/app/data/app.db", DatabasePath.Resolve("./data//x/../app.db", "/app/"));
        Assert.Equal("/var/app.db", DatabasePath.Resolve("/var/./app.db", "/app", "/data"));
        Assert.Equal("/data/app.db", DatabasePath.Resolve("app.db", "/app", "/data"));
        Assert.Equal(
            "/app/umbraco/Data/app.db",
            DatabasePath.Resolve("|datadirectory|/app.db", "/app", "umbraco/Data")
        );
        Assert.Equal("/app/app.db", DatabasePath.Resolve("|DataDirectory|app.db", "/app"));
        Assert.Equal(
            "/data/app.db",
            DatabasePath.Resolve("|DataDirectory|app.db", "/app", "/data", DataDirectoryToken.Combined)
        );
        Assert.Equal(
            "/app.db",
            DatabasePath.Resolve("|DataDirectory|/app.db", "/app", "/data", DataDirectoryToken.Combined)
        );
        Assert.Equal(
            "/data/app.db",
            DatabasePath.Resolve("|datadirectory|/app.db", "/app", "/data", DataDirectoryToken.Replaced)
        );
        Assert.Equal(
            "/app/app.db",
            DatabasePath.Resolve("|DataDirectory|/app.db", "/app", null, DataDirectoryToken.Combined)
        );
        Assert.Equal("/app/$HOME/~/%x%.db", DatabasePath.Resolve("$HOME/~/%x%.db", "/app"));
        Assert.Equal(Path.Combine(Directory.GetCurrentDirectory(), "x", "app.db"), DatabasePath.Resolve("app.db", "x"));
        Assert.Equal(
            "LSB1015",
            Assert.Throws<LitestreamException>(() => DatabasePath.Resolve("a\0b", "/app")).Diagnostic.Code
        );
        if (!OperatingSystem.IsWindows())
            Assert.Equal("/app/data\\app.db", DatabasePath.Resolve("data\\app.db", "/app"));
    }
}
