using Litestream.Configuration;

namespace Litestream.Releases.V03;

/// <summary>The litestream.yml of release line 0.3, from the source of 0.3.13.</summary>
internal static class ConfigDialect03
{
    public static ConfigDialect Dialect { get; } =
        new()
        {
            Reader = "Litestream 0.3",
            Keys = ConfigSchema.Read(Table, hasDefaults: false),
            HasSeveralReplicas = true,
        };

    /// <summary>The keys that other lines read in another way, or not at all.</summary>
    private const string Table = """
        Root       access-key-id               Text
        Root       secret-access-key           Text     secret
        Logging    level                       Word     words=debug,info,warn,warning,error else=Ignored
        Logging    type                        Word     words=text,json else=Panic
        Database   max-checkpoint-page-count   Count
            -> Remove it, or write `truncate-page-n:`, which is about the size at which the WAL is cut.
        Replica    type                        Word     words=file,s3,gcs,abs,sftp
        Replica    sync-interval               Duration above=0 else=PanicAtSync
        Replica    retention                   Duration
            -> Write `snapshot:` with `retention:` at the top of the file.
        Replica    retention-check-interval    Duration above=0 else=Panic
            -> Remove it.
        Replica    snapshot-interval           Duration
            -> Write `snapshot:` with `interval:` at the top of the file.
        Replica    validation-interval         Duration
            -> Write `validation:` with `interval:` at the top of the file.
        Replica    age                         Block    inside=Age
            -> That line cannot encrypt: stay with 0.3, or let the storage encrypt.
        Age        identities                  Texts    secret
        Age        recipients                  Texts
        """;
}
