using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace Litestream.Dashboard.Monitoring;

/// <summary>
/// Text for the page: paths below the content root are relative to it, of other absolute paths only the last part is
/// shown. For any number of threads.
/// </summary>
internal sealed partial class ShownText
{
    private const int MostRemembered = 1000;

    private readonly string _root;
    private readonly List<(string Path, string Shown)> _known;

    private readonly IReadOnlyDictionary<string, string> _names;

    /// <summary>An open page asks for the same texts every second, and hundreds of paths are looked for in
    /// each.</summary>
    private readonly ConcurrentDictionary<string, string> _remembered = new(StringComparer.Ordinal);

    /// <param name="contentRoot">The app's content root.</param>
    /// <param name="knownPaths">Paths that a pattern may not recognize: with spaces in them, for example.</param>
    /// <param name="names">What databases are called, by their paths.</param>
    public ShownText(
        string contentRoot,
        IEnumerable<string> knownPaths,
        IReadOnlyDictionary<string, string>? names = null
    )
    {
        _root = contentRoot.TrimEnd('/', '\\');
        _names = names ?? new Dictionary<string, string>();
        _known =
        [
            .. knownPaths
                .Concat(_names.Keys)
                .Where(path => path.Length > 1)
                .Distinct(StringComparer.Ordinal)
                .OrderByDescending(path => path.Length)
                .Select(path => (path, NameOf(path))),
        ];
    }

    /// <summary>The path of a database, or what it is called.</summary>
    public string NameOf(string path) => _names.GetValueOrDefault(path) ?? PathOf(path);

    /// <summary>A path.</summary>
    public string PathOf(string path)
    {
        if (!IsAbsolute(path))
            return path;
        var relative = Below(path);
        return relative ?? $"…/{path.TrimEnd('/', '\\').Split('/', '\\')[^1]}";
    }

    /// <summary>A text with paths in it.</summary>
    public string Of(string text)
    {
        if (_remembered.TryGetValue(text, out var shown))
            return shown;
        if (_remembered.Count >= MostRemembered)
            _remembered.Clear();
        return _remembered[text] = Shorten(text);
    }

    private string Shorten(string text)
    {
        foreach (var (path, shown) in _known)
            text = text.Replace(path, shown, StringComparison.Ordinal);
        if (_root.Length > 1)
        {
            text = text.Replace($"{_root}/", "", StringComparison.Ordinal)
                .Replace($"{_root}\\", "", StringComparison.Ordinal);
        }

        text = FileUrl().Replace(text, match => PathOf(match.Groups[1].Value));
        text = Quoted()
            .Replace(
                text,
                match => $"{match.Groups[1].Value}{PathOf(match.Groups[2].Value)}{match.Groups[1].Value}"
            );
        return Bare().Replace(text, match => PathOf(match.Value));
    }

    private string? Below(string path) =>
        _root.Length > 1
        && path.StartsWith(_root, StringComparison.Ordinal)
        && path.Length > _root.Length + 1
        && path[_root.Length] is '/' or '\\'
            ? path[(_root.Length + 1)..]
            : null;

    private static bool IsAbsolute(string path) => path.StartsWith('/') || DriveOrShare().IsMatch(path);

    [GeneratedRegex(@"^([A-Za-z]:[\\/]|\\\\)")]
    private static partial Regex DriveOrShare();

    [GeneratedRegex("""(['"])((?:/|[A-Za-z]:[\\/])[^'"\r\n]*)\1""")]
    private static partial Regex Quoted();

    [GeneratedRegex("""file:/{0,2}(/[^\s'"]*)""", RegexOptions.IgnoreCase)]
    private static partial Regex FileUrl();

    // Not the path of a URL, nor a fraction or an address like 127.0.0.1:80/metrics.
    [GeneratedRegex("""(?<![\w./…~-])(?<!:/)(?:/(?!/)|[A-Za-z]:[\\/]|\\\\)[^\s'"<>|,;()/\\][^\s'"<>|,;()]*""")]
    private static partial Regex Bare();
}
