using System.Security.Cryptography;

namespace Litestream.Acquire;

/// <summary>An executable in its place, with the right hash and mode.</summary>
internal sealed record AcquiredExecutable(string RuntimeIdentifier, string Path, string Sha256, long Size);

/// <summary>
/// Puts the executables of one release below a folder as <c>version/rid/litestream</c>. What was fetched is kept in a
/// per-user cache under its hash, and hashed again
/// whenever it is used. Files appear by renaming only, so that any number of these may run at once and none needs to
/// wait for another.
/// </summary>
internal sealed class Acquisition(
    LockFile lockFile,
    string outputFolder,
    string cacheFolder,
    string? downloadsFolder,
    Downloader downloader,
    Action<string> say
)
{
    /// <summary>Gets one executable.</summary>
    /// <exception cref="SourceUnavailableException">No source could give it; the message says what was
    /// tried.</exception>
    /// <exception cref="AcquisitionException">A source gave something with a wrong hash (LSB2006).</exception>
    public async Task<AcquiredExecutable> GetAsync(
        string version,
        LockedExecutable executable,
        CancellationToken cancellationToken
    )
    {
        var target = Path.Combine(outputFolder, version, executable.RuntimeIdentifier, executable.FileName);
        if (File.Exists(target))
        {
            var present = Hash(target);
            if (executable.Sources.Any(source => IsSame(present, ExpectedExecutable(source))))
                return Finish(executable, target, present);
        }

        // What is in the cache already wins over the order of the sources: it has been checked, and it costs nothing.
        foreach (var source in executable.Sources)
        {
            if (FindLocally(source) is { } local)
                return Place(executable, source, local, target);
        }

        var tried = new List<string>();
        foreach (var source in executable.Sources)
        {
            if (source.Sha256 is null)
            {
                tried.Add($"{source.FileName}: the lock file has no hash for it");
                continue;
            }

            if (source.File is not null)
            {
                tried.Add($"{source.FileName}: there is no such file");
                continue;
            }

            try
            {
                var fetched = await FetchAsync(source, cancellationToken);
                say($"{version} {executable.RuntimeIdentifier}: fetched {source.Name}");
                return Place(executable, source, fetched, target);
            }
            catch (SourceUnavailableException e)
            {
                tried.Add($"{source.FileName}: {e.Message}");
            }
        }

        foreach (var source in executable.Sources)
        {
            if (FindDownloaded(source) is { } downloaded)
                return Place(executable, source, downloaded, target);
        }

        throw new SourceUnavailableException(string.Join(", ", tried));
    }

    /// <summary>The file of a source in the folder of those that somebody has downloaded.</summary>
    private string? FindDownloaded(ExecutableSource source)
    {
        if (downloadsFolder is null || source.Sha256 is null || source.File is not null)
            return null;
        var file = Path.Combine(downloadsFolder, source.FileName);
        if (!File.Exists(file))
            return null;
        var hash = Hash(file);
        return IsSame(hash, source.Sha256)
            ? file
            : throw WrongHash($"{file} (LITESTREAM_DOWNLOADS)", source.Sha256, hash, "It is not used.");
    }

    private static string? ExpectedExecutable(ExecutableSource source) =>
        source.ExecutableSha256 ?? (source.File is null || Archive.IsArchive(source.FileName) ? null : source.Sha256);

    private string InCache(ExecutableSource source) => Path.Combine(cacheFolder, $"{source.Sha256}-{source.FileName}");

    /// <summary>
    /// The file of a source that is beside the lock file or in the cache, if its hash is right. A cached file that
    /// was changed is deleted.
    /// </summary>
    private string? FindLocally(ExecutableSource source)
    {
        if (source.Sha256 is null)
            return null;

        if (source.File is not null)
        {
            var file = Path.Combine(Path.GetDirectoryName(lockFile.Path)!, source.File);
            if (!File.Exists(file))
                return null;
            var hash = Hash(file);
            return IsSame(hash, source.Sha256)
                ? file
                : throw WrongHash($"'{source.File}' next to the lock file", source.Sha256, hash, "It is not used.");
        }

        var cached = InCache(source);
        if (!File.Exists(cached))
            return null;
        if (IsSame(Hash(cached), source.Sha256))
            return cached;
        say($"{cached} was changed since it was fetched; it is deleted and fetched again");
        File.Delete(cached);
        return null;
    }

    private async Task<string> FetchAsync(ExecutableSource source, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(cacheFolder);
        using var temporary = new TemporaryFile(cacheFolder);
        await downloader.FetchAsync(source, temporary.Path, cancellationToken);

        var hash = Hash(temporary.Path);
        if (!IsSame(hash, source.Sha256))
            throw WrongHash($"The file from {source.Name}", source.Sha256!, hash, "It is deleted.");
        if (source.Integrity is not null && source.Integrity != Integrity(temporary.Path))
        {
            throw WrongHash(
                $"The file from {source.Name}",
                source.Integrity,
                Integrity(temporary.Path),
                "It is deleted."
            );
        }

        var cached = InCache(source);
        File.Move(temporary.Path, cached, overwrite: true);
        return cached;
    }

    private static AcquiredExecutable Place(
        LockedExecutable executable,
        ExecutableSource source,
        string archive,
        string target
    )
    {
        var folder = Path.GetDirectoryName(target)!;
        Directory.CreateDirectory(folder);
        using var temporary = new TemporaryFile(folder);
        bool found;
        try
        {
            found = Archive.Extract(archive, source.FileName, executable.FileName, temporary.Path);
        }
        catch (InvalidDataException e)
        {
            throw new AcquisitionException(
                "LSB2006",
                $"{source.Name} has the hash in the lock file, but cannot be unpacked: {e.Message}"
            );
        }

        if (!found)
        {
            throw new AcquisitionException(
                "LSB2006",
                $"{source.Name} has the hash in the lock file, but contains no file '{executable.FileName}'."
            );
        }

        var hash = Hash(temporary.Path);
        if (source.ExecutableSha256 is { } expected && !IsSame(hash, expected))
            throw WrongHash($"The executable in {source.Name}", expected, hash, "It is deleted.");

        // An equal file stays as it is: somebody may be running it.
        if (!File.Exists(target) || !IsSame(Hash(target), hash))
        {
            SetMode(temporary.Path);
            File.Move(temporary.Path, target, overwrite: true);
        }

        return Finish(executable, target, hash);
    }

    private static AcquiredExecutable Finish(LockedExecutable executable, string target, string hash)
    {
        SetMode(target);
        return new(executable.RuntimeIdentifier, target, hash, new FileInfo(target).Length);
    }

    private static void SetMode(string path)
    {
        const UnixFileMode ReadAndExecute =
            UnixFileMode.UserRead
            | UnixFileMode.UserExecute
            | UnixFileMode.GroupRead
            | UnixFileMode.GroupExecute
            | UnixFileMode.OtherRead
            | UnixFileMode.OtherExecute;
        if (!OperatingSystem.IsWindows() && File.GetUnixFileMode(path) != (ReadAndExecute | UnixFileMode.UserWrite))
            File.SetUnixFileMode(path, ReadAndExecute | UnixFileMode.UserWrite);
    }

    private static AcquisitionException WrongHash(string what, string expected, string actual, string consequence) =>
        new(
            "LSB2006",
            $"{what} has the wrong hash. {consequence} The lock file has {expected}, the file has {actual}."
        );

    private static bool IsSame(string hash, string? expected) =>
        string.Equals(hash, expected, StringComparison.OrdinalIgnoreCase);

    private static string Hash(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static string Integrity(string path)
    {
        using var file = File.OpenRead(path);
        return $"sha512-{Convert.ToBase64String(SHA512.HashData(file))}";
    }

    /// <summary>
    /// A name of its own, in the folder where the file will be renamed; gone afterwards, and so are those
    /// that a killed process left.
    /// </summary>
    private sealed class TemporaryFile : IDisposable
    {
        private const string Prefix = ".acquiring-";

        public TemporaryFile(string folder)
        {
            foreach (var left in new DirectoryInfo(folder).EnumerateFiles($"{Prefix}*"))
            {
                if (left.LastWriteTimeUtc < DateTime.UtcNow.AddHours(-1))
                    left.Delete();
            }

            Path = System.IO.Path.Combine(folder, $"{Prefix}{Guid.NewGuid():N}");
        }

        public string Path { get; }

        public void Dispose() => File.Delete(Path);
    }
}
