using System.Text.RegularExpressions;
using Litestream.Sqlite;

namespace Litestream.Databases;

/// <summary>
/// Tells by evidence whether a setting names a SQLite database: what the value says, then what is nearest to it, then
/// the packages.
/// </summary>
internal static partial class SettingClassifier
{
    private enum Answer
    {
        No,
        Maybe,
        Yes,
    }

    /// <summary>Classifies one setting among the others.</summary>
    /// <param name="setting">The setting.</param>
    /// <param name="evidence">What stands around it.</param>
    public static SqliteTarget Classify(Setting setting, SettingEvidence evidence)
    {
        var value = ConnectionValue.Parse(setting.Value);
        var none = new SqliteTarget(SqliteTargetKind.NotSqlite, null);
        if (
            (value.Path is null && !value.IsMemory)
            || (value.Keyword == PathKeyword.Bare && !IsPlausibleBare(setting, value))
        )
        {
            return none;
        }

        var (near, word) = evidence.Near(setting.Key);
        var answer = value.Keyword switch
        {
            PathKeyword.None => near == Engine.Sqlite && SqliteExtensions.Contains(value.Extension)
                ? Answer.Maybe
                : Answer.No,
            _ when value.IsMemory => Memory(value, evidence, near),
            PathKeyword.Bare => Bare(setting, value, evidence, near),
            _ => ConnectionString(value, evidence, near, word),
        };
        return answer switch
        {
            Answer.No => none,
            Answer.Maybe => new SqliteTarget(SqliteTargetKind.Candidate, value.Path),
            _ => Target(value),
        };
    }

    /// <summary>What a value that is known to be SQLite's leads to.</summary>
    public static SqliteTarget Target(ConnectionValue value)
    {
        var kind = value switch
        {
            { IsMemory: true } => SqliteTargetKind.Memory,
            { Path: null } => SqliteTargetKind.NotSqlite,
            { IsEncrypted: true } => SqliteTargetKind.Encrypted,
            { IsUnresolved: true } => SqliteTargetKind.Unresolved,
            { IsReadOnly: true } => SqliteTargetKind.ReadOnly,
            _ => SqliteTargetKind.File,
        };
        return new SqliteTarget(kind, value.IsMemory ? null : value.Path);
    }

    private static Answer Memory(ConnectionValue value, SettingEvidence evidence, Engine near)
    {
        if (value.Provider == Engine.Other || value.HasForeignKeyword || near == Engine.Other)
            return Answer.No;
        return
            value.HasSqliteKeyword
            || near == Engine.Sqlite
            || evidence.HasSqlite
            || !evidence.HasCompetitor(value.Keyword)
            ? Answer.Yes
            : Answer.No;
    }

    private static Answer ConnectionString(ConnectionValue value, SettingEvidence evidence, Engine near, string? word)
    {
        if (value.Provider == Engine.Other || value.HasForeignKeyword)
            return Answer.No;
        var isSqliteFile = SqliteExtensions.Contains(value.Extension);
        if (value.Provider == Engine.Sqlite)
            return Answer.Yes;
        if (OtherExtensions.Contains(value.Extension))
            return near == Engine.Sqlite ? Answer.Maybe : Answer.No;

        if (near == Engine.Other)
        {
            // A word in a key is not proof ("CosmosCMS"): ask where everything else says SQLite and nothing else speaks
            // for that engine.
            return
                isSqliteFile
                && word is not null
                && !evidence.HasPackage(word)
                && (value.HasSqliteKeyword || (evidence.HasSqlite && !evidence.HasCompetitor(value.Keyword)))
                ? Answer.Maybe
                : Answer.No;
        }

        var isHost = !isSqliteFile && Host().IsMatch(value.Path!);
        if (value.HasSqliteKeyword)
            return Answer.Yes;
        if (near == Engine.Sqlite)
            return isHost ? Answer.Maybe : Answer.Yes;
        if (isHost)
            return Answer.No;

        if (evidence.HasCompetitor(value.Keyword))
        {
            if (!evidence.HasSqlite)
                return Answer.No;
            return evidence.FileWide == Engine.Sqlite && isSqliteFile ? Answer.Yes : Answer.Maybe;
        }

        if (isSqliteFile)
        {
            // LiteDB's usual form; SQLite's only with the package that can encrypt.
            return value is { Keyword: PathKeyword.FileName, IsEncrypted: true } && !evidence.HasSqlite
                ? Answer.Maybe
                : Answer.Yes;
        }

        if (evidence is { HasServer: true, HasSqlite: false })
            return Answer.No;
        return evidence.HasSqlite && (!evidence.HasServer || evidence.FileWide == Engine.Sqlite)
            ? Answer.Yes
            : Answer.Maybe;
    }

