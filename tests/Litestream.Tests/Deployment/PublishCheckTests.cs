using Litestream.Deployment;
using Litestream.Diagnostics;

namespace Litestream.Tests.Deployment;

/// <summary>Whether what was published replicates, decided on data.</summary>
public sealed class PublishCheckTests
{
    private const string Hooked = """
        { "runtimeOptions": { "configProperties": {
          "STARTUP_HOOKS": "Litestream.Hosting", "Litestream.EntryAssembly": "Shop" } } }
        """;

    private static readonly PublishExpectation Expected = new(AutoStart: true, RequireExecutable: true);

    private static readonly PublishedAssembly Program = new("Shop")
    {
        UsedTypes = ["Microsoft.Extensions.Hosting.Host"],
    };

    private static readonly PublishedAssembly ProgramWithInitializer = Program with
    {
        Types = ["LitestreamAutoStartInitializer"],
        UsedTypes = ["Microsoft.Extensions.Hosting.Host", "Litestream.Hosting.LitestreamAutoStart"],
        HasModuleInitializer = true,
    };

    private static readonly PublishedAssembly Shim = new("Litestream.Hosting")
    {
        References = ["System.Runtime", "Litestream", "Microsoft.Extensions.Hosting.Abstractions"],
        Types = ["StartupHook", "Litestream.Hosting.LitestreamAutoStart"],
    };

    private static readonly PublishedOutput Good = new()
    {
        AssemblyName = "Shop",
        RuntimeConfig = Hooked,
        Assemblies = [Program, Shim, new("Litestream"), new("Microsoft.Extensions.Hosting.Abstractions")],
        HasExecutable = true,
        HasConfiguration = true,
    };

    private static readonly PublishedOutput Trimmed = Good with
    {
        IsTrimmed = true,
        RuntimeConfig =
            """{ "runtimeOptions": { "configProperties": { "System.StartupHookProvider.IsSupported": false } } }""",
        Assemblies = [ProgramWithInitializer, Shim with { Types = ["Litestream.Hosting.LitestreamAutoStart"] }],
    };

    private static readonly PublishedOutput Native = new()
    {
        AssemblyName = "Shop",
        IsNative = true,
        IsTrimmed = true,
        Assemblies = [ProgramWithInitializer],
        HasExecutable = true,
        HasConfiguration = true,
    };

    [Fact]
    public void An_output_with_a_hook_that_can_run_starts_with_the_app()
    {
        var check = PublishCheck.Run(Good, Expected);

        Assert.Empty(check.Findings);
        Assert.True(check.StartsWithApp);
        Assert.False(check.HookEndsApp);
    }

    [Fact]
    public void So_does_a_trimmed_and_a_native_one_with_the_initializer()
    {
        Assert.True(PublishCheck.Run(Trimmed, Expected).StartsWithApp);
        Assert.True(PublishCheck.Run(Native, Expected).StartsWithApp);
    }

    [Theory]
    [InlineData("\"STARTUP_HOOKS\": \"My.Hook:Litestream.Hosting\"")]
    [InlineData("\"STARTUP_HOOKS\": \"C:\\\\hooks\\\\My.dll;Litestream.Hosting\"")]
    [InlineData("\"STARTUP_HOOKS\": \"Litestream.Hosting\", \"System.StartupHookProvider.IsSupported\": true")]
    public void A_hook_beside_others_is_found(string properties) =>
        Assert.True(PublishCheck.Run(Good with { RuntimeConfig = Config(properties) }, Expected).StartsWithApp);

