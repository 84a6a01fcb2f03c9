using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Extensions;
using ArchUnitNET.Loader;
using Litestream.Execution;

namespace Litestream.Tests;

/// <summary>
/// Which folder of the library may use which, in the compiled assembly: each the ones above it in the list.
/// </summary>
public sealed class ArchitectureTests
{
    /// <summary>The last one is the root, with the facade.</summary>
    private static readonly string[] s_layers =
    [
        "Diagnostics",
        "FileSystem",
        "Sqlite",
        "Databases",
        "Configuration",
        "Execution",
        "Releases",
        "Restore",
        "Verification",
        "Replication",
        "Doctor",
        "Deployment",
        "Verbs",
        "",
    ];

    private static readonly System.Reflection.Assembly s_library = typeof(LitestreamExecutable).Assembly;

    [Fact]
    public void Each_folder_of_the_library_uses_those_above_it_only()
    {
        var types = new ArchLoader()
            .LoadAssemblies(s_library)
            .Build()
            .Types.Where(type => Folder(type.Namespace.FullName) is not null)
            .ToList();
        Assert.Equal(s_layers.Order(), types.Select(type => Folder(type.Namespace.FullName)!).Distinct().Order());

        Assert.Empty(types.SelectMany(Wrong).Distinct().Order());
    }

    /// <summary>
    /// What may know release line 0.3 by name: the registration, and what lists generations because the user asks for
    /// them.
    /// </summary>
    private static readonly string[] s_mayKnowALine =
    [
        "Litestream.Releases.ReleaseLine",
        "Litestream.LitestreamClient",
        "Litestream.Verbs.ListingVerbs",
    ];

    [Theory]
    [InlineData("Litestream.Releases.V03")]
    [InlineData("Litestream.Releases.V05")]
    public void What_only_one_release_line_knows_is_used_where_a_user_asks_for_it_and_nowhere_else(string line)
    {
        var types = new ArchLoader()
            .LoadAssemblies(s_library)
            .Build()
            .Types.Where(type => type.Namespace.FullName.StartsWith("Litestream", StringComparison.Ordinal))
            .Where(type => !type.Namespace.FullName.StartsWith("Litestream.Releases.V", StringComparison.Ordinal))
            .ToList();

        var users = types
            .Where(type => type.GetTypeDependencies().Any(target => target.Namespace?.FullName == line))
            .Select(type => type.FullName.Split('+', '/')[0])
            .Distinct();

        Assert.Equal(s_mayKnowALine.Order(), users.Order());
    }

    [Fact]
    public void A_namespace_is_its_folder()
    {
        var files = SourceFiles(s_library);
        Assert.True(files.Count > 100, $"{files.Count} files");

        Assert.All(files, file => Assert.Equal(NamespaceOf(file.Path), file.Namespace));
    }

    private static IEnumerable<string> Wrong(IType type) =>
        from target in type.GetTypeDependencies()

        // What is generated for JSON has generic methods of the same name in each class, which are taken for one.
        where target is not ArchUnitNET.Domain.GenericParameter
        let to = Folder(target.Namespace?.FullName ?? "")
        where to is not null && Array.IndexOf(s_layers, to) > Array.IndexOf(s_layers, Folder(type.Namespace.FullName))
        select $"{type.FullName} uses {target.FullName}";

    /// <summary>The folder of a namespace; null where it is not one of the library's own, as those of the packages that
    /// are moved into its assembly.</summary>
    private static string? Folder(string name) =>
        name.Split('.') switch
        {
            ["Litestream"] => "",
            ["Litestream", var folder, ..] => folder,
            _ => null,
        };

    private static string NamespaceOf(string path)
    {
        const string Root = "src/Litestream/";
        var relative = path[(path.LastIndexOf(Root, StringComparison.Ordinal) + Root.Length)..];
        return string.Join('.', [.. relative.Split('/').SkipLast(1).Prepend("Litestream")]);
    }

    /// <summary>Files with code, as the symbols name them, and the namespace of what is in them.</summary>
    private static HashSet<(string Path, string Namespace)> SourceFiles(System.Reflection.Assembly assembly)
    {
        using var image = new PEReader(File.OpenRead(assembly.Location));
        using var symbols = MetadataReaderProvider.FromPortablePdbStream(
            File.OpenRead(Path.ChangeExtension(assembly.Location, ".pdb"))
        );
        var (code, debug) = (image.GetMetadataReader(), symbols.GetMetadataReader());
        var files = new HashSet<(string Path, string Namespace)>();
        foreach (var handle in code.MethodDefinitions)
        {
            var document = debug.GetMethodDebugInformation(handle.ToDebugInformationHandle()).Document;
            var type = code.GetTypeDefinition(code.GetMethodDefinition(handle).GetDeclaringType());
            while (!type.GetDeclaringType().IsNil)
                type = code.GetTypeDefinition(type.GetDeclaringType());
            var name = code.GetString(type.Namespace);
            if (document.IsNil || Folder(name) is null)
                continue;
            var path = debug.GetString(debug.GetDocument(document).Name).Replace('\\', '/');

            // Not what the compiler's generators write.
            if (path.EndsWith(".cs", StringComparison.Ordinal) && !path.EndsWith(".g.cs", StringComparison.Ordinal))
                files.Add((path, name));
        }

        return files;
    }
}
