using System.Runtime.InteropServices;

namespace Litestream.FileSystem;

/// <summary>
/// Moves a file to a name that must be free. <see cref="File.Move(string, string, bool)"/> without overwriting looks first and renames then on Unix,
/// so a file that appears in between is lost; a hard link fails instead.
/// </summary>
internal static partial class AtomicPlacement
{
    private const int FileExists = 17;
    private const int CurrentFolder = -100;
    private const uint NotReplacing = 1;

    /// <summary>False when the name is taken; then nothing has been done.</summary>
    /// <param name="source">The file.</param>
    /// <param name="target">The name.</param>
    /// <param name="beforePlaceholder">Called where nothing else is left than to take the name with an empty file first: who is killed then leaves that behind.</param>
    public static bool TryPlace(string source, string target, Action beforePlaceholder)
    {
        if (OperatingSystem.IsWindows())
        {
            try
            {
                File.Move(source, target, overwrite: false);
                return true;
            }
            catch (IOException) when (File.Exists(target))
            {
                return false;
            }
        }

        if (Link(source, target) == 0)
        {
            File.Delete(source);
            return true;
        }

        if (Marshal.GetLastPInvokeError() == FileExists)
            return false;
        if (TryRename(source, target) is { } renamed)
            return renamed;
        beforePlaceholder();
        return TryPlaceOverPlaceholder(source, target);
    }

    /// <summary>Gives a file a second name, where that can be told from a second file (Linux). False when there is none then.</summary>
    public static bool TryLink(string source, string name) => OperatingSystem.IsLinux() && Link(source, name) == 0;

    /// <summary>For file systems without hard links that can rename to a free name only (FAT on Linux, some network mounts). Null where they cannot.</summary>
    internal static bool? TryRename(string source, string target)
    {
        if (!OperatingSystem.IsLinux())
            return null;

        try
        {
            if (Rename(CurrentFolder, source, CurrentFolder, target, NotReplacing) == 0)
                return true;
        }
        catch (EntryPointNotFoundException)
        {
            // Of an older C library.
            return null;
        }

        return Marshal.GetLastPInvokeError() == FileExists ? false : null;
    }

    /// <summary>For the others: the name is taken with an empty file of our own, which the rename then replaces.</summary>
    internal static bool TryPlaceOverPlaceholder(string source, string target)
    {
        try
        {
            PlainFile.Open(target, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None }).Dispose();
        }
        catch (IOException) when (File.Exists(target))
        {
            return false;
        }

        File.Move(source, target, overwrite: true);
        return true;
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Link(string source, string target);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Rename(int sourceFolder, string source, int targetFolder, string target, uint flags);
}