    [Theory]
    [InlineData(
        "\"STARTUP_HOOKS\": \"Litestream.Hosting\", \"System.StartupHookProvider.IsSupported\": false",
        "switched off"
    )]
    [InlineData(
        "\"STARTUP_HOOKS\": \"Litestream.Hosting\", \"System.StartupHookProvider.IsSupported\": \"False\"",
        "switched off"
    )]
    [InlineData("\"STARTUP_HOOKS\": \"My.Hook\"", "does not name Litestream.Hosting")]
    [InlineData("\"STARTUP_HOOKS\": \"Litestream.Hosting.Other\"", "does not name Litestream.Hosting")]
    [InlineData("\"x\": 1", "does not name Litestream.Hosting")]
    public void A_hook_that_cannot_run_is_an_error(string properties, string why)
    {
        var check = PublishCheck.Run(Good with { RuntimeConfig = Config(properties) }, Expected);

        Assert.Contains(why, Error(check, "LSB1204").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void So_is_one_without_a_runtimeconfig_or_for_another_app_or_in_an_assembly_without_a_hook()
    {
        Assert.Contains(
            "no runtimeconfig.json",
            Error(PublishCheck.Run(Good with { RuntimeConfig = null }, Expected), "LSB1204").Message,
            StringComparison.Ordinal
        );
        var renamed = Good with { RuntimeConfig = Hooked.Replace("Shop", "Store", StringComparison.Ordinal) };
        Assert.Contains(
            "'Shop'",
            Error(PublishCheck.Run(renamed, Expected), "LSB1204").Message,
            StringComparison.Ordinal
        );
        var other = Good with { Assemblies = [Program, new("Litestream.Hosting")] };
        Assert.Contains(
            "no startup hook",
            Error(PublishCheck.Run(other, Expected), "LSB1204").Message,
            StringComparison.Ordinal
        );
        Error(PublishCheck.Run(Good with { RuntimeConfig = "{" }, Expected), "LSB1204");
    }

    [Fact]
    public void An_initializer_starts_it_where_the_hook_is_switched_off() =>
        Assert.True(
            PublishCheck
                .Run(
                    Trimmed with
                    {
                        IsTrimmed = false,
                        Assemblies = [ProgramWithInitializer, .. Good.Assemblies.Skip(1)],
                    },
                    Expected
                )
                .StartsWithApp
        );

    [Fact]
    public void A_trimmed_or_native_app_that_was_built_without_the_initializer_is_an_error_although_the_hook_is_named()
    {
        Error(PublishCheck.Run(Good with { IsTrimmed = true }, Expected), "LSB1205");
        Error(PublishCheck.Run(Trimmed with { Assemblies = [Program, Shim] }, Expected), "LSB1205");
        Error(
            PublishCheck.Run(
                Trimmed with
                {
                    Assemblies = [ProgramWithInitializer with { HasModuleInitializer = false }, Shim],
                },
                Expected
            ),
            "LSB1205"
        );
        Error(PublishCheck.Run(Native with { Assemblies = [Program] }, Expected), "LSB1205");
        Error(PublishCheck.Run(Native with { Assemblies = [] }, Expected), "LSB1205");
    }

    [Fact]
    public void A_trimmed_app_that_keeps_the_hook_on_purpose_starts_by_it() =>
        Assert.True(
            PublishCheck
                .Run(
                    Good with
                    {
                        IsTrimmed = true,
                        RuntimeConfig = Config(
                            "\"STARTUP_HOOKS\": \"Litestream.Hosting\", "
                                + "\"System.StartupHookProvider.IsSupported\": true"
                        ),
                    },
                    Expected
                )
                .StartsWithApp
        );

    [Fact]
    public void A_hook_without_its_assembly_is_an_error_and_would_end_the_app()
    {
        var check = PublishCheck.Run(Good with { Assemblies = [Program] }, Expected);

        Assert.Contains("Litestream.Hosting.dll", Error(check, "LSB1206").Message, StringComparison.Ordinal);
        Assert.True(check.HookEndsApp);
    }

    [Fact]
    public void An_assembly_that_deps_json_does_not_list_is_not_there_for_dotnet()
    {
        var check = PublishCheck.Run(Good with { Listed = new HashSet<string> { "Shop.dll" } }, Expected);

        Error(check, "LSB1206");
        Assert.True(check.HookEndsApp);
    }

    [Fact]
    public void What_our_assemblies_need_has_to_be_there_too()
    {
        Assert.Contains(
            "Litestream.dll",
            Error(
                PublishCheck.Run(Good with { Assemblies = [Program, Shim, Good.Assemblies[3]] }, Expected),
                "LSB1206"
            ).Message,
            StringComparison.Ordinal
        );

        var withoutAbstractions = Good with { Assemblies = [.. Good.Assemblies.SkipLast(1)] };
        Assert.Contains(
            "Microsoft.Extensions.Hosting.Abstractions.dll",
            Error(PublishCheck.Run(withoutAbstractions, Expected), "LSB1206").Message,
            StringComparison.Ordinal
        );

        // The shared framework has it, or the app's own assembly.
        var web = Hooked.Replace(
            "\"configProperties\"",
            "\"frameworks\": [ { \"name\": \"Microsoft.AspNetCore.App\" } ], \"configProperties\"",
            StringComparison.Ordinal
        );
        Assert.True(PublishCheck.Run(withoutAbstractions with { RuntimeConfig = web }, Expected).StartsWithApp);
        var embedded = Program with { Embedded = ["microsoft.extensions.hosting.abstractions"] };
        Assert.True(
            PublishCheck.Run(Good with { Assemblies = [embedded, Shim, new("Litestream")] }, Expected).StartsWithApp
        );
    }

    [Fact]
    public void An_assembly_that_is_embedded_comes_too_late_for_a_hook() =>
        Error(
            PublishCheck.Run(Good with { Assemblies = [Program with { Embedded = ["litestream.hosting"] }] }, Expected),
            "LSB1206"
        );

    [Fact]
    public void An_app_in_which_no_code_builds_a_host_is_an_error()
    {
        var hosting = new PublishedAssembly("Microsoft.Extensions.Hosting")
        {
            UsedTypes = ["Microsoft.Extensions.Hosting.HostBuilder"],
        };
        Error(
            PublishCheck.Run(Good with { Assemblies = [new("Shop"), .. Good.Assemblies.Skip(1), hosting] }, Expected),
            "LSB1202"
        );

        // The old web host raises no events.
        Error(
            PublishCheck.Run(
                Good with
                {
                    Assemblies =
                    [
                        new("Shop") { UsedTypes = ["Microsoft.AspNetCore.WebHost"] },
                        .. Good.Assemblies.Skip(1),
                    ],
                },
                Expected
            ),
            "LSB1202"
        );

        // A library of the app may build it.
        var library = new PublishedAssembly("Shop.Core")
        {
            UsedTypes = ["Microsoft.AspNetCore.Builder.WebApplication"],
        };
        Assert.True(
            PublishCheck
                .Run(Good with { Assemblies = [new("Shop"), .. Good.Assemblies.Skip(1), library] }, Expected)
                .StartsWithApp
        );
    }

    [Fact]
    public void Without_the_executable_it_is_an_error_or_where_that_is_wanted_a_warning_and_never_said_to_start()
    {
        var output = Good with { HasExecutable = false };

        Assert.False(PublishCheck.Run(output, Expected).StartsWithApp);
        Error(PublishCheck.Run(output, Expected), "LSB1207");
        var wanted = PublishCheck.Run(output, Expected with { RequireExecutable = false });
        Assert.Equal(
            ("LSB1207", LitestreamSeverity.Warning),
            (Assert.Single(wanted.Findings).Code, wanted.Findings[0].Severity)
        );
        Assert.False(wanted.StartsWithApp);
    }

    [Fact]
    public void Without_litestream_yml_it_is_an_error() =>
        Error(PublishCheck.Run(Good with { HasConfiguration = false }, Expected), "LSB1208");

    [Fact]
    public void An_app_that_starts_it_itself_needs_the_assembly_that_it_refers_to_and_no_hook()
    {
        var expected = Expected with { AutoStart = false };
        var output = Good with { RuntimeConfig = Config("\"x\": 1"), Assemblies = [Program] };

        Assert.Empty(PublishCheck.Run(output, expected).Findings);
        Assert.False(PublishCheck.Run(output, expected).StartsWithApp);
        Error(
            PublishCheck.Run(
                output with
                {
                    Assemblies = [Program with { References = ["Litestream.Hosting"] }],
                },
                expected
            ),
            "LSB1206"
        );

        // A hook that an earlier build left in the runtimeconfig ends the app as well.
        Error(PublishCheck.Run(output with { RuntimeConfig = Hooked }, expected), "LSB1206");
    }

    private static string Config(string properties) =>
        $$"""{ "runtimeOptions": { "configProperties": { "Litestream.EntryAssembly": "Shop", {{properties}} } } }""";

    private static LitestreamDiagnostic Error(PublishCheck check, string code)
    {
        Assert.False(check.StartsWithApp);
        var finding = Assert.Single(check.Findings);
        Assert.Equal((code, LitestreamSeverity.Error), (finding.Code, finding.Severity));
        return finding;
    }
}
