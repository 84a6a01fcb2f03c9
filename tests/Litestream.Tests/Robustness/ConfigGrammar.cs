using System.Text;

namespace Litestream.Tests.Robustness;

/// <summary>
/// Writes litestream.yml files for release line 0.3, right ones and ones that are wrong in a few places: a value of
/// another kind, a key that is there twice or in
/// the wrong place, a style of writing that only a parser knows, a damaged text. One seed, one file.
/// </summary>
internal sealed class ConfigGrammar(int seed)
{
    private static readonly string[] Durations =
    [
        "1s",
        "24h",
        "168h",
        "500ms",
        "1h2m3.5s",
        "1µs",
        "1μs",
        "1us",
        "1ns",
        ".5s",
        "1.s",
        "+1s",
        "-1s",
        "0s",
        "0",
        "-0",
        "+0",
        "0ms",
        "-.5h",
        "1h-1m",
        "1.5.5s",
        "1d",
        "2w",
        "1",
        "60",
        "1.5",
        "-7",
        "0x10",
        "010",
        "0o17",
        "0b11",
        "1_000",
        "1_000s",
        "1e3",
        "1e3s",
        "1E400",
        ".inf",
        ".nan",
        "1:30",
        "190:20:30",
        "2001-01-01",
        "99999999h",
        "2562047h",
        "2562048h",
        "2562047h47m16.854775807s",
        "2562047h47m16.854775808s",
        "9223372036854775807ns",
        "9223372036854775808ns",
        "-2562047h47m16.854775808s",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "-9223372036854775808",
        "-9223372036854775809",
        "1S",
        "1 s",
        "s",
        "h1",
        "1h ",
        "''",
        "\"\"",
        "~",
        "null",
        "|",
        ">-",
        "true",
        "yes",
        "on",
        "abc",
        "'1s'",
        "\"1s\"",
        "'1'",
        "\"\\x31s\"",
        "0.000000000001s",
        "00001s",
        "1sm",
        "1m1m1m",
        "0.1234567890123456789012345678901234567890s",
        "١s",
        "1.0s",
        "1.",
        ".s",
        "-",
        "+",
        ".",
    ];

    private static readonly string[] Flags =
    [
        "true",
        "false",
        "True",
        "FALSE",
        "tRUE",
        "yes",
        "no",
        "YES",
        "yEs",
        "on",
        "off",
        "On",
        "y",
        "n",
        "Y",
        "N",
        "1",
        "0",
        "t",
        "f",
        "'true'",
        "\"yes\"",
        "''",
        "~",
        "null",
        "!!bool true",
        "!!bool 'true'",
        "!!str true",
        "!!bool abc",
        "!!bool 'yes'",
        "1.0",
        "enabled",
        "|",
        "on # c",
        "0x1",
    ];

    private static readonly string[] Counts =
    [
        "1000",
        "1",
        "0",
        "-1",
        "0x10",
        "0X10",
        "010",
        "0o17",
        "0O17",
        "0b11",
        "0B11",
        "1_000",
        "1__0",
        "_1",
        "1_",
        "0x_1",
        "+5",
        "-0x10",
        "+0b1",
        "-0b1",
        "1e3",
        "1E3",
        "1.0",
        "1.5",
        "-1.5",
        ".5",
        "5.",
        "1e400",
        "'5'",
        "\"5\"",
        "!!int '5'",
        "!!int 5",
        "!!str 5",
        "!!int abc",
        "!!float 5",
        "!!float 5.5",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "true",
        "~",
        "null",
        "1:30",
        "abc",
        "''",
        "08",
        "09",
        "007",
        "- 1",
        "1,000",
        ".inf",
        "-.Inf",
        ".nan",
        "2001-01-01",
        "1 # c",
        "0x",
        "0b",
        "0b2",
        "0xg",
        "１",
        "1e18",
        "1e19",
        "9.3e18",
        "1e-1",
        "+1.5e+3",
        "+.5",
        "-",
        "1_000.5",
        "0.0",
        "-0",
    ];

