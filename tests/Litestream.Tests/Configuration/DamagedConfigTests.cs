using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Configuration;

/// <summary>
/// Valid files, each damaged in one way at a place that a fixed seed chooses; what is wrong has to be found at its
/// line.
/// </summary>
[Trait("Uses", "litestream")]
public sealed class DamagedConfigTests : IDisposable
{
    private static readonly string[] Bases =
    [
        """
            addr: ":9090"
            logging:
              level: info
              type: json
              stderr: false
            dbs:
              - path: /data/app.db
                meta-path: /data/meta
                monitor-interval: 1s
                checkpoint-interval: 1m
                min-checkpoint-page-count: 1000
                replicas:
                  - type: s3
                    name: main
                    bucket: backups
                    path: app
                    region: eu-central-1
                    force-path-style: true
                    access-key-id: "${KEY}"
                    secret-access-key: "${SECRET}"
                    sync-interval: 10s
                    retention: 72h
            """,
        """
            # Two databases
            addr: 127.0.0.1:9090
            logging:
              type: text
            dbs:
              - path: /srv/a b/orders.db
                monitor-interval: 500ms
                max-checkpoint-page-count: 20000
                replicas:
                  - type: sftp
                    host: backup.example:22
                    user: app
                    key-path: /etc/keys/id
                    path: /orders
                    sync-interval: 1m30s
                    snapshot-interval: 24h
              # The second one
              - path: ~/users.db
                monitor-interval: 1s
                min-checkpoint-page-count: 500
                replicas:
                  - type: s3
                    bucket: users
                    path: users
                    endpoint: https://minio.example:9000
                    skip-verify: false
                    retention-check-interval: 1h
                    sync-interval: 1s
            """,
        """
            access-key-id: ${AWS_KEY}
            secret-access-key: ${AWS_SECRET}
            addr: "[::1]:9090"
            dbs:
              - path: ${DATA}/app.db
                checkpoint-interval: 30s
                monitor-interval: 2s
                min-checkpoint-page-count: 2000
                replicas:
                  - type: abs
                    account-name: shop
                    account-key: ${AZURE_KEY}
                    bucket: backups
                    path: app
                    sync-interval: 5s
                    validation-interval: 6h
                  - type: file
                    name: local
                    path: /backup/app
                    sync-interval: 1s
                    retention: 1h
                  - type: s3
                    bucket: ${BUCKET}
                    force-path-style: yes
                    path: app
                    sync-interval: 0.5s
            """,
    ];

