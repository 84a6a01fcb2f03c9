using Litestream.Configuration;
using Litestream.Diagnostics;

namespace Litestream.Releases.V05;

/// <summary>The litestream.yml of release line 0.5, from the source of 0.5.17.</summary>
internal static class ConfigDialect05
{
    public static ConfigDialect Dialect { get; } =
        new()
        {
            Reader = "Litestream 0.5",
            Keys = ConfigSchema.Read(Table, hasDefaults: true),
            HasPathUrls = true,
            HasS3Ports = true,
            NeedsRegion = true,
            UrlOptions =
            [
                "endpoint",
                "region",
                "forcePathStyle",
                "skipVerify",
                "signPayload",
                "sign-payload",
                "requireContentMD5",
                "require-content-md5",
                "storageClass",
                "storage-class",
                "partSize",
                "part-size",
                "concurrency",
                "signAcceptEncoding",
                "sign-accept-encoding",
            ],
            MoreSchemes = ["webdavs"],
            SnapshotKeys = new Dictionary<string, string>
            {
                ["snapshot-interval"] = "interval",
                ["retention"] = "retention",
            },
            Adapt = Adapt,
        };

    /// <summary>Snapshots are the same for all databases here: made as often as the one that wants them most often,
    /// kept as long as the one that wants them longest, unless the file says it for all. Google's storage has another
    /// name.</summary>
    private static void Adapt(YamlMap root)
    {
        var databases = root.Maps("dbs").ToList();
        var replicas = databases.SelectMany(database => database.Maps("replicas")).ToList();
        foreach (var replica in replicas.Where(replica => replica.Text("type") == "gcs"))
            replica["type"] = "gs";

        // With it, litestream forgets what it has not sent, and says that all is well.
        foreach (var map in replicas.Prepend(root))
            map.Remove("auto-recover");
        var snapshot = root["snapshot"] as YamlMap ?? new YamlMap();
        Set("interval", Take("snapshot-interval", TimeSpan.Zero).OrderBy(one => one.Time).FirstOrDefault());
        Set("retention", Take("retention", TimeSpan.MaxValue).OrderByDescending(one => one.Time).FirstOrDefault());
        if (snapshot.Entries.Any())
            root["snapshot"] = snapshot;

        List<(YamlScalar Value, TimeSpan Time)> Take(string key, TimeSpan ofVariable)
        {
            var taken = new List<(YamlScalar, TimeSpan)>();
            foreach (var replica in replicas)
            {
                // A variable gets its value where litestream is started.
                if (replica[key] is YamlScalar { IsNull: false } value)
                {
                    if (GoDuration.IsPositive(value.Text))
                        taken.Add((value, GoDuration.Parse(value.Text)));
                    else if (EnvPlaceholders.HasVariables(value.Text))
                        taken.Add((value, ofVariable));
                }

                replica.Remove(key);
            }

            return taken;
        }

        // A database that is added has the default in its replica: it does not change what the file says.
        void Set(string key, (YamlScalar? Value, TimeSpan Time) one)
        {
            if (one.Value is { } value && !databases.Prepend(root).Any(map => IsGiven(map, key)))
                snapshot[key] = value;
        }

        static bool IsGiven(YamlMap map, string key) => (map["snapshot"] as YamlMap)?.Given(key) is not null;
    }

    /// <summary>The keys that other lines read in another way, or not at all.</summary>
    private const string Table = """
        Root       mcp-addr                    Address
        Root       socket                      Block    inside=Socket
        Root       levels                      Blocks   inside=Level
        Root       snapshot                    Block    inside=Snapshot
            -> Write `snapshot-interval:` and `retention:` in each replica.
        Root       retention                   Block    inside=Retention
            -> Write `retention:` with a duration in each replica; `0s` keeps everything.
        Root       l0-retention                Duration least=0
        Root       l0-retention-check-interval Duration above=0
        Root       verify-compaction           Flag
        Root       validation                  Block    inside=Validation
            -> Write `validation-interval:` in each replica.
        Root       heartbeat-url               Web
        Root       heartbeat-interval          Duration least=60
        Root       shutdown-sync-timeout       Duration least=0
        Root       shutdown-sync-interval      Duration above=0
        Logging    level                       Word     words=trace,debug,info,warn,warning,error else=Ignored
        Logging    type                        Word     words=text,json,pretty else=Panic
        Logging    source                      Flag
        Socket     enabled                     Flag
        Socket     path                        Text
        Socket     permissions                 Mode
        Snapshot   interval                    Duration above=0
        Snapshot   retention                   Duration above=0
        Retention  enabled                     Flag
        Validation interval                    Duration
        Level      interval                    Duration above=0
        Database   dir                         Text
            -> Name each database with a `path:` of its own.
        Database   pattern                     Text
            -> Name each database with a `path:` of its own.
        Database   recursive                   Flag
            -> Name each database with a `path:` of its own.
        Database   watch                       Flag
            -> Name each database with a `path:` of its own.
        Database   meta-dir                    Text
            -> Write `meta-path:`.
        Database   busy-timeout                Duration
            -> Remove it: that line always waits one second.
        Database   truncate-page-n             Count    least=0
            -> Remove it, or write `max-checkpoint-page-count:`.
        Database   max-sync-wal-bytes          Count
        Database   restore-if-db-not-exists    Flag
            -> Remove it: the app restores a missing database before it opens it (Litestream:RestoreOnStart).
        Database   snapshot                    Block    inside=Snapshot
            -> Write `snapshot-interval:` and `retention:` in the replica.
        Database   replica                     Block    inside=Replica
            -> Write `replicas:` with one entry, which both lines read.
        Replica    type                        Word     words=file,s3,gs,abs,sftp,webdav,nats,oss
        Replica    sync-interval               Duration default above=0
        Replica    auto-recover                Flag     default
        Replica    max-sync-ltx-files          Count
        Replica    sign-payload                Flag     for=s3 default
        Replica    sign-accept-encoding        Flag     for=s3 default
        Replica    require-content-md5         Flag     for=s3 default
        Replica    part-size                   Size     for=s3,oss
        Replica    concurrency                 Count    for=s3,oss
        Replica    storage-class               Text     for=s3 default
        Replica    sse-customer-algorithm      Text     for=s3 default
        Replica    sse-customer-key            Text     for=s3 default secret
        Replica    sse-customer-key-path       Text     for=s3 default
        Replica    sse-kms-key-id              Text     for=s3 default
        Replica    sas-token                   Text     for=abs default secret
            -> Write `account-key:`.
        Replica    concurrent-writes           Flag     for=sftp default
        Replica    host-key                    Text     for=sftp
            -> Remove it: that line does not check the host's key.
        Replica    webdav-url                  Text     for=webdav
        Replica    webdav-username             Text     for=webdav
        Replica    webdav-password             Text     for=webdav secret
        Replica    username                    Text     for=nats default
        Replica    jwt                         Text     for=nats default secret
        Replica    seed                        Text     for=nats default secret
        Replica    creds                       Text     for=nats default
        Replica    nkey                        Text     for=nats default secret
        Replica    token                       Text     for=nats default secret
        Replica    tls                         Flag     for=nats default
        Replica    root-cas                    Texts    for=nats default
        Replica    client-cert                 Text     for=nats default
        Replica    client-key                  Text     for=nats default
        Replica    max-reconnects              Count    for=nats default
        Replica    reconnect-wait              Duration for=nats default
        Replica    timeout                     Duration for=nats default
        """;
}
