using Litestream.Releases;
using Litestream.Replication;

namespace Litestream.Hosting;

/// <summary>What the looks at one litestream have found so far.</summary>
internal sealed class ProcessLook(DateTimeOffset start)
{
    private long _written;

    /// <summary>When it was asked last.</summary>
    public DateTimeOffset AskedAt { get; private set; } = DateTimeOffset.MinValue;

    /// <summary>When it was last seen to write to its storage or anything else.</summary>
    public DateTimeOffset UploadedAt { get; private set; } = start;

    /// <summary>Since when it has not answered; null when it has.</summary>
    public DateTimeOffset? SilentSince { get; private set; }

    /// <summary>What it said last; null before it has.</summary>
    public MetricsAnswer? Answer { get; private set; }

    public void NoteWritten(long written, DateTimeOffset now)
    {
        if (written - _written >= Thresholds.UploadBytes)
            UploadedAt = now;

        _written = written;
    }

    public void NoteAsked(DateTimeOffset now)
    {
        AskedAt = now;
        SilentSince ??= now;
    }

    public void NoteAnswer(MetricsAnswer answer)
    {
        SilentSince = null;
        Answer = answer;
    }
}
