using Litestream.Diagnostics;

namespace Litestream.FileSystem;

/// <summary>
/// The folder for the files of one run, such as the configuration that litestream gets. It is beside the database: a
/// replicated one needs a folder that the app may write
/// anyway, others may write into the system's temporary folder too, and a read-only root file system has none.
/// </summary>
internal sealed class RunDirectory : IDisposable
{
    private readonly LeasedDirectory _folder;

    private RunDirectory(LeasedDirectory folder) => _folder = folder;

    public string Path => _folder.Path;

    /// <exception cref="LitestreamException">LSB0003: it cannot be made.</exception>
    public static RunDirectory Create(string databasePath)
    {
        var parent = System.IO.Path.GetDirectoryName(databasePath)!;
        var name = $".{System.IO.Path.GetFileName(databasePath)}.litestream-run";
        LeasedDirectory.RemoveLeftovers(parent, name);
        try
        {
            return new RunDirectory(LeasedDirectory.Create(parent, name));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB0003",
                $"A folder for litestream's configuration cannot be created in '{parent}': {e.Message}",
                innerException: e
            );
        }
    }

    public void Dispose() => _folder.Dispose();
}
