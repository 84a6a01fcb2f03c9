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
    IEnumerable<Dictionary<string, object?>> Items,
    IEnumerable<AnswerDiagnostic> Diagnostics
)
{
    public static string Write(
        string verb,
        int exitCode,
        IEnumerable<VerbItem> items,
        IEnumerable<LitestreamDiagnostic> diagnostics
    ) =>
        JsonSerializer.Serialize(
            new CommandAnswer(
                verb,
                exitCode == 0 ? "Success" : "Failure",
                exitCode,
                items.Select(item =>
                    item.Values.Prepend((Name: "Identity", Value: item.Identity))
                        .ToDictionary(value => value.Name, value => Value(value.Value))
                ),
                diagnostics.Select(AnswerDiagnostic.Of)
            ),
            AnswerJson.Answer
        );

    private static object? Value(object? value) =>
        value switch
        {
            null or bool or int or long => value,
            TimeSpan span => Math.Round(span.TotalSeconds, 3),
            DatabaseDifference difference => Element(difference),
            _ => VerbItem.Text(value),
        };

    private static JsonElement Element(DatabaseDifference difference)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            difference.WriteTo(json);
        }

        using var document = JsonDocument.Parse(stream.ToArray());
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

    public static JsonTypeInfo<CommandAnswer> Answer => Context.CommandAnswer;
}
