using System.Text;

namespace Litestream.Tests.Robustness;

/// <summary>
/// Writes one and the same litestream.yml in the many ways that YAML has: texts over several lines, blocks, quotes,
/// escapes, tags, anchors, merge keys, comments, explicit keys, several documents, every kind of line end. Most of the
/// values are right, so that what is read can be compared too. One seed, one file.
/// </summary>
internal sealed class ConfigForms(int seed)
{
    private static readonly string[] Words =
    [
        "a",
        "a b",
        "n-1",
        "-",
        "--",
        "-a",
        "a:b",
        "a#b",
        "a'b",
        "x.y",
        "5",
        "0x1f",
        "no",
        "~",
        "null",
        "",
        "a\"b",
        "/r",
        "?",
        ":",
        "a: b",
        "a #b",
        "[a",
        "}",
        "!",
        "&",
        "*",
        "|",
        ">",
        "%a",
        "@",
        "`",
        "=",
        "<<",
        "{a}",
        "...",
        "---",
        "a,b",
        "ä",
        "1_000",
        "1h",
        "true",
        "2001-01-01",
        ".5",
        "1:30",
    ];

    private static readonly string[] Durations =
    [
        "1s",
        "24h",
        "1h30m",
        ".5s",
        "1.s",
        "500ms",
        "1d",
        "-1s",
        "0x10",
        "0o1",
        "1_000s",
        "1_000",
        "1",
        "1.5h",
        "1h-5m",
        "1us",
        "~",
        "",
        "0s",
        "1e3",
        "1 s",
    ];

    private static readonly string[] Counts =
    [
        "1000",
        "0x10",
        "0o17",
        "017",
        "08",
        "1_000",
        ".5",
        "5.",
        "1e3",
        "0b11",
        "+5",
        "-5",
        "~",
        "",
        "1 000",
        "1,000",
        "12e03",
        "1_e3",
        "9e99",
    ];

    private static readonly string[] Flags = ["true", "yes", "No", "on", "OFF", "y", "N", "~", "", "1", "tRue", "truE"];

    private readonly Random _random = new(seed);
    private int _flow;
    private int _anchors;

    /// <summary>The next file.</summary>
    public byte[] Next()
    {
        var text = new StringBuilder();
        if (Chance(12))
        {
            text.Append(
                Pick(
                    "---\n",
                    "--- # c\n",
                    "%YAML 1.1\n---\n",
                    "# c\n---\n",
                    "\n\n---\n",
                    "---\t\n",
                    "--- \n",
                    "---\n# c\n",
                    "%YAML 1.1 # c\n---\n",
                    "%TAG ! tag:x,1:\n---\n",
                    "%TAG !! tag:yaml.org,2002:\n---\n",
                    " # c\n",
                    "\t# c\n",
                    "\t\n",
                    "---\t# c\n",
                    "--- !!map\n",
                    "--- &r\n",
                    "...\n---\n",
                    "---\n...\n"
                )
            );
        }

        Root(text);
        if (Chance(10))
        {
            text.Append(
                Pick(
                    "...\n",
                    "... # c\n",
                    "...\n# c\n",
                    "---\n",
                    "...\n...\n",
                    "...\n---\n",
                    "---\n---\n",
                    "# c",
                    "\t\n",
                    " ",
                    "\n \n",
                    "  \t\n",
                    "...\n\t\n",
                    "---\na: b\n",
                    "...\n%YAML 1.1\n---\n",
                    "... \n",
                    "...a\n",
                    "--- a\n",
                    "\0"
                )
            );
        }

        var whole = text.ToString();
        whole = _random.Next(20) switch
        {
            0 => whole.Replace("\n", "\r\n", StringComparison.Ordinal),
            1 => whole.Replace('\n', '\r'),
            2 => whole.Replace('\n', '\u0085'),
            3 => whole.Replace('\n', '\u2028'),
            4 => "\ufeff" + whole,
            5 => whole.TrimEnd('\n'),
            6 => string.Concat(
                whole.Select(c => c == '\n' ? Pick("\n", "\n", "\r\n", "\r", "\u0085", "\u2029") : c.ToString())
            ),
            _ => whole,
        };
        return Encoding.UTF8.GetBytes(whole);
    }

    private bool Chance(int percent) => _random.Next(100) < percent;

    private T Pick<T>(params T[] values) => values[_random.Next(values.Length)];

