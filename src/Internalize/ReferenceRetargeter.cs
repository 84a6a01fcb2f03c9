using dnlib.DotNet;
using dnlib.DotNet.Emit;
using dnlib.DotNet.Pdb;

namespace Litestream.Internalize;

/// <summary>Replaces every reference to a type of the moved assemblies by the type itself.</summary>
/// <param name="assemblies">The simple names of the moved assemblies.</param>
/// <param name="types">Their types by <see cref="Key"/>.</param>
internal sealed class ReferenceRetargeter(IReadOnlySet<string> assemblies, IReadOnlyDictionary<string, TypeDef> types)
{
    private const SigComparerOptions ByName = SigComparerOptions.DontCompareTypeScope;

    public static string Key(string assembly, string type) => $"{assembly}|{type}";

    public void Rewrite(ModuleDefMD module)
    {
        Attributes(module);
        if (module.Assembly is { } assembly)
            Attributes(assembly);

        foreach (var type in module.GetTypes().ToList())
            Rewrite(type);
    }

    private void Rewrite(TypeDef type)
    {
        Attributes(type);
        Security(type);
        type.BaseType = Type(type.BaseType);
        Parameters(type);
        foreach (var implemented in type.Interfaces)
        {
            Attributes(implemented);
            implemented.Interface = Type(implemented.Interface);
        }

        foreach (var field in type.Fields)
        {
            Attributes(field);
            field.FieldSig = new FieldSig(Sig(field.FieldSig.Type)) { ExtraData = field.FieldSig.ExtraData };
        }

        foreach (var property in type.Properties)
        {
            Attributes(property);
            Change(property.PropertySig);
        }

        foreach (var @event in type.Events)
        {
            Attributes(@event);
            @event.EventType = Type(@event.EventType);
        }

        foreach (var method in type.Methods)
            Rewrite(method);
    }

    private void Rewrite(MethodDef method)
    {
        Attributes(method);
        Security(method);
        Parameters(method);
        foreach (var parameter in method.ParamDefs)
            Attributes(parameter);
        if (method.HasOverrides)
        {
            for (var i = 0; i < method.Overrides.Count; i++)
            {
                var one = method.Overrides[i];
                method.Overrides[i] = new MethodOverride(
                    (IMethodDefOrRef)Method(one.MethodBody),
                    (IMethodDefOrRef)Method(one.MethodDeclaration)
                );
            }
        }

        // The body first: it is read with the signature as it was.
        if (method.Body is { } body)
            Rewrite(body);
        Change(method.MethodSig);
        method.Parameters.UpdateParameterTypes();
    }

    private void Rewrite(CilBody body)
    {
        foreach (var variable in body.Variables)
            variable.Type = Sig(variable.Type);
        foreach (var handler in body.ExceptionHandlers)
            handler.CatchType = Type(handler.CatchType);
        foreach (var instruction in body.Instructions)
        {
            instruction.Operand = instruction.Operand switch
            {
                // MemberRef is both a field and a method: first what is both.
                MemberRef member => Member(member),
                IMethod reference => Method(reference),
                ITypeDefOrRef reference => Type(reference),
                MethodSig signature => Changed(signature),
                var other => other,
            };
        }

        if (body.PdbMethod?.Scope is { } scope)
            Rewrite(scope);
    }

    private void Rewrite(PdbScope scope)
    {
        foreach (var constant in scope.Constants)
            constant.Type = Sig(constant.Type);
        for (var imports = scope.ImportScope; imports is not null; imports = imports.Parent)
        {
            foreach (var import in imports.Imports)
                Rewrite(import);
        }

        foreach (var inner in scope.Scopes)
            Rewrite(inner);
    }

    private void Rewrite(PdbImport import)
    {
        switch (import)
        {
            case PdbImportType type:
                type.TargetType = Type(type.TargetType);
                break;
            case PdbAliasType type:
                type.TargetType = Type(type.TargetType);
                break;
            case PdbImportAssemblyNamespace space when assemblies.Contains(space.TargetAssembly.Name):
            case PdbAliasAssemblyReference alias when assemblies.Contains(alias.TargetAssembly.Name):
                throw new InternalizeException("an extern alias of a moved assembly cannot be kept in the symbols.");
        }
    }

    private void Parameters(ITypeOrMethodDef owner)
    {
        foreach (var parameter in owner.GenericParameters)
        {
            Attributes(parameter);
            foreach (var constraint in parameter.GenericParamConstraints)
            {
                Attributes(constraint);
                constraint.Constraint = Type(constraint.Constraint);
            }
        }
    }

    private void Attributes(IHasCustomAttribute owner)
    {
        foreach (var attribute in owner.CustomAttributes)
        {
            attribute.Constructor = (ICustomAttributeType)Method(attribute.Constructor);
            if (attribute.IsRawBlob)
                continue;
            for (var i = 0; i < attribute.ConstructorArguments.Count; i++)
                attribute.ConstructorArguments[i] = Argument(attribute.ConstructorArguments[i]);
            foreach (var named in attribute.NamedArguments)
            {
                named.Type = Sig(named.Type);
                named.Argument = Argument(named.Argument);
            }
        }
    }

