namespace Litestream.FileSystem;

/// <summary>A file that a process holds open, as the system lists it.</summary>
/// <param name="Path">The path, as the link of the descriptor has it.</param>
/// <param name="IsWritable">Whether it is open for writing.</param>
/// <param name="Identity">Which file it is; null where that is unknown.</param>
/// <param name="IsDeleted">Whether no name leads to it any more.</param>
internal sealed record OpenFile(string Path, bool IsWritable, FileIdentity? Identity, bool IsDeleted);

/// <summary>
/// Which SQLite databases a process holds open. Known by the files that SQLite keeps beside a database in WAL mode; one
/// with a rollback journal looks like any other file. Links and
/// attributes only: no file is opened or read, as that would drop the locks of this process.
/// </summary>
internal static class OpenSqliteFiles
{
    private const string Deleted = " (deleted)";

    /// <summary>What this package itself opens for a while: copies in its own folders.</summary>
    private const string OwnFolder = ".litestream-";

    private static readonly string[] Beside = ["-wal", "-shm"];

    /// <summary>The databases among open files that the process can write to. Pure.</summary>
    public static IReadOnlyList<OpenFile> Find(IEnumerable<OpenFile> files)
    {
        var open = new Dictionary<string, OpenFile>(StringComparer.Ordinal);
        foreach (var file in files.Where(file => !file.IsDeleted && file.Path.StartsWith('/')))
        {
            // One of several descriptors is enough.
            if (!open.TryGetValue(file.Path, out var other) || (file.IsWritable && !other.IsWritable))
                open[file.Path] = file;
        }

        return
        [
            .. open
                .Keys.SelectMany(path =>
                    Beside
                        .Where(ending => path.EndsWith(ending, StringComparison.Ordinal))
                        .Select(ending => path[..^ending.Length])
                )
                .Distinct(StringComparer.Ordinal)
                .Where(path =>
                    open.TryGetValue(path, out var database)
                    && database.IsWritable
                    && !path.Contains(OwnFolder, StringComparison.Ordinal)
                )
                .Order(StringComparer.Ordinal)
                .Select(path => open[path]),
        ];
    }

    /// <summary>The databases that are neither replicated nor meant not to be. Pure.</summary>
    /// <param name="open">What is open.</param>
    /// <param name="known">What is replicated, or named as not replicated already: where the path really leads, and
    /// which file that is.</param>
    /// <param name="meant">What has no backup on purpose.</param>
    public static IReadOnlyList<string> Unknown(
        IReadOnlyList<OpenFile> open,
        IReadOnlyList<(string Path, FileIdentity? Identity)> known,
        PathList meant
    ) =>
        [
            .. open.Where(file =>
                    !known.Any(one =>
                        one.Path == file.Path || (one.Identity is not null && one.Identity == file.Identity)
                    )
                )
                .Select(file => file.Path)
                .Where(path => !meant.Contains(path)),
        ];

    /// <summary>What this process holds open; null where the system does not tell (anything but Linux).</summary>
    public static IReadOnlyList<OpenFile>? OfThisProcess()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        var files = new List<OpenFile>();
        try
        {
            foreach (var descriptor in Directory.EnumerateFileSystemEntries("/proc/self/fd"))
            {
                if (Read(descriptor) is { } file)
                    files.Add(file);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not a whole list: what was seen is there all the same.
        }

        return files;
    }

    private static OpenFile? Read(string descriptor)
    {
        try
        {
            if (
                new FileInfo(descriptor).LinkTarget is not { } target
                || !target.StartsWith('/')
                || target.StartsWith("/dev/", StringComparison.Ordinal)
            )
            {
                return null;
            }

            var status = UnixCalls.Status(descriptor);
            var isDeleted = status?.Names == 0;
            var path =
                isDeleted && target.EndsWith(Deleted, StringComparison.Ordinal) ? target[..^Deleted.Length] : target;
            return new OpenFile(path, IsWritable(descriptor), status?.Identity, isDeleted);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Closed meanwhile.
            return null;
        }
    }

    /// <summary>The lowest two bits of the flags, in octal: 0 is read-only.</summary>
    private static bool IsWritable(string descriptor)
    {
        var flags = NonDatabaseFile
            .ReadLines($"/proc/self/fdinfo/{Path.GetFileName(descriptor)}")
            .FirstOrDefault(line => line.StartsWith("flags:", StringComparison.Ordinal));
        return flags is null || ((flags[^1] - '0') & 3) != 0;
    }
}