    private static Answer Bare(Setting setting, ConnectionValue value, SettingEvidence evidence, Engine near)
    {
        if (near == Engine.Other)
            return value.HasSqliteKeyword ? Answer.Maybe : Answer.No;
        if (!SqliteExtensions.Contains(value.Extension))
        {
            // An URI with SQLite's own query, or a path where SQLite's path is expected.
            if (value.HasSqliteKeyword)
                return Answer.Yes;
            return near == Engine.Sqlite ? Answer.Maybe : Answer.No;
        }

        var isCopy = Copy().IsMatch(setting.Key);
        if (near == Engine.Sqlite)
            return isCopy ? Answer.Maybe : Answer.Yes;
        if (!IsDatabaseKey(setting.Key))
        {
            return evidence.HasSqlite || !evidence.HasPackages || evidence.FileWide == Engine.Sqlite
                ? Answer.Maybe
                : Answer.No;
        }

        if (evidence.HasCompetitor(PathKeyword.Bare) && evidence.FileWide != Engine.Sqlite)
            return evidence.HasSqlite ? Answer.Maybe : Answer.No;
        return (evidence.HasSqlite || evidence.FileWide == Engine.Sqlite) && !isCopy ? Answer.Yes : Answer.Maybe;
    }

    // Settings are full of words and sentences; a path has a database's extension, or a key that asks for one.
    private static bool IsPlausibleBare(Setting setting, ConnectionValue value)
    {
        if (value.IsMemory || value.HasSqliteKeyword)
            return true;
        var path = value.Path!;
        if (path.Length > 400 || SettingEvidence.IsHint(setting))
            return false;
        var name = path[(path.LastIndexOfAny(['/', '\\']) + 1)..];
        if (name.AsSpan().ContainsAny('*', '?'))
            return false;
        if (SqliteExtensions.Contains(value.Extension))
        {
            // Not ".db" alone, not a list, not a pattern, and not Microsoft.Data.Sqlite where no path is asked for.
            return name.Length > value.Extension.Length
                && !path.Replace("|DataDirectory|", string.Empty, StringComparison.OrdinalIgnoreCase)
                    .AsSpan()
                    .ContainsAny(";|")
                && (!SettingEvidence.IsAssemblyName(path) || PathKey().IsMatch(SettingEvidence.LastName(setting.Key)));
        }

        return PathKey().IsMatch(SettingEvidence.LastName(setting.Key))
            && !OtherExtensions.Contains(value.Extension)
            && PlainName().IsMatch(path)
            && !bool.TryParse(path, out _)
            && !setting.Key.Contains("LogLevel:", StringComparison.OrdinalIgnoreCase)
            && !setting.Key.Contains("MinimumLevel:", StringComparison.OrdinalIgnoreCase)
            && !char.IsAsciiDigit(path[0]);
    }

    private static bool IsDatabaseKey(string key)
    {
        var segments = key.Split(':', '.');
        return segments.TakeLast(3).Any(s => DatabaseKey().IsMatch(s));
    }

    internal static readonly HashSet<string> SqliteExtensions =
    [
        .. ".db .db3 .sqlite .sqlite3 .s3db .sdb .sl3".Split(' '),
    ];

    private static readonly HashSet<string> OtherExtensions =
    [
        .. (
            ".sdf .mdb .accdb .mdf .ldf .xls .xlsx .csv .fdb .gdb .duckdb .ddb .litedb .ldb .mmdb .vdb4 .dll "
            + ".exe .json .xml .yml .yaml .ini .config .txt .log .md .html .css .js .cs .sql .zip .gz .bak .pfx "
            + ".pem .key .cer .crt .png .jpg .ico .svg .pdf .onnx .parquet .dbf .realm"
        ).Split(' '),
    ];

    // localhost, (local), (localdb)\x, ., .\SQLEXPRESS, PC\SQLEXPRESS, 10.0.0.1, name:1521/x, tcp:name,1433
    [GeneratedRegex(
        @"^(localhost|127\.|\(|\.$|\.\\[^\\/.]+$|[A-Za-z0-9_\-]{2,}\\[A-Za-z0-9_$]+$|\d{1,3}(\.\d{1,3}){3}"
            + @"|[^/\\]{2,}[:,]\d{2,5}|(tcp|np|lpc):)",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex Host();

    [GeneratedRegex(
        "(path|file|filename|location|database|data_?source|connection|connection_?string|conn_?str|dsn|db)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex PathKey();

    [GeneratedRegex(
        "database|data_?source|connection|conn_?str|sqlite|dsn$|^db|[a-z0-9_-](?-i:Db|DB)|[_-]db",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex DatabaseKey();

    [GeneratedRegex(
        "backup|template|seed|sample|export|import|archive|attachment|upload|download",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex Copy();

    [GeneratedRegex(@"^[\w.\-/\\:|{}%$~]+$", RegexOptions.CultureInvariant)]
    private static partial Regex PlainName();
}
