using System.Runtime.InteropServices;

namespace Litestream.Restore;

/// <summary>
/// Moves a file to a name that must be free. <see cref="File.Move(string, string, bool)"/> without overwriting looks first and renames then on Unix,
/// so a file that appears in between is lost; a hard link fails instead.
/// </summary>
internal static partial class AtomicPlacement
{
    private const int FileExists = 17;

    /// <summary>False when the name is taken; then nothing has been done.</summary>
    public static bool TryPlace(string source, string target)
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

        return Marshal.GetLastPInvokeError() != FileExists && TryPlaceOverPlaceholder(source, target);
    }

    /// <summary>Gives a file a second name, where that can be told from a second file (Linux). False when there is none then.</summary>
    public static bool TryLink(string source, string name) => OperatingSystem.IsLinux() && Link(source, name) == 0;

    /// <summary>For file systems without hard links (FAT, some network mounts): the name is taken with an empty file of our own, which the rename then replaces.</summary>
    internal static bool TryPlaceOverPlaceholder(string source, string target)
    {
        try
        {
            File.Open(target, FileMode.CreateNew, FileAccess.Write).Dispose();
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
}
