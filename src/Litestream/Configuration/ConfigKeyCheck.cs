using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>Whether the executable reads each key where it stands, and what the key takes: a value, a list, a mapping.
/// </summary>
internal sealed class ConfigKeyCheck(ConfigFindings findings, YamlMap root)
{
    private readonly ReplicaTypeCheck _types = new(findings);
    private readonly SnapshotCheck _snapshots = new(findings, root);
    private readonly ConfigValueCheck _values = new(findings);

    /// <summary>Checks a mapping and all that is in it.</summary>
    public void Check(YamlMap map, ConfigPlace place)
    {
        var type = place == ConfigPlace.Replica ? _types.Of(map) : null;
        foreach (var (name, value) in map.Entries)
        {
            if (findings.Dialect.Find(place, name) is not { } key)
            {
                Unread(map, place, name, value);
            }
            else if (type is null || key.ReplicaTypes.Count == 0 || key.ReplicaTypes.Contains(type))
            {
                CheckValue(key, value);
            }
            else
            {
                findings.Fail(
                    "LSB1032",
                    map.PlaceOf(name),
                    $"`{name}:` has no effect in a replica of type {type}; it is for type "
                        + $"{string.Join(" or ", key.ReplicaTypes.Intersect(_types.Known))}."
                        + (
                            map.Has("type") || map.Has("url")
                                ? ""
                                : " Without `type:` or `url:` a replica is a folder: add `type:`."
                        )
                );
            }
        }
    }

    private void Unread(YamlMap map, ConfigPlace place, string name, YamlNode value)
    {
        // What this project makes of the file has it as a list of one.
        if (
            place == ConfigPlace.Database
            && name == "replica"
            && OfOtherLines(name).FirstOrDefault(o => o.Key.Place == place) is { Key: { } single, Reader: var reader }
        )
        {
            findings.Warn(
                "LSB1031",
                map.PlaceOf(name),
                $"`replica:` is a key of {reader}. The app and the commands read it as `replicas:` with one entry, but "
                    + $"{findings.Reader}, started by hand with this file, would back up nothing. {single.Instead}"
            );
            CheckValue(single, value);
        }
        else if (
            place == ConfigPlace.Replica
            && findings.Dialect.SnapshotKeys.TryGetValue(name, out var snapshot)
            && OfOtherLines(name).FirstOrDefault(o => o.Key.Place == place) is { Key: { } own, Reader: var its }
        )
        {
            var how = _snapshots.Translate(name, snapshot);
            if (how == SnapshotTranslation.Exact)
            {
                findings.WarnOnce(
                    "LSB1031",
                    map.PlaceOf(name),
                    $"`{name}:` is a key of {its}. The app and the commands pass it on as `snapshot:` with "
                        + $"`{snapshot}:`, but {findings.Reader}, started by hand with this file, would ignore it. "
                        + own.Instead
                );
            }
            else
            {
                findings.Fail(
                    "LSB1031",
                    map.PlaceOf(name),
                    $"`{name}:` is a key of {its}; {findings.Reader} has one `{snapshot}:` for all databases"
                        + (how == SnapshotTranslation.Differs ? ", and the replicas of this file differ. " : ". ")
                        + own.Instead
                );
            }

            CheckValue(own, value);
        }
        else if (place != ConfigPlace.Root || !HasAnchor(value))
        {
            var (code, message) = Misplaced(place, name, value);
            findings.Fail(code, map.PlaceOf(name), message);
        }
    }

