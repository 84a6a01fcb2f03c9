using System.Collections.Concurrent;
using CliWrap;

namespace Litestream.Build.Tests;

/// <summary>
/// MSBuild's server, a process that stays from build to build: most of a small build's time is the start of MSBuild. A
/// server does one build at a time, so there is one for each test that builds at the same time, told apart by the salt
/// that client and server have to agree on.
/// </summary>
internal sealed class BuildServer : IDisposable
{
    private static readonly ConcurrentBag<BuildServer> s_idle = [];
    private static readonly ConcurrentBag<BuildServer> s_all = [];

    private readonly string _salt = Guid.NewGuid().ToString("N");

    private BuildServer() => s_all.Add(this);

    /// <summary>A server that no other build uses, until it is disposed.</summary>
    public static BuildServer Taken() => s_idle.TryTake(out var idle) ? idle : new BuildServer();

    /// <summary>Ends all servers.</summary>
    public static async Task ShutDownAsync()
    {
        foreach (var server in s_all)
        {
            await Cli.Wrap("dotnet")
                .WithArguments(["build-server", "shutdown", "--msbuild"])
                .WithEnvironmentVariables(server.In(Workspace.CleanEnvironment))
                .WithValidation(CommandResultValidation.None)
                .ExecuteAsync();
        }
    }

    /// <summary>The environment of a build that this server is to do.</summary>
    public IReadOnlyDictionary<string, string?> In(IReadOnlyDictionary<string, string?> environment) =>
        new Dictionary<string, string?>(environment)
        {
            ["DOTNET_CLI_USE_MSBUILD_SERVER"] = "1",
            ["MSBUILDNODEHANDSHAKESALT"] = _salt,
            ["MSBUILDDISABLENODEREUSE"] = null,
        };

    public void Dispose() => s_idle.Add(this);
}
