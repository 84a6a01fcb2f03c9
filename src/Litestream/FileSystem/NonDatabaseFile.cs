// The only place where files are opened by .NET's own means.
#pragma warning disable RS0030

namespace Litestream.FileSystem;

/// <summary>
/// Opens files that are neither a database nor a <c>-shm</c>. POSIX drops all locks that a process holds on a file as
/// soon as it closes any descriptor of it, so who opens and closes the database of the app, in the app, takes SQLite's
/// locks away: another process deletes the <c>-wal</c> then, and what is committed later is lost. Elsewhere these
/// methods of .NET are banned (RS0030).
/// </summary>
internal static class NonDatabaseFile
{
    /// <summary>For reading, whoever else reads, writes or deletes it.</summary>
    public static FileStream OpenRead(string path) =>
        new(Checked(path), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    /// <summary>A new file; nothing that is there is followed or overwritten.</summary>
    public static FileStream CreateNew(string path) => new(Checked(path), FileMode.CreateNew, FileAccess.Write);

    /// <inheritdoc cref="FileStream(string, FileStreamOptions)" />
    public static FileStream Open(string path, FileStreamOptions options) => new(Checked(path), options);

    /// <inheritdoc cref="File.OpenHandle" />
    public static Microsoft.Win32.SafeHandles.SafeFileHandle OpenHandle(
        string path,
        FileMode mode,
        FileAccess access,
        FileShare share = FileShare.Read
    ) => File.OpenHandle(Checked(path), mode, access, share);

    /// <inheritdoc cref="File.ReadAllText(string)" />
    public static string ReadAllText(string path) => File.ReadAllText(Checked(path));

    /// <inheritdoc cref="File.ReadAllBytes" />
    public static byte[] ReadAllBytes(string path) => File.ReadAllBytes(Checked(path));

    /// <inheritdoc cref="File.ReadLines(string)" />
    public static IEnumerable<string> ReadLines(string path) => File.ReadLines(Checked(path));

    /// <inheritdoc cref="File.Copy(string, string)" />
    public static void Copy(string from, string to) => File.Copy(Checked(from), to);

    private static string Checked(string path) =>
        path.EndsWith("-shm", StringComparison.Ordinal)
            ? throw new ArgumentException($"'{path}' belongs to SQLite and must not be opened.", nameof(path))
            : path;
}
