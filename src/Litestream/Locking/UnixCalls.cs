using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Litestream.Locking;

/// <summary>The calls that .NET has no equivalent for.</summary>
internal static partial class UnixCalls
{
    private const int SigTerm = 15;
    private const int LockExclusiveNonBlocking = 2 | 4;
    private const int OpenReadWrite = 2;
    private const int WriteAccess = 2;

    /// <summary>Asks a process to end. False when there is no such process, or it is not ours.</summary>
    public static bool Terminate(int processId) => Kill(processId, SigTerm) == 0;

    /// <summary>Opens an existing file without the advisory lock that .NET takes with every open, so that a locked file's content can be read.</summary>
    public static SafeFileHandle? Open(string path, bool forWriting = true)
    {
        var closeOnExec = OperatingSystem.IsLinux() ? 0x80000 : 0x1000000;
        var descriptor = Open(path, (forWriting ? OpenReadWrite : 0) | closeOnExec);
        return descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Takes the exclusive flock of an open file, without waiting. The system releases it when the process ends.</summary>
    public static bool TryLock(SafeFileHandle file) => Flock(file, LockExclusiveNonBlocking) == 0;

    /// <summary>Whether this user may write there; asks, and writes nothing. A read-only file system counts.</summary>
    public static bool IsWritable(string path) => Access(path, WriteAccess) == 0;

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(SafeFileHandle file, int operation);
}
