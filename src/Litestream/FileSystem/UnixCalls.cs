using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Litestream.FileSystem;

/// <summary>What makes a file itself, whatever its name.</summary>
internal readonly record struct FileIdentity(uint Major, uint Minor, ulong Inode)
{
    /// <summary>As the system writes it in its list of locks: <c>fe:01:5678</c>, the device in hexadecimal.</summary>
    public static FileIdentity? Parse(string text) =>
        text.Split(':') is [var major, var minor, var inode]
        && uint.TryParse(major, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var majorNumber)
        && uint.TryParse(minor, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var minorNumber)
        && ulong.TryParse(inode, NumberStyles.None, CultureInfo.InvariantCulture, out var inodeNumber)
            ? new FileIdentity(majorNumber, minorNumber, inodeNumber)
            : null;
}

/// <summary>What the system knows of a file.</summary>
internal sealed record FileStatus(FileIdentity Identity, uint User, uint Group)
{
    private const int TypeOfFile = 0xF000;

    /// <summary>How many names it has.</summary>
    public uint Names { get; init; }

    /// <summary>Its type and who may do what, as the system has them.</summary>
    public int RawMode { get; init; }

    public bool IsFile => (RawMode & TypeOfFile) == 0x8000;

    /// <summary>Who may read, write and execute it, and nothing more: no change of user.</summary>
    public UnixFileMode Mode => (UnixFileMode)(RawMode & 0x1FF);
}

/// <summary>The calls that .NET has no equivalent for.</summary>
internal static partial class UnixCalls
{
    private const int SigTerm = 15;
    private const int SigKill = 9;
    private const int LockExclusiveNonBlocking = 2 | 4;
    private const int Unlocked = 8;
    private const int OpenReadOnly = 0;
    private const int OpenReadWrite = 2;
    private const int WriteAccess = 2;
    private const int EnterAccess = 1;
    private const int NotFollowingLinks = 0x100;
    private const int TheDescriptorItself = 0x1000;
    private const int CurrentFolder = -100;
    private const uint BasicStatus = 0x7ff;
    private const int FileExists = 17;
    private const uint NotReplacing = 1;
    private const int NoSpaceLeft = 28;
    private const int InputOutputError = 5;

    /// <summary>Not waiting for a writer where there is a pipe.</summary>
    private static int NotBlocking => OperatingSystem.IsLinux() ? 0x800 : 4;

    private static int Continue => OperatingSystem.IsLinux() ? 18 : 19;

    private static int NoLink =>
        !OperatingSystem.IsLinux() ? 0x100
        : HasFlagsOfArm ? 0x8000
        : 0x20000;

    private static int FolderOnly =>
        !OperatingSystem.IsLinux() ? 0x100000
        : HasFlagsOfArm ? 0x4000
        : 0x10000;

    private static bool HasFlagsOfArm =>
        RuntimeInformation.ProcessArchitecture
            is Architecture.Arm
                or Architecture.Armv6
                or Architecture.Arm64
                or Architecture.Ppc64le;

    private static int CloseOnExec => OperatingSystem.IsLinux() ? 0x80000 : 0x1000000;

    /// <summary>Asks a process to end, also one that is stopped (SIGSTOP, Ctrl+Z): it would hear of it only when
    /// somebody lets it go on. False when there is no such process, or it is not ours.</summary>
    public static bool Terminate(int processId)
    {
        var isTold = Kill(processId, SigTerm) == 0;
        Kill(processId, Continue);
        return isTold;
    }

    /// <summary>Ends a process at once. False when there is no such process, or it is not ours.</summary>
    public static bool Kill(int processId) => Kill(processId, SigKill) == 0;

    /// <summary>
    /// From now on what this process writes to standard output goes to standard error, whoever writes it.
    /// </summary>
    public static void SendOutputToError() => _ = Duplicate(2, 1);

