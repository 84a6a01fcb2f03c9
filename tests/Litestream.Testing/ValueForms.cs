namespace Litestream.Testing;

/// <summary>How durations and flags are written: every place that takes one is tested with all of these.</summary>
public static class ValueForms
{
    /// <summary>A text and its seconds, null where it is refused.</summary>
    public static IReadOnlyDictionary<string, double?> Durations { get; } =
        new Dictionary<string, double?>
        {
            ["90s"] = 90,
            ["1m30s"] = 90,
            ["1M30S"] = 90,
            ["1.5m"] = 90,
            ["1.5h"] = 5400,
            [".5s"] = 0.5,
            ["250ms"] = 0.25,
            ["2500us"] = 0.0025,
            [" 30s "] = 30,
            ["00:01:30"] = 90,
            ["0:1:30"] = 90,
            ["00:00:00.25"] = 0.25,
            ["00:05"] = 300,
            ["24:00:00"] = 86400,
            ["36:00:00"] = 129600,
            ["1.12:00:00"] = 129600,
            ["0"] = null,
            ["0s"] = null,
            ["00:00:00"] = null,
            ["-5"] = null,
            ["-1s"] = null,
            ["-00:00:05"] = null,
            ["24d"] = null,
            ["10 minutes"] = null,
            ["1h 30m"] = null,
            ["s"] = null,
            ["soon"] = null,
            ["1e3"] = null,
            ["1,5s"] = null,
            ["NaN"] = null,
            ["Infinity"] = null,
            ["25:61"] = null,
            ["1.24:00:00"] = null,
            ["00:00:60"] = null,
            ["9223372036854775808ns"] = null,
            ["99999999999999999999h"] = null,
            ["99999999:00:00"] = null,
        };

    /// <summary>A number alone: seconds where it cannot be anything else.</summary>
    public static IReadOnlyDictionary<string, double?> Numbers { get; } =
        new Dictionary<string, double?>
        {
            ["90"] = 90,
            [" 1.5 "] = 1.5,
            ["0.0001"] = null,
            ["99999999"] = null,
            ["99999999999999999999999999999999"] = null,
        };

    /// <summary>Longer than a timer can wait, not longer than a backup can be kept.</summary>
    public static IReadOnlyDictionary<string, double> HoursAndDays { get; } =
        new Dictionary<string, double>
        {
            ["2000h"] = 7_200_000,
            ["8760h"] = 31_536_000,
            ["600:00:00"] = 2_160_000,
            ["365.00:00:00"] = 31_536_000,
        };

    /// <summary>A text and whether it is on, null where it is refused.</summary>
    public static IReadOnlyDictionary<string, bool?> Flags { get; } =
        new Dictionary<string, bool?>
        {
            ["true"] = true,
            ["True"] = true,
            ["1"] = true,
            ["yes"] = true,
            [" ON "] = true,
            ["false"] = false,
            ["FALSE"] = false,
            ["0"] = false,
            ["No"] = false,
            ["off"] = false,
            ["maybe"] = null,
            ["2"] = null,
            ["-1"] = null,
            ["y"] = null,
            ["true;false"] = null,
        };
}