    private static readonly string[] Texts =
    [
        "a",
        "'a b'",
        "\"a\\tb\"",
        "5",
        "010",
        "1.5",
        "true",
        "no",
        "null",
        "~",
        "''",
        "\"\"",
        "2001-01-01",
        "a b",
        "a: b",
        "a:b",
        "a #b",
        "a#b",
        "'it''s'",
        "\"\\u00e4\"",
        "\"\\x41\"",
        "\"\\/\"",
        "\"\\d\"",
        "\"\\ud800\"",
        "\"\\U00110000\"",
        "\"\\e\\N\\_\\L\\P\"",
        "'a'b",
        "'a",
        "\"a",
        "@a",
        "`a",
        "%a",
        "&a",
        "*a",
        "!a",
        "!a b",
        "!!str 5",
        "!!binary YQ==",
        "!!binary '*'",
        "!!int x",
        "!!null x",
        "!!float x",
        "!<tag:yaml.org,2002:str> 1",
        "!h!x a",
        "! a",
        "|",
        "|2",
        ">-",
        "|0",
        "|10",
        "| x",
        "[a]",
        "{a: b}",
        "[a",
        "{a",
        "?a",
        "-a",
        "- a",
        "? a",
        "-",
        "?",
        ":a",
        ",a",
        "a,b",
        "]",
        "}",
        "ä",
        "\U0001F600",
        "a\tb",
        "\ta",
        "a\t",
        "<<",
        "=",
        "...",
        "---",
        "#a",
        "$A",
        "${A}",
        "${B}",
        "${NONE}",
        "$NONE",
        "${}",
        "${",
        "$",
        "$$",
        "$1",
        "${A:-b}",
        "a${",
        "a}",
        "'$A'",
        "\"\\x24A\"",
        "${A",
        "a$",
        "$ a",
        "${A }",
        "'${",
        "\"${A}\"",
    ];

    private static readonly string[] Levels =
    [
        "debug",
        "info",
        "warn",
        "warning",
        "error",
        "WARNING",
        "Warn",
        "ERROR",
        "Info",
        "trace",
        "fatal",
        "err",
        "''",
        "~",
        "5",
        "true",
        "[a]",
        "'warning'",
        " info",
        "\"info \"",
        "warnin",
    ];

    private static readonly string[] LogTypes =
    [
        "text",
        "json",
        "TEXT",
        "Json",
        "pretty",
        "''",
        "~",
        "5",
        "'text'",
        "[text]",
        "none",
    ];

    private static readonly string[] Types =
    [
        "file",
        "s3",
        "gcs",
        "abs",
        "sftp",
        "gs",
        "azure",
        "S3",
        "File",
        "''",
        "~",
        "webdav",
        "nats",
        "oss",
        "minio",
        "${A}",
        "${NONE}",
        "[s3]",
        "5",
        "'s3'",
        "s3 ",
    ];

    private static readonly string[] Addresses =
    [
        ":9090",
        "\":9090\"",
        "127.0.0.1:9090",
        "localhost:0",
        "9090",
        "foo",
        "''",
        "~",
        "[::1]:9090",
        "\"[::1]:9090\"",
        ":",
        ":x",
        "1:30",
        "a:b:c",
        "${A}",
    ];

