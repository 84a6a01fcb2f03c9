using static Litestream.Configuration.ConfigKind;
using static Litestream.Configuration.ConfigLines;
using static Litestream.Configuration.ConfigPlace;

namespace Litestream.Configuration;

/// <summary>Where in a litestream.yml a key stands.</summary>
internal enum ConfigPlace
{
    Root,
    Database,
    Replica,
    Logging,
    Socket,
    Snapshot,
    Retention,
    Validation,
    Level,
    Age,
}

/// <summary>What a key's value is.</summary>
internal enum ConfigKind
{
    Text,
    Word,
    Address,
    Flag,
    Count,
    Duration,
    Size,
    Texts,
    Block,
    Blocks,
}

/// <summary>Which release lines read a key.</summary>
[Flags]
internal enum ConfigLines
{
    V03 = 1,
    V05 = 2,
    Both = V03 | V05,
}

/// <summary>A key of litestream.yml.</summary>
internal sealed record ConfigKey(ConfigPlace Place, string Name, ConfigKind Kind, ConfigLines Lines)
{
    /// <summary>What is inside a block.</summary>
    public ConfigPlace? Inside { get; init; }

    /// <summary>The types of replica that read it, separated by spaces; empty: all.</summary>
    public string For { get; init; } = "";

    /// <summary>The 0.5 line takes it at the top of the file too, as the default of all replicas.</summary>
    public bool Default { get; init; }

    /// <summary>A number, or a duration in seconds, must be greater.</summary>
    public double? Above { get; init; }

    /// <summary>A number, or a duration in seconds, must not be less.</summary>
    public double? Least { get; init; }

    /// <summary>What happens when it is less.</summary>
    public string Otherwise { get; init; } = "";

    /// <summary>The words that release line 0.3, and 0.5, know, separated by spaces.</summary>
    public string Words03 { get; init; } = "";

    public string Words05 { get; init; } = "";

    /// <summary>No such value belongs into a file.</summary>
    public bool Secret { get; init; }

    /// <summary>For users of the line that does not know it: what to do.</summary>
    public string Instead { get; init; } = "Remove it.";

    public bool IsOf(ReleaseLine line) => Lines.HasFlag(line == ReleaseLine.V03 ? V03 : V05);

    public string[] Words(ReleaseLine line) =>
        (line == ReleaseLine.V03 ? Words03 : Words05).Split(' ', StringSplitOptions.RemoveEmptyEntries);

    public string[] ReplicaTypes => For.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>
/// Every key that Litestream reads, from the sources of 0.3.13 and 0.5.17. A row: the place, the key, what its value
/// is, the release lines that read it.
/// </summary>
internal static class ConfigSchema
{
    private const string Hangs = "Litestream would never look at the database and say nothing.";
    private const string Panics = "Litestream 0.3 ends with a panic at the first sync, 0.5 does not start.";
    private const string NoStart = "Litestream would not start.";

