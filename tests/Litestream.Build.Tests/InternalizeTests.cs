using CliWrap;
using CliWrap.Buffered;
using dnlib.DotNet;
using Litestream.Internalize;

namespace Litestream.Build.Tests;

/// <summary>
/// Moving the packages that we use into an assembly. The program that does it is the example: it uses dnlib, with
/// lambdas, iterators and generic types, and works as before with dnlib inside.
/// </summary>
public sealed class InternalizeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lsb-").FullName;

    private static string Example => typeof(AssemblyMerger).Assembly.Location;

    private static string Used => typeof(ModuleDefMD).Assembly.Location;

    private static string[] Folders =>
        [Path.GetDirectoryName(Example)!, Path.GetDirectoryName(typeof(object).Assembly.Location)!];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_same_input_gives_the_same_bytes()
    {
        var first = Merged("first");
        var second = Merged("second");

        Assert.Equal(File.ReadAllBytes(first), File.ReadAllBytes(second));
        Assert.Equal(
            File.ReadAllBytes(Path.ChangeExtension(first, ".pdb")),
            File.ReadAllBytes(Path.ChangeExtension(second, ".pdb"))
        );
    }

    [Fact]
    public void What_was_moved_is_internal_and_no_longer_referred_to()
    {
        using var module = ModuleDefMD.Load(Merged("once"));

        Assert.DoesNotContain(module.GetAssemblyRefs(), reference => reference.Name == "dnlib");
        Assert.Single(module.GetAssemblyRefs(), reference => reference.Name == "System.Runtime");
        Assert.True(module.Find("dnlib.DotNet.ModuleDefMD", isReflectionName: true)?.IsNotPublic);
    }

    [Fact]
    public void An_assembly_that_was_done_already_stays_as_it_is()
    {
        var file = Merged("twice");
        var once = File.ReadAllBytes(file);

        AssemblyMerger.Merge(file, [Used], Folders);

        Assert.Equal(once, File.ReadAllBytes(file));
    }

    [Fact]
    public void A_public_member_that_mentions_what_is_moved_is_an_error_and_nothing_is_written()
    {
        // The assembly of these tests has public members with types of CliWrap.
        var file = Copy("exposed", typeof(InternalizeTests).Assembly.Location);
        var before = File.ReadAllBytes(file);

        var error = Assert.Throws<InternalizeException>(() =>
            AssemblyMerger.Merge(file, [typeof(Cli).Assembly.Location], Folders)
        );

        Assert.Contains("is public and mentions", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(file));
    }

    [Fact]
    public async Task What_has_packages_inside_works_as_before()
    {
        var program = Merged("program");
        File.Copy(
            Path.ChangeExtension(Example, ".runtimeconfig.json"),
            Path.ChangeExtension(program, ".runtimeconfig.json")
        );
        var file = Copy("again", Example);

        var run = await Cli.Wrap("dotnet")
            .WithArguments([program, file, "--move", Used, "--search", .. Folders])
            .WithEnvironmentVariables(Workspace.CleanEnvironment)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);

        Assert.True(run.ExitCode == 0, run.StandardOutput + run.StandardError);
        Assert.Equal(File.ReadAllBytes(program), File.ReadAllBytes(file));
    }

    [Fact]
    public async Task Its_stack_traces_have_files_and_lines()
    {
        var program = Merged("program");
        File.Copy(
            Path.ChangeExtension(Example, ".runtimeconfig.json"),
            Path.ChangeExtension(program, ".runtimeconfig.json")
        );

        var run = await Cli.Wrap("dotnet")
            .WithArguments([program, Path.Combine(_folder, "missing.dll"), "--move", Used])
            .WithEnvironmentVariables(Workspace.CleanEnvironment)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);

        Assert.Contains("AssemblyMerger.cs:line ", run.StandardError, StringComparison.Ordinal);
    }

    private string Merged(string name)
    {
        var file = Copy(name, Example);
        AssemblyMerger.Merge(file, [Used], Folders);
        return file;
    }

    private string Copy(string name, string assembly)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        foreach (var file in new[] { assembly, Path.ChangeExtension(assembly, ".pdb") }.Where(File.Exists))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        return Path.Combine(folder, Path.GetFileName(assembly));
    }
}