    private static void Security(IHasDeclSecurity owner)
    {
        if (owner.DeclSecurities.Count > 0)
            throw new InternalizeException($"'{owner}' has declarative security, which cannot be moved.");
    }

    private CAArgument Argument(CAArgument argument) =>
        new(
            Sig(argument.Type),
            argument.Value switch
            {
                TypeSig type => Sig(type),
                CAArgument boxed => Argument(boxed),
                IList<CAArgument> list => list.Select(Argument).ToList(),
                var value => value,
            }
        );

    private ITypeDefOrRef Type(ITypeDefOrRef type) =>
        type switch
        {
            TypeRef reference => Type(reference),
            TypeSpec { TypeSig: { } signature }
                when Sig(signature) is var changed && !ReferenceEquals(changed, signature) => new TypeSpecUser(changed),
            _ => type,
        };

    private ITypeDefOrRef Type(TypeRef reference)
    {
        if (reference.DefinitionAssembly is not { } assembly || !assemblies.Contains(assembly.Name))
            return reference;
        return types.TryGetValue(Key(assembly.Name, reference.FullName), out var definition)
            ? definition
            : throw new InternalizeException($"the type '{reference.FullName}' is not in '{assembly.Name}'.");
    }

    private IMethod Method(IMethod method) =>
        method switch
        {
            MemberRef member => (IMethod)Member(member),
            MethodSpec specification => new MethodSpecUser(
                (IMethodDefOrRef)Method(specification.Method),
                new GenericInstMethodSig(specification.GenericInstMethodSig.GenericArguments.Select(Sig).ToList())
            ),
            _ => method,
        };

    private IMemberRef Member(MemberRef member)
    {
        var parent = member.Class is ITypeDefOrRef type ? (IMemberRefParent)Type(type) : member.Class;
        var field = member.FieldSig is { } fieldSig
            ? new FieldSig(Sig(fieldSig.Type)) { ExtraData = fieldSig.ExtraData }
            : null;
        var method = member.MethodSig is { } methodSig ? Changed(methodSig) : null;

        // A member of a type of this module is named by its own row.
        var definition = ReferenceEquals(parent, member.Class) ? null : parent as TypeDef;
        for (; definition is not null; definition = definition.BaseType as TypeDef)
        {
            if (field is not null && definition.FindField(member.Name, field, ByName) is { } foundField)
                return foundField;
            if (method is not null && definition.FindMethod(member.Name, method, ByName) is { } foundMethod)
                return foundMethod;
        }

        return field is not null
            ? new MemberRefUser(member.Module, member.Name, field, parent)
            : new MemberRefUser(member.Module, member.Name, method, parent);
    }

    private MethodSig Changed(MethodSig signature)
    {
        var copy = signature.Clone();
        Change(copy);
        return copy;
    }

    private void Change(MethodBaseSig signature)
    {
        signature.RetType = Sig(signature.RetType);
        for (var i = 0; i < signature.Params.Count; i++)
            signature.Params[i] = Sig(signature.Params[i]);
        for (var i = 0; i < signature.ParamsAfterSentinel?.Count; i++)
            signature.ParamsAfterSentinel[i] = Sig(signature.ParamsAfterSentinel[i]);
    }

    /// <summary>The same object when nothing in it is moved.</summary>
    private TypeSig Sig(TypeSig signature)
    {
        switch (signature)
        {
            case ClassSig { TypeRef: { } reference } when Type(reference) is TypeDef type:
                return new ClassSig(type);
            case ValueTypeSig { TypeRef: { } reference } when Type(reference) is TypeDef type:
                return new ValueTypeSig(type);
            case GenericInstSig generic:
                return new GenericInstSig(
                    (ClassOrValueTypeSig)Sig(generic.GenericType),
                    generic.GenericArguments.Select(Sig).ToList()
                );
            case FnPtrSig { MethodSig: { } pointed }:
                return new FnPtrSig(Changed(pointed));
        }

        if (signature?.Next is not { } next)
            return signature!;
        var changed = Sig(next);
        return signature switch
        {
            ModifierSig modified when !ReferenceEquals(Type(modified.Modifier), modified.Modifier) => Modified(
                modified,
                changed
            ),
            _ when ReferenceEquals(changed, next) => signature,
            SZArraySig => new SZArraySig(changed),
            ArraySig array => new ArraySig(changed, array.Rank, array.Sizes, array.LowerBounds),
            ByRefSig => new ByRefSig(changed),
            PtrSig => new PtrSig(changed),
            PinnedSig => new PinnedSig(changed),
            ModifierSig modifier => Modified(modifier, changed),
            _ => throw new InternalizeException($"the signature '{signature}' is of a kind that cannot be moved."),
        };
    }

    private TypeSig Modified(ModifierSig signature, TypeSig next) =>
        signature is CModReqdSig
            ? new CModReqdSig(Type(signature.Modifier), next)
            : new CModOptSig(Type(signature.Modifier), next);
}
