using System.Text.RegularExpressions;
using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>
/// A replica's place, from the one URL a user gives to the keys of release line 0.3. A URL that is all variables stays
/// one until their values are known.
/// </summary>
internal static partial class ReplicaUrl
{
    /// <summary>The keys of a replica for one database. The path is the URL's path and the database's.</summary>
    /// <param name="url">The URL or folder as the user gave it, unmarked.</param>
    /// <param name="configuredPath">The database as it is configured.</param>
    /// <param name="error">Makes the exception for a code and a message, with the user's place.</param>
    /// <param name="lookup">The value of a variable where the app runs; null while the app is built.</param>
    public static YamlMap Parse(
        string url,
        string configuredPath,
        Func<string, string, LitestreamException> error,
        Func<string, string?>? lookup = null
    ) => Parse(EnvPlaceholders.Mark(url.Trim()), lookup, new(ReplicaPath.DatabaseKey(configuredPath), error));

    /// <summary>The same for a <c>url:</c> that <c>Parse</c> made while the app was built; any other replica as it is.
    /// </summary>
    public static YamlMap ParseBuilt(
        YamlMap replica,
        string configuredPath,
        Func<string, string, LitestreamException> error,
        Func<string, string?> lookup
    )
    {
        var key = ReplicaPath.DatabaseKey(configuredPath);
        var (url, query) = SplitQuery(
            replica.Text("url").Replace(EnvPlaceholders.Variable(EnvPlaceholders.DollarVariable), "$")
        );
        if (!url.EndsWith("/" + key, StringComparison.Ordinal))
            return replica;
        var parsed = Parse(url[..^(key.Length + 1)] + query, lookup, new(key, error));
        return parsed.Has("url") ? replica : Keep(parsed, replica);
    }

    /// <summary>Adds how a replica is kept, as opposed to where it is.</summary>
    /// <param name="replica">Gets them.</param>
    /// <param name="built">Has them.</param>
    /// <param name="also">One key more.</param>
    public static YamlMap Keep(YamlMap replica, YamlMap built, string? also = null)
    {
        foreach (var (key, value) in built.Entries.Where(e => !ReplicaPath.IsLocationKey(e.Key) || e.Key == also))
            replica[key] = value;
        return replica;
    }

    /// <summary>
    /// The password in a URL, also one with characters that should be percent-encoded; null when there is none.
    /// </summary>
    public static string? Password(string url) =>
        PasswordForm().Match(url) is { Success: true } match ? match.Groups[1].Value : null;

    /// <summary>The URL, and its query with the question mark.</summary>
    public static (string Url, string Query) SplitQuery(string marked) =>
        marked.IndexOf('?') is >= 0 and var at ? (marked[..at], marked[at..]) : (marked, "");

    private static YamlMap Parse(string text, Func<string, string?>? lookup, ReplicaUrlParser parser)
    {
        if (!IsOpen(text))
            return parser.Parse(text);
        var (url, query) = SplitQuery(text);
        parser.RefuseSecrets(url, query);
        return lookup is not null && EnvPlaceholders.Names(text).All(name => lookup(name) is { Length: > 0 })
            ? (parser with { IsFromVariable = true }).Parse(EnvPlaceholders.Expand(text, lookup).Trim())
            : new YamlMap { ["url"] = parser.WithKey(url) + query };
    }

    /// <summary>Whether a variable decides what kind of place a URL names: <c>${REPLICA_URL}</c>, <c>${A}${B}</c>,
    /// <c>${SCHEME}://bucket</c>.</summary>
    private static bool IsOpen(string marked)
    {
        if (!EnvPlaceholders.HasVariables(marked) || ReplicaIdentity.Scheme().IsMatch(marked))
            return false;
        var before = EnvPlaceholders.Literal(marked);
        return before.Length == 0 || (SchemeStart().IsMatch(before) && marked.Contains("://"));
    }

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9+.-]*$")]
    private static partial Regex SchemeStart();

    [GeneratedRegex("^(?:(?!://).)*://[^:/]*:(.*)@", RegexOptions.Singleline)]
    private static partial Regex PasswordForm();
}
