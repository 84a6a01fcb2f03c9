using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Restore;

/// <summary>Where a restore goes.</summary>
/// <param name="Named">The path that was asked for.</param>
/// <param name="File">The same, or what the link at that path leads to.</param>
/// <param name="IsDatabase">Whether it is the place of a database in the configuration.</param>
internal sealed record RestoreTarget(string Named, string File, bool IsDatabase)
{
    public static RestoreTarget Of(string named, RestoreRequest request) =>
        new(named, FollowLink(named), DatabaseAt(named, request) is not null);

    /// <summary>
    /// SQLite follows a link at the database's path and keeps its own files beside what the link leads to.
    /// </summary>
    public static string FollowLink(string path) =>
        new FileInfo(path).LinkTarget is not null && DatabasePath.Real(path) is var real && Path.Exists(real)
            ? real
            : path;

    /// <summary>The executable's state folder of that place; null when it has none.</summary>
    public string? MetaPath(RestoreRequest request) =>
        DatabaseAt(Named, request)?.MetaPath ?? (request.Detach ? EffectiveDatabase.MetaPathOf(File) : null);

    /// <summary>Whether others may be at work at that place.</summary>
    public bool IsShared(RestoreRequest request) =>
        IsDatabase
        || request.Force
        || ReplaceTransaction.Existing(File).Any()
        || (MetaPath(request) is { } metaPath && Directory.Exists(metaPath));

    /// <summary>An outcome when nothing is to be done, else null.</summary>
    /// <exception cref="LitestreamException">LSB4001, LSB4004.</exception>
    public RestoreOutcome? Check(RestoreRequest request)
    {
        // A link that leads somewhere was followed.
        if (Directory.Exists(File) || new FileInfo(File).LinkTarget is not null)
            throw Exists();
        if (request.Force)
            return null;
        if (System.IO.File.Exists(File))
            return request.IfDatabaseNotExists ? RestoreOutcome.DatabaseExists : throw Exists();

        var leftovers = ReplaceTransaction.Existing(File).ToList();
        if (leftovers.Count > 0)
        {
            throw new LitestreamException(
                "LSB4004",
                $"Files of a deleted database remain next to '{File}': "
                    + $"{string.Join(", ", leftovers.Select(Path.GetFileName))}. SQLite would apply them to the "
                    + $"restored file and damage it. Move them away (they may hold the last changes), then restore "
                    + $"again; or force the restore ({OptionName.Force.On}), which moves them aside."
            );
        }

        return null;
    }

    /// <summary>LSB4001.</summary>
    public LitestreamException Exists()
    {
        var file = new FileInfo(File);
        if (Directory.Exists(File) || file.LinkTarget is not null)
        {
            return new LitestreamException(
                "LSB4001",
                $"'{File}' is "
                    + $"{(Directory.Exists(File) ? "a folder" : $"a link to the missing '{file.LinkTarget}'")}. "
                    + $"A restore never replaces it. Move it away, or restore to another file."
            );
        }

        return new LitestreamException(
            "LSB4001",
            $"'{File}' already exists{(file is { Exists: true, Length: 0 } ? ", but is empty (0 bytes)" : "")}. A "
                + $"restore replaces a file only if you force it, and then moves the old file aside. Force it "
                + $"({OptionName.Force.On}), move the file away, or restore to another file."
        );
    }

    private static EffectiveDatabase? DatabaseAt(string path, RestoreRequest request) =>
        request.Config.Databases.FirstOrDefault(database =>
            DatabasePath.Real(database.Path) == DatabasePath.Real(path)
        );
}
