namespace Litestream.Build.Tasks;

/// <summary>
/// Which lines of a long operation are shown: the user wants to see that it makes progress, and not each of ten
/// thousand WAL segments.
/// </summary>
/// <param name="time">The clock.</param>
internal sealed class ProgressLines(TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private long? _shown;

    /// <summary>
    /// Whether this line is shown: the first one, and then at most one a second. Warnings always; an error never,
    /// because one that counts is reported as what it is.
    /// </summary>
    /// <param name="level">Of the line, as litestream writes it.</param>
    public bool IsShown(string level)
    {
        if (level is "WARN" or "ERROR")
            return level == "WARN";
        var now = time.GetTimestamp();
        if (_shown is { } last && time.GetElapsedTime(last, now) < Pause)
            return false;
        _shown = now;
        return true;
    }
}
