using System.Text.RegularExpressions;
using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>Whether the executable takes the value of a key for what was meant, and whether it may stand in a file.
/// </summary>
internal sealed partial class ConfigValueCheck(ConfigFindings findings)
{
    private readonly ReplicaTypeCheck _types = new(findings);

    /// <summary>Checks an entry of a list of texts.</summary>
    public void CheckText(ConfigKey key, YamlNode item)
    {
        if (item is not YamlScalar text)
        {
            findings.Fail(
                "LSB1033",
                item,
                $"Each entry of `{key.Name}:` must be a string; Litestream would not start."
            );
            return;
        }

        CheckSecret(key, text);
        if (
            key.Place == ConfigPlace.Age
            && (text.IsNull ? "" : findings.Resolve(text)) is { } keys
            && AgeKey.Problem(keys, isSecret: key.Secret) is { } problem
        )
        {
            findings.Fail("LSB1049", item, $"This entry of `{key.Name}:` {problem}; Litestream would not start.");
        }
    }

    /// <summary>Checks a value.</summary>
    public void Check(ConfigKey key, YamlScalar scalar)
    {
        CheckSecret(key, scalar);

        // A quoted value is a text in YAML, whatever it says.
        if (key.Kind is ConfigKind.Flag or ConfigKind.Count or ConfigKind.Mode && scalar.Style != YamlStyle.Plain)
        {
            findings.Fail(
                "LSB1033",
                scalar,
                $"`{key.Name}:` takes {(key.Kind == ConfigKind.Flag ? "true or false" : "a number")} without quotes; "
                    + "with quotes Litestream would not start."
            );
        }
        else if (findings.Resolve(scalar) is not { } text)
        {
            return;
        }
        else if (key is { Place: ConfigPlace.Replica, Name: "type" })
        {
            _ = text.Length == 0 || _types.Check(scalar, text);
        }
        else if (Problem(key, scalar, text) is var (code, message))
        {
            findings.Fail(code, scalar, message);
        }
        else if (key.Kind == ConfigKind.Address && text.Length > 0 && !Address().Match(text).Groups["number"].Success)
        {
            findings.Warn(
                "LSB1040",
                scalar,
                $"`{key.Name}:` has the name of a port, which some machines do not know; there Litestream would serve "
                    + "no metrics. Write the number."
            );
        }
    }

    private (string Code, string Message)? Problem(ConfigKey key, YamlScalar scalar, string text)
    {
        var name = key.Name;
        var shown = ConfigFindings.Short(EnvPlaceholders.Unmark(scalar.Text));
        switch (key.Kind)
        {
            case ConfigKind.Flag when GoYaml.KindOf(text) != GoYamlKind.Flag:
                return ("LSB1033", $"`{name}:` must be true or false, not `{shown}`; Litestream would not start.");
            case ConfigKind.Count or ConfigKind.Mode when GoYaml.Number(text) is null || GoYaml.HasDecimals(text):
                return ("LSB1033", $"`{name}:` must be a whole number, not `{shown}`.");
            case ConfigKind.Count:
                return Limit(GoYaml.Number(text));
            case ConfigKind.Mode when GoYaml.Number(text) is { } mode && (mode is < 0 or > 511 || (mode & 384) != 384):
                return (
                    "LSB1035",
                    $"`{name}: {shown}` is the mode {Convert.ToString(mode, 8)} in octal digits, with which the "
                        + "socket cannot be used. Begin it with a zero: 0600 or 0660."
                );
            case ConfigKind.Web when text.Length > 0 && !WebUrl().IsMatch(text):
                return ("LSB1048", $"`{name}:` must begin with http:// or https://; Litestream would not start.");
            case ConfigKind.Size when !Size().IsMatch(text):
                return (
                    "LSB1033",
                    $"`{name}:` must be a size such as 5MB or 5MiB, not `{shown}`; Litestream would not start."
                );
            case ConfigKind.Duration when GoDuration.Seconds(text) is { } seconds:
                return Limit(seconds);
            case ConfigKind.Duration when scalar.Style == YamlStyle.Plain && GoYaml.Number(text) == 0:
                return Limit(0);
            case ConfigKind.Duration:
                return (
                    "LSB1034",
                    $"`{name}: {shown}` {NotDuration(scalar, text)}. Write a number with its unit: 500ms, 1s, 30m, 24h "
                        + "(a week is 168h)."
                );
            case ConfigKind.Address when text.Length > 0 && Address().Match(text) is var address:
                return !address.Success
                        ? (
                            "LSB1040",
                            $"`{name}:` needs a port, such as \"127.0.0.1:9090\" or \":9090\"; Litestream would not "
                                + $"start with `{shown}`."
                        )
                    : address.Groups["number"] is { Success: true } port && !ushort.TryParse(port.Value, out _)
                        ? (
                            "LSB1040",
                            $"`{name}:` has the port {ConfigFindings.Short(port.Value)}, but the highest port is "
                                + "65535; Litestream would serve no metrics."
                        )
                    : null;
            case ConfigKind.Word when text.Length > 0 && !Knows(key):
                return (
                    "LSB1036",
                    $"{findings.Reader} does not know `{name}: {shown}`"
                        + (
                            findings.OtherDialects.FirstOrDefault(other => Knows(other.Find(key.Place, name)))
                                is { } other
                                ? $", which is for {other.Reader}. "
                                : ". "
                        )
                        + $"{key.Otherwise} {ConfigFindings.Choice(text, key.Words)}"
                );
            default:
                return null;
        }

        bool Knows(ConfigKey? one) =>
            one is not null && one.Words.Contains(name == "level" ? text.ToLowerInvariant() : text);

        (string, string)? Limit(double? value) =>
            value <= key.Above ? ("LSB1035", $"`{name}: {shown}` must be more than 0. {key.Otherwise}")
            : value < key.Least
                ? (
                    "LSB1035",
                    $"`{name}: {shown}` must be at least "
                        + $"{(key.Least > 0 ? GoDuration.Format(TimeSpan.FromSeconds(key.Least.Value)) : "0")}. "
                        + key.Otherwise
                )
            : null;
    }

    private void CheckSecret(ConfigKey key, YamlScalar scalar)
    {
        var secret = key.Secret ? scalar.Text : ReplicaUrl.Password(scalar.Text);
        if (scalar.IsNull || secret is not { Length: > 0 } || EnvPlaceholders.IsVariable(secret))
            return;
        findings.Warn(
            "LSB1044",
            scalar,
            (key.Secret ? $"The value of `{key.Name}:`" : "A password")
                + " is in the file, and the file is shipped with the app. Write \"${NAME}\" and set that environment "
                + "variable where the app runs."
        );
    }

    private static string NotDuration(YamlScalar scalar, string text) =>
        text switch
        {
            _ when GoYaml.Number(text) is not null => scalar.Style == YamlStyle.Plain
                ? "has no unit; Litestream would read it as nanoseconds"
                : "has no unit",
            _ when GoDuration.HasForm(text) => "is too long for Litestream (292 years at most)",
            _ when text.EndsWith('d') || text.EndsWith('w') => "has a unit that Litestream does not know",
            _ => "is not a duration",
        };

    [GeneratedRegex(@"^[0-9][0-9.,]*\s*([kmgtpe]i?)?b?\z", RegexOptions.IgnoreCase)]
    private static partial Regex Size();

    [GeneratedRegex("^https?://.")]
    private static partial Regex WebUrl();

    [GeneratedRegex(@"^(\[[^\]]*\]|[^:\[\]]*):((?<number>[0-9]+)|[A-Za-z0-9-]+)\z")]
    private static partial Regex Address();
}
