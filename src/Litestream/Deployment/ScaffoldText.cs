using System.Text.Encodings.Web;
using System.Text.Json;

namespace Litestream.Deployment;

/// <summary>How the files of a scaffold are written, and what several of them say.</summary>
internal static class ScaffoldText
{
    /// <summary>What JSON, YAML and the exec form of a Dockerfile read alike.</summary>
    public static string Json(string value) =>
        $"\"{JsonEncodedText.Encode(value, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    public static string Json(params IEnumerable<string> values) => $"[{string.Join(", ", values.Select(Json))}]";

    /// <summary>A word for a shell.</summary>
    public static string Shell(string text) =>
        text.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '-' or '_' or '+')
            ? text
            : $"'{text.Replace("'", "'\\''")}'";

    /// <summary>A path from a folder, with slashes.</summary>
    public static string Relative(string from, string to) => Path.GetRelativePath(from, to).Replace('\\', '/');

    /// <summary>The variables that the app needs, a comment line each.</summary>
    /// <param name="app">The app.</param>
    /// <param name="before">Begins each line.</param>
    public static string Variables(ScaffoldInputs app, string before)
    {
        var width = app.Variables.Select(variable => variable.Name.Length).DefaultIfEmpty().Max();
        var lines = app
            .Variables.Select(variable =>
                $"{variable.Name.PadRight(width)}  {variable.Purpose}{(variable.Required ? "" : " (if needed)")}"
            )
            .DefaultIfEmpty(
                "(nothing is needed; Litestream__ReplicaUrl=s3://bucket/path and the keys for it would go here)"
            );
        return Lines(lines.Select(line => before + line));
    }

    /// <summary>Each with its line end; nothing where there are none.</summary>
    public static string Lines(params IEnumerable<string> lines) => string.Concat(lines.Select(line => line + "\n"));

    /// <summary>The lines where a condition holds.</summary>
    public static string If(bool condition, params IEnumerable<string> lines) => condition ? Lines(lines) : "";
}
