using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Configuration;

/// <summary>A private folder for the configuration that one run of the executable reads.</summary>
internal static class ConfigFolder
{
    private const string Name = ".litestream-config";

    /// <summary>The folders that it may lie in, the best one first. Others are not made for it.</summary>
    /// <param name="temp">The folder for temporary files. A container with a read-only root has none.</param>
    /// <param name="databases">The databases: an app has to be able to write beside them.</param>
    /// <param name="baseDirectory">The app's folder.</param>
    public static IReadOnlyList<string> Places(string temp, IReadOnlyList<string> databases, string baseDirectory) =>
        [
            .. databases
                .Select(path => Path.GetDirectoryName(path)!)
                .Prepend(temp)
                .Append(baseDirectory)
                .Distinct(StringComparer.Ordinal),
        ];

    /// <summary>Makes it in the first place that lets the file be written.</summary>
    /// <param name="temp">See <see cref="Places"/>.</param>
    /// <param name="databases">The same.</param>
    /// <param name="baseDirectory">The same.</param>
    /// <param name="write">Writes the file into a folder, and gives its path.</param>
    /// <param name="file">The file.</param>
    /// <exception cref="LitestreamException">LSB0003: none does.</exception>
    public static LeasedDirectory Create(
        string temp,
        IReadOnlyList<string> databases,
        string baseDirectory,
        Func<string, string> write,
        out string file
    )
    {
        Exception? first = null;
        var places = Places(temp, databases, baseDirectory);
        foreach (var place in places.Where(Directory.Exists))
        {
            LeasedDirectory? folder = null;
            try
            {
                if (place != temp)
                    LeasedDirectory.RemoveLeftovers(place, Name);
                folder = LeasedDirectory.Create(place, Name);
                file = write(folder.Path);
                return folder;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or LitestreamException)
            {
                folder?.Dispose();
                first ??= e;
            }
        }

        throw new LitestreamException(
            "LSB0003",
            "The configuration for litestream can be written into none of these folders: "
                + string.Join(", ", places.Select(place => $"'{place}'"))
                + $". {first?.Message ?? "There is none of them."} "
                + "Make one of them writable, or set TMPDIR to a folder that is.",
            innerException: first
        );
    }
}
