namespace Litestream.FileSystem;

/// <summary>
/// Moves a file to a name that must be free. <see cref="File.Move(string, string, bool)"/> without overwriting looks
/// first and renames then on Unix,
/// so a file that appears in between is lost; a hard link fails instead.
/// </summary>
internal static class AtomicPlacement
{
    /// <summary>False when the name is taken; then nothing has been done.</summary>
    /// <param name="source">The file.</param>
    /// <param name="target">The name.</param>
    /// <param name="beforePlaceholder">Called where nothing else is left than to take the name with an empty file
    /// first: who is killed then leaves that behind.</param>
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

        switch (UnixCalls.Link(source, target))
        {
            case true:
                File.Delete(source);
                return true;
            case false:
                return false;
        }

        if (UnixCalls.RenameToFreeName(source, target) is { } renamed)
            return renamed;
        beforePlaceholder();
        return TryPlaceOverPlaceholder(source, target);
    }

    /// <summary>
    /// Gives a file a second name, where that can be distinguished from a second file (Linux). False when there is none
    /// then.
    /// </summary>
    public static bool TryLink(string source, string name) =>
        OperatingSystem.IsLinux() && UnixCalls.Link(source, name) is true;

    /// <summary>
    /// For the others: the name is taken with an empty file of our own, which the rename then replaces.
    /// </summary>
    internal static bool TryPlaceOverPlaceholder(string source, string target)
    {
        try
        {
            NonDatabaseFile
                .Open(
                    target,
                    new FileStreamOptions
                    {
                        Mode = FileMode.CreateNew,
                        Access = FileAccess.Write,
                        Share = FileShare.None,
                    }
                )
                .Dispose();
        }
        catch (IOException) when (File.Exists(target))
        {
            return false;
        }

        File.Move(source, target, overwrite: true);
        return true;
    }
}
