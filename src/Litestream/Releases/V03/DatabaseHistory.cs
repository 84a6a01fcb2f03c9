using System.Text.Json;
using Litestream.FileSystem;

namespace Litestream.Releases.V03;

/// <summary>What is remembered of a database beside it: which one it is, and how its file was left. Lies in the executable's state folder.</summary>
/// <param name="Id">The number in the database; null when it has none (yet).</param>
/// <param name="IsInFile">Whether the number has been seen in the database file itself, and not in its WAL only.</param>
/// <param name="File">Which file it is, and how it was left when its replication was last stopped in order, or when it was restored.</param>
internal sealed record DatabaseHistory(long? Id, bool IsInFile, FileStamp? File)
{
    private const string FileName = "history.json";

    /// <summary>The boot of the machine in which a copy of its WAL was kept; null when none was.</summary>
    public string? WalBoot { get; init; }

    private const int KeptGenerations = 20;

    /// <summary>The last generations that our litestreams wrote; empty when none is known. Another one beside the
    /// database is somebody else's work, and a replica with one of them is this database's.</summary>
    public IReadOnlyList<string> Generations { get; init; } = [];

    /// <summary>The same with one more generation.</summary>
    public DatabaseHistory With(string generation) => Generations.Contains(generation) ? this : this with { Generations = [.. Generations.TakeLast(KeptGenerations - 1), generation] };

    /// <summary>The same while the database is replicated, and after a crash: how the file was left is not known then.</summary>
    public DatabaseHistory InUse(FileStamp? file) => this with { File = file is null ? null : file with { Modified = 0 }, WalBoot = null };

    /// <summary>Null when nothing is remembered.</summary>
    public static DatabaseHistory? Read(string metaPath)
    {
        try
        {
            using var json = JsonDocument.Parse(PlainFile.ReadAllBytes(Path.Combine(metaPath, FileName)));
            var root = json.RootElement;
            var file = root.TryGetProperty("size", out var size)
                ? new FileStamp(
                    root.TryGetProperty("inode", out var inode) ? new FileIdentity(root.GetProperty("major").GetUInt32(), root.GetProperty("minor").GetUInt32(), inode.GetUInt64()) : null,
                    size.GetInt64(),
                    root.GetProperty("modified").GetInt64())
                : null;
            return new DatabaseHistory(root.TryGetProperty("id", out var id) ? id.GetInt64() : null, root.TryGetProperty("inFile", out var inFile) && inFile.GetBoolean(), file)
            {
                WalBoot = root.TryGetProperty("walBoot", out var boot) ? boot.GetString() : null,
                Generations = root.TryGetProperty("generations", out var generations) ? [.. generations.EnumerateArray().Select(generation => generation.GetString()).OfType<string>()] : [],
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Remembers it. A folder that cannot be written to is no reason not to replicate: then it is found out again.</summary>
    /// <param name="metaPath">The executable's state folder.</param>
    /// <param name="owner">To whom root gives the file and, where it makes it, the folder.</param>
    public void Write(string metaPath, FileStatus? owner = null)
    {
        try
        {
            Directory.CreateDirectory(metaPath);
            using var folder = owner is null ? null : HeldFolder.TryOpen(metaPath);
            if (owner is not null && (folder is null || (folder.Status is { } status && status.User != owner.User && !UnixCalls.IsOwn(status))))
                return;

            // A new file, as a link could lie there already.
            var path = Path.Combine(folder?.Inside ?? metaPath, FileName);
            System.IO.File.Delete(path + ".new");
            using (var stream = PlainFile.CreateNew(path + ".new"))
            using (var json = new Utf8JsonWriter(stream))
            {
                if (owner is not null)
                    DatabaseOwner.TryChange(() => UnixCalls.ChangeOwner(stream.SafeFileHandle, owner));
                json.WriteStartObject();
                if (Id is { } id)
                    json.WriteNumber("id", id);
                json.WriteBoolean("inFile", IsInFile);
                if (WalBoot is not null)
                    json.WriteString("walBoot", WalBoot);
                if (Generations.Count > 0)
                {
                    json.WriteStartArray("generations");
                    foreach (var generation in Generations)
                        json.WriteStringValue(generation);
                    json.WriteEndArray();
                }

                if (File is not null)
                {
                    if (File.Identity is { } identity)
                    {
                        json.WriteNumber("major", identity.Major);
                        json.WriteNumber("minor", identity.Minor);
                        json.WriteNumber("inode", identity.Inode);
                    }

                    json.WriteNumber("size", File.Size);
                    json.WriteNumber("modified", File.Modified);
                }

                json.WriteEndObject();
            }

            System.IO.File.Move(path + ".new", path, overwrite: true);
            if (owner is not null)
                DatabaseOwner.TryChange(() => folder!.Give(owner));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    /// <summary>A litestream of ours that no app runs may have begun a generation: it is remembered too.</summary>
    public static void NoteGeneration(string metaPath)
    {
        if (Read(metaPath) is { Generations.Count: > 0 } history && new ShadowWal(metaPath).Generation() is { } generation)
            history.With(generation).Write(metaPath);
    }

    /// <summary>Remembers a database that has just been restored: it goes on with the history of its replica.</summary>
    public static void WriteRestored(string database, string metaPath, long? id)
    {
        // What root makes would be root's, and the app could not use it.
        var owner = Environment.IsPrivilegedProcess ? UnixCalls.Status(database, followLinks: false) : null;
        new DatabaseHistory(id, id is not null, FileStamp.Of(database)).Write(metaPath, owner is null || UnixCalls.IsOwn(owner) ? null : owner);
    }
}
