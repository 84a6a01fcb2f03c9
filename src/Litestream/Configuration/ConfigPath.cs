namespace Litestream.Configuration;

/// <summary>Paths that the executable cannot handle.</summary>
internal static class ConfigPath
{
    /// <summary>
    /// What is wrong with the path of a database, for LSB1015; null when nothing is. Release line 0.3 opens
    /// <c>path?_busy_timeout=</c>, so a question mark cuts the name short; line breaks would end its log lines.
    /// </summary>
    /// <param name="path">The path.</param>
    /// <param name="written">As it stands in the user's file, for the message.</param>
    public static string? Problem(string path, string? written = null)
    {
        written ??= path;
        return string.IsNullOrWhiteSpace(path) ? "The path of a database is empty."
            : path.Contains('?')
                ? $"The path '{written}' contains `?`. Litestream would open another file: rename the file or the "
                    + "folder."
            : HasControl(path) || EnvPlaceholders.HasMarks(path)
                ? $"The path '{YamlWriter.EscapeComment(written)}' contains a control or private-use character, which "
                    + "Litestream cannot handle. Rename the file or the folder."
            : path.EndsWith('/') || path.EndsWith(Path.DirectorySeparatorChar)
                ? $"The path '{written}' is a folder. Write the path of the database file."
            : null;
    }

    /// <summary>Control characters and what YAML takes for a line break.</summary>
    public static bool HasControl(string text) => text.Any(c => char.IsControl(c) || c is '\u2028' or '\u2029');
}