    private static readonly string[] Urls =
    [
        "s3://b/p",
        "s3://b",
        "s3://",
        "s3:///p",
        "s3:b",
        "s3:/b",
        "S3://b/p",
        "s3://host:9000/bucket/path",
        "s3://127.0.0.1:9000/b/p",
        "s3://localhost:9000/p",
        "s3://b.localhost:9000/p",
        "s3://b:/p",
        "s3://b:x/p",
        "s3://:9000/b",
        "s3://b.s3.us-west-000.backblazeb2.com/p",
        "s3://s3.us-west-000.backblazeb2.com/p",
        "s3://s3.filebase.com/p",
        "s3://b.s3.filebase.com/p",
        "s3://b.nyc3.digitaloceanspaces.com/x",
        "s3://b.digitaloceanspaces.com/x",
        "s3://nyc3.digitaloceanspaces.com/x",
        "s3://b.s3.fr-par.scw.cloud/x",
        "s3://s3.fr-par.scw.cloud/x",
        "s3://b.us-east-1.linodeobjects.com/x",
        "s3://b.linodeobjects.com/x",
        "s3://B.S3.Filebase.com/p",
        "s3://b/%zz",
        "s3://b/%",
        "s3://b/%4",
        "s3://b/%41",
        "s3://%41/p",
        "s3://b%20c/p",
        "s3://b/p?endpoint=x",
        "s3://b/p?",
        "s3://b?region=%zz",
        "s3://b/p#f",
        "s3://b/p#%zz",
        "s3://b p/x",
        "s3://b/ x",
        "s3://[::1]/x",
        "s3://[::1/x",
        "s3://[::1]x/p",
        "s3://[fe80::1%25en0]/x",
        "s3://k:s@b/p",
        "s3://k@b/p",
        "s3://a@b@c/d",
        "s3://u%zz@b/p",
        "s3://u%40@b/p",
        "s3://u^@b/p",
        "s3://b^c/p",
        "s3://b{c}/p",
        "s3://b|c/p",
        "s3://b`c/p",
        "s3://b'c/p",
        "s3://b\"c/p",
        "s3://b<c>/p",
        "s3://b\\c/p",
        "s3://bü/p",
        "s3://b/ü",
        "s3://b/../x",
        "s3://b//x",
        "s3://b_/p",
        "gcs://b/p",
        "gcs:///p",
        "gcs://b:80/p",
        "gs://b/p",
        "gcs://b:x/p",
        "abs://a@c/p",
        "abs://c/p",
        "abs://@c/p",
        "abs://a@/p",
        "abs://a:k@c/p",
        "abs://a@c:x/p",
        "abs://a@c:80/p",
        "azure://a@c/p",
        "sftp://u@h/p",
        "sftp://u@h:22/p",
        "sftp://u@h:x/p",
        "sftp://u@h:/p",
        "sftp://u@h:99999/p",
        "sftp://h/p",
        "sftp://u@/p",
        "sftp://u:p@h/p",
        "sftp://u:${A}@h/p",
        "sftp://:p@h/p",
        "sftp://u@[::1]:22/p",
        "sftp://u%20@h/p",
        "sftp://u:p%zz@h/p",
        "sftp://u@h",
        "sftp://",
        "file:///tmp/f",
        "file://tmp/f",
        "file://tmp",
        "file:/tmp/f",
        "file:f",
        "file://",
        "file:///",
        "file:",
        "FILE:///f",
        "file:///a%zz",
        "file:///a%20b",
        "file:///a b",
        "file:///a?b",
        "file:///a#b",
        "file:///C:/x",
        "webdav://h/p",
        "nats://h/b",
        "oss://b/p",
        "http://x/y",
        "https://s3.amazonaws.com/b",
        "/tmp/x",
        "x",
        "./x",
        "../x",
        "''",
        "~",
        "://x",
        "1s3://b",
        "s-3://b",
        "s3+x://b/p",
        "s3 ://b/p",
        "' s3://b/p'",
        "'s3://b/p '",
        "\"s3://b/\\u0001\"",
        "\"s3://b/\\x7f\"",
        "\"s3://b/\\n\"",
        "mailto:x",
        "a:b",
        "a:b/c",
        "C:/x",
        "C:\\x",
        "[s3://b]",
        "5",
        "${URL}",
        "${NONE}",
        "s3://${A}/p",
        "s3://${NONE}/p",
        "${A}://b/p",
        "s3://b/${NONE}",
        "sftp://${NONE}@h/p",
        "?x",
        "#x",
        "'#x'",
        "'?x'",
        "'//h/p'",
        "'*'",
        "%41:x",
        "%zz",
        "a%zz",
        "s3://b/%E4",
        "s3://b/a;b",
        "s3://b,c/p",
        "s3://b/p:x",
        "x/y:z",
        "x:y:z",
    ];

    private static readonly string[] Recipients =
    [
        "[age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]",
        "[age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8q]",
        "[AGE1QL3Z7HJY54PW3HYWW5AYYFG7ZQGVC7W3J2ELW8ZMRJ2KG5SFN9AQMCAC8P]",
        "[bad]",
        "bad",
        "['']",
        "['# x']",
        "[~]",
        "[5]",
        "~",
        "[]",
        "[' age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p']",
        "[\"# x\\n\\nage1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\\n\"]",
        "[\"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\\r\\n\"]",
        "[age1]",
        "[age1qqqqqqqq]",
        "[ssh-ed25519 AAAA]",
        "[Age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]",
        "[[a]]",
        "[{a: b}]",
        "['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p, "
            + "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p']",
        "['${NONE}']",
        "['${A}']",
        "['${KEY}']",
    ];

