using System.Diagnostics;
using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;

namespace Litestream.Tests.Configuration;

/// <summary>One table of forms for durations and one for flags, the same in every place that takes them.</summary>
public sealed class ValueFormsTests
{
    private static readonly string[] Flags = ["Enabled", "AdoptReplica", "ReplicateDiscovered"];

    private static readonly string[] Durations =
    [
        "ShutdownTimeout",
        "StallTimeout",
        "Verification:Interval",
        "Verification:Timeout",
    ];

    public static TheoryData<string, double?> Waits =>
        [
            .. ValueForms.Durations.Concat(ValueForms.Numbers).Select(form => (form.Key, form.Value)),
            .. ValueForms.HoursAndDays.Select(form => (form.Key, (double?)null)),
        ];

    public static TheoryData<string, double?> Intervals =>
        [
            .. ValueForms.Durations.Select(form => (form.Key, form.Value)),
            .. ValueForms.Numbers.Select(form => (form.Key, (double?)null)),
            .. ValueForms.HoursAndDays.Select(form => (form.Key, (double?)form.Value)),
        ];

    public static TheoryData<string, bool?> FlagForms => [.. ValueForms.Flags.Select(form => (form.Key, form.Value))];

    [Theory]
    [MemberData(nameof(Waits))]
    public void An_option_takes_a_duration_in_every_form(string text, double? seconds) =>
        Check(
            "LSB3008",
            text,
            seconds,
            () => OptionValue.Duration(OptionName.Timeout, text)!.Value.TotalSeconds,
            DurationText.WaitForms
        );

    [Theory]
    [MemberData(nameof(Waits))]
    public void A_setting_takes_a_duration_in_every_form_and_a_build_says_so_of_others(string text, double? seconds)
    {
        foreach (var name in Durations)
        {
            Check(
                "LSB1019",
                text,
                seconds,
                () => SettingValue.Duration(_ => text, name)!.Value.TotalSeconds,
                DurationText.WaitForms
            );
            CheckBuild(name, text, seconds is not null, DurationText.WaitForms);
        }
    }

    [Theory]
    [MemberData(nameof(Intervals))]
    public void A_property_and_metadata_take_a_duration_in_every_form_with_a_unit(string text, double? seconds)
    {
        (GeneratedConfigOptions Options, FoundDatabase Database, string Key)[] places =
        [
            (new() { SyncInterval = text }, new("app.db", null, null), "sync-interval"),
            (new() { SnapshotInterval = text }, new("app.db", null, null), "snapshot-interval"),
            (new() { Retention = text }, new("app.db", null, null), "retention"),
            (new(), new("app.db", null, null) { SyncInterval = text }, "sync-interval"),
        ];
        foreach (var (options, database, key) in places)
        {
            Is(() => Written(GeneratedConfig.Create([database], options), $"        {key}"));

            // Of an app whose databases are found when it runs.
            if (database.SyncInterval is null)
                Is(() => Written(GeneratedConfig.Create([], options), $"# At run time: {key}"));
        }

        void Is(Func<double> read) => Check("LSB1021", text, seconds, read, DurationText.ReplicaForms);

        // The executable reads it as it is meant.
        static double Written(GeneratedConfig config, string key)
        {
            var line = Regex.Match(config.Text, $"^{key}: \"?([^\"\n]+)", RegexOptions.Multiline);
            return GoDuration.Seconds(line.Groups[1].Value)!.Value;
        }
    }

    [Theory]
    [InlineData("24h", "24h")]
    [InlineData("1.5h", "1.5h")]
    [InlineData("24:00:00", "86400s")]
    [InlineData("00:00:00.5", "500ms")]
    public void What_the_executable_understands_is_written_as_it_was_given(string text, string written) =>
        Assert.Equal(written, DurationText.Replica(text));

