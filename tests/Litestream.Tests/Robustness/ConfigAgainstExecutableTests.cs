using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Robustness;

/// <summary>
/// The strict checks against the executable's own answer: what it refuses is refused, with code, file and line; what it
/// takes and does is accepted; what it takes
/// and ignores, or reads as something else, is a finding.
/// </summary>
[Trait("Uses", "litestream")]
public sealed partial class ConfigAgainstExecutableTests
{
    private const int CasesEachTime = 200;
    private const int CasesAtLength = 6000;

    private const string Recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

    /// <summary>
    /// Refused here although the executable takes it: because it would ignore a part of it, or read something else than
    /// what stands there. Others are mistakes.
    /// </summary>
    private static readonly HashSet<string> TakenAndIgnored =
    [
        "LSB1011",
        "LSB1012",
        "LSB1015",
        "LSB1030",
        "LSB1031",
        "LSB1032",
        "LSB1034",
        "LSB1035",
        "LSB1036",
        "LSB1039",
        "LSB1041",
        "LSB1043",
        // `databases` does not check these; `replicate` does, see below.
        "LSB1037",
        "LSB1040",
        // `databases` does not connect; `replicate` of release line 0.5 would ask Amazon for the region, and hang.
        "LSB1059",
    ];

    /// <summary>
    /// Files, and the code of the first finding; "" where there is none. A code in parentheses is one of a file that
    /// the executable takes and does not obey.
    /// </summary>
    public static TheoryData<string, string, string> Files { get; } = Table();

