using dnlib.DotNet;
using dnlib.DotNet.Writer;

namespace Litestream.Internalize;

/// <summary>
/// Makes one assembly of several. The types of the others become internal types of the first, which refers to them no
/// longer. The same input gives the same bytes.
/// </summary>
public static class AssemblyMerger
{
    /// <summary>
    /// Moves every type of <paramref name="moved"/> into <paramref name="assembly"/>, which is replaced, its .pdb too.
    /// </summary>
    /// <param name="assembly">The assembly that takes the types.</param>
    /// <param name="moved">The assemblies whose types are moved.</param>
    /// <param name="folders">Where referenced assemblies are looked for.</param>
    /// <param name="floors">The versions that references ask for, by the assembly's name; null: those it was compiled
    /// with.</param>
    /// <exception cref="InternalizeException">Something cannot be moved; nothing was written.</exception>
    public static void Merge(
        string assembly,
        IEnumerable<string> moved,
        IEnumerable<string> folders,
        IReadOnlyDictionary<string, Version>? floors = null
    )
    {
        var context = ModuleDef.CreateModuleContext();
        foreach (var folder in folders)
            ((AssemblyResolver)context.AssemblyResolver).PreSearchPaths.Add(folder);

        // From memory: a memory-mapped file cannot be replaced everywhere.
        var symbols = Path.ChangeExtension(assembly, ".pdb");
        using var target = ModuleDefMD.Load(
            File.ReadAllBytes(assembly),
            new ModuleCreationOptions(context)
            {
                PdbFileOrData = File.Exists(symbols) ? File.ReadAllBytes(symbols) : null,
                TryToLoadPdbFromDisk = false,
            }
        );
        var sources = new List<ModuleDefMD>();
        try
        {
            foreach (var file in moved)
            {
                var options = new ModuleCreationOptions(context) { TryToLoadPdbFromDisk = false };
                sources.Add(ModuleDefMD.Load(File.ReadAllBytes(file), options));
            }

            // An assembly that refers to none of them has been through here already.
            var names = sources.Select(source => source.Assembly.Name.String).ToHashSet(StringComparer.Ordinal);
            if (!target.GetAssemblyRefs().Any(reference => names.Contains(reference.Name)))
                return;

            var map = new Dictionary<string, TypeDef>(StringComparer.Ordinal);
            foreach (var source in sources)
                Check(source);
            foreach (var source in sources)
                Index(source, map);
            var retarget = new ReferenceRetargeter(names, map);
            retarget.Rewrite(target);
            foreach (var source in sources)
            {
                retarget.Rewrite(source);
                Move(source, target);
            }

            foreach (var reference in target.GetAssemblyRefs())
            {
                if (floors?.TryGetValue(reference.Name, out var floor) == true)
                    reference.Version = floor;
            }

            if (PublicSurface.Exposed(target, map.Values.ToHashSet()).FirstOrDefault() is { } exposed)
                throw new InternalizeException($"{exposed}, which apps cannot see.");
            Write(target, assembly, File.Exists(symbols) ? symbols : null);
        }
        finally
        {
            foreach (var source in sources)
                source.Dispose();
        }

        using var written = ModuleDefMD.Load(File.ReadAllBytes(assembly));
        var left = written
            .GetAssemblyRefs()
            .Select(reference => reference.Name.String)
            .Intersect(moved.Select(file => Path.GetFileNameWithoutExtension(file)), StringComparer.Ordinal)
            .ToList();
        if (left.Count > 0)
        {
            File.Delete(assembly);
            throw new InternalizeException($"it still refers to {string.Join(", ", left)}.");
        }
    }

    private static void Check(ModuleDefMD source)
    {
        if (source.GlobalType.Methods.Count > 0 || source.GlobalType.Fields.Count > 0)
            throw new InternalizeException($"'{source.Name}' has code of the module itself, which cannot be moved.");
        if (source.ExportedTypes.Count > 0)
            throw new InternalizeException($"'{source.Name}' forwards types, which cannot be moved.");
        if (source.Resources.FirstOrDefault(resource => resource is not EmbeddedResource) is { } resource)
            throw new InternalizeException($"'{source.Name}' has '{resource.Name}' in a file: it cannot move.");
        if (source.Resources.FirstOrDefault(resource => resource.Name.StartsWith("ILLink.")) is { } linker)
            throw new InternalizeException($"'{source.Name}' has '{linker.Name}', which names it and cannot be moved.");
    }

    private static void Index(ModuleDefMD source, Dictionary<string, TypeDef> map)
    {
        foreach (var type in source.GetTypes())
            map[ReferenceRetargeter.Key(source.Assembly.Name, type.FullName)] = type;
    }

    private static void Move(ModuleDefMD source, ModuleDefMD target)
    {
        // One version of each referenced assembly: the target's.
        var versions = target
            .GetAssemblyRefs()
            .GroupBy(reference => reference.Name.String)
            .ToDictionary(group => group.Key, group => group.Max(reference => reference.Version)!);
        foreach (var reference in source.GetAssemblyRefs())
        {
            if (versions.TryGetValue(reference.Name, out var version))
                reference.Version = version;
        }

        var taken = target.Types.Select(type => type.FullName).ToHashSet(StringComparer.Ordinal);
        foreach (var type in source.Types.Where(type => !type.IsGlobalModuleType).ToList())
        {
            source.Types.Remove(type);
            if (!taken.Add(type.FullName))
            {
                // What the compiler gives to every assembly: attributes, constant data, anonymous types.
                var name = type.Name.String;
                var arity = name.IndexOf('`', StringComparison.Ordinal);
                type.Name = name.Insert(arity < 0 ? name.Length : arity, $"_{source.Assembly.Name}");
                if (!taken.Add(type.FullName))
                    throw new InternalizeException($"the type '{type.FullName}' exists twice.");
            }

            type.Attributes = (type.Attributes & ~TypeAttributes.VisibilityMask) | TypeAttributes.NotPublic;
            target.Types.Add(type);
        }

        foreach (var resource in source.Resources.Cast<EmbeddedResource>())
        {
            if (target.Resources.Any(other => other.Name == resource.Name))
                throw new InternalizeException($"the resource '{resource.Name}' exists twice.");
            target.Resources.Add(
                new EmbeddedResource(
                    resource.Name,
                    resource.CreateReader().ToArray(),
                    ManifestResourceAttributes.Private
                )
            );
        }
    }

    private static void Write(ModuleDefMD target, string assembly, string? symbols)
    {
        var options = new ModuleWriterOptions(target) { WritePdb = symbols is not null };
        options.PEHeadersOptions.TimeDateStamp = target.Metadata.PEImage.ImageNTHeaders.FileHeader.TimeDateStamp;
        options.PdbOptions |= PdbWriterOptions.Deterministic | PdbWriterOptions.PdbChecksum;
        using var image = new MemoryStream();
        using var pdb = new MemoryStream();
        if (symbols is not null)
        {
            options.PdbStream = pdb;
            options.PdbFileName = symbols;
            options.PdbFileNameInDebugDirectory = Path.GetFileName(symbols);
        }

        target.Write(image, options);
        File.WriteAllBytes(assembly, image.ToArray());
        if (symbols is not null)
            File.WriteAllBytes(symbols, pdb.ToArray());
    }
}
