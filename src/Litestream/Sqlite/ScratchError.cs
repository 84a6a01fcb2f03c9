using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>What an error on a restored file says about the backup.</summary>
internal static class ScratchError
{
    private const int OutOfMemory = 7;
    private const int InputOutput = 10;
    private const int Full = 13;
    private const int CannotOpen = 14;

    /// <summary>
    /// Whether it is the machine's: the folder for temporary files is full, or cannot be read or written. Then nothing
    /// is known about the backup, neither good nor bad.
    /// </summary>
    public static bool IsMachineFault(Exception e) =>
        e
            is IOException
                or UnauthorizedAccessException
                or SqliteException { SqliteErrorCode: OutOfMemory or InputOutput or Full or CannotOpen };

    /// <summary>It, as the end of a sentence.</summary>
    public static string Explain(Exception e) => $"{e.Message.TrimEnd('.')} (in {Path.GetTempPath()})";
}
