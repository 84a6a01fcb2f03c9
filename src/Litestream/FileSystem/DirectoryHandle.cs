using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Litestream.FileSystem;

/// <summary>
/// A folder by its descriptor, so that it stays the same whatever is put at its name: who may write in the folder above
/// can rename it and lay a link or a folder of his own there,
/// and root would change files elsewhere. Where the system has no such names (anything but Linux with <c>/proc</c>) it
/// is the name after all.
/// </summary>
internal sealed class DirectoryHandle : IDisposable
{
    private readonly SafeFileHandle? _handle;

    private DirectoryHandle(string path, SafeFileHandle? handle)
    {
        Path = path;
        _handle = handle;
        var inside = handle is null
            ? path
            : string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{handle.DangerousGetHandle()}");
        Inside = Directory.Exists(inside) ? inside : path;
    }

    /// <summary>Its name: for messages, and for other processes.</summary>
    public string Path { get; }

    /// <summary>What this process puts before the names in it.</summary>
    public string Inside { get; }

    /// <summary>Null where the system does not tell.</summary>
    public FileStatus? Status => _handle is null ? null : UnixCalls.Status(_handle);

    /// <summary>Null when there is no folder, or a link.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="name">What it will be called, when that is something else.</param>
    public static DirectoryHandle? TryOpen(string path, string? name = null)
    {
        if (OperatingSystem.IsWindows())
            return Directory.Exists(path) ? new DirectoryHandle(path, null) : null;
        return UnixCalls.OpenWithoutLink(path, isFolder: true) is { } handle
            ? new DirectoryHandle(name ?? path, handle)
            : null;
    }

    /// <summary>Whether it is what has that name now.</summary>
    public bool IsAt(string path) =>
        Status is not { } status || UnixCalls.Status(path, followLinks: false)?.Identity == status.Identity;

    /// <summary>Adds to who may do what with it.</summary>
    public void Allow(UnixFileMode added)
    {
        if (!OperatingSystem.IsWindows() && _handle is not null)
            File.SetUnixFileMode(_handle, File.GetUnixFileMode(_handle) | added);
    }

    /// <summary>Gives it to a user and a group, unless it is theirs.</summary>
    /// <exception cref="UnauthorizedAccessException">Only root may, or the file system knows no owners.</exception>
    public void Give(FileStatus owner)
    {
        if (Status is { } status && (status.User, status.Group) != (owner.User, owner.Group))
            UnixCalls.ChangeOwner(_handle!, owner);
    }

    public void Dispose() => _handle?.Dispose();
}