    private static readonly Dictionary<string, Func<List<string>, Random, Damage>> Mutations = new(
        StringComparer.Ordinal
    )
    {
        ["delete the colon"] = (lines, random) =>
            Change(
                lines,
                Pick(lines, random, l => Indent(l) >= 4 && HasValue(l) && !l.Contains("- ")),
                "LSB1010",
                l => l.Replace(": ", " ", StringComparison.Ordinal),
                slack: 1
            ),
        ["one space more"] = (lines, random) =>
            Change(
                lines,
                Pick(lines, random, l => Indent(l) >= 4 && HasValue(l) && !l.Contains("- ")),
                "LSB1010",
                l => " " + l
            ),
        ["one space less"] = (lines, random) =>
            Change(
                lines,
                Pick(lines, random, l => Indent(l) >= 8 && HasValue(l) && !l.Contains("- ")),
                "LSB1010",
                l => l[1..]
            ),
        ["a tab"] = (lines, random) =>
            Change(lines, Pick(lines, random, l => Indent(l) >= 2), "LSB1010", l => "\t" + l.TrimStart()),
        ["a misspelt key"] = (lines, random) =>
            Change(
                lines,
                Pick(lines, random, l => Key(l).Length >= 4),
                "LSB1030",
                l => l.Replace(Key(l), Misspell(Key(l), random), StringComparison.Ordinal)
            ),
        ["an unknown key"] = (lines, random) =>
            Insert(lines, Pick(lines, random, l => Indent(l) == 4 && HasValue(l)), "LSB1030", "    frequency: 5m"),
        ["a replica's key in the database"] = (lines, random) =>
            Move(lines, random, l => Key(l) == "sync-interval", l => Indent(l) == 4 && HasValue(l), 4),
        ["a database's key at the top"] = (lines, random) =>
            Move(
                lines,
                random,
                l => Key(l) is "monitor-interval" or "checkpoint-interval" or "min-checkpoint-page-count",
                l => Key(l) == "addr",
                0
            ),
        ["no unit"] = (lines, random) =>
            Change(lines, Pick(lines, random, IsDuration), "LSB1034", l => WithValue(l, "30")),
        ["days"] = (lines, random) =>
            Change(lines, Pick(lines, random, IsDuration), "LSB1034", l => WithValue(l, "7d")),
        ["zero"] = (lines, random) =>
            Change(
                lines,
                Pick(lines, random, l => Key(l) is "sync-interval" or "monitor-interval"),
                "LSB1035",
                l => WithValue(l, random.Next(2) == 0 ? "0s" : "-1s")
            ),
        ["a key twice"] = (lines, random) =>
            Twice(lines, Pick(lines, random, l => Indent(l) >= 4 && HasValue(l) && !l.Contains("- "))),
        ["an unquoted dollar"] = (lines, random) =>
            Change(
                lines,
                Pick(lines, random, l => Key(l) is "path" or "bucket" or "region" or "host" or "user"),
                "LSB1041",
                l => l + (random.Next(2) == 0 ? "$$x" : "$1")
            ),
        ["a default value"] = (lines, random) =>
            Change(
                lines,
                Pick(lines, random, l => Key(l) is "path" or "bucket" or "meta-path"),
                "LSB1041",
                l => WithValue(l, "/x/${NAME:-data}")
            ),
        ["an unknown type"] = (lines, random) =>
            Change(
                lines,
                Pick(lines, random, l => Key(l) == "type" && Indent(l) > 4),
                "LSB1036",
                l => WithValue(l, random.Next(2) == 0 ? "s4" : "gs")
            ),
        ["a word for a number"] = (lines, random) =>
            Change(
                lines,
                Pick(lines, random, l => Key(l).EndsWith("page-count", StringComparison.Ordinal)),
                "LSB1033",
                l => WithValue(l, random.Next(2) == 0 ? "many" : "\"1000\"")
            ),
        ["a list for a value"] = (lines, random) =>
            Change(
                lines,
                Pick(lines, random, l => Indent(l) >= 4 && HasValue(l) && Key(l) != "path"),
                "LSB1033",
                l => WithValue(l, "[a, b]")
            ),
        ["the other line's key"] = (lines, random) =>
            Insert(
                lines,
                Pick(lines, random, l => Indent(l) == 4 && HasValue(l)),
                "LSB1031",
                random.Next(2) == 0 ? "    busy-timeout: 1s" : "    restore-if-db-not-exists: true"
            ),
        ["no port"] = (lines, random) =>
            Change(lines, Pick(lines, random, l => Key(l) == "addr"), "LSB1040", l => WithValue(l, "localhost")),
        ["a URL as well"] = (lines, random) =>
            Change(
                lines,
                Pick(lines, random, l => Key(l) == "path" && Indent(l) == 8),
                "LSB1038",
                l => l + "\n        url: " + (lines.Exists(x => x.Contains("type: abs")) ? "abs://a@b/c" : "s3://b/c"),
                anyOf: true
            ),
    };

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, int> Damages() =>
        new(from name in Mutations.Keys from seed in Enumerable.Range(1, 6) select (name, seed));

