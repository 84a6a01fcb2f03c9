using System.Collections;

namespace Litestream.Diagnostics;

/// <summary>The environment of this process.</summary>
internal static class ProcessVariables
{
    /// <summary>All variables, as a child inherits them.</summary>
    public static IReadOnlyDictionary<string, string> Read() =>
        Environment
            .GetEnvironmentVariables()
            .Cast<DictionaryEntry>()
            .ToDictionary(
                variable => (string)variable.Key,
                variable => (string?)variable.Value ?? "",
                OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal
            );
}
