namespace Litestream.Configuration;

/// <summary>
/// A secret that stands in the user's own file goes to the child as a variable, not into the file that is written here.
/// </summary>
internal sealed class ConfigSecrets(EffectiveConfigContext context)
{
    private int _moved;

    /// <summary>What was found, as variables whose names say that they are secret.</summary>
    public List<KeyValuePair<string, string>> Found { get; } = [];

    public void Move(YamlNode node)
    {
        if (node is YamlList list)
            list.Items.ForEach(Move);
        if (node is not YamlMap map)
            return;

        foreach (var (key, value) in map.Entries.ToList())
        {
            if (value is YamlScalar scalar)
            {
                map[key] = Replace(key, scalar);
            }
            else if (value is YamlList texts && IsSecret(key))
            {
                map[key] = new YamlList
                {
                    Items = [.. texts.Items.OfType<YamlScalar>().SelectMany(Lines).Select(text => Replace(key, text))],
                };
            }
            else
            {
                Move(value);
            }
        }
    }

    private bool IsSecret(string key) => context.Dialects.Any(dialect => dialect.IsSecret(key));

    private YamlScalar Replace(string key, YamlScalar scalar)
    {
        string? Secret(string value) => IsSecret(key) ? value : ReplicaUrl.Password(value);
        var text = context.Expand(scalar.Text);
        if (scalar.IsNull || Secret(text) is not { Length: > 0 } secret)
            return scalar;

        // A message of the executable may have it as it stands in the URL, or decoded.
        Found.AddRange([new("SECRET", secret), new("SECRET", Uri.UnescapeDataString(secret))]);
        if (Secret(scalar.Text) is not { } written || EnvPlaceholders.IsVariable(written))
            return scalar;
        if (ConfigPath.HasControl(text))
        {
            throw context.Error(
                "LSB1017",
                $"The value of `{key}:` contains a line break or another control character. Remove it.",
                scalar
            );
        }

        var variable = $"LITESTREAM_SECRET_{++_moved}";
        context.Variables[variable] = text;
        return scalar.With(EnvPlaceholders.Variable(variable));
    }

    /// <summary>
    /// The executable takes several keys in one text, one in each line, with comments between them; a variable holds
    /// one line.
    /// </summary>
    private static IEnumerable<YamlScalar> Lines(YamlScalar text) =>
        text.Text.Contains('\n')
            ? text
                .Text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Where(line => !line.StartsWith('#'))
                .Select(line => text.With(line))
            : [text];
}