    private static readonly ConfigKey[] Table =
    [
        new(Root, "dbs", Blocks, Both) { Inside = Database },
        new(Root, "addr", Address, Both),
        new(Root, "mcp-addr", Address, V05),
        new(Root, "exec", Text, Both),
        new(Root, "logging", Block, Both) { Inside = Logging },
        new(Root, "access-key-id", Text, V03),
        new(Root, "secret-access-key", Text, V03) { Secret = true },
        new(Root, "socket", Block, V05) { Inside = Socket },
        new(Root, "levels", Blocks, V05) { Inside = Level },
        new(Root, "snapshot", Block, V05)
        {
            Inside = Snapshot,
            Instead = "Write `snapshot-interval:` and `retention:` in each replica.",
        },
        new(Root, "retention", Block, V05)
        {
            Inside = Retention,
            Instead = "Write `retention:` with a duration in each replica; `0s` keeps everything.",
        },
        new(Root, "l0-retention", Duration, V05) { Least = 0, Otherwise = NoStart },
        new(Root, "l0-retention-check-interval", Duration, V05) { Above = 0, Otherwise = NoStart },
        new(Root, "verify-compaction", Flag, V05),
        new(Root, "validation", Block, V05)
        {
            Inside = Validation,
            Instead = "Write `validation-interval:` in each replica.",
        },
        new(Root, "heartbeat-url", Text, V05),
        new(Root, "heartbeat-interval", Duration, V05) { Least = 60, Otherwise = NoStart },
        new(Root, "shutdown-sync-timeout", Duration, V05) { Least = 0, Otherwise = NoStart },
        new(Root, "shutdown-sync-interval", Duration, V05) { Above = 0, Otherwise = NoStart },
        new(Logging, "level", Word, Both)
        {
            Words03 = "debug info warn warning error",
            Words05 = "trace debug info warn warning error",
        },
        new(Logging, "type", Word, Both) { Words03 = "text json", Words05 = "text json pretty" },
        new(Logging, "stderr", Flag, Both),
        new(Logging, "source", Flag, V05),
        new(Socket, "enabled", Flag, V05),
        new(Socket, "path", Text, V05),
        new(Socket, "permissions", Count, V05),
        new(Snapshot, "interval", Duration, V05) { Above = 0, Otherwise = NoStart },
        new(Snapshot, "retention", Duration, V05) { Above = 0, Otherwise = NoStart },
        new(Retention, "enabled", Flag, V05),
        new(Validation, "interval", Duration, V05),
        new(Level, "interval", Duration, V05) { Above = 0, Otherwise = NoStart },
        new(Database, "path", Text, Both),
        new(Database, "dir", Text, V05) { Instead = "Name each database with a `path:` of its own." },
        new(Database, "pattern", Text, V05) { Instead = "Name each database with a `path:` of its own." },
        new(Database, "recursive", Flag, V05) { Instead = "Name each database with a `path:` of its own." },
        new(Database, "watch", Flag, V05) { Instead = "Name each database with a `path:` of its own." },
        new(Database, "meta-path", Text, Both),
        new(Database, "meta-dir", Text, V05) { Instead = "Write `meta-path:`." },
        new(Database, "monitor-interval", Duration, Both) { Above = 0, Otherwise = Hangs },
        new(Database, "checkpoint-interval", Duration, Both),
        new(Database, "busy-timeout", Duration, V05) { Instead = "Remove it: that line always waits one second." },
        new(Database, "min-checkpoint-page-count", Count, Both) { Above = 0, Otherwise = NoStart },
        new(Database, "max-checkpoint-page-count", Count, V03)
        {
            Instead = "Remove it, or write `truncate-page-n:`, which is about the size at which the WAL is cut.",
        },
        new(Database, "truncate-page-n", Count, V05)
        {
            Least = 0,
            Otherwise = NoStart,
            Instead = "Remove it, or write `max-checkpoint-page-count:`.",
        },
        new(Database, "max-sync-wal-bytes", Count, V05),
        new(Database, "restore-if-db-not-exists", Flag, V05)
        {
            Instead = "Remove it: the app restores a missing database before it opens it (Litestream:RestoreOnStart).",
        },
        new(Database, "snapshot", Block, V05)
        {
            Inside = Snapshot,
            Instead = "Write `snapshot-interval:` and `retention:` in the replica.",
        },
        new(Database, "replicas", Blocks, Both) { Inside = Replica },
        new(Database, "replica", Block, V05)
        {
            Inside = Replica,
            Instead = "Write `replicas:` with one entry, which both lines read.",
        },
        new(Replica, "type", Word, Both)
        {
            Words03 = "file s3 gcs abs sftp",
            Words05 = "file s3 gs abs sftp webdav nats oss",
        },
        new(Replica, "name", Text, Both),
        new(Replica, "url", Text, Both),
        new(Replica, "path", Text, Both) { For = "file s3 gcs gs abs sftp webdav oss" },
        new(Replica, "sync-interval", Duration, Both)
        {
            Default = true,
            Above = 0,
            Otherwise = Panics,
        },
        new(Replica, "retention", Duration, V03)
        {
            Instead = "Write `snapshot:` with `retention:` at the top of the file.",
        },
        new(Replica, "retention-check-interval", Duration, V03)
        {
            Above = 0,
            Otherwise = "Litestream would stop with a panic.",
            Instead = "Remove it.",
        },
        new(Replica, "snapshot-interval", Duration, V03)
        {
            Instead = "Write `snapshot:` with `interval:` at the top of the file.",
        },
        new(Replica, "validation-interval", Duration, V03)
        {
            Instead = "Write `validation:` with `interval:` at the top of the file.",
        },
        new(Replica, "age", Block, V03)
        {
            Inside = Age,
            Instead = "That line cannot encrypt: stay with 0.3, or let the storage encrypt.",
        },
        new(Replica, "auto-recover", Flag, V05) { Default = true },
        new(Replica, "max-sync-ltx-files", Count, V05),
        new(Replica, "bucket", Text, Both) { For = "s3 gcs gs abs nats oss", Default = true },
        new(Replica, "region", Text, Both) { For = "s3 oss", Default = true },
        new(Replica, "endpoint", Text, Both) { For = "s3 abs oss", Default = true },
        new(Replica, "access-key-id", Text, Both) { For = "s3 oss", Default = true },
        new(Replica, "secret-access-key", Text, Both)
        {
            For = "s3 oss",
            Default = true,
            Secret = true,
        },
        new(Replica, "force-path-style", Flag, Both) { For = "s3", Default = true },
        new(Replica, "skip-verify", Flag, Both) { For = "s3", Default = true },
        new(Replica, "sign-payload", Flag, V05) { For = "s3", Default = true },
        new(Replica, "require-content-md5", Flag, V05) { For = "s3", Default = true },
        new(Replica, "part-size", Size, V05) { For = "s3 oss" },
        new(Replica, "concurrency", Count, V05) { For = "s3 oss" },
        new(Replica, "storage-class", Text, V05) { For = "s3", Default = true },
        new(Replica, "sse-customer-algorithm", Text, V05) { For = "s3", Default = true },
        new(Replica, "sse-customer-key", Text, V05)
        {
            For = "s3",
            Default = true,
            Secret = true,
        },
        new(Replica, "sse-customer-key-path", Text, V05) { For = "s3", Default = true },
        new(Replica, "sse-kms-key-id", Text, V05) { For = "s3", Default = true },
        new(Replica, "account-name", Text, Both) { For = "abs", Default = true },
        new(Replica, "account-key", Text, Both)
        {
            For = "abs",
            Default = true,
            Secret = true,
        },
        new(Replica, "sas-token", Text, V05)
        {
            For = "abs",
            Default = true,
            Secret = true,
            Instead = "Write `account-key:`.",
        },
        new(Replica, "host", Text, Both) { For = "sftp", Default = true },
        new(Replica, "user", Text, Both) { For = "sftp", Default = true },
        new(Replica, "password", Text, Both)
        {
            For = "sftp nats",
            Default = true,
            Secret = true,
        },
        new(Replica, "key-path", Text, Both) { For = "sftp", Default = true },
        new(Replica, "concurrent-writes", Flag, V05) { For = "sftp", Default = true },
        new(Replica, "host-key", Text, V05)
        {
            For = "sftp",
            Instead = "Remove it: that line does not check the host's key.",
        },
        new(Replica, "webdav-url", Text, V05) { For = "webdav" },
        new(Replica, "webdav-username", Text, V05) { For = "webdav" },
        new(Replica, "webdav-password", Text, V05) { For = "webdav", Secret = true },
        new(Replica, "username", Text, V05) { For = "nats", Default = true },
        new(Replica, "jwt", Text, V05)
        {
            For = "nats",
            Default = true,
            Secret = true,
        },
        new(Replica, "seed", Text, V05)
        {
            For = "nats",
            Default = true,
            Secret = true,
        },
        new(Replica, "creds", Text, V05) { For = "nats", Default = true },
        new(Replica, "nkey", Text, V05)
        {
            For = "nats",
            Default = true,
            Secret = true,
        },
        new(Replica, "token", Text, V05)
        {
            For = "nats",
            Default = true,
            Secret = true,
        },
        new(Replica, "tls", Flag, V05) { For = "nats", Default = true },
        new(Replica, "root-cas", Texts, V05) { For = "nats", Default = true },
        new(Replica, "client-cert", Text, V05) { For = "nats", Default = true },
        new(Replica, "client-key", Text, V05) { For = "nats", Default = true },
        new(Replica, "max-reconnects", Count, V05) { For = "nats", Default = true },
        new(Replica, "reconnect-wait", Duration, V05) { For = "nats", Default = true },
        new(Replica, "timeout", Duration, V05) { For = "nats", Default = true },
        new(Age, "identities", Texts, V03) { Secret = true },
        new(Age, "recipients", Texts, V03),
    ];

