using System.Text.RegularExpressions;
using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>Whether a replica says where it is, in one way only, and so that the executable reads all of it.</summary>
internal sealed partial class ReplicaCheck(ConfigFindings findings, YamlMap root)
{
    private readonly ReplicaTypeCheck _types = new(findings);

    public void Check(YamlMap replica)
    {
        var type = _types.Of(replica);
        if (type == "s3" && findings.Dialect.NeedsRegion && !HasRegion(replica))
        {
            findings.Fail(
                "LSB1059",
                replica,
                $"This replica has no `region:` and no `endpoint:`. {findings.Reader} would ask Amazon for the region "
                    + "first, and hang without a message where it gets no answer. Add the region of the bucket."
            );
        }

        if (type == "nats")
            CheckCertificate(replica);
        if (replica.Given("url") is YamlScalar url)
        {
            if (findings.Resolve(url) is { Length: > 0 } text)
            {
                CheckUrl(replica, url, text);
                if (
                    replica["type"] is YamlScalar { IsNull: false } node
                    && findings.Resolve(node) is { Length: > 0 } other
                    && type is not null
                    && other != type
                )
                {
                    findings.Fail(
                        "LSB1038",
                        node,
                        $"`type:` says {other} and `url:` says {type}; the URL would win. Remove `type:`."
                    );
                }
            }

            foreach (var key in (string[])["path", "bucket", "host"])
            {
                if (replica.Given(key) is { } other)
                {
                    findings.Fail(
                        "LSB1038",
                        other,
                        $"`url:` and `{key}:` both say where this replica is, and Litestream refuses that. Keep the "
                            + "URL, or `type:` with its own keys."
                    );
                }
            }

            if (Inherited(replica, type) is { } inherited)
            {
                findings.Fail(
                    "LSB1038",
                    url,
                    $"`{inherited}:` at the top of the file is for this replica too, and Litestream refuses it next to "
                        + "`url:`. Write it in the replicas that need it."
                );
            }

            return;
        }

        if (
            replica["path"] is YamlScalar { IsNull: false } path
            && findings.Resolve(path) is { } place
            && ConfigDatabaseCheck.UrlLike().IsMatch(place)
        )
        {
            findings.Fail(
                EnvPlaceholders.HasVariables(path.Text) ? "LSB1046" : "LSB1038",
                path,
                "`path:` contains a URL, which Litestream refuses. Use the key `url:` instead."
            );
        }

        string[] needed = type switch
        {
            "file" => ["path"],
            "s3" or "gcs" or "gs" or "nats" or "oss" => ["bucket"],
            "abs" => ["bucket", "account-name"],
            "sftp" => ["host", "user"],
            "webdav" => ["webdav-url"],
            _ => [],
        };
        foreach (var key in needed)
        {
            if (!IsGiven(replica, key) && !findings.IsMisspelt(replica, ConfigPlace.Replica, key))
            {
                findings.Fail(
                    "LSB1038",
                    replica,
                    $"This replica of type {type} has no `{key}:`{(replica.Has("type") ? "" : " and no `url:`")}, so "
                        + "Litestream does not know where to write. Add it."
                );
            }
        }
    }

    /// <summary>The key that says where a replica is and that it has from the top of the file; null when there is
    /// none.</summary>
    private string? Inherited(YamlMap replica, string? type)
    {
        var key = type switch
        {
            "s3" or "gs" or "abs" or "oss" => "bucket",
            "sftp" => "host",
            _ => null,
        };
        return key is not null && replica.Given(key) is null && IsGiven(replica, key) ? key : null;
    }

    private void CheckCertificate(YamlMap replica)
    {
        string[] keys = ["client-cert", "client-key"];
        if (
            keys.Where(key => !IsGiven(replica, key)).ToList() is [var missing]
            && !findings.IsMisspelt(replica, ConfigPlace.Replica, missing)
        )
        {
            findings.Fail(
                "LSB1038",
                replica,
                $"This replica has no `{missing}:`. Litestream takes `{keys[0]}:` and `{keys[1]}:` only together, and "
                    + "would not start. Add it, or remove the other one."
            );
        }
    }

    /// <summary>Whether the executable knows the region without asking, or has an endpoint.</summary>
    private bool HasRegion(YamlMap replica) =>
        IsGiven(replica, "region")
        || IsGiven(replica, "endpoint")
        || (
            replica.Given("url") is YamlScalar url
            && (
                findings.Resolve(url) is not { Length: > 0 } text
                || RegionOption().IsMatch(text)
                || GoUrl.Parse(findings.Expand(url.Text), out _) is not { } parsed
                || S3Host.Read(parsed.HostName) is not null
            )
        );

    /// <summary>
    /// Whether a replica has a value for a key, of its own or, where the line has that, from the top of the file.
    /// </summary>
    private bool IsGiven(YamlMap replica, string key) =>
        replica.Given(key) is not null
        || (findings.Dialect.Find(ConfigPlace.Root, key) is not null && root.Given(key) is not null);

