using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;

namespace Litestream.Tests.Databases;

/// <summary>Which apps asked for the package themselves, and what those get in which no database is found.</summary>
public sealed class PackageReferenceOriginTests : IDisposable
{
    private const string Reference = "<PackageReference Include=\"Litestream.Build\" Version=\"1.0.0\" />";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_reference_in_the_project_file_is_its_own()
    {
        var project = Write("src/Shop/Shop.csproj", $"<Project><ItemGroup>{Reference}</ItemGroup></Project>");

        Assert.True(PackageReferenceOrigin.IsOwn(project, [project]));
    }

    [Fact]
    public void A_package_that_a_library_brings_is_not() =>
        Assert.False(PackageReferenceOrigin.IsOwn(Write("src/Shop/Shop.csproj", "<Project />"), []));

    [Theory]
    [InlineData("Directory.Build.props", "<ItemGroup>{0}</ItemGroup>")]
    [InlineData("Directory.Build.targets", "<ItemGroup Condition=\"'$(OutputType)' == 'Exe'\">{0}</ItemGroup>")]
    [InlineData("src/Shop/Directory.Build.props", "<ItemGroup>{0}</ItemGroup>")]
    [InlineData(
        "Directory.Packages.props",
        "<ItemGroup><GlobalPackageReference Include=\"Litestream.Build\" /></ItemGroup>"
    )]
    [InlineData("Directory.Build.props", "<ItemGroup Condition=\"'$(MSBuildProjectName)' == 'Store'\">{0}</ItemGroup>")]
    [InlineData("Directory.Build.props", "<ItemGroup Condition=\"'$(MSBuildProjectName)' != 'Shop'\">{0}</ItemGroup>")]
    [InlineData("Directory.Build.props", "<ItemGroup Condition=\"'$(Brand)' == 'Shop'\">{0}</ItemGroup>")]
    [InlineData(
        "Directory.Build.props",
        "<ItemGroup>{0}</ItemGroup><ItemGroup Condition=\"'$(MSBuildProjectName)' == 'Shop'\"><PackageReference "
            + "Include=\"Other\" /></ItemGroup>"
    )]
    public void One_that_a_file_gives_to_every_project_is_not(string file, string content) =>
        Assert.False(IsOwn(file, content));

    [Theory]
    [InlineData("Directory.Build.props", "<ItemGroup Condition=\"'$(MSBuildProjectName)' == 'Shop'\">{0}</ItemGroup>")]
    [InlineData(
        "Directory.Build.props",
        "<ItemGroup Condition=\" '$(MSBuildProjectName)'=='shop' or '$(MSBuildProjectName)'=='Store' \">{0}</ItemGroup>"
    )]
    [InlineData(
        "Directory.Build.targets",
        "<ItemGroup><PackageReference Include=\"Litestream.Build\" Condition=\"'$(MSBuildProjectFile)' == "
            + "'Shop.csproj'\" /></ItemGroup>"
    )]
    [InlineData(
        "Directory.Build.props",
        "<Choose><When Condition=\"$(MSBuildProjectName.Equals('Shop'))\"><ItemGroup>{0}</ItemGroup></When></Choose>"
    )]
    [InlineData(
        "Directory.Build.props",
        "<ItemGroup Condition=\"'$(MSBuildProjectFullPath)' == "
            + "'$(MSBuildThisFileDirectory)src/Shop/Shop.csproj'\">{0}</ItemGroup>"
    )]
    [InlineData(
        "Directory.Build.props",
        "<ItemGroup Condition=\"'$(MSBuildProjectDirectory)' == "
            + "'$(MSBuildThisFileDirectory)src\\Shop'\">{0}</ItemGroup>"
    )]
    [InlineData("eng/Shop.props", "<ItemGroup>{0}</ItemGroup>")]
    [InlineData("src/Shop/Shop.csproj.user", "<ItemGroup>{0}</ItemGroup>")]
    public void One_in_a_file_that_names_the_project_is(string file, string content) =>
        Assert.True(IsOwn(file, content));

    [Fact]
    public void One_that_the_project_file_changes_is_its_own()
    {
        var project = Write(
            "src/Shop/Shop.csproj",
            "<Project><ItemGroup><PackageReference Update=\"litestream.build\" Version=\"2.0.0\" "
                + "/></ItemGroup></Project>"
        );
        var shared = Write("Directory.Build.props", $"<Project><ItemGroup>{Reference}</ItemGroup></Project>");

        Assert.True(PackageReferenceOrigin.IsOwn(project, [shared]));
    }

    [Fact]
    public void A_file_that_cannot_be_read_names_nothing() =>
        Assert.False(
            PackageReferenceOrigin.IsOwn(
                Write("src/Shop/Shop.csproj", "<Project />"),
                [Write("Directory.Build.props", "<Project")]
            )
        );

    [Fact]
    public void An_app_that_asked_for_it_gets_all_and_a_message_about_the_run_time()
    {
        var decision = NoDatabasePolicy.Decide(isReferenced: true, isOwn: true, [], "s3://bucket/shop");

        Assert.True(decision.Acts);
        Assert.Equal(("LSB1003", LitestreamSeverity.Message), (decision.Finding!.Code, decision.Finding.Severity));
        Assert.Contains(
            "At run time, the databases that the app's configuration names (environment variables, secrets, command "
                + "line) are replicated to s3://bucket/shop",
            decision.Finding.Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("Microsoft.EntityFrameworkCore.Sqlite", LitestreamSeverity.Warning)]
    [InlineData("Serilog", LitestreamSeverity.Message)]
    public void An_app_that_gets_it_like_every_project_gets_nothing_and_is_warned_if_it_uses_SQLite(
        string package,
        LitestreamSeverity severity
    )
    {
        var decision = NoDatabasePolicy.Decide(isReferenced: true, isOwn: false, [package], null);

        Assert.False(decision.Acts);
        Assert.Equal(("LSB1003", severity), (decision.Finding!.Code, decision.Finding.Severity));
    }

    [Fact]
    public void An_app_that_gets_it_through_a_library_is_left_alone_silently() =>
        Assert.Equal(new NoDatabasePolicy(false, null), NoDatabasePolicy.Decide(false, false, [], null));

    private bool IsOwn(string file, string content) =>
        PackageReferenceOrigin.IsOwn(
            Write("src/Shop/Shop.csproj", "<Project />"),
            [Write(file, $"<Project>{content.Replace("{0}", Reference, StringComparison.Ordinal)}</Project>")]
        );

    private string Write(string file, string content)
    {
        var path = Path.Combine(_folder.Path, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }
}
