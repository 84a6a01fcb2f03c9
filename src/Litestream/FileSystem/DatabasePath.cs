using Litestream.Diagnostics;

namespace Litestream.FileSystem;

/// <summary>What becomes of <c>|DataDirectory|</c> at the beginning of a path.</summary>
internal enum DataDirectoryToken
{
    /// <summary>The folder takes its place: <c>|DataDirectory|/x.db</c> is <c>x.db</c> in it. System.Data.SQLite, and
    /// frameworks that replace the token themselves.</summary>
    Replaced,

    /// <summary>The rest is combined with the folder, so that a rest with <c>/</c> in front is a path of its own:
    /// <c>|DataDirectory|/x.db</c> is <c>/x.db</c>. Microsoft.Data.Sqlite 8 to 10.</summary>
    Combined,
}

/// <summary>Where a database path leads to.</summary>
public static class DatabasePath
{
    /// <summary>The endings of the database's own files: itself first, then what SQLite keeps beside it.</summary>
    internal static readonly IReadOnlyList<string> Endings = ["", "-wal", "-shm", "-journal"];

    private const string DataDirectory = "|DataDirectory|";

    /// <summary>
    /// The absolute path of the file that the app's SQLite opens: relative paths against
    /// <paramref name="dataDirectory"/> where the app has set one, else against
    /// <paramref name="baseDirectory"/>; <c>.</c>, <c>..</c> and doubled separators removed; links not followed.
    /// </summary>
    /// <remarks>
    /// <c>|DataDirectory|/x.db</c> is the file in that folder, as System.Data.SQLite and the frameworks that replace
    /// the token themselves have it (what Microsoft.Data.Sqlite
    /// does is <see cref="DataDirectoryToken.Combined"/>). Outside Windows <c>\</c> is a character of a file name, as
    /// it is for SQLite.
    /// </remarks>
    /// <param name="path">The path as the app has it.</param>
    /// <param name="baseDirectory">An absolute folder, or one relative to the current directory.</param>
    /// <param name="dataDirectory">The AppDomain's <c>DataDirectory</c>; relative to <paramref name="baseDirectory"/>,
    /// or null.</param>
    /// <exception cref="LitestreamException">LSB1015: the path holds a null character.</exception>
    public static string Resolve(string path, string baseDirectory, string? dataDirectory = null) =>
        Resolve(path, baseDirectory, dataDirectory, DataDirectoryToken.Replaced);

    /// <summary>The same, as a given provider does it.</summary>
    internal static string Resolve(string path, string baseDirectory, string? dataDirectory, DataDirectoryToken token)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentException.ThrowIfNullOrWhiteSpace(baseDirectory);
        if (path.Contains('\0', StringComparison.Ordinal))
        {
            throw new LitestreamException(
                "LSB1015",
                "A database path contains a null character, which no file system allows."
            );
        }

        var folder = Path.GetFullPath(baseDirectory);
        if (!string.IsNullOrEmpty(dataDirectory))
            folder = Path.GetFullPath(dataDirectory, folder);
        if (path.StartsWith(DataDirectory, StringComparison.OrdinalIgnoreCase))
        {
            path = path[DataDirectory.Length..];
            if (token == DataDirectoryToken.Replaced || string.IsNullOrEmpty(dataDirectory))
                path = path.TrimStart(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar);
        }

        return Path.GetFullPath(path, folder);
    }

    /// <summary>
    /// Where an absolute path really leads, all links on the way followed, as the system shows it for an open file.
    /// What does not exist keeps its name.
    /// </summary>
    internal static string Real(string path)
    {
        if (OperatingSystem.IsWindows())
            return Path.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path;

        var left = new Stack<string>(Enumerable.Reverse(Path.GetFullPath(path).Split('/')));
        var real = "/";
        for (var links = 0; left.TryPop(out var part);)
        {
            if (part is "" or ".")
                continue;
            if (part == "..")
            {
                real = Path.GetDirectoryName(real) ?? "/";
                continue;
            }

            var next = Path.Combine(real, part);

            // As many links as the system itself follows.
            if (links < 40 && new FileInfo(next).LinkTarget is { } target)
            {
                links++;
                foreach (var step in Enumerable.Reverse(target.Split('/')))
                    left.Push(step);
                real = target.StartsWith('/') ? "/" : real;
            }
            else
            {
                real = next;
            }
        }

        return real;
    }
}