    private void CheckUrl(YamlMap replica, YamlScalar node, string url)
    {
        if (GoUrl.Parse(findings.Expand(node.Text), out var problem) is not { } parsed)
        {
            findings.Fail(
                "LSB1048",
                node,
                $"The URL {problem}; Litestream would not start. Correct it, or write the place with `type:` and its "
                    + "own keys."
            );
            return;
        }

        if (parsed.Scheme.Length == 0)
        {
            findings.Fail(
                "LSB1039",
                node,
                "The URL has no scheme. Begin it with s3://, abs://, sftp://, file:// or another scheme that "
                    + "Litestream knows. For a folder, write `path:`."
            );
            return;
        }

        if (!_types.Check(node, parsed.Scheme))
            return;

        var end = url.IndexOfAny(['?', '#']);
        if (parsed.Scheme != "file")
        {
            if (url.Contains('#'))
            {
                findings.Fail(
                    "LSB1039",
                    node,
                    "Litestream ignores a `#` in a URL and the text after it. Choose a path without `#`."
                );
            }

            if (end >= 0 && url[end] == '?')
                CheckOptions(node, parsed.Scheme, url[(end + 1)..].Split('#')[0]);
            if (Problem(parsed, replica) is var (code, message))
                findings.Fail(code, node, message);
        }
        else if (end >= 0)
        {
            findings.Fail(
                "LSB1039",
                node,
                "In a file URL, Litestream reads a `?` or `#` and the text after it as part of the folder's name. "
                    + "Write the folder as `path:`, and options as keys next to it."
            );
        }
        else if (parsed.Host.Length > 0)
        {
            findings.Warn(
                "LSB1039",
                node,
                "A file URL needs three slashes: file:///folder. Litestream reads the text between the second and the "
                    + "third slash as the first folder of the path."
            );
        }
        else if (Escaped().IsMatch(parsed.Path))
        {
            findings.Warn(
                "LSB1039",
                node,
                "In a file URL, Litestream does not decode percent signs, turns a space into %20, and keeps the slash "
                    + "before a drive letter: the folder gets another name. Write the folder as `path:` instead."
            );
        }
    }

    /// <summary>What a URL says of the bucket, the host and the folder.</summary>
    private (string Code, string Message)? Problem(GoUrl url, YamlMap replica)
    {
        var isLocal = url.HostName == "localhost" || url.HostName.EndsWith(".localhost", StringComparison.Ordinal);
        bool Lacks(string key) => url.Host.Length == 0 || (string.IsNullOrEmpty(url.User) && !IsGiven(replica, key));
        return url.Scheme switch
        {
            "s3" when url.User is not null => (
                "LSB1039",
                "Litestream ignores the part before the `@` in an s3 URL. Use `access-key-id:` and "
                    + "`secret-access-key:`, with variables as values."
            ),
            "sftp" when Lacks("user") => (
                "LSB1038",
                "An SFTP URL needs the host, and the user unless `user:` is set: sftp://user@host/folder."
            ),
            "abs" when Lacks("account-name") => (
                "LSB1038",
                "An Azure URL needs the container, and the account unless `account-name:` is set: "
                    + "abs://account@container/prefix."
            ),
            "s3" when (S3Host.Read(url.HostName)?.Bucket ?? url.HostName).Length == 0 => NoBucket(),
            "gcs" or "gs" or "oss" when url.Host.Length == 0 => NoBucket(),
            "s3" when url.Port.Length > 0 && !isLocal && !findings.Dialect.HasS3Ports => (
                "LSB1039",
                "Litestream ignores the port of an s3 URL and uses the host as the name of a bucket at Amazon. Write "
                    + "`type: s3`, `endpoint: http://host:port`, `bucket:` and `path:` instead."
            ),
            "gcs" or "gs" or "abs" when url.Port.Length > 0 => (
                "LSB1039",
                "Litestream reads the port in this URL as part of the bucket's name. Remove it."
            ),
            _ => null,
        };

        (string, string) NoBucket() => ("LSB1038", $"The URL names no bucket. Write {url.Scheme}://bucket/prefix.");
    }

    private void CheckOptions(YamlScalar node, string scheme, string query)
    {
        var known = scheme is "s3" or "oss" ? findings.Dialect.UrlOptions : [];
        var keys = findings
            .Dialect.Keys.Where(k => k.Place == ConfigPlace.Replica && k.ReplicaTypes.Contains(scheme))
            .Select(k => k.Name);
        foreach (var part in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var option = part.Split('=')[0];
            if (option is "part-size" or "partSize" or "concurrency" && !PositiveNumber().IsMatch(part))
            {
                findings.Fail(
                    "LSB1039",
                    node,
                    $"`{option}` in the URL must be a whole number above 0; Litestream would not start. Correct it, or "
                        + "write it as a key of the replica, next to `url:`."
                );
            }

            if (!known.Contains(option))
            {
                findings.Fail(
                    "LSB1039",
                    node,
                    $"{findings.Reader} ignores `{option}` in the URL. "
                        + (
                            NearestName.Of(option, keys) is { } key
                                ? $"Write it as a key of the replica, `{key}:`, next to `url:`."
                                : "Remove it."
                        )
                );
            }
        }
    }

    [GeneratedRegex("=0*[1-9][0-9]*$")]
    private static partial Regex PositiveNumber();

    [GeneratedRegex("[?&](region|endpoint)=[^&]")]
    private static partial Regex RegionOption();

    [GeneratedRegex("[% ]|^/[A-Za-z]:")]
    private static partial Regex Escaped();
}
