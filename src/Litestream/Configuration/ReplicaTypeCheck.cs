namespace Litestream.Configuration;

/// <summary>The types of replica that a release line knows.</summary>
internal sealed class ReplicaTypeCheck(ConfigFindings findings)
{
    /// <summary>All of them.</summary>
    public IReadOnlyList<string> Known { get; } = findings.Dialect.Find(ConfigPlace.Replica, "type")!.Words;

    /// <summary>
    /// The type of a replica as the executable sees it; null when it depends on a variable without a value.
    /// </summary>
    public string? Of(YamlMap replica)
    {
        var hasUrl = replica.Given("url") is YamlScalar;
        if (
            !hasUrl
            && (
                replica["type"] is YamlMap or YamlList
                || !replica.Has("type")
                    && (
                        findings.IsMisspelt(replica, ConfigPlace.Replica, "type")
                        || findings.IsMisspelt(replica, ConfigPlace.Replica, "url")
                    )
            )
        )
        {
            return null;
        }

        return findings.Identify(replica).Type switch
        {
            null or "" => null,
            "webdavs" => "webdav",
            var type => hasUrl || Known.Contains(type) ? type : null,
        };
    }

    /// <summary>Whether a type, or the scheme of a URL, is known; else that is a finding.</summary>
    public bool Check(YamlScalar node, string type)
    {
        if (Known.Contains(type) || findings.Dialect.MoreSchemes.Contains(type))
            return true;

        var instead = type switch
        {
            "gs" or "gcs" when Known.FirstOrDefault(known => known is "gs" or "gcs") is { } name =>
                $"{findings.Reader} calls it `{name}`.",
            "azure" => "Litestream calls it `abs`.",
            "minio" or "r2" or "b2" or "aws" => "Write `s3` and an `endpoint:`.",
            _ => ConfigFindings.Choice(type, Known),
        };

        // The value of a variable may be a secret.
        var shown = node.Text.Contains(type, StringComparison.OrdinalIgnoreCase)
            ? $"of the type `{ConfigFindings.Short(type)}`"
            : "of the type that a variable names here";
        findings.Fail("LSB1036", node, $"{findings.Reader} has no replica {shown} and would not start. {instead}");
        return false;
    }
}
