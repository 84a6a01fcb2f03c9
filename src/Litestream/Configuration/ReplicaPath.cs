using System.Text.RegularExpressions;

namespace Litestream.Configuration;

/// <summary>Where in a replica the data of a database goes, and which keys of a replica say where it is.</summary>
internal static partial class ReplicaPath
{
    /// <summary>The folder beside each database that its replica goes to when nothing else is said.</summary>
    public const string DefaultFolder = "litestream-replicas";

    private static readonly string[] LocationKeys = (
        "type name url path bucket region endpoint force-path-style skip-verify access-key-id secret-access-key "
        + "account-name account-key host user password key-path"
    ).Split(' ');

    /// <summary>Whether a replica's key says where it is, as opposed to how it is kept.</summary>
    public static bool IsLocationKey(string key) => LocationKeys.Contains(key);

    /// <summary>
    /// Whether a variable may be missing: the executable's own defaults then hold. Without keys, those are the
    /// machine's own (a profile, an instance's role); in a file of the user's own that is not taken for granted.
    /// </summary>
    public static bool IsOptional(string variable, bool isGenerated) =>
        variable switch
        {
            "LITESTREAM_REPLICA_REGION" or "LITESTREAM_REPLICA_ENDPOINT" => true,
            "LITESTREAM_ACCESS_KEY_ID" or "LITESTREAM_SECRET_ACCESS_KEY" => isGenerated,
            _ => false,
        };

    /// <summary>A replica that is a folder.</summary>
    public static YamlMap Folder(string path) => new() { ["type"] = "file", ["path"] = path };

    /// <summary>The embedded default: a folder beside the database.</summary>
    public static YamlMap Default(string databasePath) => Folder(DefaultPath(databasePath));

    /// <summary>
    /// The default's folder for a database as it is configured. Both separators count: the yml may go to Windows.
    /// </summary>
    public static string DefaultPath(string databasePath)
    {
        var cut = databasePath.LastIndexOfAny(['/', '\\']) + 1;
        return $"{databasePath[..cut]}{DefaultFolder}/{databasePath[cut..]}";
    }

    /// <summary>
    /// The database's own part of a replica path: its configured path without what only makes sense on one machine. The
    /// same wherever the live file is.
    /// </summary>
    public static string DatabaseKey(string configuredPath)
    {
        var path = configuredPath
            .Replace("|DataDirectory|", "/", StringComparison.OrdinalIgnoreCase)
            .Replace('\\', '/');
        var parts = DrivePrefix().Replace(path, "").Split('/');
        return string.Join('/', parts.Where(part => part is not ("" or "." or ".." or "~")));
    }

    /// <summary>The part of a replica's path before the database's own; null when the path does not end with it.
    /// </summary>
    public static string? Prefix(string replicaPath, string databasePath)
    {
        var key = DatabaseKey(databasePath);
        return replicaPath == key || replicaPath.EndsWith("/" + key, StringComparison.Ordinal)
            ? replicaPath[..^key.Length]
            : null;
    }

    [GeneratedRegex("^[A-Za-z]:(?=/|$)")]
    private static partial Regex DrivePrefix();
}
