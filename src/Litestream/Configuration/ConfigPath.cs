using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>Paths that the executable cannot handle.</summary>
internal static class ConfigPath
{
    /// <summary>
    /// Release line 0.3 opens <c>path?_busy_timeout=</c>, so a question mark cuts the name short; line breaks would end
    /// its log lines.
    /// </summary>
    public static void Check(string path, Func<string, string, LitestreamException> error)
    {
        if (string.IsNullOrWhiteSpace(path))
            throw error("LSB1015", "A database's path is empty.");
        if (path.Contains('?', StringComparison.Ordinal))
            throw error(
                "LSB1015",
                $"The path {path} has a `?` in it. Litestream would open another file: rename the file or the folder."
            );
        if (HasControl(path) || EnvPlaceholders.HasMarks(path))
            throw error(
                "LSB1015",
                $"The path {YamlWriter.EscapeComment(path)} has a control or private-use character in it, which "
                    + $"cannot be handled: rename the file or the folder."
            );
        if (path.EndsWith('/') || path.EndsWith(System.IO.Path.DirectorySeparatorChar))
            throw error("LSB1015", $"The path {path} is a folder's. Name the database file itself.");
    }

    /// <summary>Control characters and what YAML takes for a line break.</summary>
    public static bool HasControl(string text) => text.Any(c => char.IsControl(c) || c is '\u2028' or '\u2029');
}
