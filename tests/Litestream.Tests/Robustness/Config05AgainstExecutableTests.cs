using Litestream.Diagnostics;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Robustness;

/// <summary>The strict checks for release line 0.5 against the answer of the real executable of that line.</summary>
[Trait("Line", "0.5")]
[Trait("Uses", "litestream")]
public sealed class Config05AgainstExecutableTests
{
    private const string Database = "dbs:\n  - path: /data/app.db\n    ";
    private const string Place = "replica:\n      path: /replica\n";
    private const string NineLevels =
        "levels: [{interval: 1s}, {interval: 1s}, {interval: 1s}, {interval: 1s}, {interval: 1s}, {interval: 1s}, "
        + "{interval: 1s}, {interval: 1s}, {interval: 1s}]\n";

    private const string S3 = "replica:\n      type: s3\n      bucket: b\n      region: eu-west-1\n      ";

    /// <summary>
    /// Files, and the code of the only error; "" where there is none. A code in parentheses is one of a file that the
    /// executable takes, and then ignores a part of it, hangs, panics or does something else.
    /// </summary>
    public static TheoryData<string, string, string> Files { get; } = Table();

    /// <summary>Without a replica at the end of the text, one follows.</summary>
    [Theory]
    [MemberData(nameof(Files))]
    public void What_the_executable_refuses_or_misreads_is_refused_and_what_it_obeys_is_accepted(
        string name,
        string text,
        string code
    )
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("litestream.yml", text);

        var errors = LitestreamClient
            .CheckConfiguration(file, "0.5.17")
            .Where(finding => finding.Severity == LitestreamSeverity.Error)
            .ToList();
        var verdict = ExecutableVerdict.OfDatabases(file);

