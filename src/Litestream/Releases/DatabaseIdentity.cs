using System.Text.Json;
using System.Text.Json.Serialization;
using Litestream.FileSystem;

namespace Litestream.Releases;

/// <summary>
/// What is remembered of a database beside it: which one it is, and how its file was left. It is in the executable's
/// state folder.
/// </summary>
/// <param name="Id">The number in the database; null when it has none (yet).</param>
/// <param name="IsInFile">Whether the number has been seen in the database file itself, and not in its WAL
/// only.</param>
/// <param name="File">Which file it is, and how it was left when its replication was last stopped in order, or when it
/// was restored.</param>
internal sealed record DatabaseIdentity(long? Id, bool IsInFile, FileStamp? File)
{
    private const string FileName = "history.json";

    /// <summary>The boot of the machine in which a copy of its WAL was kept; null when none was.</summary>
    public string? WalBoot { get; init; }

    /// <summary>The number that the database is about to get: it is recognised by it if the app is killed meanwhile.
    /// </summary>
    public long? PendingId { get; init; }

    /// <summary>The same once the pending number has been found in the database.</summary>
    public DatabaseIdentity WithFound(long? id) =>
        Id is null && PendingId is { } pending && pending == id ? this with { Id = id, PendingId = null } : this;

    private const int KeptLineages = 20;

    /// <summary>The last lineages that our litestreams wrote; empty when none is known. Another one beside the
    /// database is somebody else's work, and a replica with one of them is this database's.</summary>
    public IReadOnlyList<string> Lineages { get; init; } = [];

    /// <summary>The same with one more lineage.</summary>
    public DatabaseIdentity With(string lineage) =>
        Lineages.Contains(lineage) ? this : this with { Lineages = [.. Lineages.TakeLast(KeptLineages - 1), lineage] };

    /// <summary>
    /// The same while the database is replicated, and after a crash: how the file was left is not known then.
    /// </summary>
    public DatabaseIdentity InUse(FileStamp? file) =>
        this with
        {
            File = file is null ? null : file with { Modified = 0 },
            WalBoot = null,
        };

    /// <summary>Null when nothing is remembered.</summary>
    public static DatabaseIdentity? Read(string metaPath)
    {
        try
        {
            var form = JsonSerializer.Deserialize(
                NonDatabaseFile.ReadAllBytes(Path.Combine(metaPath, FileName)),
                IdentityJson.Default.IdentityForm
            );
            return form?.ToIdentity();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>
    /// Remembers it. A folder that cannot be written to does not stop the replication: then it is found out again.
    /// </summary>
    /// <param name="metaPath">The executable's state folder.</param>
    /// <param name="owner">To whom root gives the file and, where it makes it, the folder.</param>
    public void Write(string metaPath, FileStatus? owner = null)
    {
        try
        {
            Directory.CreateDirectory(metaPath);
            using var folder = owner is null ? null : DirectoryHandle.TryOpen(metaPath);
            if (
                owner is not null
                && (
                    folder is null
                    || (folder.Status is { } status && status.User != owner.User && !UnixCalls.IsOwn(status))
                )
            )
            {
                return;
            }

            // A new file, as a link could lie there already.
            var path = Path.Combine(folder?.Inside ?? metaPath, FileName);
            System.IO.File.Delete(path + ".new");
            using (var stream = NonDatabaseFile.CreateNew(path + ".new"))
            {
                if (owner is not null)
                    DatabaseOwner.TryChange(() => UnixCalls.ChangeOwner(stream.SafeFileHandle, owner));
                JsonSerializer.Serialize(stream, Form, IdentityJson.Default.IdentityForm);
            }

            System.IO.File.Move(path + ".new", path, overwrite: true);
            if (owner is not null)
                DatabaseOwner.TryChange(() => folder!.Give(owner));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }

    private IdentityForm Form =>
        new(
            Id,
            PendingId,
            IsInFile,
            WalBoot,
            Lineages.Count > 0 ? Lineages : null,
            File?.Identity?.Major,
            File?.Identity?.Minor,
            File?.Identity?.Inode,
            File?.Size,
            File?.Modified
        );

    /// <summary>A litestream of ours that no app runs may have begun a lineage: it is remembered too.</summary>
    public static void NoteLineage(string metaPath, ILocalState state)
    {
        if (Read(metaPath) is { Lineages.Count: > 0 } known && state.Lineage() is { } lineage)
            known.With(lineage).Write(metaPath);
    }

    /// <summary>Remembers a database that has just been restored: it continues the lineage of its replica.</summary>
    public static void WriteRestored(string database, string metaPath, long? id)
    {
        // What root makes would be root's, and the app could not use it.
        var owner = Environment.IsPrivilegedProcess ? UnixCalls.Status(database, followLinks: false) : null;
        new DatabaseIdentity(id, id is not null, FileStamp.Of(database)).Write(
            metaPath,
            owner is null || UnixCalls.IsOwn(owner) ? null : owner
        );
    }
}

/// <summary>What is remembered as its JSON has it: what is not known is left out.</summary>
internal sealed record IdentityForm(
    long? Id,
    long? PendingId,
    bool InFile,
    string? WalBoot,
    [property: JsonPropertyName("generations")] IReadOnlyList<string>? Lineages,
    uint? Major,
    uint? Minor,
    ulong? Inode,
    long? Size,
    long? Modified
)
{
    /// <summary>Null when it is not complete.</summary>
    public DatabaseIdentity? ToIdentity()
    {
        if (
            (Size is null) != (Modified is null)
            || (Inode is null) != (Major is null)
            || (Inode is null) != (Minor is null)
        )
        {
            return null;
        }

        FileIdentity? identity = Inode is { } inode ? new FileIdentity(Major!.Value, Minor!.Value, inode) : null;
        return new DatabaseIdentity(
            Id,
            InFile,
            Size is { } size ? new FileStamp(identity, size, Modified!.Value) : null
        )
        {
            PendingId = PendingId,
            WalBoot = WalBoot,
            Lineages = Lineages?.OfType<string>().ToArray() ?? [],
        };
    }
}

[JsonSerializable(typeof(IdentityForm))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    GenerationMode = JsonSourceGenerationMode.Metadata
)]
internal sealed partial class IdentityJson : JsonSerializerContext;
