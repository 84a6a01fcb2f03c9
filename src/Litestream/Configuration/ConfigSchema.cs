using System.Globalization;
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

    /// <summary>The types of replica that read it; none: all.</summary>
    public IReadOnlyList<string> ReplicaTypes { get; init; } = [];

    /// <summary>The 0.5 line takes it at the top of the file too, as the default of all replicas.</summary>
    public bool Default { get; init; }

    /// <summary>A number, or a duration in seconds, must be greater.</summary>
    public double? Above { get; init; }

    /// <summary>A number, or a duration in seconds, must not be less.</summary>
    public double? Least { get; init; }

    /// <summary>What happens when it is less.</summary>
    public string Otherwise { get; init; } = "";

    /// <summary>The words that it takes, those of one release line with <c>03:</c> or <c>05:</c> before them.</summary>
    public IReadOnlyList<string> AllWords { get; init; } = [];

    /// <summary>No such value belongs into a file.</summary>
    public bool Secret { get; init; }

    /// <summary>For users of the line that does not know it: what to do.</summary>
    public string Instead { get; init; } = "Remove it.";

    public bool IsOf(ReleaseLine line) => Lines.HasFlag(line == ReleaseLine.V03 ? ConfigLines.V03 : ConfigLines.V05);

    public string[] Words(ReleaseLine line) =>
        [
            .. AllWords
                .Where(word => !word.StartsWith(line == ReleaseLine.V03 ? "05:" : "03:", StringComparison.Ordinal))
                .Select(word => word[(word.IndexOf(':') + 1)..]),
        ];
}

