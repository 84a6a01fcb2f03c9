using Litestream.Diagnostics;

namespace Litestream.Verbs;

/// <summary>
/// The MSBuild properties, items and metadata that the targets read. All of them begin with <c>Litestream</c>; what
/// begins so and is not here is read by none of them.
/// </summary>
internal static class PropertyNames
{
    private const string Prefix = "Litestream";

    /// <summary>The item of a database that no settings file names.</summary>
    public const string DatabaseItem = "LitestreamDatabase";

    /// <summary>Its metadata.</summary>
    public static readonly IReadOnlyList<string> DatabaseMetadata = ["ReplicaUrl", "SyncInterval"];

    /// <summary>The properties of the build and of all verbs.</summary>
    public static readonly IReadOnlyList<string> Build =
    [
        "LitestreamEnabled",
        "LitestreamAutoStart",
        "LitestreamEnvironment",
        "LitestreamConfigFile",
        "LitestreamReplicaUrl",
        "LitestreamConnectionStrings",
        "LitestreamSyncInterval",
        "LitestreamSnapshotInterval",
        "LitestreamRetention",
        "LitestreamRuntimeIdentifier",
        "LitestreamRequireExecutable",
        "LitestreamInstallDir",
        "LitestreamContentRoot",
        "LitestreamNoExpandEnv",
        "LitestreamTargetFramework",
        "LitestreamExecutableVersion",
        "LitestreamExecutableToolsDir",
    ];

    /// <summary>
    /// All properties: those of the build, those of the verbs, and each verb's list of targets that run before it.
    /// </summary>
    public static readonly IReadOnlyList<string> All =
    [
        .. Build,
        .. Verb.All.SelectMany(verb => verb.Options).Select(option => option.Property).Distinct(StringComparer.Ordinal),
        .. Verb.All.Select(verb => verb.Target + "DependsOn"),
    ];

    /// <summary>Whether it is ours to check: names that begin with an underscore are the targets' own.</summary>
    public static bool IsOurs(string name) =>
        name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)
            ? name.Length > Prefix.Length && char.IsLetter(name[Prefix.Length])
            : NearestName.OfPrefix(name, Prefix, All) is not null;

    /// <summary>Whether the targets read it; case does not matter, as nowhere in MSBuild.</summary>
    public static bool IsKnown(string property) => All.Contains(property, StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Whether it says what a verb does: a wrong one would make it do something else than what was asked for.
    /// </summary>
    public static bool IsOfVerb(string property) =>
        Verb.All.Any(verb => verb.Takes(property));

    /// <summary>The property that somebody who wrote this name probably meant, or null.</summary>
    public static string? Nearest(string property) =>
        !property.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? NearestName.OfPrefix(property, Prefix, All)
        : NearestName.Of(property[Prefix.Length..], All.Select(known => known[Prefix.Length..])) is { } nearest
            ? Prefix + nearest
            : null;
}