    private static readonly string[] Identities =
    [
        "[AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX]",
        "[AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEY]",
        "[age-secret-key-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex]",
        "[bad]",
        "bad",
        "['']",
        "['# x']",
        "[~]",
        "~",
        "[]",
        "['${NONE}']",
        "['${A}']",
    ];

    private static readonly string[] Paths =
    [
        "/data/a.db",
        "a.db",
        "./a.db",
        "~/a.db",
        "'~'",
        "~",
        "''",
        "5",
        "010",
        "${A}",
        "${NONE}",
        "${}",
        "/a$A.db",
        "2001-01-01",
        "[a]",
        "{a: b}",
        "file:a.db",
        "s3://b/p",
        "sqlite:///a",
        "http:x",
        "'Data Source=a'",
        "':memory:'",
        "/a b.db",
        "/a#b",
        "'/a #b'",
        "\"/a\\0b\"",
        "C:\\a.db",
        "/a*b",
        "/a[b",
        "/ä.db",
        "/a%b",
        "/",
        ".",
        "..",
        "a/",
        "|DataDirectory|/a.db",
        "'|DataDirectory|/a.db'",
        "/a:b",
        "!!binary L3g=",
        "!!str a.db",
        "\"/a\\nb\"",
    ];

    /// <summary>Texts that a parser stumbles over, put anywhere.</summary>
    private static readonly string[] Tokens =
    [
        "\r",
        "\u0085",
        "\u2028",
        "\u2029",
        "\t",
        "\n\t",
        "\n\t\n",
        " \t",
        "\n",
        "\n\n",
        "\0",
        "\u0001",
        "\u007f",
        "\u0080",
        "\u009f",
        "\u00a0",
        "\ufeff",
        "\ufffe",
        "\uffff",
        "\ue000",
        "\ue001",
        "\ue002",
        "\U0001F600",
        "\U0010FFFF",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        ": ",
        "?",
        "? ",
        "-",
        "- ",
        "'",
        "\"",
        "#",
        " #",
        "&a ",
        "*a",
        "&a",
        "*a ",
        "!",
        "!!",
        "!x ",
        "!!map ",
        "!!seq ",
        "!!null ",
        "!<x> ",
        "!<",
        "|",
        ">",
        "|-\n",
        "%",
        "@",
        "`",
        "---",
        "\n---\n",
        "\n--- a\n",
        "\n...\n",
        "\n... a\n",
        "...",
        "<<: ",
        "<<: *a\n",
        "$",
        "${",
        "}",
        "$$",
        "${A}",
        "$(",
        "\\",
        "~",
        "=",
        " ",
        "  ",
        "   ",
        "%YAML 1.1\n---\n",
        "%YAML 1.2\n---\n",
        "%TAG ! x:\n---\n",
        "%TAG !h! tag:h,2000:\n---\n",
        "%FOO\n---\n",
        "\u200b",
        "é",
        "{}",
        "[]",
        "''",
        "\"\"",
        "a: b",
        "\na: b\n",
        "\n  a: b\n",
        "# c",
        "\r\n",
        "\\\n",
        ">\n",
        "|2\n",
        "\n ? a\n : b\n",
        "{a, b}",
        "[a, b: c]",
    ];

    private readonly Random _random = new(seed);

    /// <summary>The variables that have a value where the files are read.</summary>
    public static IReadOnlyDictionary<string, string> Variables { get; } =
        new Dictionary<string, string>
        {
            ["A"] = "abc",
            ["B"] = "s3",
            ["URL"] = "s3://bucket/path",
            ["KEY"] = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        };

