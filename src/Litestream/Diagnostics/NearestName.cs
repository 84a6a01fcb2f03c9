namespace Litestream.Diagnostics;

/// <summary>The name that a mistyped one probably means.</summary>
internal static class NearestName
{
    /// <summary>
    /// The known name that is the fewest typing mistakes away (a letter too many, missing, wrong, or two swapped),
    /// without regard to case, <c>-</c> and <c>_</c>;
    /// null when none is near: more than a third of its letters would have to change.
    /// </summary>
    public static string? Of(string wrong, IEnumerable<string> known)
    {
        // No name is so long, and the table would be large.
        if (wrong.Length > 100)
            return null;

        string? nearest = null;
        var least = int.MaxValue;
        var simple = Simplify(wrong);
        foreach (var name in known)
        {
            var candidate = Simplify(name);
            var distance = Distance(simple, candidate);
            if (distance >= least || distance > Math.Max(simple.Length, candidate.Length) / 3)
                continue;

            least = distance;
            nearest = name;
        }

        return nearest;
    }

    /// <summary>The known name whose first part is mistyped, and the rest is right; null for none.</summary>
    public static string? OfPrefix(string wrong, string prefix, IEnumerable<string> known) =>
        known.FirstOrDefault(name =>
            name.Length > prefix.Length
            && wrong.EndsWith(name[prefix.Length..], StringComparison.OrdinalIgnoreCase)
            && Of(wrong[..^(name.Length - prefix.Length)], [prefix]) is not null
        );

    /// <summary>A question for the end of a message, or nothing.</summary>
    public static string DidYouMean(string wrong, IEnumerable<string> known) =>
        Of(wrong, known) is { } nearest ? $" Did you mean '{nearest}'?" : "";

    /// <summary>Words as a message lists them.</summary>
    public static string Choice(IReadOnlyList<string> words) =>
        words.Count == 1 ? words[0] : $"{string.Join(", ", words.SkipLast(1))} or {words[^1]}";

    private static string Simplify(string name) => name.Replace("-", "").Replace("_", "").ToLowerInvariant();

    private static int Distance(string left, string right)
    {
        var table = new int[left.Length + 1, right.Length + 1];
        for (var i = 0; i <= left.Length; i++)
            table[i, 0] = i;
        for (var j = 0; j <= right.Length; j++)
            table[0, j] = j;

        for (var i = 1; i <= left.Length; i++)
        {
            for (var j = 1; j <= right.Length; j++)
            {
                var change = left[i - 1] == right[j - 1] ? 0 : 1;
                var distance = Math.Min(
                    Math.Min(table[i - 1, j] + 1, table[i, j - 1] + 1),
                    table[i - 1, j - 1] + change
                );
                if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
                    distance = Math.Min(distance, table[i - 2, j - 2] + 1);
                table[i, j] = distance;
            }
        }

        return table[left.Length, right.Length];
    }
}
