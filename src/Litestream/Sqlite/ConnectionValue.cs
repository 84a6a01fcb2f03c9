using System.Buffers;
using System.Text.RegularExpressions;

namespace Litestream.Sqlite;

/// <summary>The keyword that a path was given with: it tells which other engines would take the same string.</summary>
internal enum PathKeyword
{
    None,
    DataSource,
    FileName,
    Uri,
    Bare,
}

/// <summary>What a settings value says by itself, without looking at what stands around it.</summary>
internal sealed partial record ConnectionValue
{
    private static readonly ConnectionValue Nothing = new();

    private static readonly SearchValues<char> NotInPaths = SearchValues.Create("\r\n\"<>");

    /// <summary>The path, without a <c>file:</c> scheme; null when the value names none.</summary>
    public string? Path { get; private init; }

    /// <summary>How the path was given.</summary>
    public PathKeyword Keyword { get; private init; }

    /// <summary>The engine that the value itself names (<c>XpoProvider=SQLite</c>).</summary>
    public Engine Provider { get; private init; }

    /// <summary>A keyword that SQLite's providers do not have: <c>Server</c>, <c>User Id</c>, ...</summary>
    public bool HasForeignKeyword { get; private init; }

    /// <summary>A keyword that only SQLite's providers have: <c>Cache=Shared</c>, <c>Version=3</c>, ...</summary>
    public bool HasSqliteKeyword { get; private init; }

    /// <summary>In memory.</summary>
    public bool IsMemory { get; private init; }

    /// <summary>Only read.</summary>
    public bool IsReadOnly { get; private init; }

    /// <summary>With a password or key.</summary>
    public bool IsEncrypted { get; private init; }

    /// <summary>The journal mode that the value sets on every connection; null when it sets none.</summary>
    public string? JournalMode { get; private init; }

    /// <summary>Whether <see cref="JournalMode"/> is another one than WAL: one that Litestream cannot
    /// replicate.</summary>
    public bool SetsRollbackJournal =>
        JournalMode is { Length: > 0 } mode
        && !mode.Equals("wal", StringComparison.OrdinalIgnoreCase)
        && !mode.Equals("default", StringComparison.OrdinalIgnoreCase)
        && mode is not ("-1" or "5");

    /// <summary>The extension of the file, lower case with its dot, or empty.</summary>
    public string Extension =>
        Path is null
            ? string.Empty
            : System.IO.Path.GetExtension(Path[(Path.LastIndexOfAny(['/', '\\']) + 1)..]).ToLowerInvariant();

    /// <summary>Whether the path has a placeholder that only the app can fill in.</summary>
    public bool IsUnresolved => Path is not null && Placeholder().IsMatch(Path);

