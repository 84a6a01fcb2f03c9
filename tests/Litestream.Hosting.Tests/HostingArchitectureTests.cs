using ArchUnitNET.Domain.Extensions;
using ArchUnitNET.Loader;

namespace Litestream.Hosting.Tests;

/// <summary>
/// In the compiled assembly, the commands use the hosting and never the other way round. Only what starts an app knows
/// both: the startup hook and the extension methods, whose namespaces are others'.
/// </summary>
public sealed class HostingArchitectureTests
{
    [Fact]
    public void The_hosting_knows_nothing_of_its_command_line()
    {
        const string Hosting = "Litestream.Hosting";
        const string CommandLine = "Litestream.Hosting.CommandLine";
        var types = new ArchLoader().LoadAssemblies(typeof(LitestreamReplicator).Assembly).Build().Types.ToList();
        Assert.Contains(types, type => type.Namespace.FullName == CommandLine);

        Assert.Empty(
            from type in types
            where type.Namespace.FullName == Hosting
            from target in type.GetTypeDependencies()
            where target.Namespace?.FullName == CommandLine
            select $"{type.FullName} uses {target.FullName}"
        );
    }
}
