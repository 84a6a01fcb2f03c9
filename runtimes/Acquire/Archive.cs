using System.Formats.Tar;
using System.IO.Compression;

namespace Litestream.Acquire;

/// <summary>Takes the one executable out of what was fetched.</summary>
internal static class Archive
{
    /// <summary>
    /// Copies the entry called <paramref name="executable"/>, in whatever folder of the archive it is, to
    /// <paramref name="destination"/>.
    /// </summary>
    /// <param name="path">The archive, or the executable itself.</param>
    /// <param name="name">What the archive is called where it comes from: the ending says what it is.</param>
    /// <param name="executable">The file name that is looked for.</param>
    /// <param name="destination">The file to create.</param>
    /// <returns>False when there is no such entry.</returns>
    public static bool Extract(string path, string name, string executable, string destination)
    {
        using var file = File.OpenRead(path);
        if (IsZip(name))
        {
            using var zip = new ZipArchive(file);
            if (zip.Entries.FirstOrDefault(entry => entry.Name == executable) is not { } found)
                return false;
            using var content = found.Open();
            Copy(content, destination);
            return true;
        }

        if (IsTar(name))
        {
            using var unzipped = new GZipStream(file, CompressionMode.Decompress);
            using var tar = new TarReader(unzipped);
            while (tar.GetNextEntry() is { } entry)
            {
                if (
                    entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile)
                    || Path.GetFileName(entry.Name) != executable
                )
                {
                    continue;
                }

                Copy(entry.DataStream ?? Stream.Null, destination);
                return true;
            }

            return false;
        }

        Copy(file, destination);
        return true;
    }

    /// <summary>Whether something of this name is an archive, and not the executable itself.</summary>
    public static bool IsArchive(string name) => IsZip(name) || IsTar(name);

    /// <summary>A Python wheel is a zip file.</summary>
    private static bool IsZip(string name) =>
        name.EndsWith(".zip", StringComparison.OrdinalIgnoreCase)
        || name.EndsWith(".whl", StringComparison.OrdinalIgnoreCase);

    private static bool IsTar(string name) =>
        name.EndsWith(".tar.gz", StringComparison.OrdinalIgnoreCase)
        || name.EndsWith(".tgz", StringComparison.OrdinalIgnoreCase);

    private static void Copy(Stream content, string destination)
    {
        using var file = new FileStream(destination, FileMode.CreateNew);
        content.CopyTo(file);
    }
}
