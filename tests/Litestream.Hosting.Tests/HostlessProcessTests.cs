using System.Runtime.Versioning;
using Litestream.Diagnostics;

namespace Litestream.Hosting.Tests;

/// <summary>A process of the app that builds no host replicates nothing, and says so.</summary>
[SupportedOSPlatform("linux")]
public sealed class HostlessProcessTests
{
    [Fact]
    public void A_process_that_built_a_host_says_nothing() =>
        Assert.Null(HostlessProcess.Decide(hasHost: true, isCommand: true, []));

    [Theory]
    [InlineData("", true)]
    [InlineData("DOTNET_ENVIRONMENT=Production", true)]
    [InlineData("DOTNET_ENVIRONMENT=Development", false)]
    [InlineData("ASPNETCORE_ENVIRONMENT=development", false)]
    [InlineData("LITESTREAM__ENABLED=false", false)]
    [InlineData("DOTNET_ENVIRONMENT=Development Litestream__Enabled=true", true)]
    public void One_that_built_none_says_so_where_a_host_would_have_replicated(string variables, bool said)
    {
        var pairs = variables
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split('='))
            .Select(pair => KeyValuePair.Create(pair[0], (string?)pair[1]));

        var diagnostic = HostlessProcess.Decide(hasHost: false, isCommand: false, pairs);

        Assert.Equal(said, diagnostic is { Code: "LSB5024", Severity: LitestreamSeverity.Warning });
        Assert.Equal(!said, diagnostic is null);
    }

    [Fact]
    public void A_command_that_did_not_run_is_an_error() =>
        Assert.Equal(
            LitestreamSeverity.Error,
            HostlessProcess
                .Decide(
                    hasHost: false,
                    isCommand: true,
                    [KeyValuePair.Create("Litestream__Enabled", (string?)"false")]
                )!
                .Severity
        );

    [Fact]
    public async Task A_process_that_ends_without_a_host_says_once_on_standard_error_that_nothing_was_replicated()
    {
        using var folder = new AppFolder();
        using var app = folder.Start("--no-host");

        Assert.Equal(0, await app.EndedAsync());
        Assert.Equal(
            1,
            app.Count("warning LSB5024: Nothing was replicated: this process ended without building a host")
        );
        Assert.Equal(1, app.Count("no host"));
    }

    [Fact]
    public async Task A_command_of_an_app_that_builds_no_host_fails()
    {
        using var folder = new AppFolder();
        folder.Environment["HOSTED_APP_NoHost"] = "true";
        using var app = folder.Start("litestream", "status");

        Assert.Equal(1, await app.EndedAsync());
        Assert.Equal(1, app.Count("error LSB5024: "));
    }

    [Fact]
    public async Task A_process_that_built_a_host_and_did_not_start_it_says_nothing_of_that()
    {
        using var folder = new AppFolder();
        using var app = folder.Start("--build-only");

        Assert.Equal(0, await app.EndedAsync());
        Assert.DoesNotContain("LSB5024", app.Output, StringComparison.Ordinal);
    }
}
