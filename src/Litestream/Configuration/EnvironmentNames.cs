using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>
/// The environment variables <c>LITESTREAM_*</c> that this project or the executable reads by itself.
/// </summary>
internal static class EnvironmentNames
{
    private const string Prefix = "LITESTREAM";

    /// <summary>All of them. A litestream.yml may use others as <c>${NAME}</c>.</summary>
    public static readonly IReadOnlyList<string> All =
    [
        .. SettingNames.All.Select(setting => setting.Variable).OfType<string>(),
        "LITESTREAM_STACKTRACE",
        "LITESTREAM_AZURE_ACCOUNT_KEY",
        "LITESTREAM_INSTALL_DIR",
        "LITESTREAM_CONFIG",
        "LITESTREAM_USERNAME",
        "LITESTREAM_PASSWORD",
    ];

    /// <summary>
    /// What somebody who set this variable probably meant: a variable, or a setting as a variable
    /// (<c>Litestream__ReplicaUrl</c>). Null where the name is known, or like none.
    /// </summary>
    /// <param name="variable">The variable's name.</param>
    /// <param name="isProperty">A name without an underscore after Litestream is a property of the build, and not
    /// looked at here.</param>
    public static string? Meant(string variable, bool isProperty)
    {
        var comparison = OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        if (All.Any(known => known.Equals(variable, comparison)))
            return null;
        if (!variable.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            return NearestName.OfPrefix(variable, Prefix, All);

        // With two underscores it is a setting, and looked at as one.
        var rest = variable[Prefix.Length..];
        if (
            rest.Length == 0
            || rest.StartsWith("__", StringComparison.Ordinal)
            || rest.Contains(':')
            || (rest[0] != '_' && (isProperty || !char.IsLetter(rest[0])))
        )
        {
            return null;
        }

        rest = rest.TrimStart('_');
        if (NearestName.Of(rest, All.Select(known => known[(Prefix.Length + 1)..])) is { } nearest)
            return $"{Prefix}_{nearest}";
        return SettingNames.Nearest(rest) is { } setting
            ? $"{SettingNames.Section}__{setting.Replace(":", "__")}"
            : null;
    }
}
