using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Litestream.Diagnostics;
using Litestream.Sqlite;
using Litestream.Verbs;

namespace Litestream.Hosting.CommandLine;

/// <summary>What a command answers with <c>--json</c>; docs/commands.md has its shape.</summary>
internal sealed record CommandAnswer(
    string Verb,
    string Result,
    int ExitCode,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        IEnumerable<Dictionary<string, object?>>? Items,
    IEnumerable<AnswerDiagnostic> Diagnostics
)
{
    public static string Write(
        string verb,
        int exitCode,
        IEnumerable<VerbItem>? items,
        IEnumerable<LitestreamDiagnostic> diagnostics
    ) =>
        JsonSerializer.Serialize(
            new CommandAnswer(
                verb,
                exitCode == 0 ? "Success" : "Failure",
                exitCode,
                items?.Select(Properties),
                diagnostics.Select(AnswerDiagnostic.Of)
            ),
            AnswerJson.Answer
        );

    /// <summary>One of many items, on a line of its own: the same document, written while it becomes known.</summary>
    /// <param name="item">The item.</param>
    /// <param name="isFirst">Whether nothing was written before it.</param>
    public static string Line(VerbItem item, bool isFirst) =>
        (isFirst ? "{\n  \"Items\": [\n    " : ",\n    ")
        + JsonSerializer.Serialize(Properties(item)!, AnswerJson.Short.DictionaryStringObject);

    /// <summary>What comes after the last of them.</summary>
    public static string End(string verb, int exitCode, IEnumerable<LitestreamDiagnostic> diagnostics) =>
        "\n  ]," + Write(verb, exitCode, null, diagnostics)[1..];

    private static Dictionary<string, object?> Properties(VerbItem item) =>
        item.Values.Prepend((Name: "Identity", Value: item.Identity))
            .ToDictionary(value => value.Name, value => Value(value.Value));

    private static object? Value(object? value) =>
        value switch
        {
            null or bool or int or long => value,
            TimeSpan span => Math.Round(span.TotalSeconds, 3),
            DatabaseDifference difference => Element(difference.WriteTo),
            DatabaseChanges changes => Element(changes.WriteTo),
            QueryRow row => Parse(Encoding.UTF8.GetBytes(row.ToJson())),
            _ => VerbItem.Text(value),
        };

    private static JsonElement Element(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
            write(json);

        return Parse(stream.ToArray());
    }

    private static JsonElement Parse(byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}

/// <summary>A finding in an answer.</summary>
internal sealed record AnswerDiagnostic(
    string Severity,
    string Code,
    string Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? File,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Line,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Column
)
{
    public static AnswerDiagnostic Of(LitestreamDiagnostic one) =>
        new(
            one.Severity.ToString(),
            one.Code,
            one.Text.In(AppWords.Instance).ReplaceLineEndings(" "),
            one.File,
            one.File is null ? null : one.Line,
            one.File is null ? null : one.Column
        );
}

[JsonSerializable(typeof(CommandAnswer))]
[JsonSerializable(typeof(Dictionary<string, object>))]
[JsonSerializable(typeof(bool))]
[JsonSerializable(typeof(int))]
[JsonSerializable(typeof(long))]
[JsonSerializable(typeof(double))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class AnswerJson : JsonSerializerContext
{
    private static readonly AnswerJson Context = new(
        new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }
    );

    /// <summary>On one line.</summary>
    public static readonly AnswerJson Short = new(
        new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }
    );

    public static JsonTypeInfo<CommandAnswer> Answer => Context.CommandAnswer;
}
