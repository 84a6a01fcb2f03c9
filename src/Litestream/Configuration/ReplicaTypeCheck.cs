namespace Litestream.Configuration;

/// <summary>The types of replica that a release line knows.</summary>
internal sealed class ReplicaTypeCheck(ConfigFindings findings)
{
    /// <summary>All of them.</summary>
    public string[] Known { get; } =
        ConfigSchema.Keys.First(k => k is { Place: ConfigPlace.Replica, Name: "type" }).Words(findings.Line);

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
                        ConfigFindings.IsMisspelt(replica, ConfigPlace.Replica, "type")
                        || ConfigFindings.IsMisspelt(replica, ConfigPlace.Replica, "url")
                    )
            )
        )
            return null;

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
        if (Known.Contains(type) || (type == "webdavs" && findings.Line == ReleaseLine.V05))
            return true;

        var instead = (type, findings.Line) switch
        {
            ("gs", ReleaseLine.V03) => "Litestream 0.3 calls it `gcs`.",
            ("gcs", ReleaseLine.V05) => "Litestream 0.5 calls it `gs`.",
            ("azure", _) => "Litestream calls it `abs`.",
            ("minio" or "r2" or "b2" or "aws", _) => "Write `s3` and an `endpoint:`.",
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