    /// <summary>The next file.</summary>
    public byte[] Next()
    {
        var text = Document();
        if (Chance(35))
        {
            for (var i = _random.Next(1, 3); i > 0; i--)
                text = Damage(text);
        }

        text = _random.Next(24) switch
        {
            0 => text.Replace("\n", "\r\n", StringComparison.Ordinal),
            1 => text.Replace('\n', '\r'),
            2 => text.Replace('\n', '\u0085'),
            3 => "\ufeff" + text,
            4 => text.TrimEnd('\n'),
            _ => text,
        };
        var bytes = Encoding.UTF8.GetBytes(text);
        return _random.Next(60) switch
        {
            0 =>
            [
                .. bytes,
                .. Pick<byte[]>(
                    [0x23, 0xe4],
                    [0xff],
                    [0xc0, 0x80],
                    [0xed, 0xa0, 0x80],
                    [0xf5, 0x80, 0x80, 0x80],
                    [0xe2, 0x82],
                    [0x80]
                ),
            ],
            1 => [0xff, 0xfe, .. Encoding.Unicode.GetBytes(text)],
            2 => [0xfe, 0xff, .. Encoding.BigEndianUnicode.GetBytes(text)],
            3 => [0xff, 0xfe, 0, 0, .. Encoding.UTF32.GetBytes(text)],
            _ => bytes,
        };
    }

    private bool Chance(int percent) => _random.Next(100) < percent;

    private T Pick<T>(params T[] values) => values[_random.Next(values.Length)];

    /// <summary>The right value, and sometimes any other.</summary>
    private string Value(string right, string[] others) => Chance(75) ? right : Pick(others);

    private string Document()
    {
        var text = new StringBuilder();
        if (Chance(4))
        {
            text.Append(
                Pick(
                    "---\n",
                    "%YAML 1.1\n---\n",
                    "# c\n",
                    "--- # c\n",
                    "%YAML 1.2\n---\n",
                    "--- !!map\n",
                    "---\n---\n",
                    "\n\n",
                    "%YAML 1.1\n%TAG !h! tag:h,2000:\n---\n",
                    "...\n",
                    "--- &r\n"
                )
            );
        }

        var anchored = Chance(12);
        if (anchored)
        {
            text.Append(
                Pick(
                    "x-common: &a\n  sync-interval: 1s\n",
                    "x: &a {retention: 24h}\n",
                    "x: &a [1s]\n",
                    "x: &a 1s\n",
                    "x: &a\n",
                    "exec: &a foo\n",
                    "x: &b\n  <<: &a {retention: 1h}\n"
                )
            );
        }

        if (Chance(15))
            text.Append("addr: ").Append(Value("\":9090\"", Addresses)).Append('\n');
        if (Chance(5))
            text.Append("exec: ").Append(Value("app", Texts)).Append('\n');
        if (Chance(20))
        {
            text.Append(
                Pick(
                    "logging:\n",
                    "logging:\n",
                    "logging:\n",
                    "logging: ~\n",
                    "logging: {}\n",
                    "logging: x\n",
                    "logging: []\n",
                    "\"logging\":\n",
                    "? logging\n:\n",
                    "logging : \n"
                )
            );
            if (Chance(80))
                text.Append("  level: ").Append(Value("info", Levels)).Append('\n');
            if (Chance(40))
                text.Append("  type: ").Append(Value("text", LogTypes)).Append('\n');
            if (Chance(40))
                text.Append("  stderr: ").Append(Value("true", Flags)).Append('\n');
        }

        if (Chance(6))
        {
            text.Append(
                Pick(
                    "access-key-id: ${A}\n",
                    "secret-access-key: ${A}\n",
                    "foo: bar\n",
                    "5: x\n",
                    "~: x\n",
                    "{a: b}: x\n",
                    "[a]: x\n",
                    "? a\n: b\n",
                    "'<<': x\n",
                    "<<: 5\n",
                    "<<: ~\n",
                    "<<: {addr: ':1'}\n",
                    "<<: [{addr: ':1'}]\n",
                    "retention: 1h\n",
                    "a\n",
                    "a:b\n",
                    "- a\n",
                    "\"a\\nb\": c\n",
                    "!!str a: b\n",
                    "&k a: b\n",
                    "true: x\n",
                    "1.5: x\n",
                    "'': x\n",
                    ": x\n",
                    "!!binary YQ==: x\n",
                    "a: b: c\n",
                    "2001-01-01: x\n"
                )
            );
        }

        Databases(text, anchored);
        if (Chance(4))
        {
            text.Append(
                Pick(
                    "...\n",
                    "---\n",
                    "---\na: b\n",
                    "...\n[\n",
                    "# end\n",
                    "dbs: []\n",
                    "dbs:\n",
                    "addr: ':1'\naddr: ':2'\n",
                    "  # c\n",
                    "\n\n\n",
                    "...\n---\n",
                    "---\n[\n"
                )
            );
        }

        return text.ToString();
    }

