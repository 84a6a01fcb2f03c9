using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Verification;
using Microsoft.Extensions.Configuration;

namespace Litestream.Hosting.Tests;

/// <summary>What an editor knows of the section <c>Litestream</c> of appsettings.json is what the app reads.</summary>
public sealed partial class ConfigurationSchemaTests
{
    private const string Update = "LSB_UPDATE_DOCS";

    private const string DurationForms =
        "Seconds (`90`), a duration with units (`500ms`, `90s`, `1m30s`, `1h`) or `00:01:30`; from 1 ms to 24 days.";

    private static readonly string s_file = Repository.In("src", "Litestream.Hosting", "ConfigurationSchema.json");

    private static readonly JsonElement Section = JsonDocument
        .Parse(File.ReadAllBytes(s_file))
        .RootElement.GetProperty("properties")
        .GetProperty("Litestream");

    private static readonly JsonSerializerOptions s_format = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    };

    [Fact]
    public void It_is_made_from_the_settings_and_from_their_table()
    {
        var schema = Group("Continuous backup of the app's SQLite databases through Litestream.");
        foreach (var setting in SettingNames.All)
        {
            var group = schema["properties"]!.AsObject();
            var name = setting.Name;
            if (name.Split(':') is [var outer, var inner])
            {
                var text = outer switch
                {
                    "Verification" => "Verifications on a schedule, which prove that commits can be restored.",
                    _ => "Who may open the dashboard (the package Litestream.Dashboard).",
                };
                name = inner;
                group = (group[outer] ??= Group(text))["properties"]!.AsObject();
            }

            group[name] = SchemaOf(setting);
        }

        var all = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject { ["Litestream"] = schema },
        };
        var expected = all.ToJsonString(s_format) + "\n";
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            File.WriteAllText(s_file, expected);
            return;
        }

        Assert.True(
            expected == File.ReadAllText(s_file),
            $"ConfigurationSchema.json is not that of SettingNames.All and of the table in docs/hosting.md: {Update}=1 "
                + $"with this test writes it. It has to be\n{expected}"
        );
    }

    [Fact]
    public void It_has_every_setting_and_no_other()
    {
        var read = typeof(LitestreamSettings)
            .GetProperties()
            .Where(property => property.CanWrite)
            .Select(property => Regex.Replace(property.Name, "^Verification", "Verification:"))
            .Concat(EffectiveConfig.SettingVariables.Select(variable => variable.Setting["Litestream:".Length..]))
            .Append(ReplicaOverride.UrlSetting["Litestream:".Length..])
            // The package of the dashboard reads these.
            .Concat(["Dashboard:Username", "Dashboard:Password", "Dashboard:AllowHttp"]);

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

        Assert.NotEmpty(durations);
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

    private static JsonObject Group(string description) =>
        new()
        {
            ["type"] = "object",
            ["description"] = description,
            ["additionalProperties"] = false,
            ["properties"] = new JsonObject(),
        };

    private static JsonObject SchemaOf(SettingName setting)
    {
        var (initial, meaning) = Row(setting.Name);
        var schema = new JsonObject();
        switch (setting.Kind)
        {
            case SettingKind.Flag:
                schema["type"] = "boolean";
                break;
            case SettingKind.Duration:
                schema["type"] = new JsonArray("string", "number");
                schema["pattern"] =
                    @"^\s*([0-9.]+|([0-9.]+([NnUuµMm]?[Ss]|[MmHh]))+|[0-9.]+:[0-9:.]+)\s*$";
                meaning += " " + DurationForms;
                break;
            case SettingKind.Size:
                schema["type"] = "string";
                schema["pattern"] = @"^\s*(0|[0-9.]+\s*([KkMmGg][Bb]|%))\s*$";
                break;
            case SettingKind.Url:
                schema["type"] = "string";
                schema["format"] = "uri";
                break;
            case SettingKind.List:
                schema["type"] = "array";
                schema["items"] = new JsonObject { ["type"] = "string" };
                break;
            default:
                if (setting.Words.Count == 0)
                    schema["type"] = "string";
                else
                    schema["enum"] = new JsonArray([.. setting.Words.Select(word => JsonValue.Create(word))]);
                break;
        }

        if (OneValue().Match(initial) is { Success: true } value)
        {
            schema["default"] =
                setting.Kind == SettingKind.Flag
                    ? JsonValue.Create(bool.Parse(value.Groups[1].Value))
                    : JsonValue.Create(value.Groups[1].Value);
        }
        else if (initial.Length > 0)
        {
            meaning += $" Default: {initial}.";
        }

        schema["description"] = meaning;
        return schema;
    }

    /// <summary>What the documentation says of a setting: its default, and a sentence.</summary>
    private static (string Default, string Meaning) Row(string name)
    {
        var page = File.ReadAllText(Repository.In("docs", "hosting.md"));
        var row = Regex.Match(page, $@"^\| `{name}` \| ([^|]*)\| ([^|]+) \|$", RegexOptions.Multiline);
        Assert.True(row.Success, $"docs/hosting.md has no row for the setting {name}.");
        var meaning = Link().Replace(LinkOfThePage().Replace(row.Groups[2].Value, ""), "$1");
        return (row.Groups[1].Value.Trim(), $"{char.ToUpperInvariant(meaning[0])}{meaning[1..]}.");
    }

    [GeneratedRegex("^`([^`]*)`$")]
    private static partial Regex OneValue();

    [GeneratedRegex(@"; \[[^]]*\]\(#[^)]*\)")]
    private static partial Regex LinkOfThePage();

    [GeneratedRegex(@"\[([^]]*)\]\([^)]*\)")]
    private static partial Regex Link();
}
