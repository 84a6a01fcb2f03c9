using Litestream.FileSystem;
using Litestream.Sqlite;

namespace Litestream.Hosting;

/// <summary>
/// Whether the app's own code may set a rollback journal, read once from the strings of its assemblies.
/// </summary>
internal static class AppJournalMode
{
    private static readonly string[] Others = ["Microsoft.", "System.", "Litestream", "SQLitePCLRaw."];
    private static readonly Lazy<bool> Found = new(Look);

    public static bool MaySetRollback => Found.Value;

    /// <summary>
    /// False where the assemblies are in one file or compiled ahead of time: there is nothing to read.
    /// </summary>
    private static bool Look()
    {
        var files = ((AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") as string) ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Where(file => file.StartsWith(AppContext.BaseDirectory, StringComparison.Ordinal))
            .Where(file =>
                !Others.Any(other => Path.GetFileName(file).StartsWith(other, StringComparison.OrdinalIgnoreCase))
            );
        return files.Any(MaySetRollbackIn);
    }

    private static bool MaySetRollbackIn(string file)
    {
        try
        {
            return JournalModeText.MaySetRollback(NonDatabaseFile.ReadAllBytes(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
