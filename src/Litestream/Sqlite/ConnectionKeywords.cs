using System.Data.Common;
using System.Text.RegularExpressions;

namespace Litestream.Sqlite;

/// <summary>The keywords of connection strings: in lower case without blanks and underscores, so that "Data Source" and
/// "DataSource" are one.</summary>
internal static partial class ConnectionKeywords
{
    /// <summary>
    /// Microsoft.Data.Sqlite's and System.Data.SQLite's. Not "Cache Size" (LiteDB 4) and nothing that SqlClient has
    /// too.
    /// </summary>
    private static readonly HashSet<string> Sqlite = Words(
        """
        foreignkeys recursivetriggers synchronous pagesize failifmissing binaryguid datetimeformat
        datetimekind datetimeformatstring busytimeout useutf16encoding legacyformat defaultisolationlevel
        baseschemaname tofullpath zipvfsversion progressops prepareretries vfsname
        waitreadlock maxpagecount new compress
        """
    );

    private static readonly HashSet<string> Foreign = Words(
        """
        server servername host hostname hosts address addr networkaddress initialcatalog catalog integratedsecurity
        trustedconnection userid uid user username pwd port attachdbfilename extendedproperties dbq service
        servicename instance instancename currentschema schema searchpath persistsecurityinfo connection upgrade
        collation initialsize autorebuild accountendpoint accountkey accountname endpoint endpoints accesskey
        sharedaccesskey sharedaccesskeyname sharedaccesssignature blobendpoint defaultendpointsprotocol
        usedevelopmentstorage multipleactiveresultsets applicationintent multisubnetfailover trustservercertificate
        encrypt applicationname app workstationid wsid failoverpartner sslmode charset allowuservariables
        clientencoding role protocol sid instrumentationkey ingestionendpoint authority clientid clientsecret
        tenantid accessmode memorylimit motherducktoken maxdatabasesize dbapassword tnsadmin walletlocation
        ssce:maxdatabasesize region bucket keyspace contactpoints namespace
        """
    );

    /// <summary>Whether only SQLite's providers have it.</summary>
    public static bool IsOfSqlite(string keyword) => Sqlite.Contains(keyword);

    /// <summary>Whether SQLite's providers do not have it.</summary>
    public static bool IsForeign(string keyword) => Foreign.Contains(keyword);

    /// <summary>The pairs of a connection string, in the order in which they stand.</summary>
    public static List<KeyValuePair<string, string>> Split(string text)
    {
        var builder = new DbConnectionStringBuilder();
        try
        {
            builder.ConnectionString = text;
            return [.. builder.Keys.Cast<string>().Select(k => Pair(k, builder[k]?.ToString() ?? ""))];
        }
        catch (ArgumentException)
        {
            // An unclosed quote, a piece without '=': some providers take such strings all the same.
            return
            [
                .. text.Split(';', StringSplitOptions.RemoveEmptyEntries)
                    .Select(piece => piece.Split('=', 2))
                    .Where(pair => pair.Length == 2)
                    .Select(pair => Pair(pair[0], pair[1].Trim().Trim('"', '\''))),
            ];
        }
    }

    private static KeyValuePair<string, string> Pair(string keyword, string value) =>
        new(Blank().Replace(keyword, "").ToLowerInvariant(), value);

    private static HashSet<string> Words(string text) =>
        [.. text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];

    [GeneratedRegex(@"[\s_]+", RegexOptions.CultureInvariant)]
    private static partial Regex Blank();
}
