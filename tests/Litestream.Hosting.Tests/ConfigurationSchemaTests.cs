using System.Text.Json;
using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Verification;
using Microsoft.Extensions.Configuration;

namespace Litestream.Hosting.Tests;

/// <summary>What an editor knows of the section <c>Litestream</c> of appsettings.json is what the app reads.</summary>
public sealed class ConfigurationSchemaTests
{
    private static readonly JsonElement Section = JsonDocument
        .Parse(
            File.ReadAllBytes(
                Repository.In("src", "Litestream.Hosting", "ConfigurationSchema.json")
            )
        )
        .RootElement.GetProperty("properties")
        .GetProperty("Litestream");

    [Fact]
    public void It_has_every_setting_and_no_other()
    {
        var read = typeof(LitestreamSettings)
            .GetProperties()
            .Where(property => property.CanWrite)
            .Select(property => Regex.Replace(property.Name, "^Verification", "Verification:"))
            .Concat(EffectiveConfig.SettingVariables.Select(variable => variable.Setting["Litestream:".Length..]))
            .Append(ReplicaOverride.UrlSetting["Litestream:".Length..]);

        Assert.Equal(
            read.Order(StringComparer.Ordinal),
            Settings().Select(setting => setting.Name).Order(StringComparer.Ordinal)
        );
        Assert.All(Settings(), setting => Assert.NotEmpty(setting.Schema.GetProperty("description").GetString()!));
    }

    [Fact]
    public void Its_defaults_are_the_ones_that_count()
    {
        var defaults = Settings()
            .Where(setting => setting.Schema.TryGetProperty("default", out _))
            .ToDictionary(setting => setting.Name, setting => setting.Schema.GetProperty("default").ToString());

        Assert.NotEmpty(defaults);
        Assert.All(defaults, setting => Assert.Equal(Read(), Read(setting)));
    }

    [Fact]
    public void Its_choices_are_all_that_there_are()
    {
        string[] Of(string name) =>
            [
                .. Settings()
                    .Single(setting => setting.Name == name)
                    .Schema.GetProperty("enum")
                    .EnumerateArray()
                    .Select(value => value.GetString()!),
            ];

        Assert.Equal(Enum.GetNames<RestoreOnStart>(), Of("RestoreOnStart"));
        Assert.Equal(Enum.GetNames<OnFailure>(), Of("OnFailure"));
        Assert.Equal(Enum.GetNames<VerificationLevel>(), Of("Verification:Level"));
    }

    [Theory]
    [InlineData("FreeSpaceFloor", "5%", true)]
    [InlineData("FreeSpaceFloor", "1.5 gb", true)]
    [InlineData("FreeSpaceFloor", "0", true)]
    [InlineData("FreeSpaceFloor", "500", false)]
    public void Its_patterns_let_through_what_the_app_understands(string name, string value, bool isGood)
    {
        Assert.Equal(
            isGood,
            Regex.IsMatch(
                value,
                Settings().Single(setting => setting.Name == name).Schema.GetProperty("pattern").GetString()!
            )
        );
        var setting = KeyValuePair.Create(name, value);
        if (isGood)
            Assert.NotEqual(Read(), Read(setting));
        else
            Assert.Equal("LSB1019", Assert.Throws<LitestreamException>(() => Read(setting)).Diagnostic.Code);
    }

    [Fact]
    public void Its_patterns_let_through_every_form_of_a_duration()
    {
        var durations = Settings().Where(setting => Kind(setting.Name) == SettingKind.Duration).ToList();
        var forms = ValueForms.Durations.Concat(ValueForms.Numbers).Where(form => form.Value is not null);

        Assert.Equal(4, durations.Count);
        Assert.All(
            durations,
            setting =>
                Assert.All(forms, form => Assert.Matches(setting.Schema.GetProperty("pattern").GetString()!, form.Key))
        );
        Assert.DoesNotMatch(durations[0].Schema.GetProperty("pattern").GetString()!, "soon");
    }

    [Fact]
    public void The_app_understands_every_form_of_a_duration_and_of_a_flag()
    {
        foreach (var (text, seconds) in ValueForms.Durations.Concat(ValueForms.Numbers))
        {
            Check(text, seconds, "ShutdownTimeout", settings => settings.ShutdownTimeout.TotalSeconds);
            Check(text, seconds, "StallTimeout", settings => settings.StallTimeout.TotalSeconds);
            Check(
                text,
                seconds,
                "Verification:Interval",
                settings => settings.VerificationInterval!.Value.TotalSeconds
            );
            Check(text, seconds, "Verification:Timeout", settings => settings.VerificationTimeout!.Value.TotalSeconds);
        }

        foreach (var (text, flag) in ValueForms.Flags)
        {
            Check(text, flag, "Enabled", settings => settings.Enabled);
            Check(text, flag, "AdoptReplica", settings => settings.AdoptReplica);
            Check(text, flag, "ReplicateDiscovered", settings => settings.ReplicateDiscovered!.Value);
        }

        static void Check<T>(string text, T? expected, string name, Func<LitestreamSettings, T> value)
            where T : struct
        {
            var setting = KeyValuePair.Create(name, text);
            if (expected is { } good)
                Assert.Equal(good, value(Read(setting)));
            else
                Assert.Equal("LSB1019", Assert.Throws<LitestreamException>(() => Read(setting)).Diagnostic.Code);
        }
    }

    private static SettingKind? Kind(string name) =>
        SettingNames.All.SingleOrDefault(setting => setting.Name == name)?.Kind;

    [Fact]
    public void All_of_them_are_in_the_documentation()
    {
        var table = File.ReadAllText(Repository.In("docs", "hosting.md"));
        Assert.All(Settings(), setting => Assert.Matches($@"\n\|[^|\n]*`{setting.Name}`[^|\n]*\|", table));
    }

    private static LitestreamSettings Read(params IEnumerable<KeyValuePair<string, string>> settings) =>
        LitestreamSettings.Read(
            new ConfigurationBuilder()
                .AddInMemoryCollection(
                    settings.Select(setting => KeyValuePair.Create("Litestream:" + setting.Key, (string?)setting.Value))
                )
                .Build(),
            false,
            "/app"
        );

    /// <summary>By the names that an environment variable would have, with colons.</summary>
    private static IEnumerable<(string Name, JsonElement Schema)> Settings() =>
        Section
            .GetProperty("properties")
            .EnumerateObject()
            .SelectMany(one =>
                one.Value.TryGetProperty("properties", out var inner)
                    ? inner.EnumerateObject().Select(child => ($"{one.Name}:{child.Name}", child.Value))
                    : [(one.Name, one.Value)]
            );
}
