using System.Text.RegularExpressions;

namespace Litestream.Sqlite;

/// <summary>Which database engine something speaks of.</summary>
internal enum Engine
{
    Unknown,
    Sqlite,
    Other,
}

/// <summary>Words by which people name an engine: in keys, provider names, file names and package ids.</summary>
internal static partial class EngineDetector
{
    /// <summary>The engine that the text names; unknown when it names none, or SQLite and another one.</summary>
    public static Engine Detect(string text)
    {
        var sqlite = text.Contains("sqlite", StringComparison.OrdinalIgnoreCase);

        // "SqliteDbPath" must not read as LiteDB.
        var other = Others().IsMatch(sqlite ? text.Replace("sqlite", " ", StringComparison.OrdinalIgnoreCase) : text);
        return (sqlite, other) switch
        {
            (true, false) => Engine.Sqlite,
            (false, true) => Engine.Other,
            _ => Engine.Unknown,
        };
    }

    /// <summary>The word by which the text names another engine, or null.</summary>
    public static string? OtherEngineName(string text) =>
        Others().Match(text) is { Success: true } word ? word.Value : null;

    [GeneratedRegex(
        "lite[-_. ]?db|litedatabase|duck[-_. ]?db|mongo|redis(?!t)|postgre|npgsql|pgsql|my[-_. "
            + "]?sql|mariadb|sql[-_. ]?server|mssql|sqlclient|sql[-_. ]?azure|"
            + "sqlce|sqlcompact|oracle|firebird|interbase|informix|sybase|aseclient|saphana|teradata|ms[-_. "
            + "]?access|\\baccess\\b|\\bjet\\b|oledb|vistadb|cosmos|documentdb|dynamo|"
            + "cassandra|scylla|neo4j|raven[-_. "
            + "]?db|marten|eventstore|couch|arango|surreal|influx|clickhouse|tdengine|taos|snowflake|bigquery|spanner|"
            + "cockroach|yugabyte|timescale|elastic|opensearch|qdrant|milvus|weaviate|pinecone|leveldb|rocksdb|lmdb|"
            + "lightningdb|zonetree|rabbit|kafka|"
            + "servicebus|eventhub|memcache|blob|tablestorage|storageaccount|amqp|geoip|geolite|maxmind|mmdb|"
            + "ip2location|ldap|smtp|msolap|analysisservices",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex Others();
}
