using System.Text;
using System.Text.RegularExpressions;
using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>The characters of a litestream.yml, before anything is parsed: what the executable's parser refuses, and
/// where its lines end.</summary>
internal static partial class ConfigText
{
    /// <summary>The text of a file: UTF-8 with or without a byte order mark, or UTF-16 with one.</summary>
    /// <exception cref="LitestreamException">LSB1010: it is in another encoding.</exception>
    public static string Decode(string file, byte[] bytes)
    {
        var utf16 = bytes is [0xff, 0xfe, ..] or [0xfe, 0xff, ..];
        Encoding encoding = bytes switch
        {
            [0xff, 0xfe, ..] => new UnicodeEncoding(bigEndian: false, byteOrderMark: true, throwOnInvalidBytes: true),
            [0xfe, 0xff, ..] => new UnicodeEncoding(bigEndian: true, byteOrderMark: true, throwOnInvalidBytes: true),
            _ => new UTF8Encoding(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true),
        };
        try
        {
            var text = encoding.GetString(bytes);
            if (text.StartsWith('\ufeff'))
                text = text[1..];
            return utf16 && text.Contains('$')
                ? throw new LitestreamException(
                    "LSB1010",
                    "The file is in UTF-16, so Litestream would not find the variables in it. Save it as UTF-8.",
                    file
                )
                : text;
        }
        catch (DecoderFallbackException e)
        {
            // Each byte of what is right before it that ends a line is one in every encoding that is meant here.
            var before = bytes.AsSpan(0, Math.Clamp(e.Index, 0, bytes.Length));
            throw new LitestreamException(
                "LSB1010",
                $"The file is not valid {(utf16 ? "UTF-16" : "UTF-8")}, so Litestream would not read it. Save it as "
                    + "UTF-8.",
                file,
                before.Count((byte)'\n') + 1,
                before.Length - before.LastIndexOf((byte)'\n'),
                e
            );
        }
    }

    /// <summary>The lines as the parser counts them: a carriage return alone, NEL, LS and PS end one too.</summary>
    public static string[] Lines(string text) => LineEnd().Split(text);

    /// <summary>Where a character stands, from 1 on.</summary>
    public static (int Line, int Column) Place(string text, int index)
    {
        var lines = Lines(text[..index]);
        return (lines.Length, lines[^1].Length + 1);
    }

    /// <summary>The first character that the executable's parser does not take, or that marks a variable
    /// here.</summary>
    /// <exception cref="LitestreamException">LSB1010.</exception>
    public static void Check(string file, string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (
                c
                is '\t'
                    or '\n'
                    or '\r'
                    or (>= ' ' and <= '~')
                    or '\u0085'
                    or (>= '\u00a0' and < '\ud800')
                    or (> '\ue002' and <= '\ufffd')
            )
            {
                continue;
            }

            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
                continue;
            }

            var (line, column) = Place(text, i);
            throw new LitestreamException(
                "LSB1010",
                $"The character U+{(int)c:X4} "
                    + (
                        c is >= '\ue000' and <= '\ue002'
                            ? "is reserved for variables and cannot be used. Remove it."
                            : "is a control character, which Litestream refuses. Remove it."
                    ),
                file,
                line,
                column
            );
        }
    }

    [GeneratedRegex("\\r\\n|[\\r\\n\\u0085\\u2028\\u2029]")]
    private static partial Regex LineEnd();
}