    /// <summary>The codes of the table are for 0.3; the generated files below are checked for each line.</summary>
    [Theory]
    [Trait("Line", "0.3")]
    [MemberData(nameof(Files))]
    public void What_the_executable_refuses_is_refused_and_what_it_obeys_is_accepted(
        string name,
        string text,
        string code
    )
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "litestream.yml");
        File.WriteAllBytes(file, Encoding.Latin1.GetBytes(text));

        var findings = Check(file);
        var verdict = ExecutableVerdict.OfDatabases(file);

        Assert.True(
            verdict.IsRefused == (code.Length > 0 && code[0] != '('),
            $"{name}: litestream {(verdict.IsRefused ? "refuses" : "takes")} it: {verdict.Output}"
        );
        var error = findings.FirstOrDefault(finding => finding.Severity == LitestreamSeverity.Error);
        Assert.Equal(code.Trim('(', ')'), error?.Code ?? "");
        if (error is not null)
            Assert.Equal(file, error.File);
    }

    [Fact]
    public void Generated_files_are_checked_as_the_executable_checks_them() => Compare(1_000_000, CasesEachTime);

    [Fact]
    public void Files_in_every_style_are_read_as_the_executable_reads_them() =>
        Compare(4_000_000, CasesEachTime, InEveryStyle);

    [Fact(Timeout = 60 * 60_000)]
    [Trait("Category", "Long")]
    public void Many_generated_files_are_checked_as_the_executable_checks_them() => Compare(2_000_000, CasesAtLength);

    [Fact(Timeout = 60 * 60_000)]
    [Trait("Category", "Long")]
    public void Many_files_in_every_style_are_read_as_the_executable_reads_them() =>
        Compare(5_000_000, CasesAtLength, InEveryStyle);

    /// <summary>By hand: <c>LITESTREAM_TEST_SEED</c> and <c>LITESTREAM_TEST_CASES</c> say which files.</summary>
    [Fact]
    public void Files_of_a_chosen_seed_are_checked_as_the_executable_checks_them()
    {
        var seed = RandomSeed("LITESTREAM_TEST_SEED") ?? 6_000_000;
        var cases = RandomSeed("LITESTREAM_TEST_CASES") ?? 10;
        Compare(seed, cases);
        Compare(seed, cases, InEveryStyle);
    }

    [Theory]
    [InlineData("addr: 9090", "", "LSB1040")]
    [InlineData("addr: foo", "", "LSB1040")]
    [InlineData("addr: ':'", "", "LSB1040")]
    [InlineData("", "- path: replica2", "LSB1037", Traits = ["Line", "0.3"])]
    [InlineData("", "- path: replica2", "LSB1042", Traits = ["Line", "0.5"])]
    [InlineData("", "  sync-interval: 0s", "LSB1035")]
    [InlineData("", "  retention-check-interval: -1s", "LSB1035", Traits = ["Line", "0.3"])]
    [InlineData("", "  name: two", "")]
    public void What_only_replicate_checks_is_checked_as_it_does(string root, string replica, string code)
    {
        using var folder = new TemporaryFolder();
        LitestreamTool.Sql(Path.Combine(folder.Path, "app.db"), "CREATE TABLE t (a)");
        var file = folder.Write(
            "litestream.yml",
            $"{root}\ndbs:\n  - path: app.db\n    monitor-interval: 50ms\n    replicas:\n      - path: replica\n    "
                + $"  {replica}\n"
        );

        Assert.Equal(
            code,
            Check(file).FirstOrDefault(finding => finding.Severity == LitestreamSeverity.Error)?.Code ?? ""
        );
        Assert.Equal(
            code.Length > 0,
            ExecutableVerdict
                .OfReplicate(
                    file,
                    until: code.Length > 0 ? null
                        : Repository.IsLine05 ? "snapshot complete"
                        : "snapshot written"
                )
                .IsRefused
        );
    }

    [Fact]
    public void A_file_whose_aliases_grow_without_end_is_refused_at_once()
    {
        using var folder = new TemporaryFolder();
        var text = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for (var i = 1; i < 12; i++)
            text.Append($"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 9))}]\n");
        var file = folder.Write("litestream.yml", text + Good());

        Assert.Contains(Check(file), finding => finding.Code == "LSB1010" && finding.Line > 1);
    }

    private static IReadOnlyList<LitestreamDiagnostic> Check(string file) =>
        LitestreamClient.CheckConfiguration(file, Repository.Version, ConfigGrammar.Variables.GetValueOrDefault);

    private static int? RandomSeed(string name) =>
        int.TryParse(
            Environment.GetEnvironmentVariable(name),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var given
        )
            ? given
            : null;

    private static byte[] InEveryStyle(int seed) => new ConfigForms(seed).Next();

    private static void Compare(int firstSeed, int count, Func<int, byte[]>? write = null)
    {
        write ??= seed => new ConfigGrammar(seed).Next();
        using var folder = new TemporaryFolder();
        var disagreements = new List<string>();
        Parallel.For(
            firstSeed,
            firstSeed + count,
            new ParallelOptions { MaxDegreeOfParallelism = 2 },
            seed =>
            {
                var bytes = write(seed);
                var file = Path.Combine(folder.Path, $"{seed}.yml");
                File.WriteAllBytes(file, bytes);
                var text = Encoding.UTF8.GetString(bytes);
                var findings = Deadline.Run(() => Check(file), $"seed {seed}");
                var verdict = ExecutableVerdict.OfDatabases(file);
                if (Disagreement(findings, verdict, file, text) is { } what)
                {
                    lock (disagreements)
                    {
                        disagreements.Add(
                            $"seed {seed}: {what}\n{verdict.Output}\n{string.Join('\n', findings)}\n{text}"
                        );
                    }
                }
            }
        );
        Assert.True(
            disagreements.Count == 0,
            $"{disagreements.Count} of {count} files are checked "
                + $"differently.\n{string.Join("\n\n", disagreements.Take(5))}"
        );
    }

    private static string? Disagreement(
        IReadOnlyList<LitestreamDiagnostic> findings,
        ExecutableVerdict verdict,
        string file,
        string text
    )
    {
        if (findings.FirstOrDefault(f => !Code().IsMatch(f.Code) || f.File != file || f.Line < 0) is { } odd)
            return $"a finding without its place: {odd}";
        var error = findings.FirstOrDefault(f => f.Severity == LitestreamSeverity.Error);

        // What a variable without a value will be is not checked before the app runs.
        if (verdict.IsRefused)
        {
            return error is null && !text.Contains("NONE", StringComparison.Ordinal)
                ? "only litestream refuses it"
                : null;
        }

        if (error is null)
            return text.Contains("NONE", StringComparison.Ordinal) ? null : Misread(file, verdict);

        // What stands where a key begins and is nothing after expansion: refused on purpose, as is all that a variable
        // would have to give the file its form.
        if (error.Code == "LSB1010" && VariableForKey().IsMatch(text))
            return null;
        return
            TakenAndIgnored.Contains(error.Code)
            || IsIgnored(error)
            || HasBytes(error, text)
            || (error.Code == "LSB1010" && (SecondDocument().IsMatch(text) || AnchorForKey().IsMatch(text)))
            ? null
            : "only the check refuses it";
    }

    /// <summary>The paths and the names that the executable lists are those that were read here.</summary>
    private static string? Misread(string file, ExecutableVerdict verdict)
    {
        var config = LitestreamConfigFile.Load(file);
        string? Lookup(string name) => ConfigGrammar.Variables.GetValueOrDefault(name);
        var read = new StringBuilder(Repository.IsLine05 ? "path replica " : "path replicas ");
        foreach (var entry in config.Entries)
        {
            var path = ScalarText.Of((YamlScalar)entry.Node["path"]!, Lookup);
            if (path.StartsWith('~') || path.AsSpan().ContainsAny("|'"))
                return null;
            var names = entry
                .Replicas.Select(replica => ReplicaIdentity.AtRun(replica, Lookup, folder => folder))
                .Select(replica => Repository.IsLine05 ? replica.Type : replica.Name);
            read.Append($"{Path.GetFullPath(path, Path.GetDirectoryName(file)!)} {string.Join(',', names)} ");
        }

        string Plain(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return Plain(read.ToString()) == Plain(verdict.Output)
            ? null
            : $"what is read differs: {Plain(read.ToString())}";
    }

    /// <summary>The same for codes that are also those of what the executable refuses.</summary>
    private static bool IsIgnored(LitestreamDiagnostic error) =>
        error.Code switch
        {
            "LSB1010" => Ignored().IsMatch(error.Message),
            "LSB1033" => error.Message.Contains("must be a whole number", StringComparison.Ordinal),
            "LSB1038" => error.Message.Contains("the URL would win", StringComparison.Ordinal)
                || error.Message.Contains("An Azure URL needs", StringComparison.Ordinal)
                || error.Message.Contains("of type abs", StringComparison.Ordinal),
            _ => false,
        };

    /// <summary>A text of bytes that are no UTF-8 is none that can be replicated from here.</summary>
    private static bool HasBytes(LitestreamDiagnostic error, string text) =>
        error.Message.Contains("match its tag", StringComparison.Ordinal)
        && text.Contains("!!binary", StringComparison.Ordinal);

    private static string Good(string replica = "path: /replica") =>
        $"dbs:\n  - path: /data/app.db\n    replicas:\n      - {replica}\n";

    private static TheoryData<string, string, string> Table()
    {
        var data = new TheoryData<string, string, string>();
        void Add(string name, string text, string code) => data.Add(name, text, code);
        void Replica(string lines, string code, string? name = null) =>
            Add(name ?? lines, Good("path: /replica\n        " + lines), code);

        // The text.
        Add("carriage returns alone", Good().Replace('\n', '\r'), "");
        Add("CRLF", Good().Replace("\n", "\r\n", StringComparison.Ordinal), "");
        Add("NEL", Good().Replace("\n", "\u00c2\u0085", StringComparison.Ordinal), "");
        Add("a byte order mark", "\u00ef\u00bb\u00bf" + Good(), "");
        Add("UTF-16", "\u00ff\u00fe" + string.Concat(Good().Select(c => $"{c}\0")), "");
        Add(
            "UTF-16 with a variable",
            "\u00ff\u00fe" + string.Concat(Good("path: /${A}").Select(c => $"{c}\0")),
            "(LSB1010)"
        );
        Add("Latin 1", "# \u00e4\n" + Good(), "LSB1010");
        Add("a byte of UTF-8 alone", Good() + "# \u00c3", "LSB1010");
        Add("a null character", "# \0\n" + Good(), "LSB1010");
        Add("DEL", "# \u007f\n" + Good(), "LSB1010");
        Add("a C1 control", "# \u00c2\u0080\n" + Good(), "LSB1010");
        Add("a tab before the text", "dbs:\n\t- path: /data/app.db\n", "LSB1010");
        Add("a tab in a value", Good("path:\t/replica"), "");

        // What a parser knows.
        Add("%YAML 1.1", "%YAML 1.1\n---\n" + Good(), "");
        Add("%YAML 1.2", "%YAML 1.2\n---\n" + Good(), "LSB1010");
        Add("%FOO", "%FOO x\n---\n" + Good(), "LSB1010");
        Add("%TAG", "%TAG !h! tag:example.org,2000:\n---\n" + Good(), "");
        Add("an unclosed [", "exec: [a\n" + Good(), "LSB1010");
        Add("an unclosed {", Good() + "exec: {a\n", "LSB1010");
        Add("an unclosed '", Good() + "exec: 'a\n", "LSB1010");
        Add("only ...", "...\n" + Good(), "LSB1010");
        Add("... and ---", "# c\n\n...\n---\n" + Good(), "LSB1010");
        Add(": in flow style", "dbs: [{path: /data/app.db, replicas: [{path: /r, name: :}]}]\n", "LSB1010");
        Add("a second document", Good() + "---\n" + Good(), "(LSB1010)");
        Add("a block behind an empty document", "{}bs: 1\n" + Good(), "(LSB1010)");
        Add("a colon behind an empty document", "{}: 1\n", "(LSB1010)");
        Add("a text behind a document", "{dbs: []} x\n", "(LSB1010)");
        Add(
            "a setting behind a document",
            "{dbs: [{path: /data/app.db, replicas: [{path: /replica}]}]}\naddr: \":1\"\n",
            "(LSB1010)"
        );
        Add("a key twice", Good() + "addr: ':1'\naddr: ':2'\n", "(LSB1010)");
        Add("flow style", "dbs: [{path: /data/app.db, replicas: [{path: /replica}]}]\n", "");
        Add("flow style over lines", "dbs: [\n  {path: /data/app.db,\n   replicas: [{path: /replica}]}\n  ]\n", "");
        Add("? in flow style", "dbs: [{path: a?b, replicas: [{path: /replica}]}]\n", "LSB1010");
        Add("an escaped slash", Good("path: \"\\/replica\""), "LSB1010");
        Add("a lone - in flow style", "dbs: [{path: /data/app.db, replicas: [{path: /r, name: -}]}]\n", "");
        Add("a - and a space in flow style", "dbs: [{path: - , replicas: [{path: /r}]}]\n", "LSB1010");
        Add(
            "an anchor in flow style",
            "dbs: [{path: /data/app.db, monitor-interval: &t 1s, replicas: [{path: /r, sync-interval: *t}]}]\n",
            ""
        );
        Add("flow style at the margin", "dbs: [{\n# c\npath: /data/app.db,\nreplicas: [{path: /r}]\n}]\n", "");
        Add("a comment at a bracket", "dbs: [{path: /data/app.db, replicas: [{path: /r}]#c\n}#c\n]#c\n", "");
        Add("a comment at a quotation mark", Good("path: \"/replica\"#c"), "");
        Add("a comment at the sign of a block", Good("path: >-#c\n          /replica"), "");
        Add("a deeper first line of a block with an indicator", "exec: |+2\n      \n   x\n" + Good(), "");
        Add("an empty first line of a block", Good("path: >-\n          \n          /replica"), "");
        foreach (var end in (string[])["\n", "\\\n", " \n ", "\\\n\t", "\\\r\n", "\r", "\u00c2\u0085", "\\\n# c"])
            Add("a text over two lines", Good($"path: \"/a{end}b\""), "");
        Add("--- in a text over two lines", Good("path: \"/a\\\n--- b\""), "LSB1010");
        Add("an escaped '", Good("path: \"/it\\'s\""), "");
        Add("a tab after ---", "---\t# c\n" + Good(), "");
        Add("a tab after ...", Good() + "...\n\t\n", "");
        Add("a relative file URL", Good("url: file:relative"), "");
        Add("a file URL with one slash", Good("url: file:/folder"), "");
        Add("a file URL with a query", Good("url: file:///folder?a=b"), "(LSB1039)");
        Add("? key", "? addr\n: \":9090\"\n" + Good(), "");
        Add("an alias as key", "x: &k addr\n*k : \":9090\"\n" + Good(), "");
        Add("a merge key", "x: &m {retention: 1h}\n" + Good("path: /replica\n        <<: *m"), "");
        Add(
            "a merge of an aliased list",
            "x: &m [{retention: 1h}]\n" + Good("path: /replica\n        <<: *m"),
            "LSB1010"
        );
        Add("a merge of a text", "<<: a\n" + Good(), "LSB1010");
        Add("an unknown alias", Good("path: *nobody"), "LSB1010");
        Add("an empty database", "dbs: [~]\n", "LSB1010");
        Add("an empty replica", "dbs: [{path: /x, replicas: [~]}]\n", "LSB1010");
        Add("path: ${}", "dbs:\n  - path: ${}\n    replicas:\n      - path: /replica\n", "(LSB1041)");

        // Values.
        foreach (
            var good in (string[])
                [
                    "1s",
                    "1h2m3.5s",
                    "1\u00c2\u00b5s",
                    "1\u00ce\u00bcs",
                    ".5s",
                    "1.s",
                    "+1s",
                    "0s",
                    "0",
                    "'0'",
                    "!!str 1s",
                    "!x 1s",
                    "!!binary MXM=",
                    ">-\n          1s",
                    "2562047h47m16.854775807s",
                    "~",
                ]
        )
        {
            Replica("retention: " + good, "");
        }

        foreach (
            var bad in (string[])
                [
                    "|",
                    "''",
                    "|\n          1s",
                    "99999999h",
                    "2562048h",
                    "2562047h47m16.854775808s",
                    "1d",
                    "1e3s",
                    "1_000s",
                    "1S",
                    "1 s",
                    "'1'",
                    "1:30",
                    "2001-01-01",
                    "yes",
                    ".inf",
                    "9223372036854775808",
                ]
        )
        {
            Replica("retention: " + bad, "LSB1034");
        }

        foreach (
            var number in (string[])
                ["1", "1.5", "0x10", "0o17", "010", "0b11", "1_000", "1e3", "-7", "9223372036854775807"]
        )
        {
            Replica("retention: " + number, "(LSB1034)");
        }

        Replica("retention: !!int 1s", "LSB1010");
        Replica("retention: !!null x", "LSB1010");
        Replica("retention: !h!x 1s", "LSB1010");
        Replica("retention: [1s]", "LSB1033");

        foreach (var level in (string[])["debug", "info", "warn", "warning", "WARNING", "Error", "''", "~"])
            Add($"level: {level}", $"logging:\n  level: {level}\n" + Good(), "");
        foreach (var level in (string[])["trace", "fatal", "5", "' info'"])
            Add($"level: {level}", $"logging:\n  level: {level}\n" + Good(), "(LSB1036)");
        Add("level: [a]", "logging:\n  level: [a]\n" + Good(), "LSB1033");
        foreach (var type in (string[])["TEXT", "pretty", "5"])
            Add($"logging type: {type}", $"logging:\n  type: {type}\n" + Good(), "LSB1036");
        foreach (var flag in (string[])["yes", "On", "y", "N", "!!bool 'true'", "~"])
            Add($"stderr: {flag}", $"logging:\n  stderr: {flag}\n" + Good(), "");
        foreach (var flag in (string[])["'true'", "1", "tRUE", "t", "''", "!!str true"])
            Add($"stderr: {flag}", $"logging:\n  stderr: {flag}\n" + Good(), "LSB1033");
        Add("stderr: !!bool abc", "logging:\n  stderr: !!bool abc\n" + Good(), "LSB1010");

        string Pages(string count) =>
            Good()
                .Replace(
                    "    replicas:",
                    $"    min-checkpoint-page-count: {count}\n    replicas:",
                    StringComparison.Ordinal
                );
        foreach (
            var count in (string[])
                [
                    "1000",
                    "0x10",
                    "010",
                    "0o17",
                    "0b11",
                    "1_000",
                    "1_",
                    "1e3",
                    "1.0",
                    "+5",
                    "!!int '5'",
                    "9223372036854775807",
                    "9e18",
                ]
        )
        {
            Add($"pages: {count}", Pages(count), "");
        }

        foreach (
            var count in (string[])
                [
                    "'5'",
                    "!!str 5",
                    "9223372036854775808",
                    "18446744073709551616",
                    "_1",
                    "1:30",
                    "08a",
                    "0b2",
                    "0x",
                    "1e19",
                    ".inf",
                    ".nan",
                    "true",
                    "''",
                ]
        )
        {
            Add($"pages: {count}", Pages(count), "LSB1033");
        }

        Add("pages: 1.5", Pages("1.5"), "(LSB1033)");
        Add("pages: 0", Pages("0"), "(LSB1035)");

        // Places.
        foreach (
            var url in (string[])
                [
                    "s3://b/p",
                    "S3://b/p",
                    "s3://b.localhost:9000/p",
                    "s3://b.s3.us-west-000.backblazeb2.com/p",
                    "s3://b/p%41",
                    "gcs://b/p",
                    "abs://a@c/p",
                    "sftp://u@h/p",
                    "sftp://u@h:22/p",
                    "sftp://u:${A}@[::1]:22/p",
                    "file:///f",
                ]
        )
        {
            Add(url, Good("url: " + url), "");
        }

        foreach (
            var url in (string[])
                [
                    "s3://b/%zz",
                    "s3://b/%",
                    "s3://%41/p",
                    "s3://b%20c/p",
                    "s3://b c/p",
                    "s3://b^c/p",
                    "s3://b{c}/p",
                    "s3://[::1/p",
                    "s3://b:x/p",
                    "sftp://u@h:x/p",
                    "sftp://u^@h/p",
                    "sftp://u:p%zz@h/p",
                    "file:///a%zz",
                    "://x",
                    "1s3://b",
                    "' s3://b/p'",
                    "\"s3://b/\\x01\"",
                    "s3://b/p#%zz",
                ]
        )
        {
            Add(url, Good("url: " + url), "LSB1048");
        }

        foreach (
            var url in (string[])
                [
                    "s3://",
                    "s3:b",
                    "s3:///p",
                    "s3://:9000/b",
                    "s3://localhost:9000/p",
                    "s3://s3.us-west-000.backblazeb2.com/p",
                    "s3://b.digitaloceanspaces.com/p",
                    "gcs:///p",
                    "sftp://h/p",
                    "sftp://:p@h/p",
                    "sftp://u@/p",
                ]
        )
        {
            Add(url, Good("url: " + url), "LSB1038");
        }

        foreach (
            var url in (string[])
                [
                    "s3://host:9000/bucket/path",
                    "s3://127.0.0.1:9000/b/p",
                    "s3://k@b/p",
                    "s3://b/p#f",
                    "s3://b/p?endpoint=x",
                    "gcs://b:80/p",
                    "abs://a@c:80/p",
                ]
        )
        {
            Add(url, Good("url: " + url), "(LSB1039)");
        }

        foreach (var url in (string[])["gs://b/p", "azure://a@c/p", "http://x/y", "a:b"])
            Add(url, Good("url: " + url), "LSB1036");
        Add("a URL in path, from a variable", Good("path: ${URL}"), "LSB1046");

        // Keys of age.
        foreach (var keys in (string[])[$"[{Recipient}]", $"[\"# c\\n\\n{Recipient}\\r\\n\"]", "~", "[]", "['${KEY}']"])
            Replica($"age: {{recipients: {keys}}}", "");
        foreach (
            var keys in (string[])
                [
                    "[bad]",
                    "['']",
                    "['# x']",
                    "[~]",
                    "[5]",
                    $"[' {Recipient}']",
                    $"[{Recipient.ToUpperInvariant()}]",
                    $"[{Recipient[..^1]}q]",
                    "[age1]",
                    "[ssh-ed25519 AAAA]",
                    "['${A}']",
                ]
        )
        {
            Replica($"age: {{recipients: {keys}}}", "LSB1049");
        }

        Replica("age: {recipients: bad}", "LSB1033");
        Replica("age: {identities: [bad]}", "LSB1049");
        return data;
    }

    /// <summary>What comes after the first document is ignored.</summary>
    [GeneratedRegex(@"[\n\r\u0085\u2028\u2029](---|\.\.\.)\s")]
    private static partial Regex SecondDocument();

    [GeneratedRegex(@"^LSB\d{4}$")]
    private static partial Regex Code();

    [GeneratedRegex(@"(?m)^[ -]*\$")]
    private static partial Regex VariableForKey();

    /// <summary>A key that is an anchor and nothing else: the executable reads an empty key, and ignores it.</summary>
    [GeneratedRegex(@"&\w+:(\s|$)", RegexOptions.Multiline)]
    private static partial Regex AnchorForKey();

    [GeneratedRegex(
        "is there twice|second document|has (no|an empty) `path:`|keep one of them|file is empty|UTF-16|reserved for "
            + "variables|too deeply|too many settings|<document (start|end)>|found invalid mapping|null "
            + "character|comes before `<<`|directive, did not find|wrong indentation|is not closed|Invalid key "
            + "indicator|`replica:` must be a mapping"
    )]
    private static partial Regex Ignored();
}
