using Litestream.Diagnostics;

namespace Litestream.Sqlite;

/// <summary>Whether the folder for temporary files has room for a copy of a database.</summary>
internal static class ScratchRoom
{
    /// <summary>About how large a copy of a database becomes: its file, and the WAL that is applied to it. Zero where
    /// there is no database.</summary>
    public static long Needed(string database) => Length(database) + Length(WalFile.PathOf(database));

    /// <summary>What is missing, as the rest of a sentence about the folder; null where there is room, or where that
    /// cannot be told.</summary>
    /// <param name="free">What is free there, in bytes; null when it is unknown.</param>
    /// <param name="needed">What is needed, in bytes.</param>
    public static string? Missing(long? free, long needed) =>
        free < needed ? $"has {ByteSize.Text(free.Value)} free, but about {ByteSize.Text(needed)} are needed" : null;

    /// <exception cref="LitestreamException">LSB0003: there is no room.</exception>
    public static void Require(string folder, long? free, long needed)
    {
        if (Missing(free, needed) is { } missing)
            throw NoRoom(folder, missing, null);
    }

    /// <summary>There is no room for a restored copy.</summary>
    /// <param name="folder">The folder for temporary files, or one in it.</param>
    /// <param name="missing">What <see cref="Missing"/> says, or another end of a sentence about the folder.</param>
    /// <param name="e">What happened.</param>
    public static LitestreamException NoRoom(string folder, string missing, Exception? e) =>
        new(
            "LSB0003",
            $"The backup was not restored: the folder for temporary files "
                + $"'{Path.GetDirectoryName(folder)}' {missing}. "
                + "Free some space there, or set TMPDIR to a folder on another disk.",
            innerException: e
        );

    private static long Length(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;
}
