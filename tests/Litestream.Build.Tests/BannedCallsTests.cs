using System.Text.RegularExpressions;

namespace Litestream.Build.Tests;

/// <summary>
/// Who opens and closes the database of an app in its process loses commits: the libraries cannot be built with a call
/// that might.
/// </summary>
public sealed partial class BannedCallsTests(Packages packages)
{
    private static readonly string[] Calls =
    [
        "File.OpenRead(database).Dispose();",
        "File.Open(database, FileMode.Open).Dispose();",
        "File.OpenHandle(database).Dispose();",
        "File.ReadAllBytes(database);",
        "await File.ReadAllTextAsync(database);",
        "File.Copy(database, database + \".copy\");",
        "new FileStream(database, FileMode.Open, FileAccess.Read, FileShare.ReadWrite).Dispose();",
        "new FileInfo(database).OpenRead().Dispose();",
        "new FileInfo(database).CopyTo(database + \".copy\");",
        "new StreamReader(database).Dispose();",
        "System.IO.MemoryMappedFiles.MemoryMappedFile.CreateFromFile(database).Dispose();",
    ];

    [Fact]
    public async Task A_call_that_opens_a_file_by_its_name_is_an_error_of_the_build()
    {
        using var workspace = new Workspace(packages);
        var version = Version()
            .Match(
                await File.ReadAllTextAsync(
                    Repository.In("Directory.Packages.props"),
                    TestContext.Current.CancellationToken
                )
            )
            .Groups[1]
            .Value;
        workspace.Write(
            "app.csproj",
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework><OutputType>Exe</OutputType>
                <ImplicitUsings>enable</ImplicitUsings><WarningsAsErrors>RS0030</WarningsAsErrors>
                <RunAnalyzers>true</RunAnalyzers></PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Microsoft.CodeAnalysis.BannedApiAnalyzers" Version="{version}" />
                <AdditionalFiles Include="{Repository.Root}/src/BannedSymbols.txt" />
              </ItemGroup>
            </Project>
            """
        );
        workspace.Write(
            "Program.cs",
            $"var database = args[0];\n{string.Join('\n', Calls)}\nConsole.WriteLine(File.Exists(database));\n"
        );

        var errors = (await workspace.DotnetAsync("build"))
            .FailedWith("RS0030")
            .Errors.Where(error => error.Code == "RS0030")
            .ToList();

        Assert.Equal(Enumerable.Range(2, Calls.Length), errors.Select(error => error.LineNumber).Distinct().Order());
        Assert.All(
            errors,
            error => Assert.Contains("NonDatabaseFile opens other files", error.Text, StringComparison.Ordinal)
        );
    }

    [Fact]
    public void Both_libraries_are_built_with_that_list_and_one_file_is_exempt()
    {
        string[] libraries = ["Litestream", "Litestream.Hosting"];
        Assert.All(
            libraries,
            library =>
                Assert.Contains(
                    "BannedSymbols.txt",
                    File.ReadAllText(Repository.In("src", library, library + ".csproj")),
                    StringComparison.Ordinal
                )
        );
        Assert.Equal(
            ["NonDatabaseFile.cs"],
            libraries
                .SelectMany(library =>
                    Directory.EnumerateFiles(Repository.In("src", library), "*.cs", SearchOption.AllDirectories)
                )
                .Where(file =>
                    !file.Contains("/obj/", StringComparison.Ordinal)
                    && File.ReadAllText(file).Contains("disable RS0030", StringComparison.Ordinal)
                )
                .Select(Path.GetFileName)
                .Order(StringComparer.Ordinal)
        );
    }

    [GeneratedRegex("""BannedApiAnalyzers" Version="([^"]+)""")]
    private static partial Regex Version();
}
