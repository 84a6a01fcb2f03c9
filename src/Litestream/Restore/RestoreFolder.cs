using Litestream.Commands;

namespace Litestream.Restore;

/// <summary>The private folder beside the output in which a restore works: on the same volume, so that the last step is a rename.</summary>
internal sealed class RestoreFolder : IDisposable
{
    private readonly LockedFolder _folder;

    private RestoreFolder(LockedFolder folder) => _folder = folder;

    public string Path => _folder.Path;

    /// <summary>The file that is to become the output.</summary>
    public string Restored => RestoredIn(Path);

    /// <summary>Makes the folder, and removes what a killed restore to this place left.</summary>
    /// <exception cref="LitestreamException">LSB0003; LSB4008.</exception>
    public static RestoreFolder Create(string output)
    {
        RemoveLeftovers(output, onLine: null);
        try
        {
            return new RestoreFolder(LockedFolder.Create(Parent(output), Name(output)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException("LSB0003", $"Nothing can be restored into {Parent(output)}: {e.Message}", innerException: e);
        }
    }

    /// <summary>Whether a restore to this place is under way, or was killed.</summary>
    public static bool AnyFor(string output) => LockedFolder.All(Parent(output), Name(output)).Count > 0;

    /// <summary>Whether a restore to this place was killed while it moved files.</summary>
    public static bool AnyInterrupted(string output) => LockedFolder.All(Parent(output), Name(output)).Any(FileSwap.IsRecorded);

    /// <summary>Finishes or takes back what a killed restore to this place had begun, and removes what it left. What a living one uses stays.</summary>
    /// <exception cref="LitestreamException">LSB4008: it can be neither finished nor taken back.</exception>
    public static void RemoveLeftovers(string output, Action<LogLine>? onLine) =>
        LockedFolder.RemoveLeftovers(Parent(output), Name(output), folder => FileSwap.Recover(folder, onLine));

    public static string RestoredIn(string folder) => System.IO.Path.Combine(folder, "restored.db");

    public void Dispose()
    {
        // A record that is still here was neither finished nor taken back: the next run needs all of it.
        if (FileSwap.IsRecorded(Path))
            _folder.Leave();
        else
            _folder.Dispose();
    }

    private static string Parent(string output) => System.IO.Path.GetDirectoryName(output)!;

    private static string Name(string output) => $".{System.IO.Path.GetFileName(output)}.litestream-restore";
}