    private void Databases(StringBuilder text, bool anchored)
    {
        if (Chance(4))
        {
            text.Append(
                Pick(
                    "dbs:\n",
                    "dbs: []\n",
                    "dbs: ~\n",
                    "dbs: x\n",
                    "dbs: {}\n",
                    "dbs: [~]\n",
                    "dbs: [a]\n",
                    "dbs: [[]]\n",
                    "dbs: [{path: /x, replicas: [~]}]\n",
                    "dbs: [{path: /x, replicas: {path: /y}}]\n",
                    "dbs: {path: /x}\n",
                    "",
                    "dbs: [{path: /x, replicas: ~}]\n",
                    "dbs: [{path:/x}]\n",
                    "dbs: [{\"path\":/x, replicas: [{path: /y}]}]\n",
                    "dbs: [{path: /x, replicas: [{url: s3://b/p?a=b,c}]}]\n",
                    "dbs:\n- - path: /x\n",
                    "dbs:\n- path:/x\n",
                    "dbs: [{path: /x, replicas: [{path: /y,}],},]\n",
                    "dbs: [{path: /x,, replicas: []}]\n",
                    "dbs: [ path: /x ]\n",
                    "dbs: [a: b, c]\n",
                    "dbs: [{? path: /x}]\n"
                )
            );
            return;
        }

        var indent = Pick("  ", "  ", "", "    ", " ");
        text.Append("dbs:").Append(Pick("\n", "\n", "\n", " # c\n", "\n\n", " \n")).Append(Chance(3) ? "\t\n" : "");
        for (var i = Pick(1, 1, 1, 2); i > 0; i--)
        {
            var flow = Chance(8);
            var lines = new List<string> { "path: " + Value($"/data/{i}.db", Paths) };
            if (Chance(15))
                lines.Add(Pick("min-checkpoint-page-count: ", "max-checkpoint-page-count: ") + Value("1000", Counts));
            if (Chance(15))
                lines.Add(Pick("monitor-interval: ", "checkpoint-interval: ") + Value("1s", Durations));
            if (Chance(5))
                lines.Add("meta-path: " + Value("/meta", Texts));
            if (Chance(3))
            {
                lines.Add(
                    Pick(
                        "path: /y",
                        "foo: bar",
                        "replica: ~",
                        "replica: {path: /z}",
                        "retention: 1h",
                        "dir: /x",
                        "<<: {monitor-interval: 2s}",
                        "snapshot: {interval: 1h}"
                    )
                );
            }

            if (flow)
            {
                text.Append(indent)
                    .Append("- {")
                    .AppendJoin(", ", lines)
                    .Append(", replicas: [{")
                    .AppendJoin(", ", Replica(anchored, i))
                    .Append("}]}\n");
                continue;
            }

            for (var l = 0; l < lines.Count; l++)
            {
                text.Append(indent)
                    .Append(l == 0 ? "- " : "  ")
                    .Append(lines[l])
                    .Append(Chance(5) ? Pick(" # c", " ", "\t", " \t# c") : "")
                    .Append('\n');
            }

            text.Append(indent).Append("  replicas:\n");
            for (var r = Pick(1, 1, 1, 1, 2); r > 0; r--)
            {
                var first = true;
                foreach (var line in Replica(anchored, i * 10 + r))
                {
                    text.Append(indent)
                        .Append(first ? "    - " : "      ")
                        .Append(line)
                        .Append(Chance(2) ? Pick(" # c", " ", "\t", " \t# c") : "")
                        .Append('\n');
                    first = false;
                }
            }
        }
    }