    /// <summary>Reads a value: a connection string, a <c>file:</c> URI, <c>:memory:</c> or a plain path.</summary>
    public static ConnectionValue Parse(string value)
    {
        var text = value.Trim();
        if (text.Length == 0 || text.AsSpan().ContainsAny('\0', '\uFFFE') || (text[0] == '<' && text[^1] == '>'))
            return Nothing;
        if (text.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
            return FromPath(text, PathKeyword.Bare);
        if (UrlScheme().IsMatch(text))
            return Nothing;
        if (text == ":memory:")
            return FromPath(text, PathKeyword.Bare);

        var assign = text.IndexOf('=');
        if (assign <= 0)
            return text.AsSpan().ContainsAny(NotInPaths) ? Nothing : FromPath(text, PathKeyword.Bare);

        // A file name may have '=' in it; a keyword has no folder.
        var keyword = text.AsSpan(0, assign);
        if (keyword.ContainsAny('/', '\\') && !text.Contains(';'))
            return FromPath(text, PathKeyword.Bare);
        return FromKeywords(ConnectionKeywords.Split(text), isNested: false);
    }

    private static ConnectionValue FromKeywords(List<KeyValuePair<string, string>> pairs, bool isNested)
    {
        string? path = null,
            database = null,
            inner = null;
        var isDatabaseOnly = true;
        Engine? provider = null;
        var result = Nothing;
        foreach (var (keyword, value) in pairs)
        {
            bool Is(string other) => value.Equals(other, StringComparison.OrdinalIgnoreCase);
            switch (keyword)
            {
                case "datasource":
                    (path, result) = (value, result with { Keyword = PathKeyword.DataSource });
                    break;
                case "filename":
                    (path, result) = (value, result with { Keyword = PathKeyword.FileName });
                    break;
                case "uri" or "fulluri":
                    // Mono's old syntax has commas: URI=file:OpenSim.db,version=3
                    (path, result) = (MonoOptions().Replace(value, ""), result with { Keyword = PathKeyword.Uri });
                    break;
                case "xpoprovider" or "provider" or "providername" or "driver" or "dbtype" or "dbprovider":
                    provider = EngineDetector.Detect(value);
                    break;
                case "providerconnectionstring":
                    inner = value;
                    break;
                case "database":
                    database = value;
                    break;
                case "readonly":
                    result = result with { IsReadOnly = value == "1" || Is("true") || Is("yes") };
                    break;
                case "mode" when Is("ReadOnly") || value == "2":
                    result = result with { IsReadOnly = true };
                    break;
                case "mode" when Is("Memory") || value == "3":
                    result = result with { IsMemory = true, HasSqliteKeyword = true };
                    break;
                case "mode" when value.Length > 1 && !value.StartsWith("ReadWrite", StringComparison.OrdinalIgnoreCase):
                    // LiteDB: Shared, Exclusive
                    (result, isDatabaseOnly) = (result with { HasForeignKeyword = true }, false);
                    break;
                case "password" or "hexpassword" or "textpassword" when value.Length > 0:
                    result = result with { IsEncrypted = true };
                    break;
            }

            if (keyword == "journalmode")
                result = result with { JournalMode = value.Trim() };
            if (keyword == "vfs" && value == "memdb")
                result = result with { IsMemory = true };
            if (IsOfSqlite(keyword, value))
                result = result with { HasSqliteKeyword = true };
            if (ConnectionKeywords.IsForeign(keyword))
                (result, isDatabaseOnly) = (result with { HasForeignKeyword = true }, false);
        }

        if (inner is not null && !isNested)
        {
            // Entity Framework: the real string is inside, its provider outside.
            return provider == Engine.Sqlite
                ? FromKeywords(ConnectionKeywords.Split(inner), isNested: true) with
                {
                    Provider = Engine.Sqlite,
                }
                : Nothing with
                {
                    Provider = Engine.Other,
                };
        }

        result = result with
        {
            Provider =
                provider is null ? Engine.Unknown
                : provider == Engine.Unknown ? Engine.Other
                : provider.Value,
        };

        // ODBC's SQLite driver has its file there, everybody else a server's database.
        if (database is not null && provider == Engine.Sqlite && path is null)
            (path, result) = (database, result with { Keyword = PathKeyword.DataSource });
        else if (database is not null)
            result = result with { HasForeignKeyword = true };

        // "Database=app.sqlite" and nothing else: worth a question where other evidence says SQLite.
        if (path is null)
        {
            return result.HasForeignKeyword && isDatabaseOnly && database is not null
                ? FromPath(database, PathKeyword.None) with
                {
                    HasForeignKeyword = true,
                    Provider = result.Provider,
                }
                : Nothing with
                {
                    Provider = result.Provider,
                    HasForeignKeyword = result.HasForeignKeyword,
                };
        }

        var found = FromPath(path, result.Keyword);
        return result with
        {
            Path = found.Path,
            Keyword = found.Keyword,
            HasSqliteKeyword = found.HasSqliteKeyword || result.HasSqliteKeyword,
            IsMemory = found.IsMemory || result.IsMemory,
            IsReadOnly = found.IsReadOnly || result.IsReadOnly,
            IsEncrypted = found.IsEncrypted || result.IsEncrypted,
        };
    }

    private static bool IsOfSqlite(string keyword, string value) =>
        keyword switch
        {
            "mode" => value.StartsWith("ReadWrite", StringComparison.OrdinalIgnoreCase),
            "vfs" or "journalmode" => true,
            "version" => value == "3",
            "cache" => value is not [>= '0' and <= '9', ..],
            _ => ConnectionKeywords.IsOfSqlite(keyword),
        };

    private static ConnectionValue FromPath(string path, PathKeyword keyword)
    {
        if (string.IsNullOrWhiteSpace(path))
            return Nothing;

        // Exactly so: ":MEMORY:" is a real file.
        if (path == ":memory:")
            return new ConnectionValue { IsMemory = true, Keyword = keyword };
        return path.StartsWith("file:", StringComparison.OrdinalIgnoreCase)
            ? FromUri(path, keyword)
            : new ConnectionValue
            {
                Path = path,
                Keyword = keyword,
                HasSqliteKeyword = keyword == PathKeyword.Uri,
            };
    }

    // https://www.sqlite.org/uri.html; names and values of the query are case-sensitive ("Mode=Memory" is a real file).
    private static ConnectionValue FromUri(string uri, PathKeyword keyword)
    {
        var text = uri["file:".Length..];
        var fragment = text.IndexOf('#');
        if (fragment >= 0)
            text = text[..fragment];
        var question = text.IndexOf('?');
        var query = question < 0 ? string.Empty : text[(question + 1)..];
        var path = question < 0 ? text : text[..question];
        if (path.StartsWith("//", StringComparison.Ordinal))
        {
            var slash = path.IndexOf('/', 2);
            path = slash < 0 ? string.Empty : path[slash..];
        }

        path = Uri.UnescapeDataString(path);
        if (DrivePath().IsMatch(path))
            path = path[1..];

        bool memory = path is ":memory:" or "",
            readOnly = false,
            encrypted = false,
            sqlite = keyword == PathKeyword.Uri;
        foreach (var parameter in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var assign = parameter.IndexOf('=');
            var name = assign < 0 ? parameter : parameter[..assign];
            var value = assign < 0 ? string.Empty : parameter[(assign + 1)..].TrimEnd(';');
            memory |= (name, value) is ("mode", "memory") or ("vfs", "memdb");
            readOnly |=
                (name, value) is ("mode", "ro") || (name == "immutable" && value is "1" or "on" or "true" or "yes");
            encrypted |= name is "key" or "hexkey" or "textkey" or "cipher";
            sqlite |= name is "mode" or "vfs" or "cache" or "immutable" or "nolock" or "psow";
        }

        return new ConnectionValue
        {
            Path = memory ? null : path,
            Keyword = keyword,
            HasSqliteKeyword = sqlite,
            IsMemory = memory,
            IsReadOnly = readOnly,
            IsEncrypted = encrypted,
        };
    }

    // %VAR%, ${VAR}, $(VAR), {x}, #{x}#, __TOKEN__, [PATH], <path>, $VAR/ and ~/ at the start
    [GeneratedRegex(
        @"%[A-Za-z_][^%/\\]*%|\$\{|\$\(|\{[^{}]*\}"
            + @"|(?:^|[/\\])__[A-Za-z0-9_.]+__(?:[/\\]|$)|^\[[^\]]+\]|<[^>]+>|^\$[A-Za-z_]+[/\\]|^~[/\\]",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9+.\-]*://", RegexOptions.CultureInvariant)]
    private static partial Regex UrlScheme();

    [GeneratedRegex(@"^/[A-Za-z]:[/\\]", RegexOptions.CultureInvariant)]
    private static partial Regex DrivePath();

    [GeneratedRegex(@",\s*[A-Za-z0-9]+\s*=.*$", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex MonoOptions();
}