/// <summary>Every key that Litestream reads, from the sources of 0.3.13 and 0.5.17.</summary>
internal static class ConfigSchema
{
    /// <summary>
    /// A row: the place, the key, what its value is, the release lines that read it, and members of
    /// <see cref="ConfigKey"/>. A row that begins with an arrow says what users of the other line do instead.
    /// </summary>
    private const string Table = """
        Root       dbs                         Blocks   Both inside=Database
        Root       addr                        Address  Both
        Root       mcp-addr                    Address  V05
        Root       exec                        Text     Both
        Root       logging                     Block    Both inside=Logging
        Root       access-key-id               Text     V03
        Root       secret-access-key           Text     V03  secret
        Root       socket                      Block    V05  inside=Socket
        Root       levels                      Blocks   V05  inside=Level
        Root       snapshot                    Block    V05  inside=Snapshot
            -> Write `snapshot-interval:` and `retention:` in each replica.
        Root       retention                   Block    V05  inside=Retention
            -> Write `retention:` with a duration in each replica; `0s` keeps everything.
        Root       l0-retention                Duration V05  least=0
        Root       l0-retention-check-interval Duration V05  above=0
        Root       verify-compaction           Flag     V05
        Root       validation                  Block    V05  inside=Validation
            -> Write `validation-interval:` in each replica.
        Root       heartbeat-url               Text     V05
        Root       heartbeat-interval          Duration V05  least=60
        Root       shutdown-sync-timeout       Duration V05  least=0
        Root       shutdown-sync-interval      Duration V05  above=0
        Logging    level                       Word     Both words=05:trace,debug,info,warn,warning,error
        Logging    type                        Word     Both words=text,json,05:pretty
        Logging    stderr                      Flag     Both
        Logging    source                      Flag     V05
        Socket     enabled                     Flag     V05
        Socket     path                        Text     V05
        Socket     permissions                 Count    V05
        Snapshot   interval                    Duration V05  above=0
        Snapshot   retention                   Duration V05  above=0
        Retention  enabled                     Flag     V05
        Validation interval                    Duration V05
        Level      interval                    Duration V05  above=0
        Database   path                        Text     Both
        Database   dir                         Text     V05
            -> Name each database with a `path:` of its own.
        Database   pattern                     Text     V05
            -> Name each database with a `path:` of its own.
        Database   recursive                   Flag     V05
            -> Name each database with a `path:` of its own.
        Database   watch                       Flag     V05
            -> Name each database with a `path:` of its own.
        Database   meta-path                   Text     Both
        Database   meta-dir                    Text     V05
            -> Write `meta-path:`.
        Database   monitor-interval            Duration Both above=0 else=Hangs
        Database   checkpoint-interval         Duration Both
        Database   busy-timeout                Duration V05
            -> Remove it: that line always waits one second.
        Database   min-checkpoint-page-count   Count    Both above=0
        Database   max-checkpoint-page-count   Count    V03
            -> Remove it, or write `truncate-page-n:`, which is about the size at which the WAL is cut.
        Database   truncate-page-n             Count    V05  least=0
            -> Remove it, or write `max-checkpoint-page-count:`.
        Database   max-sync-wal-bytes          Count    V05
        Database   restore-if-db-not-exists    Flag     V05
            -> Remove it: the app restores a missing database before it opens it (Litestream:RestoreOnStart).
        Database   snapshot                    Block    V05  inside=Snapshot
            -> Write `snapshot-interval:` and `retention:` in the replica.
        Database   replicas                    Blocks   Both inside=Replica
        Database   replica                     Block    V05  inside=Replica
            -> Write `replicas:` with one entry, which both lines read.
        Replica    type                       Word     Both words=file,s3,03:gcs,05:gs,abs,sftp,05:webdav,05:nats,05:oss
        Replica    name                        Text     Both
        Replica    url                         Text     Both
        Replica    path                        Text     Both for=file,s3,gcs,gs,abs,sftp,webdav,oss
        Replica    sync-interval               Duration Both default above=0 else=Panics
        Replica    retention                   Duration V03
            -> Write `snapshot:` with `retention:` at the top of the file.
        Replica    retention-check-interval    Duration V03  above=0 else=Panic
            -> Remove it.
        Replica    snapshot-interval           Duration V03
            -> Write `snapshot:` with `interval:` at the top of the file.
        Replica    validation-interval         Duration V03
            -> Write `validation:` with `interval:` at the top of the file.
        Replica    age                         Block    V03  inside=Age
            -> That line cannot encrypt: stay with 0.3, or let the storage encrypt.
        Replica    auto-recover                Flag     V05  default
        Replica    max-sync-ltx-files          Count    V05
        Replica    bucket                      Text     Both for=s3,gcs,gs,abs,nats,oss default
        Replica    region                      Text     Both for=s3,oss default
        Replica    endpoint                    Text     Both for=s3,abs,oss default
        Replica    access-key-id               Text     Both for=s3,oss default
        Replica    secret-access-key           Text     Both for=s3,oss default secret
        Replica    force-path-style            Flag     Both for=s3 default
        Replica    skip-verify                 Flag     Both for=s3 default
        Replica    sign-payload                Flag     V05  for=s3 default
        Replica    require-content-md5         Flag     V05  for=s3 default
        Replica    part-size                   Size     V05  for=s3,oss
        Replica    concurrency                 Count    V05  for=s3,oss
        Replica    storage-class               Text     V05  for=s3 default
        Replica    sse-customer-algorithm      Text     V05  for=s3 default
        Replica    sse-customer-key            Text     V05  for=s3 default secret
        Replica    sse-customer-key-path       Text     V05  for=s3 default
        Replica    sse-kms-key-id              Text     V05  for=s3 default
        Replica    account-name                Text     Both for=abs default
        Replica    account-key                 Text     Both for=abs default secret
        Replica    sas-token                   Text     V05  for=abs default secret
            -> Write `account-key:`.
        Replica    host                        Text     Both for=sftp default
        Replica    user                        Text     Both for=sftp default
        Replica    password                    Text     Both for=sftp,nats default secret
        Replica    key-path                    Text     Both for=sftp default
        Replica    concurrent-writes           Flag     V05  for=sftp default
        Replica    host-key                    Text     V05  for=sftp
            -> Remove it: that line does not check the host's key.
        Replica    webdav-url                  Text     V05  for=webdav
        Replica    webdav-username             Text     V05  for=webdav
        Replica    webdav-password             Text     V05  for=webdav secret
        Replica    username                    Text     V05  for=nats default
        Replica    jwt                         Text     V05  for=nats default secret
        Replica    seed                        Text     V05  for=nats default secret
        Replica    creds                       Text     V05  for=nats default
        Replica    nkey                        Text     V05  for=nats default secret
        Replica    token                       Text     V05  for=nats default secret
        Replica    tls                         Flag     V05  for=nats default
        Replica    root-cas                    Texts    V05  for=nats default
        Replica    client-cert                 Text     V05  for=nats default
        Replica    client-key                  Text     V05  for=nats default
        Replica    max-reconnects              Count    V05  for=nats default
        Replica    reconnect-wait              Duration V05  for=nats default
        Replica    timeout                     Duration V05  for=nats default
        Age        identities                  Texts    V03  secret
        Age        recipients                  Texts    V03
        """;