    private void Root(StringBuilder text)
    {
        if (Chance(15))
        {
            text.Append(
                Pick(
                    "x: &m\n  retention: 1h\n",
                    "x: &m {retention: 1h, sync-interval: 2s}\n",
                    "x: &m\n  name: m\n  <<: {retention: 2h}\n",
                    "x: &m [{retention: 1h}]\n",
                    "x: &m { retention: &n 1h, <<: { name: k } }\n",
                    "? x\n: &m\n  retention: 1h\n",
                    "x: !!map &m\n  retention: 1h\n",
                    "x: &m !!map {retention: 1h}\n"
                )
            );
        }

        if (Chance(10))
            Entry(text, 0, "addr", ":9090");
        if (Chance(15))
        {
            text.Append("logging:").Append(LineEnd(0));
            Entry(text, 2, "level", Pick("info", "warn", "debug"));
            if (Chance(50))
                Entry(text, 2, "stderr", Pick(Flags));
        }

        if (Chance(10))
        {
            _flow++;
            text.Append("dbs:").Append(Pick(" ", "\n ", "  # c\n ")).Append('[').Append(Gap()).Append('{');
            text.Append(Gap()).Append("path: /data/a.db,").Append(Gap());
            if (Chance(30))
            {
                text.Append("monitor-interval: ")
                    .Append(Scalar(Pick(Durations), 2))
                    .Append(Gap())
                    .Append(',')
                    .Append(Gap());
            }

            text.Append("replicas:")
                .Append(Pick(" ", "\n  "))
                .Append("[{")
                .Append(Gap())
                .Append("path: /r, name: ")
                .Append(Scalar(Pick(Words), 2))
                .Append(Gap())
                .Append(Pick("", "", ","))
                .Append("}]");
            text.Append(Gap()).Append('}').Append(Gap()).Append(Pick("", ",")).Append("]\n");
            _flow--;
            return;
        }

        text.Append(Key("dbs")).Append(':').Append(LineEnd(0));
        var indent = Pick(0, 2, 2, 3);
        var margin = new string(' ', indent);
        text.Append(margin)
            .Append(
                Pick(
                    "- ",
                    "- ",
                    "-   ",
                    "-\t",
                    "- # c\n" + margin + "  ",
                    "-\n" + margin + "  ",
                    "- &d\n" + margin + "  ",
                    "- !!map\n" + margin + "  ",
                    "- &d "
                )
            )
            .Append("path: ")
            .Append(Scalar("/data/a.db", indent + 2))
            .Append('\n');
        if (Chance(20))
            Entry(text, indent + 2, Pick("monitor-interval", "checkpoint-interval"), Pick(Durations));
        if (Chance(20))
            Entry(text, indent + 2, "min-checkpoint-page-count", Pick(Counts));
        text.Append(margin).Append("  replicas:").Append(LineEnd(indent + 2));
        for (var i = Pick(1, 1, 2); i > 0; i--)
        {
            text.Append(margin).Append("  - ");
            if (Chance(10))
                text.Append(Pick("&e ", "!!map ", "!x ", "&e !!map ")).Append('\n').Append(margin).Append("    ");
            text.Append("path: ").Append(Scalar($"/r/{i}", indent + 4)).Append('\n');
            Entry(text, indent + 4, "name", i == 2 ? "two" : Pick(Words));
            foreach (var key in (string[])["retention", "sync-interval", "snapshot-interval"])
            {
                if (Chance(20))
                    Entry(text, indent + 4, key, Chance(60) ? "1h" : Pick(Durations));
            }

            if (Chance(10))
            {
                text.Append(margin)
                    .Append("    ")
                    .Append(
                        Pick(
                            "<<: *m",
                            "<< : *m",
                            "<<: [*m]",
                            "<<: {retention: 5h}",
                            "<<:\n" + margin + "      retention: 5h",
                            "\"<<\": *m",
                            "!!merge <<: *m",
                            "? <<\n" + margin + "    : *m",
                            "<<: [*m, {sync-interval: 3s}]",
                            "retention: *n",
                            "<<: &q {retention: 5h}",
                            "<<: ~",
                            "<<: [ ]",
                            "<<: *m\n" + margin + "    <<: {sync-interval: 9s}"
                        )
                    )
                    .Append('\n');
            }
        }
    }

    private void Entry(StringBuilder text, int indent, string key, string value)
    {
        var margin = new string(' ', indent);
        if (Chance(3))
            text.Append(Pick("# c\n", "\n", "   # c\n", "            # c\n", "\t\n", "  \t# c\n", margin + "\t\n"));
        if (Chance(3))
        {
            text.Append(margin)
                .Append("? ")
                .Append(Key(key))
                .Append('\n')
                .Append(margin)
                .Append(": ")
                .Append(Scalar(value, indent))
                .Append('\n');
        }
        else
        {
            text.Append(margin)
                .Append(Key(key))
                .Append(Chance(5) ? Pick(" ", "\t", "  ") : "")
                .Append(':')
                .Append(Pick(" ", " ", " ", " ", "  ", "\t", " \t", "\n" + margin + "  "))
                .Append(Scalar(value, indent))
                .Append(Chance(6) ? Pick(" # c", " ", "\t", "\t# c", " #", "#c") : "")
                .Append('\n');
        }
    }

    private string Key(string key) =>
        !Chance(8)
            ? key
            : Pick(
                $"\"{key}\"",
                $"'{key}'",
                $"!!str {key}",
                $"&k{_anchors++} {key}",
                $"\"{key[..1]}\\x{(int)key[1]:x2}{key[2..]}\"",
                $"! {key}",
                $"!x {key}",
                $"\"{key[..2]}\\\n   {key[2..]}\""
            );

