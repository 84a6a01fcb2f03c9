using dnlib.DotNet;

namespace Litestream.Internalize;

/// <summary>What an app can see of an assembly.</summary>
internal static class PublicSurface
{
    /// <summary>Says which public members have a type of <paramref name="hidden"/> in their signature.</summary>
    public static IEnumerable<string> Exposed(ModuleDef module, IReadOnlySet<TypeDef> hidden)
    {
        foreach (var type in module.GetTypes().Where(type => !hidden.Contains(type) && IsVisible(type)))
        {
            foreach (var part in Parts(type))
            {
                if (part.Types.SelectMany(Mentioned).FirstOrDefault(hidden.Contains) is { } mentioned)
                    yield return $"'{part.Member}' is public and mentions '{mentioned.FullName}'";
            }
        }
    }

    private static IEnumerable<(string Member, IEnumerable<TypeSig?> Types)> Parts(TypeDef type)
    {
        IEnumerable<ITypeDefOrRef?> bases =
        [
            type.BaseType,
            .. type.Interfaces.Select(one => one.Interface),
            .. Constraints(type),
        ];
        yield return (type.FullName, bases.Select(one => one?.ToTypeSig()));
        foreach (var field in type.Fields.Where(field => field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly))
            yield return (field.FullName, [field.FieldType]);
        foreach (var method in type.Methods.Where(one => one.IsPublic || one.IsFamily || one.IsFamilyOrAssembly))
        {
            yield return (
                method.FullName,
                [method.ReturnType, .. method.MethodSig.Params, .. Constraints(method).Select(one => one.ToTypeSig())]
            );
        }
    }

    private static IEnumerable<ITypeDefOrRef> Constraints(ITypeOrMethodDef owner) =>
        owner.GenericParameters.SelectMany(one => one.GenericParamConstraints).Select(one => one.Constraint);

    internal static bool IsVisible(TypeDef type) =>
        type.DeclaringType is { } outer
            ? IsVisible(outer) && (type.IsNestedPublic || type.IsNestedFamily || type.IsNestedFamilyOrAssembly)
            : type.IsPublic;

    private static IEnumerable<TypeDef> Mentioned(TypeSig? signature)
    {
        for (var part = signature; part is not null; part = part.Next)
        {
            switch (part)
            {
                case GenericInstSig generic:
                    foreach (var type in generic.GenericArguments.Prepend(generic.GenericType).SelectMany(Mentioned))
                        yield return type;
                    break;
                case TypeDefOrRefSig { TypeDef: { } definition }:
                    yield return definition;
                    break;
                case FnPtrSig { MethodSig: { } pointed }:
                    foreach (var type in pointed.Params.Prepend(pointed.RetType).SelectMany(Mentioned))
                        yield return type;
                    break;
            }
        }
    }
}
