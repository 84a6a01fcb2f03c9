using Litestream.Databases;

namespace Litestream.Tests.Databases;

public sealed class ProjectPackagesTests : IDisposable
{
    private const string Assets = """
        {
          "version": 3,
          "targets": {
            "net8.0": {
              "Litestream.Build/0.1.0": { "type": "package", "dependencies": { "Litestream.Hosting": "0.1.0" } },
              "Litestream.Hosting/0.1.0": { "type": "package", "dependencies": { "Litestream": "0.1.0" } },
              "Litestream/0.1.0": { "type": "package", "dependencies": { "Microsoft.Data.Sqlite.Core": "8.0.0" } },
              "Microsoft.Data.Sqlite.Core/8.0.0": { "type": "package" },
              "LiteDB/5.0.21": { "type": "package" },
              "Lib/1.0.0": { "type": "project", "dependencies": { "Dapper": "2.0.0" } },
              "Dapper/2.0.0": { "type": "package" }
            },
            "net9.0/linux-x64": {
              "Microsoft.EntityFrameworkCore.Sqlite/9.0.0": {
                "type": "package", "dependencies": { "Microsoft.Data.Sqlite.Core": "9.0.0" } },
              "Microsoft.Data.Sqlite.Core/9.0.0": { "type": "package" }
            }
          },
          "projectFileDependencyGroups": {
            "net8.0": [ "LiteDB >= 5.0.21", "Lib >= 1.0.0", "Litestream.Build >= 0.1.0" ],
            "net9.0": [ "Microsoft.EntityFrameworkCore.Sqlite >= 9.0.0" ]
          },
          "project": { "frameworks": { "net8.0": { "targetAlias": "mine" }, "net9.0": { "targetAlias": "net9.0" } } }
        }
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("net8.0", "Dapper,LiteDB")]
    [InlineData("mine", "Dapper,LiteDB")]
    [InlineData("net9.0", "Microsoft.Data.Sqlite.Core,Microsoft.EntityFrameworkCore.Sqlite")]
    [InlineData(null, "Dapper,LiteDB,Microsoft.Data.Sqlite.Core,Microsoft.EntityFrameworkCore.Sqlite")]
    public void Packages_are_those_of_the_app_and_not_those_that_only_this_package_brings(
        string? framework,
        string expected
    ) =>
        Assert.Equal(
            expected,
            string.Join(',', ProjectPackages.Read(_folder.Write("project.assets.json", Assets), framework))
        );

    [Fact]
    public void A_real_restore_is_read_with_its_transitive_packages()
    {
        var packages = ProjectPackages.Read(
            Repository.In("tests", "Litestream.Hosting.Tests", "obj", "project.assets.json"),
            "net10.0"
        );
        Assert.Contains("Microsoft.Data.Sqlite", packages);
        Assert.Contains("SQLitePCLRaw.core", packages);
        Assert.DoesNotContain("Microsoft.Extensions.Diagnostics.HealthChecks", packages);
    }

    [Fact]
    public void What_cannot_be_read_is_not_evidence()
    {
        Assert.Empty(ProjectPackages.Read(Path.Combine(_folder.Path, "none.json"), "net8.0"));
        Assert.Empty(ProjectPackages.Read(_folder.Write("a.json", "{"), "net8.0"));
        Assert.Empty(ProjectPackages.Read(_folder.Write("b.json", "[]"), "net8.0"));
    }
}