    /// <summary>
    /// Opens an existing file or folder of our own, to change its owner or its mode: by its descriptor it is the same
    /// whatever is put at its name meanwhile. Without the advisory lock
    /// that .NET takes with every open, so that a locked file's content can be read.
    /// Never a database that somebody has open: closing it again would drop the locks that this process holds on it.
    /// </summary>
    /// <returns>Null when there is none, or a link, or it may not be opened.</returns>
    public static SafeFileHandle? OpenWithoutLink(string path, bool isFolder = false, bool forWriting = false)
    {
        var descriptor = Open(
            path,
            (forWriting ? OpenReadWrite : OpenReadOnly)
                | CloseOnExec
                | NoLink
                | NotBlocking
                | (isFolder ? FolderOnly : 0)
        );
        return descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>
    /// Takes the exclusive flock of an open file, without waiting. The system releases it when the process ends.
    /// </summary>
    public static bool TryLock(SafeFileHandle file) => Flock(file, LockExclusiveNonBlocking) == 0;

    /// <summary>
    /// Releases it at once: closing the file would leave it to a child that is being started just then and still has
    /// all files of its parent.
    /// </summary>
    public static void Unlock(SafeFileHandle file) => _ = Flock(file, Unlocked);

    /// <summary>Gives a file a second name. False when the name is taken, null when the file system cannot.</summary>
    public static bool? Link(string file, string name) => LinkFile(file, name) == 0 ? true : IsNameTaken();

    /// <summary>
    /// Renames to a free name: for file systems without hard links that can do that (FAT on Linux, some network
    /// mounts). False when the name is taken, null when the system or the file system cannot.
    /// </summary>
    public static bool? RenameToFreeName(string file, string name)
    {
        if (!OperatingSystem.IsLinux())
            return null;

        try
        {
            return Rename(CurrentFolder, file, CurrentFolder, name, NotReplacing) == 0 ? true : IsNameTaken();
        }
        catch (EntryPointNotFoundException)
        {
            // Of an older C library.
            return null;
        }
    }

    private static bool? IsNameTaken() => Marshal.GetLastPInvokeError() == FileExists ? false : null;

    /// <summary>Whether this user may write there; asks, and writes nothing. A read-only file system counts.</summary>
    public static bool IsWritable(string path) => Access(path, WriteAccess) == 0;

    /// <summary>Whether this user may run that file. A file system without programs (<c>noexec</c>) counts.</summary>
    public static bool IsExecutable(string path) => Access(path, EnterAccess) == 0;

    /// <summary>Whether this user may ask for a name in that folder.</summary>
    public static bool CanBeEntered(string folder) => Access(folder, EnterAccess) == 0;

    /// <summary>
    /// Whether it is this user's own: by its owner on Linux, by the permission to write elsewhere. A link is never.
    /// </summary>
    public static bool IsOwn(string path) =>
        OperatingSystem.IsWindows()
        || (
            new FileInfo(path).LinkTarget is null
            && (
                OperatingSystem.IsLinux() ? Status(path, followLinks: false)?.User == EffectiveUser() : IsWritable(path)
            )
        );

    /// <summary>Makes sure that the names in a folder survive a power cut, where the file system can.</summary>
    /// <exception cref="IOException">The disk failed, or is full.</exception>
    public static void FlushFolder(string path)
    {
        if (OperatingSystem.IsWindows())
            return;

        var descriptor = Open(path, OpenReadOnly | CloseOnExec);
        if (descriptor < 0)
            return;
        using var folder = new SafeFileHandle(descriptor, ownsHandle: true);
        if (Fsync(folder) != 0 && Marshal.GetLastPInvokeError() is var error and (NoSpaceLeft or InputOutputError))
        {
            throw new IOException(
                $"The folder '{path}' cannot be flushed to disk: {Marshal.GetPInvokeErrorMessage(error)}.",
                error
            );
        }
    }

    /// <summary>
    /// Which file it is and whose, without opening it. Null when there is none, or where the system does not tell
    /// (anything but Linux).
    /// </summary>
    public static FileStatus? Status(string path, bool followLinks = true) =>
        OperatingSystem.IsLinux() ? Status(CurrentFolder, path, followLinks ? 0 : NotFollowingLinks) : null;

    /// <summary>The same of an open one.</summary>
    public static FileStatus? Status(SafeFileHandle file) =>
        OperatingSystem.IsLinux() ? Status((int)file.DangerousGetHandle(), "", TheDescriptorItself) : null;

    /// <summary>Gives an open file or folder to a user and a group.</summary>
    /// <exception cref="UnauthorizedAccessException">Only root may, or the file system knows no owners.</exception>
    public static void ChangeOwner(SafeFileHandle file, FileStatus owner)
    {
        if (ChangeFileOwner(file, owner.User, owner.Group) != 0)
            throw new UnauthorizedAccessException(Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError()));
    }

    /// <summary>Whether it was made by this user.</summary>
    public static bool IsOwn(FileStatus status) => status.User == EffectiveUser();

    private static FileStatus? Status(int folder, string path, int flags)
    {
        // struct statx is the same on every processor.
        Span<byte> buffer = stackalloc byte[256];
        try
        {
            if (Statx(folder, path, flags, BasicStatus, ref MemoryMarshal.GetReference(buffer)) != 0)
                return null;
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }

        return new FileStatus(
            new FileIdentity(
                MemoryMarshal.Read<uint>(buffer[136..]),
                MemoryMarshal.Read<uint>(buffer[140..]),
                MemoryMarshal.Read<ulong>(buffer[32..])
            ),
            MemoryMarshal.Read<uint>(buffer[20..]),
            MemoryMarshal.Read<uint>(buffer[24..])
        )
        {
            Names = MemoryMarshal.Read<uint>(buffer[16..]),
            RawMode = MemoryMarshal.Read<ushort>(buffer[28..]),
        };
    }

    [LibraryImport("libc", EntryPoint = "dup2")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Duplicate(int from, int to);

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Flock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Fsync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int LinkFile(string source, string target);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Rename(int sourceFolder, string source, int targetFolder, string target, uint flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Statx(int folder, string path, int flags, uint mask, ref byte status);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ChangeFileOwner(SafeFileHandle file, uint user, uint group);
}