    /// <summary>
    /// All keys; those that the 0.5 line takes as defaults for all replicas are there once more, at the top of the
    /// file.
    /// </summary>
    public static IReadOnlyList<ConfigKey> Keys { get; } = ReadTable();
    private static readonly HashSet<string> Secrets =
    [
        .. Keys.Where(key => key.Secret).Select(key => key.Name),
        // No secrets, but not to be shown either: with the address of a heartbeat anyone can send one.
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

    public static ReleaseLine Other(ReleaseLine line) => line == ReleaseLine.V03 ? ReleaseLine.V05 : ReleaseLine.V03;

    public static string Name(ReleaseLine line) => line == ReleaseLine.V03 ? "Litestream 0.3" : "Litestream 0.5";

    private static IReadOnlyList<ConfigKey> ReadTable()
    {
        var keys = new List<ConfigKey>();
        foreach (var row in Table.Split('\n', StringSplitOptions.TrimEntries))
        {
            if (row.StartsWith("-> ", StringComparison.Ordinal))
                keys[^1] = keys[^1] with { Instead = row[3..] };
            else
                keys.Add(ReadRow(row.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        }

        return
        [
            .. keys,
            .. keys.Where(key => key.Default)
                .Select(key =>
                    key with
                    {
                        Place = Root,
                        Lines = ConfigLines.V05,
                        ReplicaTypes = [],
                        Instead = "Write it in each replica.",
                    }
                ),
        ];
    }

    private static ConfigKey ReadRow(string[] columns)
    {
        var members = columns[4..].Select(member => member.Split('=')).ToLookup(pair => pair[0], pair => pair[^1]);
        string[] List(string name) => [.. members[name].SelectMany(value => value.Split(','))];
        double? Number(string name) =>
            members[name].Select(value => (double?)double.Parse(value, CultureInfo.InvariantCulture)).SingleOrDefault();
        return new(
            Enum.Parse<ConfigPlace>(columns[0]),
            columns[1],
            Enum.Parse<ConfigKind>(columns[2]),
            Enum.Parse<ConfigLines>(columns[3])
        )
        {
            Inside = members["inside"].Select(place => (ConfigPlace?)Enum.Parse<ConfigPlace>(place)).SingleOrDefault(),
            ReplicaTypes = List("for"),
            Default = members.Contains("default"),
            Above = Number("above"),
            Least = Number("least"),
            Otherwise = members["else"].SingleOrDefault() switch
            {
                "Hangs" => "Litestream would never look at the database and say nothing.",
                "Panics" => "Litestream 0.3 ends with a panic at the first sync, 0.5 does not start.",
                "Panic" => "Litestream would stop with a panic.",
                _ => "Litestream would not start.",
            },
            AllWords = List("words"),
            Secret = members.Contains("secret"),
        };
    }
}