    private (string Code, string Message) Misplaced(ConfigPlace place, string name, YamlNode value)
    {
        // A place of this line that the value fits counts more than one of another line that it does not.
        var places = findings.Dialect.Keys.Where(k => k.Name == name).ToList();
        var elsewhere = OfOtherLines(name).ToList();
        var other = elsewhere.FindAll(o => o.Key.Place == place && Fits(o.Key, value));
        var fitting = places.FindAll(k => Fits(k, value));
        if (other.Count == 0 && (fitting.Count > 0 || (places.Count > 0 && elsewhere.Count == 0)))
        {
            var names = (fitting.Count > 0 ? fitting : places).Select(k => ConfigSchema.In(k.Place)).Distinct();
            return (
                "LSB1032",
                $"`{name}:` is ignored {ConfigSchema.In(place)}. It belongs {string.Join(" or ", names)}: move it "
                    + "there, and indent it like the other keys."
            );
        }

        if (other.Concat(elsewhere).FirstOrDefault() is { Key: { } key, Reader: var line })
        {
            return (
                "LSB1031",
                places.Count > 0
                    ? $"`{name}:` {ConfigSchema.In(place)} is for {line}; {findings.Reader} ignores it there. "
                        + key.Instead
                    : $"`{name}:` is a key of {line}"
                        + $"{(key.Place == place ? "" : $" {ConfigSchema.In(key.Place)}")}; "
                        + $"{findings.Reader} does not know it. {key.Instead}"
            );
        }

        // Where nearly everything is unknown, the file is something else, and to compare all of it takes long.
        var known = findings.Dialect.Keys;
        var near =
            findings.All.Count > 100
                ? null
                : NearestName.Of(name, known.Where(k => k.Place == place).Select(k => k.Name))
                    ?? (place == ConfigPlace.Root && value is YamlList ? "dbs" : null)
                    ?? NearestName.Of(name, known.Select(k => k.Name));
        return (
            "LSB1030",
            $"{findings.Reader} does not know `{ConfigFindings.Short(name)}:` and would ignore it. "
                + (near is null ? "Remove it." : $"Did you mean `{near}:`?")
        );
    }

    /// <summary>The keys of this name that only other lines read in their place.</summary>
    private IEnumerable<(ConfigKey Key, string Reader)> OfOtherLines(string name) =>
        from dialect in findings.OtherDialects
        from key in dialect.Keys
        where key.Name == name && findings.Dialect.Find(key.Place, name) is null
        select (key, dialect.Reader);

    private void CheckValue(ConfigKey key, YamlNode value)
    {
        var name = key.Name;
        switch (key.Kind, value)
        {
            case (_, YamlScalar { IsNull: true }):
                break;
            case (ConfigKind.Block, YamlMap map):
                Check(map, key.Inside!.Value);
                break;
            case (ConfigKind.Blocks, YamlList list):
                foreach (var item in list.Items)
                {
                    if (item is YamlMap entry)
                        Check(entry, key.Inside!.Value);
                    else
                        Shape(key, item, $"Each entry of `{name}:` must be a mapping{Example(key)}.");
                }

                break;
            case (ConfigKind.Block, _):
                Shape(key, value, $"`{name}:` must be a mapping. Write its keys in the lines below, indented.");
                break;
            case (ConfigKind.Blocks, _):
                Shape(key, value, $"`{name}:` must be a list{Example(key)}.");
                break;
            case (ConfigKind.Texts, YamlList texts):
                foreach (var item in texts.Items)
                    _values.CheckText(key, item);
                break;
            case (ConfigKind.Texts, _):
                findings.Fail("LSB1033", value, $"`{name}:` must be a list of strings; Litestream would not start.");
                break;
            case (_, YamlScalar scalar):
                _values.Check(key, scalar);
                break;
            default:
                findings.Fail(
                    "LSB1033",
                    value,
                    $"`{name}:` takes one value, not a {(value is YamlMap ? "mapping" : "list")}; Litestream would "
                        + "not start."
                );
                break;
        }
    }

    /// <summary>
    /// A list or mapping that the rest of the library needs: reading the file fails with the same code.
    /// </summary>
    private void Shape(ConfigKey key, YamlNode at, string message) =>
        findings.Fail(key.Inside is ConfigPlace.Database or ConfigPlace.Replica ? "LSB1010" : "LSB1033", at, message);

    private static string Example(ConfigKey key) => key.Name == "dbs" ? ": one `- path: ...` for each database" : "";

    private static bool Fits(ConfigKey key, YamlNode value) =>
        value switch
        {
            YamlScalar { IsNull: true } => true,
            YamlScalar => key.Kind is not (ConfigKind.Block or ConfigKind.Blocks or ConfigKind.Texts),
            YamlList => key.Kind is ConfigKind.Blocks or ConfigKind.Texts,
            _ => key.Kind == ConfigKind.Block,
        };

    private static bool HasAnchor(YamlNode node) =>
        node.IsAnchored
        || node switch
        {
            YamlList list => list.Items.Any(HasAnchor),
            YamlMap map => map.Entries.Any(e => HasAnchor(e.Value)),
            _ => false,
        };
}
