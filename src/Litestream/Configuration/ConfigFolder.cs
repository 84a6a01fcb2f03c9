using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Configuration;

/// <summary>A private folder for the configuration that one run of the executable reads.</summary>
internal static class ConfigFolder
{
    private const string Name = ".litestream-config";

    /// <summary>Makes it in the first place that lets the file be written.</summary>
    /// <param name="temp">The folder for temporary files. A container with a read-only root has none.</param>
    /// <param name="databases">The databases: an app has to be able to write beside them.</param>
    /// <param name="baseDirectory">The app's folder.</param>
    /// <param name="write">Writes the file into a folder, and gives its path.</param>
    /// <param name="file">The file.</param>
    /// <exception cref="LitestreamException">LSB0003: none does.</exception>
    public static LeasedDirectory Create(
        string temp,
        IEnumerable<string> databases,
        string baseDirectory,
        Func<string, string> write,
        out string file
    )
    {
        // Others are not made for it.
        var places = databases
            .Select(path => Path.GetDirectoryName(path)!)
            .Prepend(temp)
            .Append(baseDirectory)
            .Distinct()
            .ToList();
        Exception? first = null;
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
            "litestream.yml cannot be written to any of these folders: "
                + $"{string.Join(", ", places.Select(place => $"'{place}'"))}. "
                + $"{first?.Message ?? "None of them exists."} Make one of them writable, or set TMPDIR to a folder "
                + "that is.",
            innerException: first
        );
    }

    /// <summary>Writes <c>litestream.yml</c>, mode 0600, into a directory, which is made with mode 0700.</summary>
    /// <returns>Its path.</returns>
    /// <exception cref="LitestreamException">LSB0003: it cannot be written.</exception>
    public static string Write(string directory, string text)
    {
        const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var path = Path.Combine(Path.GetFullPath(directory), "litestream.yml");
        var temporary = $"{path}.{Guid.NewGuid():n}.tmp";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(directory);
            }
            else
            {
                Directory.CreateDirectory(directory, Private | UnixFileMode.UserExecute);
                options.UnixCreateMode = Private;
            }

            using (var writer = new StreamWriter(NonDatabaseFile.Open(temporary, options)))
                writer.Write(text);
            File.Move(temporary, path, overwrite: true);
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB0003",
                $"The effective Litestream configuration cannot be written: {e.Message}",
                path,
                innerException: e
            );
        }
    }
}
