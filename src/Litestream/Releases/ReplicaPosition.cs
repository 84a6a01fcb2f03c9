using System.Text.Json;
using System.Text.Json.Serialization;

namespace Litestream.Releases;

/// <summary>A place in what has been sent of a database, as one release line counts. Positions of different lines, and
/// of different lineages, do not compare.</summary>
[JsonConverter(typeof(ReplicaPositionConverter))]
public abstract record ReplicaPosition
{
    /// <summary>The unbroken run of changes that it belongs to, such as a generation of release line 0.3.</summary>
    public abstract string Lineage { get; }

    /// <summary>What it consists of, by the names that items have for it; JSON has them in camel case.</summary>
    internal abstract IReadOnlyList<KeyValuePair<string, object>> Fields { get; }

    /// <summary>Whether this place is the other one or comes after it, within one lineage.</summary>
    internal abstract bool Reaches(ReplicaPosition other);

    /// <summary>The offset of this place in the WAL that the other one is in; null when it is not in that WAL, or the
    /// release line does not count so.</summary>
    internal abstract long? OffsetInWalOf(ReplicaPosition other);

    /// <summary>Null when the fields are those of no release line.</summary>
    internal static ReplicaPosition? Read(JsonElement json) =>
        ReleaseLine.All.Select(line => line.ReadPosition(json)).FirstOrDefault(position => position is not null);

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        foreach (var (field, value) in Fields)
        {
            var name = JsonNamingPolicy.CamelCase.ConvertName(field);
            if (value is long number)
                json.WriteNumber(name, number);
            else
                json.WriteString(name, (string)value);
        }

        json.WriteEndObject();
    }
}

/// <summary>The JSON form: the fields of the release line that counts so.</summary>
internal sealed class ReplicaPositionConverter : JsonConverter<ReplicaPosition>
{
    public override ReplicaPosition? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var json = JsonDocument.ParseValue(ref reader);
        return ReplicaPosition.Read(json.RootElement);
    }

    public override void Write(Utf8JsonWriter writer, ReplicaPosition value, JsonSerializerOptions options) =>
        value.Write(writer);
}