        Assert.True(
            verdict.IsRefused == (code.Length > 0 && code[0] != '('),
            $"{name}: litestream {(verdict.IsRefused ? "refuses" : "takes")} it: {verdict.Output}"
        );
        Assert.Equal(code.Trim('(', ')'), string.Join(' ', errors.Select(error => error.Code).Distinct()));
        Assert.All(errors, error => Assert.True(error.File == file && error.Line > 0, error.ToString()));
    }

    [Theory]
    [InlineData("sync-intervall: 1s", "Did you mean `sync-interval:`?")]
    [InlineData("retention: 72h\n      snapshot-interval: 24h", "Write `snapshot:` with `retention:` at the top")]
    [InlineData("age: {recipients: [x]}", "stay with 0.3")]
    [InlineData("retention-check-interval: 1h", "Remove it.")]
    [InlineData("type: gcs", "calls it `gs`")]
    public void A_message_says_what_to_do(string line, string hint)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("litestream.yml", Database + Place + "      " + line + "\n");

        var messages = LitestreamClient.CheckConfiguration(file, "0.5.17").Select(finding => finding.Message);

        Assert.Contains(hint, string.Join('\n', messages), StringComparison.Ordinal);
    }

    /// <summary>What shows only when it replicates.</summary>
    [Theory]
    [InlineData(NineLevels, "", "LSB1035")]
    [InlineData("", "min-checkpoint-page-count: 0\n    ", "LSB1035")]
    [InlineData("levels: [{interval: 30s}, {interval: 5m}]\nl0-retention: 0\n", "", "")]
    [InlineData("socket: {enabled: false}\nshutdown-sync-timeout: 0s\n", "busy-timeout: 2s\n    ", "")]
    public void What_only_replicate_checks_is_checked_as_it_does(string root, string database, string code)
    {
        using var folder = new TemporaryFolder();
        LitestreamTool.Sql(Path.Combine(folder.Path, "app.db"), "CREATE TABLE t (a)");
        var file = folder.Write(
            "litestream.yml",
            $"{root}dbs:\n  - path: app.db\n    {database}monitor-interval: 50ms\n    replica:\n      path: replica\n"
        );

        Assert.Equal(
            code,
            LitestreamClient
                .CheckConfiguration(file, "0.5.17")
                .FirstOrDefault(finding => finding.Severity == LitestreamSeverity.Error)
                ?.Code ?? ""
        );
        Assert.Equal(
            code.Length > 0,
            ExecutableVerdict.OfReplicate(file, until: code.Length > 0 ? null : "replicating to").IsRefused
        );
    }

    private static TheoryData<string, string, string> Table()
    {
        var data = new TheoryData<string, string, string>();
        void Add(string name, string text, string code) => data.Add(name, text, code);
        void Root(string lines, string code) => Add(lines, $"{lines}\n{Database}{Place}", code);
        void OfDatabase(string lines, string code) => Add(lines, $"{Database}{lines}\n    {Place}", code);
        void Replica(string lines, string code) => Add(lines, $"{Database}{Place}      {lines}\n", code);
        void Kind(string lines, string code) => Add(lines, $"{Database}replica:\n      {lines}\n", code);

        // The structure.
        Add("replica", Database + Place, "");
        Add("replicas with one entry", Database + "replicas:\n      - path: /replica\n", "");
        Add("two replicas", Database + "replicas: [{path: /a}, {path: /b}]\n", "LSB1042");
        Add("replica and replicas", Database + "replicas: [{path: /a}]\n    " + Place, "LSB1010");
        Add("no replica", Database + "busy-timeout: 1s\n", "LSB1043");
        Add("an empty list of replicas", Database + "replicas: []\n", "LSB1043");
        Add("an empty replica", Database + "replica: {}\n", "LSB1038");
        Add("no databases", "dbs: []\n", "(LSB1043)");
        Add("no dbs", "logging: {level: info}\n", "(LSB1043)");
        Add("a null database", "dbs:\n  -\n", "LSB1010");
        Add("a null replica", Database + "replicas: [~]\n", "LSB1010");
        Add("a null level", "levels: [~]\n" + Database + Place, "LSB1033");
        Add("a level without an interval", "levels: [{}]\n" + Database + Place, "LSB1035");
        Add("a path twice", Database + Place + "  - path: /data/../data/app.db\n    replica: {path: /b}\n", "LSB1012");
        Add(
            "one replica path for two databases",
            Database + Place + "  - path: /data/b.db\n    replica: {path: /replica/}\n",
            "(LSB1011)"
        );
        Add(
            "one bucket for two databases, by URL and by keys",
            Database + "replica: {url: 's3://b/p?region=r'}\n  - path: /data/b.db\n    replica: {type: s3, bucket: b, "
                + "path: p, region: r}\n",
            "(LSB1011)"
        );
        Add(
            "one Google bucket for two databases, by URL and by keys",
            Database + "replica: {url: gs://b/p}\n  - path: /data/b.db\n    replica: {type: gs, bucket: b, path: p}\n",
            "(LSB1011)"
        );
        Add(
            "one path on two WebDAV servers",
            Database + "replica: {type: webdav, webdav-url: http://a/, path: p}\n  - path: /data/b.db\n    replica: "
                + "{type: webdav, webdav-url: http://b/, path: p}\n",
            ""
        );
        Add("one state folder for two databases", Two("meta-path: /m", "meta-path: /x/../m"), "(LSB1011)");
        Add("two state folders", Two("meta-path: /m", "meta-path: /n"), "");
        Add("a key twice", "addr: ':1'\naddr: ':2'\n" + Database + Place, "(LSB1010)");

        // Names.
        Root("adr: ':9090'", "(LSB1030)");
        Root("snapshots: {interval: 1h}", "(LSB1030)");
        Root("snapshot: {intervl: 1h}", "(LSB1030)");
        Root("socket: {enable: true}", "(LSB1030)");
        Root("logging: {colour: true}", "(LSB1030)");
        Root("retention: 72h", "LSB1033");
        Root("access-key-id: ${ID}", "");
        Root("name: x", "(LSB1032)");
        OfDatabase("sync-interval: 1s", "(LSB1032)");
        OfDatabase("max-checkpoint-page-count: 5", "(LSB1031)");
        Replica("sync-intervall: 1s", "(LSB1030)");
        Replica("monitor-interval: 1s", "(LSB1032)");
        Replica("validation-interval: 1h", "(LSB1031)");
        Replica("retention-check-interval: 1h", "(LSB1031)");
        Replica("age: {recipients: [x]}", "LSB1031");
        Replica("bucket: b", "(LSB1032)");

        // Snapshots, levels, retention.
        Root("snapshot: {interval: 12h, retention: 168h}", "");
        Root("snapshot: {interval: 0s}", "LSB1035");
        Root("snapshot: {retention: -1h}", "LSB1035");
        Root("snapshot: {interval: 7d}", "LSB1034");
        Root("snapshot: {interval: 24}", "(LSB1034)");
        Root("levels: [{interval: 30s}, {interval: 5m}]", "");
        Root("levels: [{interval: 0s}]", "LSB1035");
        Root("levels: []", "");
        Root("levels: 30s", "LSB1033");
        Root("l0-retention: 0", "");
        Root("l0-retention: 5", "(LSB1034)");
        Root("l0-retention: -1s", "LSB1035");
        Root("l0-retention-check-interval: 0s", "LSB1035");
        Root("retention: {enabled: false}", "");
        Root("validation: {interval: 6h}", "");
        Root("verify-compaction: true", "");
        OfDatabase("snapshot: {interval: 1h}", "");
        OfDatabase("snapshot: {interval: 0s}", "LSB1035");
        Add("snapshots of one of two databases", Two("snapshot: {interval: 1h}", ""), "(LSB1057)");
        Add("the same snapshots", Two("snapshot: {interval: 1h}", "snapshot: {interval: 60m}"), "");
        Add("other snapshots", Two("snapshot: {interval: 1h}", "snapshot: {interval: 2h}"), "LSB1057");
        Add(
            "other snapshots than those of all",
            "snapshot: {retention: 48h}\n" + Two("snapshot: {retention: 24h}", ""),
            "(LSB1057)"
        );

        // The process.
        Root("shutdown-sync-timeout: 0s", "");
        Root("shutdown-sync-timeout: 10", "(LSB1034)");
        Root("shutdown-sync-timeout: -1s", "LSB1035");
        Root("shutdown-sync-interval: 0s", "LSB1035");
        Root("heartbeat-url: https://example.org/x", "");
        Root("heartbeat-url: ftp://example.org", "LSB1048");
        Root("heartbeat-interval: 30s", "LSB1035");
        Root("addr: 127.0.0.1", "(LSB1040)");
        Root("mcp-addr: ':3001'", "");
        Root("mcp-addr: '3001'", "(LSB1040)");
        Root("exec: [a]", "LSB1033");
        Root("logging: {level: trace, type: pretty, stderr: true, source: true}", "");
        Root("logging: {level: verbose}", "(LSB1036)");
        Root("logging: {type: JSON}", "LSB1036");
        Root("logging: {type: xml}", "LSB1036");
        Root("socket: {enabled: true, path: /run/litestream.sock, permissions: 0660}", "");
        Root("socket: {permissions: 0o600}", "");
        Root("socket: {permissions: 432}", "");
        Root("socket: {permissions: 660}", "(LSB1035)");
        Root("socket: {permissions: 0}", "(LSB1035)");
        Root("socket: {permissions: 99999}", "(LSB1035)");
        Root("socket: {permissions: '0660'}", "LSB1033");
        Root("socket: {path: run/litestream.sock}", "(LSB1058)");
        Root("socket: {path: ~/litestream.sock}", "(LSB1058)");
        Root($"socket: {{path: /{new string('a', 107)}}}", "(LSB1058)");

        // A database.
        foreach (var path in (string[])["a?b.db", "a#b.db", "a%41b.db", "':memory:'", "file:app.db", "/data/"])
            Add(path, $"dbs:\n  - path: {path}\n    {Place}", "(LSB1015)");
        foreach (var path in (string[])["a b.db", "a%b.db", "ä.db", "a:b.db", "sqlite:///data/app.db"])
            Add(path, $"dbs:\n  - path: {path}\n    {Place}", "");
        Add("an empty path", $"dbs:\n  - path: ''\n    {Place}", "LSB1010");
        Add("a folder", "dbs:\n  - dir: /data\n    pattern: '*.db'\n    watch: true\n    " + Place, "(LSB1056)");
        Add("a folder without a pattern", "dbs:\n  - dir: /data\n    " + Place, "LSB1056");
        Add("a folder and a path", Database + "dir: /data\n    pattern: x\n    " + Place, "LSB1056");
        OfDatabase("pattern: '*.db'", "(LSB1056)");
        OfDatabase("recursive: true", "(LSB1056)");
        OfDatabase("watch: true", "LSB1056");
        OfDatabase("meta-dir: /m", "LSB1056");
        OfDatabase("meta-path: /m", "");
        OfDatabase("monitor-interval: 0", "(LSB1035)");
        OfDatabase("monitor-interval: 0s", "(LSB1035)");
        OfDatabase("monitor-interval: 1", "(LSB1034)");
        OfDatabase("busy-timeout: 5s", "");
        OfDatabase("busy-timeout: 5", "(LSB1034)");
        OfDatabase("checkpoint-interval: 1m", "");
        OfDatabase("min-checkpoint-page-count: 0", "(LSB1035)");
        OfDatabase("truncate-page-n: 100000", "");
        OfDatabase("truncate-page-n: '5'", "LSB1033");
        OfDatabase("max-sync-wal-bytes: 64MB", "LSB1033");
        OfDatabase("restore-if-db-not-exists: true", "");

        // A replica.
        Replica("sync-interval: 0s", "LSB1035");
        Replica("sync-interval: 1", "(LSB1034)");
        Replica("sync-interval: '1'", "LSB1034");
        Replica("auto-recover: yes", "");
        Replica("auto-recover: 'yes'", "LSB1033");
        Replica("max-sync-ltx-files: 10", "");
        Kind("pth: /replica", "LSB1030");
        Kind("typ: s3\n      path: /replica", "(LSB1030)");
        Kind("path: s3://b/x", "LSB1038");
        Kind("url: /replica", "LSB1039");
        Kind("url: file:///replica", "");
        Kind("url: file:///replica\n      path: /x", "LSB1038");
        Kind("type: s3\n      url: file:///replica", "(LSB1038)");
        Kind("type: gcs\n      bucket: b", "LSB1036");
        Kind("url: ftp://x/y", "LSB1036");

        // Each kind.
        Kind("type: s3\n      bucket: b", "(LSB1059)");
        Kind("url: s3://b/p", "(LSB1059)");
        Kind("url: s3://b/p\n      region: r", "");
        Kind("url: s3://b/p?region=r", "");
        Kind("url: s3://b/p?endpoint=http://localhost:9000", "");
        Kind("url: s3://b.localhost:9000/p", "");
        Kind("type: s3\n      bucket: b\n      endpoint: http://localhost:9000", "");
        Kind("type: s3\n      region: r", "LSB1038");
        Kind("url: s3://b/p?region=r&part-size=6MB", "LSB1039");
        Kind("url: s3://b/p?region=r&concurrency=0", "LSB1039");
        Kind("url: s3://b/p?region=r&part-size=6000000&sign-payload=true", "");
        Kind("url: s3://b/p?region=r&regoin=x", "(LSB1039)");
        Add("a bucket for all and a URL", "bucket: c\n" + Database + "replica: {url: gs://b/p}\n", "LSB1038");
        Add("a host for all and a URL", "host: c\n" + Database + "replica: {url: 'sftp://u@h/p'}\n", "LSB1038");
        Add("a bucket for all and a NATS URL", "bucket: c\n" + Database + "replica: {url: 'nats://h/b'}\n", "");
        foreach (
            var key in (string[])
                [
                    "force-path-style: true",
                    "skip-verify: false",
                    "sign-payload: true",
                    "sign-accept-encoding: false",
                    "require-content-md5: false",
                    "storage-class: GLACIER",
                    "part-size: 6MB",
                    "concurrency: 5",
                    "sse-kms-key-id: x",
                    "access-key-id: ${ID}",
                ]
        )
        {
            Add(key, Database + S3 + key + "\n", "");
        }

        Add("a part size", Database + S3 + "part-size: 5XB\n", "LSB1033");
        Add("a flag", Database + S3 + "sign-payload: 5\n", "LSB1033");
        Add("an account for S3", Database + S3 + "account-name: x\n", "(LSB1032)");
        Kind("url: gs://b/p", "");
        Kind("type: gs", "LSB1038");
        Kind("type: gs\n      bucket: b\n      region: r", "(LSB1032)");
        Kind("type: abs\n      bucket: b\n      account-name: a\n      sas-token: ${ID}", "");
        Kind("type: abs\n      account-name: a", "LSB1038");
        Kind("type: sftp\n      host: h:22\n      user: u\n      host-key: x\n      concurrent-writes: true", "");
        Kind("type: sftp\n      host: h", "LSB1038");
        Kind("url: sftp://u@h/p", "");
        Kind("type: nats\n      bucket: b\n      tls: true\n      max-reconnects: -1\n      timeout: 5s", "");
        Kind("type: nats\n      bucket: b\n      timeout: 5", "(LSB1034)");
        Kind("type: nats\n      bucket: b\n      client-cert: /c\n      client-key: /k", "");
        Kind("type: nats\n      bucket: b\n      client-cert: /c", "LSB1038");
        Kind("url: nats://h/b\n      client-key: /k", "LSB1038");
        Add("a key for all", "client-key: /k\n" + Database + "replica: {type: nats, bucket: b}\n", "LSB1038");
        Kind("type: nats", "LSB1038");
        Kind("type: webdav\n      webdav-url: http://h/\n      webdav-username: u\n      path: p", "");
        Kind("type: webdav\n      path: p", "LSB1038");
        Kind("type: oss\n      bucket: b\n      endpoint: e\n      region: r\n      path: p", "");
        Kind("url: oss://b/p", "");
        Kind("type: oss\n      path: p", "LSB1038");
        return data;
    }

    private static string Two(string first, string second) =>
        $"{Database}{first}\n    {Place}  - path: /data/b.db\n    {second}\n    replica: {{path: /b}}\n";
}