    private string LineEnd(int indent) =>
        Chance(12)
            ? Pick(
                " # c\n",
                "\t\n",
                " \n",
                "\n\n",
                "\n# c\n",
                " &l\n",
                " !!map\n",
                " !!seq\n",
                " &l # c\n",
                "\n" + new string(' ', indent + 1) + "# c\n",
                " \t# c\n",
                " #\n"
            )
            : "\n";

    /// <summary>White space, line ends and comments where flow style takes them.</summary>
    private string Gap() =>
        Chance(15) ? Pick(" ", "\n", "\n ", " # c\n ", "\t", "\n\t", "\n# c\n", "\n\n  ", "#c\n") : "";

    private string Scalar(string value, int indent)
    {
        var properties = Chance(10)
            ? Pick(
                "!!str ",
                "!!int ",
                "!!float ",
                "!!bool ",
                "!!null ",
                "! ",
                "!x ",
                $"&s{_anchors++} ",
                $"&s{_anchors++} !!str ",
                $"!!str &s{_anchors++} ",
                "!!binary ",
                "!!timestamp ",
                "!<tag:yaml.org,2002:str> ",
                "!!str\n" + new string(' ', indent + 2),
                "&z\t",
                "!!foo ",
                "&a &b ",
                "!!merge "
            )
            : "";
        return properties
            + (
                _random.Next(12) switch
                {
                    0 => $"'{Broken(value.Replace("'", "''", StringComparison.Ordinal), indent, "")}'",
                    1 => $"\"{Broken(Escaped(value), indent, "\\")}\"",
                    2 => $"\"{Escaped(value)}\"{Pick("", "", "", "#c", "# c", " # c", " x", ",")}",
                    3 when _flow == 0 => Block(value, indent),
                    4 => Broken(value, indent, ""),
                    5 => $"'{value.Replace("'", "''", StringComparison.Ordinal)}'",
                    _ => value,
                }
            );
    }

    private string Escaped(string value) =>
        string.Concat(
            value.Select(c =>
                c is '"' or '\\' ? $"\\{c}"
                : Chance(8) ? Pick($"\\x{Math.Min((int)c, 255):x2}", $"\\u{(int)c:X4}", $"\\U{(int)c:x8}")
                : c.ToString()
            )
        )
        + (
            Chance(8)
                ? Pick(
                    "\\ ",
                    "\\t",
                    "\\/",
                    "\\n",
                    "\\N",
                    "\\_",
                    "\\e",
                    "\\0",
                    "\\a",
                    "\\q",
                    "\\x4",
                    "\\\"",
                    "\\'",
                    "\\\t",
                    "\\P"
                )
                : ""
        );

    /// <summary>A text with a line end somewhere in it.</summary>
    private string Broken(string value, int indent, string escape)
    {
        var at = _random.Next(value.Length + 1);
        var end =
            Pick("", "", "", " ", "\t")
            + (Chance(40) ? escape : "")
            + Pick(
                "\n",
                "\n",
                "\n",
                "\n\n",
                "\n \n",
                "\n\t\n",
                "\r\n",
                "\r",
                "\u0085",
                "\u2028",
                "\n# c\n",
                " # c\n",
                "\n" + escape + "\n"
            );
        var margin = Pick(
            new string(' ', indent + 2),
            new string(' ', indent + 1),
            new string(' ', indent),
            new string(' ', Math.Max(0, indent - 1)),
            "",
            "\t",
            new string(' ', indent + 1) + "\t",
            " \t",
            new string(' ', indent + 7)
        );
        return value[..at]
            + end
            + margin
            + (Chance(5) ? Pick("# ", "- ", "? ", ": ", "--- ", "... ", escape, escape + " ") : "")
            + value[at..];
    }

    private string Block(string value, int indent)
    {
        var sign = Pick("", "", "1", "2", "3", "9", "0", "10", "x");
        var header =
            Pick("|", ">") + Pick(Pick("", "-", "+") + sign, sign + Pick("", "-", "+"), Pick("-", "+", "--", "+-"));
        var deep =
            int.TryParse(sign, out var said) && said is > 0 and < 10
                ? indent - Pick(0, 0, 2) + said + Pick(0, 0, 0, 1, -1)
                : indent + Pick(1, 2, 2, 4, 0, -1);
        var margin = new string(' ', Math.Max(0, deep));
        return header
            + Pick("", "", " ", "\t", " # c", "# c", "\t# c", " x")
            + "\n"
            + Pick("", "", "", "\n", said > 0 ? "" : margin + "\n", said > 0 ? "" : margin + "   \n", "\t\n", " \n")
            + margin
            + Pick("", "", "", " ", "\t")
            + value
            + (
                Chance(20)
                    ? Pick(
                        "\n",
                        "\n\n",
                        "\n" + margin + "more",
                        "\n" + margin + " more",
                        "\n\n" + margin + "more",
                        "\n" + margin + "# c",
                        "\n# c",
                        "\n" + margin + "\tmore",
                        "\n " + "\n",
                        "\n\t"
                    )
                    : ""
            );
    }
}