    /// <summary>The third has two replicas.</summary>
    public static TheoryData<int> Undamaged() =>
        [
            .. Enumerable
                .Range(0, Bases.Length)
                .Select(i => i == 2 ? new TheoryDataRow<int>(i).WithTrait("Line", "0.3") : new TheoryDataRow<int>(i)),
        ];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Undamaged))]
    public async Task The_files_themselves_are_without_findings_and_the_executable_takes_them(int number)
    {
        var file = _folder.Write("litestream.yml", Bases[number]);

        Assert.Empty(LitestreamClient.CheckConfiguration(file, "0.3.13"));
        var result = await LitestreamTool
            .Command(new Dictionary<string, string> { ["DATA"] = "/data", ["BUCKET"] = "b" })
            .RunAsync(["databases", "-config", file], TestContext.Current.CancellationToken);
        Assert.True(result.ExitCode == 0, result.StandardOutput + result.StandardError);
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public void Damage_is_found_at_its_line(string mutation, int seed)
    {
        var random = new Random(seed * 7919);
        var lines = Bases[random.Next(Bases.Length)].ReplaceLineEndings("\n").Split('\n').ToList();
        var damage = Mutations[mutation](lines, random);
        var text = string.Join('\n', lines) + "\n";

        var findings = LitestreamClient.CheckConfiguration(_folder.Write("litestream.yml", text), "0.3.13");

        Assert.Contains(
            findings,
            f =>
                f.Code == damage.Code
                && f.Severity == LitestreamSeverity.Error
                && f.Line >= damage.Line
                && f.Line <= damage.Line + damage.Slack
        );

        // Nothing is said about a line that is as it was, unless the damage took it with it.
        if (!damage.AnyOf)
            Assert.All(findings, f => Assert.InRange(f.Line, damage.Line, damage.Line + damage.Slack));
    }

    private static Damage Change(
        List<string> lines,
        int at,
        string code,
        Func<string, string> change,
        int slack = 0,
        bool anyOf = false
    )
    {
        var before = lines[at];
        lines[at] = change(before);
        Assert.NotEqual(before, lines[at]);
        return new(code, at + 1, slack, anyOf);
    }

    private static Damage Insert(List<string> lines, int before, string code, string line)
    {
        // The first line of an entry holds its dash.
        var at = lines[before].Contains("- ", StringComparison.Ordinal) ? before + 1 : before;
        lines.Insert(at, line);
        return new(code, at + 1, 0, false);
    }

    private static Damage Twice(List<string> lines, int at)
    {
        lines.Insert(at + 1, lines[at]);
        return new("LSB1010", at + 2, 0, false);
    }

    private static Damage Move(
        List<string> lines,
        Random random,
        Func<string, bool> from,
        Func<string, bool> to,
        int indent
    )
    {
        var source = Pick(lines, random, from);
        var text = new string(' ', indent) + lines[source].Trim();
        lines.RemoveAt(source);
        return Insert(lines, Pick(lines, random, to), "LSB1032", text);
    }

    private static int Pick(List<string> lines, Random random, Func<string, bool> condition)
    {
        var possible = Enumerable
            .Range(0, lines.Count)
            .Where(i => !lines[i].TrimStart().StartsWith('#') && condition(lines[i]))
            .ToList();
        return possible[random.Next(possible.Count)];
    }

    private static string Misspell(string key, Random random)
    {
        while (true)
        {
            var at = random.Next(key.Length - 1);
            var wrong = random.Next(3) switch
            {
                0 => key.Remove(at, 1),
                1 => key.Insert(at, key[at].ToString()),
                _ => key[..at] + key[at + 1] + key[at] + key[(at + 2)..],
            };
            var isKey = ReleaseLine.All.Any(line => line.Dialect.Keys.Any(k => k.Name == wrong));
            if (wrong != key && !isKey && !wrong.StartsWith('-'))
                return wrong;
        }
    }

    private static int Indent(string line) => line.Length - line.TrimStart(' ', '-').Length;

    private static string Key(string line) => line.TrimStart(' ', '-').Split(':')[0];

    private static bool HasValue(string line) => line.Contains(": ", StringComparison.Ordinal);

    private static bool IsDuration(string line) =>
        Key(line).EndsWith("interval", StringComparison.Ordinal) || Key(line) == "retention";

    private static string WithValue(string line, string value) =>
        line[..(line.IndexOf(": ", StringComparison.Ordinal) + 2)] + value;

    private sealed record Damage(string Code, int Line, int Slack, bool AnyOf);
}
