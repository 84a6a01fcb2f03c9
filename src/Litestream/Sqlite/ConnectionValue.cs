using System.Buffers;
using System.Data.Common;
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

        var assign = text.IndexOf('=', StringComparison.Ordinal);
        if (assign <= 0)
            return text.AsSpan().ContainsAny(NotInPaths) ? Nothing : FromPath(text, PathKeyword.Bare);

        // A file name may have '=' in it; a keyword has no folder.
        var keyword = text.AsSpan(0, assign);
        if (keyword.ContainsAny('/', '\\') && !text.Contains(';', StringComparison.Ordinal))
            return FromPath(text, PathKeyword.Bare);
        return FromKeywords(Split(text), nested: false);
    }

    private static ConnectionValue FromKeywords(List<KeyValuePair<string, string>> pairs, bool nested)
    {
        var result = Nothing;
        string? path = null,
            database = null,
            inner = null,
            journalMode = null;
        var pathKeyword = PathKeyword.None;
        bool foreign = false,
            sqlite = false,
            memory = false,
            readOnly = false,
            encrypted = false,
            isDatabaseOnly = true;
        var provider = Engine.Unknown;
        var hasProvider = false;

        foreach (var (keyword, value) in pairs)
        {
            switch (keyword)
            {
                case "datasource":
                    (path, pathKeyword) = (value, PathKeyword.DataSource);
                    break;
                case "filename":
                    (path, pathKeyword) = (value, PathKeyword.FileName);
                    break;
                case "uri" or "fulluri":
                    (path, pathKeyword) = (CutMonoOptions(value), PathKeyword.Uri);
                    break;
                case "xpoprovider" or "provider" or "providername" or "driver" or "dbtype" or "dbprovider":
                    hasProvider = true;
                    provider = EngineDetector.Detect(value);
                    break;
                case "journalmode":
                    (journalMode, sqlite) = (value.Trim(), true);
                    break;
                case "providerconnectionstring":
                    inner = value;
                    break;
                case "database":
                    database = value;
                    break;
                case "mode" when value.Equals("Memory", StringComparison.OrdinalIgnoreCase) || value == "3":
                    (memory, sqlite) = (true, true);
                    break;
                case "mode" when value.Equals("ReadOnly", StringComparison.OrdinalIgnoreCase) || value == "2":
                    readOnly = true;
                    break;
                case "mode" when value.StartsWith("ReadWrite", StringComparison.OrdinalIgnoreCase):
                    sqlite = true;
                    break;
                case "mode" when value.Length > 1:
                    foreign = true; // LiteDB: Shared, Exclusive
                    isDatabaseOnly = false;
                    break;
                case "readonly":
                    readOnly = IsTrue(value);
                    break;
                case "vfs":
                    sqlite = true;
                    memory |= value == "memdb";
                    break;
                case "password" or "hexpassword" or "textpassword":
                    encrypted |= value.Length > 0;
                    break;
                case "version":
                    sqlite |= value == "3";
                    break;
                case "cache":
                    sqlite |= value is not [>= '0' and <= '9', ..];
                    break;
                default:
                    if (SqliteKeywords.Contains(keyword))
                        sqlite = true;
                    if (ForeignKeywords.Contains(keyword))
                        (foreign, isDatabaseOnly) = (true, false);
                    break;
            }
        }

        if (inner is not null && !nested)
        {
            // Entity Framework: the real string is inside, its provider outside.
            return provider == Engine.Sqlite
                ? FromKeywords(Split(inner), nested: true) with
                {
                    Provider = Engine.Sqlite,
                }
                : result with
                {
                    Provider = Engine.Other,
                };
        }

        if (hasProvider && provider == Engine.Unknown)
            provider = Engine.Other;
        if (database is not null)
        {
            // ODBC's SQLite driver has its file there, everybody else a server's database.
            if (provider == Engine.Sqlite && path is null)
                (path, pathKeyword) = (database, PathKeyword.DataSource);
            else
                foreign = true;
        }

        if (path is null)
        {
            // "Database=app.sqlite" and nothing else: worth a question where other evidence says SQLite.
            return foreign && isDatabaseOnly && database is not null
                ? FromPath(database, PathKeyword.None) with
                {
                    HasForeignKeyword = true,
                    Provider = provider,
                }
                : result with
                {
                    Provider = provider,
                    HasForeignKeyword = foreign,
                };
        }

        var found = FromPath(path, pathKeyword);
        return found with
        {
            Provider = provider,
            HasForeignKeyword = foreign,
            HasSqliteKeyword = found.HasSqliteKeyword || sqlite,
            IsMemory = found.IsMemory || memory,
            IsReadOnly = found.IsReadOnly || readOnly,
            IsEncrypted = found.IsEncrypted || encrypted,
            JournalMode = journalMode,
        };
    }

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
        var fragment = text.IndexOf('#', StringComparison.Ordinal);
        if (fragment >= 0)
            text = text[..fragment];
        var question = text.IndexOf('?', StringComparison.Ordinal);
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
            var assign = parameter.IndexOf('=', StringComparison.Ordinal);
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

    // Keywords in lower case without blanks and underscores, so that "Data Source" and "DataSource" are one; in the
    // order in which they stand.
    private static List<KeyValuePair<string, string>> Split(string text)
    {
        var builder = new DbConnectionStringBuilder();
        try
        {
            builder.ConnectionString = text;
            return
            [
                .. builder
                    .Keys.Cast<string>()
                    .Select(k => KeyValuePair.Create(Normalize(k), builder[k]?.ToString() ?? string.Empty)),
            ];
        }
        catch (ArgumentException)
        {
            // An unclosed quote, a piece without '=': some providers take such strings all the same.
            return
            [
                .. text.Split(';', StringSplitOptions.RemoveEmptyEntries)
                    .Select(piece => piece.Split('=', 2))
                    .Where(pair => pair.Length == 2)
                    .Select(pair => KeyValuePair.Create(Normalize(pair[0]), pair[1].Trim().Trim('"', '\''))),
            ];
        }
    }

    private static string Normalize(string keyword) => Blank().Replace(keyword, string.Empty).ToLowerInvariant();

    // Mono's old syntax has commas: URI=file:OpenSim.db,version=3
    private static string CutMonoOptions(string uri) =>
        MonoOption().Match(uri) is { Success: true } option ? uri[..option.Index] : uri;

    private static bool IsTrue(string value) =>
        value is "1"
        || value.Equals("true", StringComparison.OrdinalIgnoreCase)
        || value.Equals("yes", StringComparison.OrdinalIgnoreCase);

    // Microsoft.Data.Sqlite's and System.Data.SQLite's. Not "Cache Size" (LiteDB 4) and nothing that SqlClient has too.
    private static readonly HashSet<string> SqliteKeywords =
    [
        "foreignkeys",
        "recursivetriggers",
        "journalmode",
        "synchronous",
        "pagesize",
        "failifmissing",
        "binaryguid",
        "datetimeformat",
        "datetimekind",
        "datetimeformatstring",
        "busytimeout",
        "useutf16encoding",
        "legacyformat",
        "fulluri",
        "defaultisolationlevel",
        "baseschemaname",
        "hexpassword",
        "textpassword",
        "tofullpath",
        "zipvfsversion",
        "progressops",
        "prepareretries",
        "vfsname",
        "waitreadlock",
        "maxpagecount",
        "new",
        "compress",
    ];

    private static readonly HashSet<string> ForeignKeywords =
    [
        "server",
        "servername",
        "host",
        "hostname",
        "hosts",
        "address",
        "addr",
        "networkaddress",
        "initialcatalog",
        "catalog",
        "integratedsecurity",
        "trustedconnection",
        "userid",
        "uid",
        "user",
        "username",
        "pwd",
        "port",
        "attachdbfilename",
        "extendedproperties",
        "dbq",
        "service",
        "servicename",
        "instance",
        "instancename",
        "currentschema",
        "schema",
        "searchpath",
        "persistsecurityinfo",
        "connection",
        "upgrade",
        "collation",
        "initialsize",
        "autorebuild",
        "accountendpoint",
        "accountkey",
        "accountname",
        "endpoint",
        "endpoints",
        "accesskey",
        "sharedaccesskey",
        "sharedaccesskeyname",
        "sharedaccesssignature",
        "blobendpoint",
        "defaultendpointsprotocol",
        "usedevelopmentstorage",
        "multipleactiveresultsets",
        "applicationintent",
        "multisubnetfailover",
        "trustservercertificate",
        "encrypt",
        "applicationname",
        "app",
        "workstationid",
        "wsid",
        "failoverpartner",
        "sslmode",
        "charset",
        "allowuservariables",
        "clientencoding",
        "role",
        "protocol",
        "sid",
        "instrumentationkey",
        "ingestionendpoint",
        "authority",
        "clientid",
        "clientsecret",
        "tenantid",
        "accessmode",
        "memorylimit",
        "motherducktoken",
        "maxdatabasesize",
        "dbapassword",
        "tnsadmin",
        "walletlocation",
        "ssce:maxdatabasesize",
        "region",
        "bucket",
        "keyspace",
        "contactpoints",
        "namespace",
    ];

    // %VAR%, ${VAR}, $(VAR), {x}, #{x}#, __TOKEN__, [PATH], <path>, $VAR/ and ~/ at the start
    [GeneratedRegex(
        @"%[A-Za-z_][^%/\\]*%|\$\{|\$\(|\{[^{}]*\}|(?:^|[/\\])__[A-Za-z0-9_.]+__(?:[/\\]|$)|^\[[^\]]+\]|<[^>]+>|^\$[A-Za-z_]+[/\\]|^~[/\\]",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9+.\-]*://", RegexOptions.CultureInvariant)]
    private static partial Regex UrlScheme();

    [GeneratedRegex(@"^/[A-Za-z]:[/\\]", RegexOptions.CultureInvariant)]
    private static partial Regex DrivePath();

    [GeneratedRegex(@",\s*[A-Za-z0-9]+\s*=", RegexOptions.CultureInvariant)]
    private static partial Regex MonoOption();

    [GeneratedRegex(@"[\s_]+", RegexOptions.CultureInvariant)]
    private static partial Regex Blank();
}
