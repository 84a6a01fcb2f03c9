namespace Litestream.FileSystem;

/// <summary>Several text files in one folder, written all or none.</summary>
internal static class FileSet
{
    /// <summary>Writes them beside their places first; what was there before is kept until all are in place.</summary>
    /// <param name="folder">Where to; it is made when it is missing.</param>
    /// <param name="files">Their names and what is in them.</param>
    /// <param name="replace">Whether a file that is there is replaced. It keeps its mode; a link keeps leading to
    /// what it leads to.</param>
    /// <exception cref="IOException">One cannot be written, or is there already. Nothing has changed.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public static void Write(string folder, IReadOnlyList<(string Name, string Text)> files, bool replace)
    {
        var made = Missing(folder);
        var id = Guid.NewGuid().ToString("n");
        var steps = new List<Step>();
        try
        {
            Directory.CreateDirectory(folder);
            foreach (var (name, text) in files)
            {
                var path = Path.Combine(folder, name);
                var step = new Step(replace ? Target(path) : path, id);
                steps.Add(step);
                step.Prepare(text);
            }

            foreach (var step in steps)
                step.Place(replace);
        }
        catch
        {
            foreach (var step in Enumerable.Reverse(steps))
                step.TakeBack();
            foreach (var path in made)
                Try(() => Directory.Delete(path));
            throw;
        }

        foreach (var step in steps)
            step.Finish();
    }

    /// <summary>The folders that are missing, the innermost first.</summary>
    private static List<string> Missing(string folder)
    {
        var missing = new List<string>();
        for (var at = Path.GetFullPath(folder); at is not null && !Path.Exists(at); at = Path.GetDirectoryName(at))
            missing.Add(at);
        return missing;
    }

    private static string Target(string path) =>
        new FileInfo(path) is { LinkTarget: not null } link
            ? link.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path
            : path;

    private static void Try(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It stays. What went wrong before is what is said.
        }
    }

    private sealed class Step(string path, string id)
    {
        private readonly string _new = $"{path}.{id}.new";
        private readonly string _old = $"{path}.{id}.old";
        private bool _isKept;
        private bool _isPlaced;

        public void Prepare(string text)
        {
            using var stream = NonDatabaseFile.CreateNew(_new);
            using var writer = new StreamWriter(stream);
            writer.Write(text);
        }

        public void Place(bool replace)
        {
            if (Directory.Exists(path))
                throw new IOException($"'{path}' is a folder.");
            if (replace && File.Exists(path))
            {
                if (!OperatingSystem.IsWindows())
                    File.SetUnixFileMode(_new, File.GetUnixFileMode(path));
                File.Move(path, _old);
                _isKept = true;
            }

            File.Move(_new, path);
            _isPlaced = true;
        }

        public void TakeBack()
        {
            Try(() => File.Delete(_new));
            if (_isPlaced)
                Try(() => File.Delete(path));
            if (_isKept)
                Try(() => File.Move(_old, path));
        }

        public void Finish() => Try(() => File.Delete(_old));
    }
}
