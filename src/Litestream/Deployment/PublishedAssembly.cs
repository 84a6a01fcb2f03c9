using System.Collections.Immutable;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Litestream.Deployment;

/// <summary>What the check of a publish has to know of a managed assembly.</summary>
/// <param name="Name">Its name.</param>
internal sealed record PublishedAssembly(string Name)
{
    /// <summary>The names of the assemblies that it refers to.</summary>
    public IReadOnlyCollection<string> References { get; init; } = [];

    /// <summary>The full names of its types that are not nested.</summary>
    public IReadOnlyCollection<string> Types { get; init; } = [];

    /// <summary>The full names of the types of other assemblies that it uses.</summary>
    public IReadOnlyCollection<string> UsedTypes { get; init; } = [];

    /// <summary>
    /// The names of the assemblies that Costura.Fody has put into it: they can be loaded once its own code has begun,
    /// so not yet by a startup hook.
    /// </summary>
    public IReadOnlyCollection<string> Embedded { get; init; } = [];

    /// <summary>Whether it has code that runs when it is loaded.</summary>
    public bool HasModuleInitializer { get; init; }

    /// <summary>Reads an assembly; null when the file is something else.</summary>
    public static PublishedAssembly? Read(Stream stream)
    {
        try
        {
            using var file = new PEReader(stream, PEStreamOptions.LeaveOpen);
            if (!file.HasMetadata)
                return null;
            var metadata = file.GetMetadataReader();
            return metadata.IsAssembly ? Read(metadata) : null;
        }
        catch (BadImageFormatException)
        {
            return null;
        }
    }

    private static PublishedAssembly Read(MetadataReader metadata)
    {
        var types = metadata.TypeDefinitions.Select(metadata.GetTypeDefinition).ToImmutableArray();
        var module = types.FirstOrDefault(type => metadata.StringComparer.Equals(type.Name, "<Module>"));
        return new PublishedAssembly(metadata.GetString(metadata.GetAssemblyDefinition().Name))
        {
            References = Set(
                metadata.AssemblyReferences.Select(handle =>
                    metadata.GetString(metadata.GetAssemblyReference(handle).Name)
                )
            ),
            Types = Set(
                types
                    .Where(type => type.GetDeclaringType().IsNil)
                    .Select(type => FullName(metadata, type.Namespace, type.Name))
            ),
            UsedTypes = Set(
                metadata
                    .TypeReferences.Select(metadata.GetTypeReference)
                    .Select(type => FullName(metadata, type.Namespace, type.Name))
            ),
            Embedded = Set(
                metadata
                    .ManifestResources.Select(handle =>
                        EmbeddedName(metadata.GetString(metadata.GetManifestResource(handle).Name))
                    )
                    .OfType<string>()
            ),
            HasModuleInitializer = module
                .GetMethods()
                .Any(method => metadata.StringComparer.Equals(metadata.GetMethodDefinition(method).Name, ".cctor")),
        };
    }

    private static string FullName(MetadataReader metadata, StringHandle space, StringHandle name) =>
        space.IsNil ? metadata.GetString(name) : $"{metadata.GetString(space)}.{metadata.GetString(name)}";

    private static string? EmbeddedName(string resource)
    {
        const string Prefix = "costura.";
        var end = resource.LastIndexOf(".dll", StringComparison.OrdinalIgnoreCase);
        return resource.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) && end > Prefix.Length
            ? resource[Prefix.Length..end]
            : null;
    }

    private static HashSet<string> Set(IEnumerable<string> names) => new(names, StringComparer.Ordinal);
}
