using System.Globalization;
using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Execution;

/// <summary>Where to look for the executable, in this order.</summary>
public sealed record ExecutableSearch
{
    /// <summary>The file itself (<c>Litestream:ExecutablePath</c>); relative to <see cref="BaseDirectory"/>.</summary>
    public string? ExecutablePath { get; init; }

    /// <summary>
    /// A folder with the user's own executable (<c>LITESTREAM_INSTALL_DIR</c>); relative to
    /// <see cref="BaseDirectory"/>.
    /// </summary>
    public string? InstallDirectory { get; init; }

    /// <summary>The folder of the app, where publishing puts it.</summary>
    public required string ApplicationDirectory { get; init; }

    /// <summary>What relative paths are relative to.</summary>
    public required string BaseDirectory { get; init; }
}

/// <summary>An executable that is there and can be run.</summary>
/// <param name="Path">Its absolute path.</param>
public sealed record LitestreamExecutable(string Path)
{
    /// <summary>Long: one that is slow to answer would be taken for another release line.</summary>
    private static readonly TimeSpan VersionPatience = TimeSpan.FromMinutes(1);

    private readonly object _gate = new();
    private volatile string? _version;
    private bool _saysNone;

    /// <summary>
    /// Its version, asked for once, such as <c>0.3.13</c>; the first time this waits for the executable. Null where it
    /// does not say one: what it is asked for next fails with the reason.
    /// </summary>
    public string? Version
    {
        get
        {
            lock (_gate)
            {
                if (_version is not null || _saysNone)
                    return _version;
                using var limit = new CancellationTokenSource(VersionPatience);
                try
                {
                    return Task.Run(() => GetVersionAsync(limit.Token)).GetAwaiter().GetResult();
                }
                catch (Exception e) when (e is LitestreamException or OperationCanceledException)
                {
                    _saysNone = true;
                    return null;
                }
            }
        }
    }

    private static string FileName => OperatingSystem.IsWindows() ? "litestream.exe" : "litestream";

    /// <summary>
    /// Finds it. An execute bit lost on the way is set again; where that is not allowed, a private copy (mode 0700) is
    /// used.
    /// </summary>
    /// <exception cref="LitestreamException">LSB2003, LSB2004, LSB2008.</exception>
    public static LitestreamExecutable Find(ExecutableSearch search)
    {
        ArgumentNullException.ThrowIfNull(search);
        var baseDirectory = System.IO.Path.GetFullPath(search.BaseDirectory);
        string path;
        if (!string.IsNullOrWhiteSpace(search.ExecutablePath))
        {
            path = System.IO.Path.GetFullPath(search.ExecutablePath, baseDirectory);
            if (!File.Exists(path))
            {
                throw new LitestreamException(
                    "LSB2003",
                    $"Litestream:ExecutablePath names '{path}', which does not exist. Correct the path, or remove the "
                        + "setting."
                );
            }
        }
        else if (!string.IsNullOrWhiteSpace(search.InstallDirectory))
        {
            path = System.IO.Path.Combine(System.IO.Path.GetFullPath(search.InstallDirectory, baseDirectory), FileName);
            if (!File.Exists(path))
            {
                throw new LitestreamException(
                    "LSB2004",
                    $"There is no Litestream executable at '{path}'. LITESTREAM_INSTALL_DIR must name the folder that "
                        + $"contains `{FileName}`."
                );
            }
        }
        else
        {
            path = System.IO.Path.Combine(System.IO.Path.GetFullPath(search.ApplicationDirectory), FileName);
            if (!File.Exists(path))
            {
                throw new LitestreamException(
                    "LSB2003",
                    $"The Litestream executable '{path}' is missing. Publish the app for the system that it runs on, "
                        + $"or set LITESTREAM_INSTALL_DIR to a folder that has one."
                );
            }
        }

        return new LitestreamExecutable(OperatingSystem.IsWindows() ? path : MakeExecutable(path));
    }

    /// <summary>Its version without the leading <c>v</c>, such as <c>0.3.13</c>.</summary>
    /// <exception cref="LitestreamException">LSB2008: it cannot be run; LSB3001: it failed.</exception>
    public async Task<string> GetVersionAsync(CancellationToken cancellationToken)
    {
        if (_version is { } known)
            return known;
        var result = await new LitestreamCommand(this, new Dictionary<string, string>())
            .RunAsync(["version"], cancellationToken)
            .ConfigureAwait(false);
        var version = result.StandardOutput.Trim();
        if (result.ExitCode != 0 || version.Length == 0 || version.Contains('\n', StringComparison.Ordinal))
        {
            throw new LitestreamException(
                "LSB3001",
                $"`{Path} version` ended with exit code {NumberText.Of(result.ExitCode)}: "
                    + (result.StandardError + result.StandardOutput).Trim()
            );
        }

        return _version = version.StartsWith('v') ? version[1..] : version;
    }

