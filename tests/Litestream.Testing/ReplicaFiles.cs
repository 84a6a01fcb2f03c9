using Litestream.Releases.V05;

namespace Litestream.Testing;

/// <summary>The files of a replica that is a folder, in words that hold for both release lines.</summary>
public static class ReplicaFiles
{
    /// <summary>All that was sent, and what litestream has made of it.</summary>
    public static IReadOnlyList<string> All(string folder) => Find(folder, Repository.IsLine05 ? "*.ltx" : "*.lz4");

    /// <summary>What a restore begins with: snapshots; on 0.5 each file from the first transaction on.</summary>
    public static IReadOnlyList<string> Starts(string folder) =>
        Repository.IsLine05
            ? [.. All(folder).Where(file => TxIdRange.Of(Path.GetFileName(file)) is { Min: 1 })]
            : Find(folder, "*.snapshot.lz4");

    /// <summary>What was sent of the WAL, file by file in order; on 0.5 the first one is the whole database.</summary>
    public static IReadOnlyList<string> Changes(string folder) =>
        Repository.IsLine05
            ? [.. All(folder).Where(file => file.Contains("/ltx/0/", StringComparison.Ordinal))]
            : Find(folder, "*.wal.lz4");

    /// <summary>When the newest of them was made.</summary>
    public static DateTime Newest(string folder) => All(folder).Max(File.GetLastWriteTimeUtc);

    /// <summary>Cuts off each file that a restore can begin with.</summary>
    /// <param name="folder">The replica.</param>
    /// <param name="length">How many bytes are left; null: half of them.</param>
    public static void Truncate(string folder, int? length = null)
    {
        var files = Starts(folder);
        Assert.NotEmpty(files);
        foreach (var file in files)
        {
            var bytes = File.ReadAllBytes(file);
            File.WriteAllBytes(file, bytes[..(length ?? bytes.Length / 2)]);
        }
    }

    private static string[] Find(string folder, string pattern) =>
        Directory.Exists(folder)
            ? [.. Directory.GetFiles(folder, pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal)]
            : [];
}
