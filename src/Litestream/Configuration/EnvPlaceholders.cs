using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace Litestream.Configuration;

/// <summary>
/// Text with environment variables in it. The executable expands <c>$NAME</c> and <c>${NAME}</c> over the raw file
/// before it parses it
/// (Go's <c>os.ExpandEnv</c>), so a <c>$</c> that the file really has and one that a YAML escape (<c>"\x24"</c>) makes
/// are different things:
/// the first kind is kept as private-use characters, one for one, which also keeps line and column right and lets
/// <c>{path: ${X}}</c> be parsed.
/// </summary>
internal static partial class EnvPlaceholders
{
    /// <summary>Holds a literal <c>$</c> where a scalar has variables as well and cannot be escaped.</summary>
    public const string DollarVariable = "LITESTREAM_DOLLAR";

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
    );

    private const char Dollar = '\uE000';
    private const char Open = '\uE001';
    private const char Close = '\uE002';

    /// <summary>Turns the dollar signs of a file, with their braces, into marks.</summary>
    public static string Mark(string raw)
    {
        var text = new StringBuilder(raw);
        for (var i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '$')
                continue;

            text[i] = Dollar;
            if (i + 1 >= raw.Length || raw[i + 1] != '{')
                continue;

            var end = raw.AsSpan(i + 2).IndexOfAny('}', '\n');
            if (end < 0 || raw[i + 2 + end] != '}')
                continue;

            text[i + 1] = Open;
            text[i + 2 + end] = Close;
            i += 2 + end;
        }

        return text.ToString();
    }

    /// <summary>The text as people write it.</summary>
    public static string Unmark(string marked) =>
        marked.Replace(Variable(DollarVariable), "$").Replace(Dollar, '$').Replace(Open, '{').Replace(Close, '}');

    /// <summary>The text as it has to stand in the file.</summary>
    public static string ToFile(string marked) => marked.Replace(Dollar, '$').Replace(Open, '{').Replace(Close, '}');

    /// <summary>A reference to a variable.</summary>
    public static string Variable(string name) => $"{Dollar}{Open}{name}{Close}";

    public static bool HasVariables(string marked) => marked.Contains(Dollar);

    /// <summary>Whether it is variables and nothing else.</summary>
    public static bool IsVariable(string marked) => HasVariables(marked) && Expand(marked, _ => null).Length == 0;

    /// <summary>What stands before the first variable.</summary>
    public static string Literal(string marked) => marked.Split(Dollar)[0];

    /// <summary>Whether literal text has a character that marks a variable here.</summary>
    public static bool HasMarks(string text) => text.AsSpan().IndexOfAnyInRange(Dollar, Close) >= 0;

    public static IEnumerable<string> Names(string marked) =>
        Parts(marked).Select(part => part.Name).Where(name => name.Length > 0);

    /// <summary>
    /// A name for people: in <c>${NAME:-default}</c>, which is all one name to the executable, the rest may be a
    /// secret.
    /// </summary>
    public static string Shown(string name)
    {
        var end = name.AsSpan().IndexOfAnyExcept(NameCharacters);
        return end < 0 ? name : name[..end] + "...";
    }

    /// <summary>
    /// What expansion swallows although it is not a variable: <c>$$</c>, <c>$1</c>, <c>${}</c>, <c>${A:-b}</c>. As
    /// people write it, names as <see cref="Shown"/>.
    /// </summary>
    public static IEnumerable<string> Swallowed(string marked) =>
        from part in Parts(marked)
        let name = part.Name
        where
            part.Length > 1
            && (
                name.Length == 0
                || !(char.IsAsciiLetter(name[0]) || name[0] == '_')
                || name.AsSpan().ContainsAnyExcept(NameCharacters)
            )
        select name.Length > 1
            ? $"${{{Shown(name)}}}"
            : Unmark(marked.Substring(part.Start, Math.Min(part.Length, marked.Length - part.Start)));

    /// <summary>
    /// Whether a variable without braces directly follows a letter or a digit: <c>pa$word</c> is probably no variable.
    /// </summary>
    public static bool HasDollarInWord(string marked) => DollarInWord().IsMatch(marked);

    /// <summary>The text with the values that are known; a variable without one stays, so that the result is marked
    /// too.</summary>
    public static string ExpandKnown(string marked, Func<string, string?> lookup) =>
        Replace(
            marked,
            text => text,
            (name, written) => name.Length > 0 && lookup(name) is { Length: > 0 } value ? value : written
        );

    /// <summary>What the executable will see: unset variables become nothing, and there is no escape.</summary>
    public static string Expand(string marked, Func<string, string?> lookup) =>
        Replace(marked, ToFile, (name, written) => name.Length > 0 ? lookup(name)
            : written.Length == 1 ? "$"
            : "");

    /// <param name="marked">The text.</param>
    /// <param name="between">What stands between variables.</param>
    /// <param name="variable">A variable by its name, and as it is written: the mark alone where it is none.</param>
    private static string Replace(string marked, Func<string, string> between, Func<string, string, string?> variable)
    {
        var text = new StringBuilder();
        var at = 0;
        foreach (var (start, name, length) in Parts(marked))
        {
            text.Append(between(marked[at..start])).Append(variable(name, marked[start..(start + length)]));
            at = start + length;
        }

        return text.Append(between(marked[at..])).ToString();
    }

    /// <summary>The marks with what the executable takes for the name of a variable behind each.</summary>
    private static IEnumerable<(int Start, string Name, int Length)> Parts(string marked)
    {
        for (var i = marked.IndexOf(Dollar); i >= 0; i = marked.IndexOf(Dollar, i))
        {
            var (name, length) = i + 1 < marked.Length ? ReadName(marked, i + 1) : ("", 0);
            yield return (i, name, length + 1);
            i += length + 1;
        }
    }

    private static (string Name, int Length) ReadName(string text, int start)
    {
        if (text[start] == Open)
        {
            var end = text.IndexOf(Close, start);
            return end < 0 ? ("", 1) : (text[(start + 1)..end], end - start + 1);
        }

        if (text[start] == '{')
            return ("", 1);

        if (text[start] is Dollar or '*' or '#' or '@' or '!' or '?' or '-' or (>= '0' and <= '9'))
            return (text[start] == Dollar ? "$" : text[start].ToString(), 1);

        var length = 0;
        while (
            start + length < text.Length
            && (char.IsAsciiLetterOrDigit(text[start + length]) || text[start + length] == '_')
        )
        {
            length++;
        }

        return (text.Substring(start, length), length);
    }

    [GeneratedRegex("[A-Za-z0-9]\uE000[A-Za-z_]")]
    private static partial Regex DollarInWord();
}
