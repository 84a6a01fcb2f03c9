using System.IO.Compression;
using System.Text.Json;

namespace Litestream.Build.Tests.Acquisition;

public sealed class ExecutablePackageTests(Packages packages)
{
    [Fact]
    public void The_package_has_upstreams_version_executables_manifest_licences_and_props_and_nothing_else()
    {
        using var package = ZipFile.OpenRead(
            Path.Combine(packages.Feed, $"Litestream.Executable.{Repository.Version}.nupkg")
        );

        Assert.Equal(
            [
                "LICENSE",
                "NOTICE",
                "README.md",
                "build/Litestream.Executable.props",
                "buildTransitive/Litestream.Executable.props",
                "tools/linux-x64/litestream",
                "tools/litestream.manifest.json",
            ],
            package
                .Entries.Select(entry => entry.FullName)
                .Where(name =>
                    !name.StartsWith("_rels", StringComparison.Ordinal)
                    && !name.StartsWith("package/", StringComparison.Ordinal)
                    && name[0] != '['
                    && !name.EndsWith(".nuspec", StringComparison.Ordinal)
                )
                .Where(name =>
                    !name.StartsWith("tools/", StringComparison.Ordinal)
                    || name.Contains("manifest", StringComparison.Ordinal)
                    || name.Contains("linux-x64", StringComparison.Ordinal)
                )
                .Order(StringComparer.Ordinal)
        );
        Assert.Contains("Apache License", Read(package, "NOTICE"), StringComparison.Ordinal);
        Assert.Contains(
            $"<LitestreamExecutableVersion>{Repository.Version}<",
            Read(package, "buildTransitive/Litestream.Executable.props"),
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("<dependencies", Read(package, "Litestream.Executable.nuspec"), StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Line", "0.3")]
    [InlineData("0.3.13")]
    [InlineData("0.3.14")]
    public void Every_executable_in_the_package_is_the_one_that_its_manifest_says(string version)
    {
        using var package = ZipFile.OpenRead(
            Path.Combine(packages.DummyFeed, $"Litestream.Executable.{version}.nupkg")
        );
        using var manifest = JsonDocument.Parse(Read(package, "tools/litestream.manifest.json"));

        Assert.Equal(version, manifest.RootElement.GetProperty("version").GetString());
        var executables = manifest.RootElement.GetProperty("executables").EnumerateObject().ToList();
        Assert.Equal(8, executables.Count);
        Assert.Equal(9, package.Entries.Count(entry => entry.FullName.StartsWith("tools/", StringComparison.Ordinal)));
        foreach (var executable in executables)
        {
            var content = Read(package, $"tools/{executable.Value.GetProperty("file").GetString()}");
            Assert.Equal(executable.Value.GetProperty("sha256").GetString(), AcquireRun.Sha256(content));
            Assert.Equal(executable.Value.GetProperty("size").GetInt32(), content.Length);
            Assert.Contains($"dummy {version} {executable.Name}'", content, StringComparison.Ordinal);
        }
    }

    private static string Read(ZipArchive package, string entry)
    {
        using var reader = new StreamReader(package.GetEntry(entry)!.Open());
        return reader.ReadToEnd();
    }
}