    /// <summary>Two are the same when their path is.</summary>
    public bool Equals(LitestreamExecutable? other) => other?.Path == Path;

    /// <inheritdoc />
    public override int GetHashCode() => Path.GetHashCode(StringComparison.Ordinal);

    private static string MakeExecutable(string path)
    {
        if (OperatingSystem.IsWindows())
            return path;

        try
        {
            return MakeExecutable(path, UnixCalls.IsExecutable, Allow, PrivateCopy);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB2008",
                $"This user may not run the Litestream executable '{path}', and can neither make it executable nor "
                    + $"copy it: {e.Message} Run `chmod 755` on it.",
                innerException: e
            );
        }
    }

    /// <summary>What is run: the file itself, where need be with more permissions, else a copy.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isExecutable">Whether this user may run a file. Its mode alone does not tell: the bits may be
    /// another user's.</param>
    /// <param name="allow">Sets what is missing in its mode.</param>
    /// <param name="copy">Makes the copy, and gives its path.</param>
    internal static string MakeExecutable(
        string path,
        Func<string, bool> isExecutable,
        Action<string> allow,
        Func<string, string> copy
    )
    {
        if (isExecutable(path))
            return path;
        try
        {
            allow(path);
            if (isExecutable(path))
                return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is another user's, or on a file system that keeps its modes.
        }

        return copy(path);
    }

    /// <summary>Whoever may read it may run it.</summary>
    private static void Allow(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        var mode = File.GetUnixFileMode(path);
        var read = mode & (UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        File.SetUnixFileMode(path, mode | (UnixFileMode)((int)read >> 2));
    }

    /// <summary>
    /// One copy for each file, in the user's own cache; where there is none, in a fresh private folder. Known by size
    /// and time and compared byte by byte: without OpenSSL in the image, .NET's cryptography
    /// ends the whole app.
    /// </summary>
    private static string PrivateCopy(string path)
    {
        try
        {
            var cache = Environment.GetFolderPath(
                Environment.SpecialFolder.LocalApplicationData,
                Environment.SpecialFolderOption.Create
            );
            var file = new FileInfo(path);
            var name = string.Create(CultureInfo.InvariantCulture, $"{file.Length:x}-{file.LastWriteTimeUtc.Ticks:x}");
            if (cache.Length > 0 && CopyInto(System.IO.Path.Combine(cache, "Litestream.Build", name), path) is { } copy)
                return copy;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is another user's, or there is no home.
        }

        var fresh = Directory.CreateTempSubdirectory("litestream-").FullName;
        return CopyInto(fresh, path) ?? throw new IOException($"No file in '{fresh}' can be run either.");
    }

    /// <summary>Null where nothing in the folder can be run.</summary>
    private static string? CopyInto(string folder, string path)
    {
        const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, Private);
        var copy = System.IO.Path.Combine(folder, FileName);
        if (!File.Exists(copy) || !HaveSameContent(path, copy))
        {
            var temporary = $"{copy}.{Guid.NewGuid():n}";
            NonDatabaseFile.Copy(path, temporary);
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(temporary, Private);
            File.Move(temporary, copy, overwrite: true);
        }

        return OperatingSystem.IsWindows() || UnixCalls.IsExecutable(copy) ? copy : null;
    }

    private static bool HaveSameContent(string one, string other)
    {
        using var left = NonDatabaseFile.OpenRead(one);
        using var right = NonDatabaseFile.OpenRead(other);
        var (leftPart, rightPart) = (new byte[64 * 1024], new byte[64 * 1024]);
        while (true)
        {
            var read = left.ReadAtLeast(leftPart, leftPart.Length, throwOnEndOfStream: false);
            if (
                read != right.ReadAtLeast(rightPart, rightPart.Length, throwOnEndOfStream: false)
                || !leftPart.AsSpan(0, read).SequenceEqual(rightPart.AsSpan(0, read))
            )
            {
                return false;
            }

            if (read < leftPart.Length)
                return true;
        }
    }
}
