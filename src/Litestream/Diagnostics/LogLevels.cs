namespace Litestream.Diagnostics;

/// <summary>The levels of the executable's log.</summary>
internal static class LogLevels
{
    /// <summary>
    /// Whether a log of that level has lines of this one. What is not a level counts as <c>INFO</c>, as it does for the
    /// executable; a line without one is always shown.
    /// </summary>
    public static bool Shows(string level, string lineLevel) => lineLevel.Length == 0 || Rank(lineLevel) >= Rank(level);

    private static int Rank(string level) =>
        level.ToUpperInvariant() switch
        {
            "TRACE" => 0,
            "DEBUG" => 1,
            "WARN" or "WARNING" => 3,
            "ERROR" => 4,
            _ => 2,
        };
}