    private List<string> Replica(bool anchored, int number)
    {
        List<string> lines = Pick(0, 0, 0, 1, 1, 2, 3) switch
        {
            0 => [$"path: /replica/{number}"],
            1 => ["url: " + (Chance(20) ? $"s3://b/{number}" : Pick(Urls))],
            2 => [.. Kind(Value(Pick("s3", "gcs", "abs", "sftp", "file"), Types))],
            _ => ["path: " + Pick(Pick(Paths), Pick(Texts), Pick(Urls))],
        };
        foreach (
            var key in (string[])
                ["sync-interval", "retention", "retention-check-interval", "snapshot-interval", "validation-interval"]
        )
        {
            if (Chance(12))
                lines.Add($"{key}: " + Value("1h", Durations));
        }

        if (Chance(10))
            lines.Add("name: " + Value($"n{number}", Texts));
        if (Chance(6))
        {
            lines.Add(
                "age: "
                    + Pick(
                        $"{{recipients: {Pick(Recipients)}}}",
                        $"{{identities: {Pick(Identities)}, recipients: {Recipients[0]}}}",
                        "x",
                        "~",
                        "{}",
                        "[]"
                    )
            );
        }

        if (Chance(5))
            lines.Add(Pick("skip-verify: ", "force-path-style: ") + Pick(Flags));
        if (Chance(4))
        {
            lines.Add(
                Pick(
                    "bucket: b",
                    "host: h",
                    "user: u",
                    "foo: bar",
                    "retention: 1h",
                    "path: /q",
                    "url: s3://b/q",
                    "sync_interval: 1s",
                    "Retention: 1h",
                    "snapshot: {interval: 1h}",
                    "endpoint: http://x",
                    "region: r",
                    "account-name: a",
                    "key-path: /k",
                    "password: ${A}"
                )
            );
        }

        if (anchored && Chance(50))
        {
            lines.Add(
                Pick(
                    "<<: *a",
                    "retention: *a",
                    "<<: [*a]",
                    "<<: *b",
                    "name: *a",
                    "<<: [*a, *a]",
                    "age: *a",
                    "*a : 1s",
                    "? *a\n: 1s"
                )
            );
        }

        return lines;
    }

    private string[] Kind(string type) =>
        type switch
        {
            "s3" =>
            [
                "type: s3",
                "bucket: " + Value("b", Texts),
                "path: p",
                .. Chance(30) ? new[] { "force-path-style: " + Value("true", Flags) } : [],
                .. Chance(30) ? new[] { "endpoint: " + Value("http://127.0.0.1:9000", Texts) } : [],
            ],
            "gcs" => ["type: gcs", .. Chance(90) ? new[] { "bucket: " + Value("b", Texts) } : []],
            "abs" => ["type: abs", "account-name: a", .. Chance(90) ? new[] { "bucket: c" } : [], "account-key: ${A}"],
            "sftp" =>
            [
                "type: sftp",
                .. Chance(90) ? new[] { "host: " + Value("h:22", Texts) } : [],
                .. Chance(90) ? new[] { "user: u" } : [],
                "path: /p",
            ],
            _ => ["type: " + type, "path: /replica/t"],
        };

    private string Damage(string text)
    {
        if (text.Length == 0)
            return Pick(Tokens);
        var at = _random.Next(text.Length);
        switch (_random.Next(6))
        {
            case 0:
                return text.Remove(at, Math.Min(_random.Next(1, 6), text.Length - at));
            case 1:
                var lines = text.Split('\n').ToList();
                lines.Insert(_random.Next(lines.Count), lines[_random.Next(lines.Count)]);
                return string.Join('\n', lines);
            case 2:
                return text[..at] + Pick(Tokens) + text[(at + 1)..];
            case 3:
                // Where a value or a line begins or ends is where tokens mean something.
                var places = Enumerable.Range(0, text.Length).Where(i => text[i] is '\n' or ' ' or ':').ToList();
                at =
                    places.Count == 0
                        ? at
                        : Math.Min(places[_random.Next(places.Count)] + _random.Next(2), text.Length);
                return text.Insert(at, Pick(Tokens));
            case 4:
                return text.Insert(at, Pick(" ", "  ", "\n", "\t"));
            default:
                return text.Insert(at, Pick(Tokens));
        }
    }
}