    [Theory]
    [MemberData(nameof(FlagForms))]
    public void An_option_a_setting_and_an_url_take_a_flag_in_every_form(string text, bool? flag)
    {
        Check("LSB3008", text, flag, () => OptionValue.Flag(OptionName.Force, text)!.Value, FlagText.Forms);
        foreach (var name in Flags)
        {
            Check("LSB1019", text, flag, () => SettingValue.Flag(_ => text, name)!.Value, FlagText.Forms);
            CheckBuild(name, text, flag is not null, FlagText.Forms);
        }

        var url = $"s3://bucket?skip-verify={Uri.EscapeDataString(text)}";
        Check("LSB1013", null, flag, () => SkipsVerify(url), FlagText.Forms);

        static bool SkipsVerify(string url) =>
            GeneratedConfig
                .Create([new("app.db", null, null)], new() { ReplicaUrl = url })
                .Text.Contains("skip-verify: true", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_property_of_a_build_takes_a_flag_in_every_form()
    {
        string[] properties = ["LitestreamEnabled", "LitestreamAutoStart", "LitestreamRequireExecutable"];
        var folder = Directory.CreateTempSubdirectory("lsb-flags-");
        try
        {
            var values = properties.SelectMany(property =>
                ValueForms
                    .Flags.Keys.Append(" ")
                    .Select(text =>
                        $"Of={property}:{Identify(text)};{property}="
                        + $"{text.Replace(";", "%3B", StringComparison.Ordinal)}"
                    )
            );
            const string Call =
                """<MSBuild Projects="$(MSBuildProjectFullPath)" Targets="One" ContinueOnError="true" """;
            var calls = values.Select(value => $"""{Call} Properties="{value}" />""");
            var project = Path.Combine(folder.FullName, "flags.proj");
            await File.WriteAllTextAsync(
                project,
                $"""
                <Project>
                  <PropertyGroup>
                    <OutputType>Exe</OutputType>
                    <TargetFrameworkIdentifier>.NETCoreApp</TargetFrameworkIdentifier>
                    <TargetFrameworkVersion>v10.0</TargetFrameworkVersion>
                    <NETCoreSdkVersion>10.0.401</NETCoreSdkVersion>
                  </PropertyGroup>
                  <Import Project="{Repository.Root}/buildTransitive/Litestream.Build.props" />
                  <Import Project="{Repository.Root}/buildTransitive/Litestream.Build.targets" />
                  <Target Name="All">
                    {string.Join("\n    ", calls)}
                  </Target>
                  <Target Name="One" DependsOnTargets="_LitestreamCheckHost">
                    <PropertyGroup>
                      <Is>$(_LitestreamEnabled);$(_LitestreamAutoStart);$(_LitestreamRequireExecutable)</Is>
                    </PropertyGroup>
                    <Message Importance="high" Text="$(Of)=$(Is);$(_LitestreamActive)" />
                  </Target>
                </Project>
                """,
                TestContext.Current.CancellationToken
            );

            string[] arguments = ["msbuild", project, "-t:All", "-nologo", "-tl:off", "-v:m"];
            using var build = Process.Start(
                new ProcessStartInfo("dotnet", arguments)
                {
                    RedirectStandardOutput = true,
                    Environment = { ["MSBUILDDISABLENODEREUSE"] = "1" },
                }
            )!;
            var output = await build.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await build.WaitForExitAsync(TestContext.Current.CancellationToken);

            foreach (var (property, place) in properties.Select((property, place) => (property, place)))
            {
                foreach (var (text, flag) in ValueForms.Flags.Append(new(" ", true)))
                {
                    var line = output
                        .Split('\n')
                        .Select(line => line.Trim())
                        .FirstOrDefault(line =>
                            line.StartsWith($"{property}:{Identify(text)}=", StringComparison.Ordinal)
                        );
                    if (flag is null)
                    {
                        Assert.Null(line);
                        Assert.Contains(
                            $"error LSB3008: {property} is '{text}'; it must be {FlagText.Forms}.",
                            output,
                            StringComparison.Ordinal
                        );
                        continue;
                    }

                    var flags = line!.Split('=')[1].Split(';');
                    var expected = Enumerable.Range(0, 3).Select(i => i == place && flag is false ? "false" : "true");
                    Assert.Equal(expected, flags[..3]);
                    Assert.Equal(flags[0], flags[3]);
                }
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        static string Identify(string text) => Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(text));
    }

    [Fact]
    public void What_is_empty_is_not_set()
    {
        foreach (var text in new[] { null, "", "  " })
        {
            Assert.Null(SettingValue.Flag(_ => text, "Enabled"));
            Assert.Null(SettingValue.Duration(_ => text, "ShutdownTimeout"));
            Assert.Null(OptionValue.Flag(OptionName.Force, text));
            Assert.Null(OptionValue.Duration(OptionName.Timeout, text));
        }
    }

    private static void Check<T>(string code, string? text, T? expected, Func<T> read, string forms)
        where T : struct
    {
        if (expected is { } value)
        {
            Assert.Equal(value, read());
            return;
        }

        var refused = Assert.Throws<LitestreamException>(() => read()).Diagnostic;
        Assert.Equal(code, refused.Code);
        Assert.Contains(forms, refused.Message, StringComparison.Ordinal);
        if (text is not null)
            Assert.Contains($"'{text.Trim()}'", refused.Message, StringComparison.Ordinal);
    }

    private static void CheckBuild(string name, string text, bool isGood, string forms)
    {
        var findings = UnknownNames.OfValues([new Setting($"Litestream:{name}", text)]).ToList();
        if (isGood)
            Assert.Empty(findings);
        else
            Assert.Contains(forms, Assert.Single(findings).Message, StringComparison.Ordinal);
    }
}