    /// <summary>
    /// All keys; those that the 0.5 line takes as defaults for all replicas are there once more, at the top of the
    /// file.
    /// </summary>
    public static IReadOnlyList<ConfigKey> Keys { get; } =
    [
        .. Table,
        .. Table
            .Where(key => key.Default)
            .Select(key => key with { Place = Root, Lines = V05, For = "", Instead = "Write it in each replica." }),
    ];

    private static readonly HashSet<string> Secrets =
    [
        .. Keys.Where(key => key.Secret).Select(key => key.Name),
        // These may stand in a file that nobody else reads, but are nobody else's business: with the address of a
        // heartbeat anyone can send one.
        "access-key-id",
        "heartbeat-url",
    ];

    /// <summary>
    /// Whether the value of a key, wherever it stands, must not be shown or written into another file.
    /// </summary>
    public static bool IsSecret(string key) => Secrets.Contains(key);

    /// <summary>What a place is called.</summary>
    public static string Name(ConfigPlace place) =>
        place switch
        {
            Root => "the top of the file",
            Database => "an entry of `dbs:`",
            Replica => "a replica",
            Logging => "`logging:`",
            Socket => "`socket:`",
            Snapshot => "`snapshot:`",
            Retention => "`retention:`",
            Validation => "`validation:`",
            Level => "an entry of `levels:`",
            _ => "`age:`",
        };

    public static string Name(ReleaseLine line) => line == ReleaseLine.V03 ? "Litestream 0.3" : "Litestream 0.5";
}
