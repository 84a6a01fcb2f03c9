namespace Litestream.Dashboard.Monitoring;

/// <summary>What happened in a part of the last hour.</summary>
/// <param name="Start">When it began.</param>
/// <param name="Lag">The longest lag in it, in seconds; null when nothing was looked at.</param>
/// <param name="Bytes">The bytes of WAL that litestream sent (release line 0.3) or read (0.5) in it; null when that is
/// not known.</param>
public readonly record struct SamplePoint(DateTimeOffset Start, float? Lag, double? Bytes);

/// <summary>
/// The last hour of one database: the longest lag and the bytes of each 10 s, 360 slots of 24 bytes. Used under the
/// lock of its owner.
/// </summary>
internal sealed class SampleRing
{
    private const int Slots = 360;
    private const int SlotSeconds = 10;

    private readonly Slot[] _slots = new Slot[Slots];
    private double? _lastTotal;

    /// <param name="now">When it was looked.</param>
    /// <param name="lag">How long the oldest commit has waited that has not arrived.</param>
    /// <param name="totalBytes">The bytes of WAL since the app started; null when they are not known.</param>
    public void Add(DateTimeOffset now, TimeSpan lag, double? totalBytes)
    {
        var number = now.ToUnixTimeSeconds() / SlotSeconds;
        ref var slot = ref _slots[number % Slots];
        if (slot.Number != number)
            slot = new Slot { Number = number, Bytes = double.NaN };
        slot.Lag = Math.Max(slot.Lag, (float)lag.TotalSeconds);
        if (totalBytes is not { } total)
            return;
        var added = _lastTotal is { } last && total >= last ? total - last : 0;
        slot.Bytes = (double.IsNaN(slot.Bytes) ? 0 : slot.Bytes) + added;
        _lastTotal = total;
    }

    /// <summary>The last hour in parts of equal length, the oldest first.</summary>
    public IReadOnlyList<SamplePoint> Read(DateTimeOffset now, int slotsInOne = 3)
    {
        var last = now.ToUnixTimeSeconds() / SlotSeconds / slotsInOne * slotsInOne;
        var points = new List<SamplePoint>(Slots / slotsInOne);
        for (var first = last - Slots + slotsInOne; first <= last; first += slotsInOne)
        {
            float? lag = null;
            double? bytes = null;
            for (var number = first; number < first + slotsInOne; number++)
            {
                var slot = _slots[number % Slots];
                if (slot.Number != number)
                    continue;
                lag = Math.Max(lag ?? 0, slot.Lag);
                if (!double.IsNaN(slot.Bytes))
                    bytes = (bytes ?? 0) + slot.Bytes;
            }

            points.Add(new SamplePoint(DateTimeOffset.FromUnixTimeSeconds(first * SlotSeconds), lag, bytes));
        }

        return points;
    }

    private struct Slot
    {
        public long Number;
        public float Lag;
        public double Bytes;
    }
}
