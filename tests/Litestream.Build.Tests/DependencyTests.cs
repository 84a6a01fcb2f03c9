using System.IO.Compression;
using System.Xml.Linq;
using dnlib.DotNet;
using Litestream.Internalize;

namespace Litestream.Build.Tests;

/// <summary>What the packed packages bring into an app.</summary>
public sealed class DependencyTests(Packages packages)
{
    private static readonly string[] s_inside = ["CliWrap", "System.CommandLine", "YamlDotNet"];

    [Theory]
    [InlineData("Litestream.Build", "Litestream.Executable tested", "Litestream.Hosting ours")]
    [InlineData(
        "Litestream.Hosting",
        "Litestream ours",
        "Microsoft.Extensions.Diagnostics.HealthChecks 8.0.0",
        "Microsoft.Extensions.Hosting.Abstractions 8.0.0"
    )]
    [InlineData("Litestream", "Microsoft.Data.Sqlite.Core 8.0.30")]
    public void A_package_depends_on_these_and_nothing_else(string package, params string[] expected)
    {
        using var archive = Open(package);
        using var stream = archive.GetEntry($"{package}.nuspec")!.Open();
        var dependencies = XDocument
            .Load(stream)
            .Descendants()
            .Where(element => element.Name.LocalName == "dependency")
            .Select(element => $"{element.Attribute("id")!.Value} {element.Attribute("version")!.Value}")
            .Select(text => text.Replace(packages.Version, "ours", StringComparison.Ordinal))
            .Select(text => text.Replace($" {Repository.Version}", " tested", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
        Assert.Equal(expected.Order(StringComparer.Ordinal), dependencies);
    }

    [Theory]
    [InlineData("Litestream")]
    [InlineData("Litestream.Hosting")]
    public void An_assembly_refers_to_what_its_package_depends_on_and_shows_nothing_of_what_is_inside(string package)
    {
        using var archive = Open(package);
        var file = Assert.Single(archive.Entries, entry => entry.FullName.EndsWith(".dll", StringComparison.Ordinal));
        Assert.Equal($"lib/net8.0/{package}.dll", file.FullName);
        Assert.NotNull(archive.GetEntry($"lib/net8.0/{package}.xml"));
        using var module = ModuleDefMD.Load(Read(file));

        Assert.All(module.GetAssemblyRefs(), reference => Assert.True(IsAllowed(reference.Name), reference.FullName));
        Assert.All(
            module.GetAssemblyRefs().Where(reference => reference.Name == "SQLitePCLRaw.core"),
            reference => Assert.Equal(new Version(2, 1, 0, 0), reference.Version)
        );
        var hidden = module.GetTypes().Where(type => !PublicSurface.IsVisible(type)).ToHashSet();
        Assert.Empty(PublicSurface.Exposed(module, hidden));
        Assert.All(
            module.Types.Where(type => type.IsPublic).Select(type => type.Namespace.String),
            name => Assert.Matches(@"^(Litestream(\.|$)|Microsoft\.Extensions\.)", name)
        );
        var namespaces = module.Types.Select(type => $"{type.Namespace}.").ToHashSet(StringComparer.Ordinal);
        Assert.Equal(
            s_inside.Where(name => name == "System.CommandLine" == (package == "Litestream.Hosting")),
            s_inside.Where(name => namespaces.Contains($"{name}."))
        );

        static bool IsAllowed(string name) =>
            name is "Litestream" or "Microsoft.Data.Sqlite" or "SQLitePCLRaw.core"
            || name.StartsWith("Microsoft.Extensions.", StringComparison.Ordinal)
            || IsOfTheFramework(name);
    }

    [Theory]
    [InlineData("Litestream")]
    [InlineData("Litestream.Hosting")]
    [InlineData("Litestream.Build")]
    public void A_package_has_the_licences_of_what_is_inside(string package)
    {
        using var archive = Open(package);
        var notice = System.Text.Encoding.UTF8.GetString(Read(archive.GetEntry("NOTICE")!));
        foreach (var name in s_inside)
            Assert.Contains(name, notice, StringComparison.Ordinal);
        Assert.Contains("Permission is hereby granted", notice, StringComparison.Ordinal);
        Assert.NotNull(archive.GetEntry("LICENSE"));
    }

    private static bool IsOfTheFramework(string assembly) =>
        File.Exists(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, $"{assembly}.dll"));

    private static byte[] Read(ZipArchiveEntry entry)
    {
        using var stream = entry.Open();
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private ZipArchive Open(string package) =>
        ZipFile.OpenRead(Path.Combine(packages.Feed, $"{package}.{packages.Version}.nupkg"));
}
