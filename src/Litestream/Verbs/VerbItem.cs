using System.Globalization;
using Litestream.Sqlite;

namespace Litestream.Verbs;

/// <summary>One thing that a verb returns.</summary>
/// <param name="Identity">What it is about: a database as configured, a generation, a file.</param>
/// <param name="Values">Its properties, in order. Durations are seconds, times UTC; null: not known.</param>
internal sealed record VerbItem(string Identity, IReadOnlyList<(string Name, object? Value)> Values)
{
    /// <summary>
    /// A value as it stands in an item and in a table: numbers invariant, times ISO 8601 in UTC, durations seconds;
    /// what is not known is empty.
    /// </summary>
    public static string Text(object? value) =>
        value switch
        {
            null => "",
            bool flag => flag ? "true" : "false",
            DateTimeOffset time => time.UtcDateTime.ToString(
                "yyyy-MM-dd'T'HH:mm:ss.FFF'Z'",
                CultureInfo.InvariantCulture
            ),
            TimeSpan span => span.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture),
            DatabaseDifference difference => difference.Summary(),
            DatabaseChanges changes => changes.Summary,
            QueryRow row => row.ToJson(),
            IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
            _ => value.ToString() ?? "",
        };
}
