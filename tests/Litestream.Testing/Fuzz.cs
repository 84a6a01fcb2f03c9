using CsCheck;
using Litestream.Diagnostics;

namespace Litestream.Testing;

/// <summary>
/// Many damaged inputs for one piece of code, always the same ones: nothing but a <see cref="LitestreamException"/> may
/// leave it, and it has to end.
/// </summary>
public static class Fuzz
{
    /// <summary>What parsers of any kind stumble over.</summary>
    private static readonly string[] Tokens =
    [
        "\0",
        "\u0001",
        "\t",
        "\n",
        "\r",
        "\r\n",
        " ",
        "  ",
        "\u0085",
        "\u00a0",
        "\u2028",
        "\u200b",
        "\ufeff",
        "\ufffe",
        "\uffff",
        "\ud800",
        "\udc00",
        "\U0001F600",
        "é",
        "e\u0301",
        "\ue000",
        "\ue001",
        "\ue002",
        "'",
        "\"",
        "`",
        "\\",
        "/",
        "//",
        "..",
        "../",
        "~",
        "~/",
        "|",
        "|DataDirectory|",
        "$",
        "${",
        "${}",
        "${A}",
        "$A",
        "$$",
        "%",
        "%%",
        "%zz",
        "%00",
        "%41",
        "%TEMP%",
        "{",
        "}",
        "{}",
        "[",
        "]",
        "[]",
        "(",
        ")",
        "<",
        ">",
        "<![CDATA[",
        "<!--",
        "-->",
        "<?x?>",
        "&",
        "&amp;",
        "&x;",
        "&#0;",
        "&#x110000;",
        ",",
        ",,",
        ";",
        ";;",
        ":",
        "::",
        ": ",
        "__",
        "=",
        "==",
        "?",
        "#",
        "@",
        "!",
        "*",
        "+",
        "-",
        "--",
        "---",
        "...",
        "0",
        "-1",
        "1",
        "00",
        "0x",
        "1e999",
        "-0",
        "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999999999",
        "NaN",
        "null",
        "true",
        "\\u0000",
        "\\ud800",
        "\\x",
        "file:",
        "file://",
        "file:///",
        "s3://",
        "http://",
        "abs://",
        "sftp://",
        ":memory:",
        "Data Source=",
        "Filename=",
        "Mode=Memory",
        "Password=",
        "connectionString=\"",
        "\"ConnectionStrings\":",
        "level=",
        "msg=",
        "msg=\"",
        "time=",
        "generation=",
        "1d",
        "2h",
        "ns",
        "\u0661",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ];

    /// <summary>How many cases each time, and in the long runs.</summary>
    public static int Cases(bool atLength) => atLength ? 20_000 : 300;

    /// <summary>Damages examples and hands them on.</summary>
    /// <param name="examples">Right inputs, and wrong ones that are worth a start.</param>
    /// <param name="cases">How many.</param>
    /// <param name="run">What gets them.</param>
    public static void Run(string[] examples, int cases, Action<string> run) =>
        Run(Damaged(examples), cases, run, text => text);

    /// <summary>Hands on what a generator makes.</summary>
    public static void Run<T>(Gen<T> generator, int cases, Action<T> run, Func<T, string> show)
    {
        // One thread for all cases: one that never ends is found by the clock.
        var current = default(T);
        var number = 0;
        var since = Environment.TickCount64;
        var failure = default(string);
        var work = Task.Factory.StartNew(
            () =>
            {
                for (var i = 0; i < cases && failure is null; i++)
                {
                    current = generator.Generate(new PCG((uint)i, 1), null, out _);
                    number = i;
                    Volatile.Write(ref since, Environment.TickCount64);
                    try
                    {
                        run(current);
                    }
                    catch (LitestreamException e) when (IsWhole(e)) { }
                    catch (Exception e)
                    {
                        failure = $"Case {i}: {show(current)}\n{e}";
                    }
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );
        while (!work.Wait(TimeSpan.FromMilliseconds(50)))
        {
            Assert.True(
                Environment.TickCount64 - Volatile.Read(ref since) < 60_000,
                $"Case {number} does not end: {(current is null ? "" : show(current))}"
            );
        }

        Assert.True(failure is null, failure);
    }

    /// <summary>
    /// An example with up to six tokens put in, taken out, or put in the place of something, or doubled many times.
    /// </summary>
    public static Gen<string> Damaged(string[] examples) =>
        Gen.Select(
                Gen.Int[0, examples.Length - 1],
                Gen.Select(Gen.Int[0, 4], Gen.Int[0, 9999], Gen.Int[0, Tokens.Length - 1], Gen.Int[0, 12]).Array[0, 6]
            )
            .Select((example, edits) => edits.Aggregate(examples[example], Edit));

    private static string Edit(string text, (int Kind, int At, int Token, int Length) edit)
    {
        var at = text.Length == 0 ? 0 : edit.At % (text.Length + 1);
        var length = Math.Min(edit.Length, text.Length - at);
        var token = Tokens[edit.Token];
        return edit.Kind switch
        {
            0 => text.Remove(at, length),
            1 => text.Insert(at, token),
            2 => text.Remove(at, length).Insert(at, token),
            3 => text.Insert(at, text.Substring(at, length)),

            // Rarely, as what is long takes long.
            _ => edit.At % 25 == 0
                ? text.Insert(at, string.Concat(Enumerable.Repeat(token, 2000)))
                : text.Insert(at, token + token),
        };
    }

    private static bool IsWhole(LitestreamException e) =>
        e.Diagnostics.All(d =>
            d.Code.Length == 7
            && d.Code.StartsWith("LSB", StringComparison.Ordinal)
            && d.Message.Length > 0
            && d.Line >= 0
        );
}
