using Litestream.Diagnostics;

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

    /// <summary>What is wrong with a text that names a database in another way than by the path of its file, for
    /// LSB1015; null when nothing is. It is not shown: a connection string may have a password.</summary>
    public static string? NoPath(string text) =>
        ConfigDatabaseCheck.ConnectionString().IsMatch(text)
            ? "A connection string is not the path of a database. Pass the path of its file."
        : text == ":memory:" ? "A database in memory cannot be replicated."
        : ConfigDatabaseCheck.UrlLike().IsMatch(text) || ConfigDatabaseCheck.FileUri().IsMatch(text)
            ? "A URL is not the path of a database. Pass the path of its file."
        : null;

    /// <summary>The file that a link leads to, whether it exists or not; the path itself where it is not a link. SQLite
    /// follows a link and keeps the log beside the file; Litestream looks for it beside the link.</summary>
    /// <exception cref="LitestreamException">LSB1015: where it leads cannot be found out.</exception>
    public static string FollowLink(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB1015",
                $"The link '{path}' cannot be followed: {e.Message} Use the path of the file itself.",
                innerException: e
            );
        }
    }

    /// <summary>Control characters and what YAML takes for a line break.</summary>
    public static bool HasControl(string text) => text.Any(c => char.IsControl(c) || c is '\u2028' or '\u2029');
}
