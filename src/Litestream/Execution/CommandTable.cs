using System.Text;
using Litestream.Diagnostics;

namespace Litestream.Execution;

/// <summary>Reads the tables that the executable prints.</summary>
internal static class CommandTable
{
    /// <summary>
    /// The rows under the header. The executable pads with spaces, so a row is cut where the header's words begin:
    /// paths and names may hold spaces, two in a row too.
    /// It counts code points; so does this.
    /// </summary>
    /// <exception cref="LitestreamException">LSB3001: it failed, or said an error although its exit code is 0 (release
    /// line 0.3 does when storage fails), or printed something else.</exception>
    public static IReadOnlyList<T> Read<T>(
        string command,
        IReadOnlyList<string> columns,
        CommandResult result,
        Func<string[], T> toRecord
    )
    {
        ThrowIfFailed(command, result);

        var lines = Lines(result.StandardOutput).ToList();
        var header = lines.FindIndex(line =>
            line.Split(' ', StringSplitOptions.RemoveEmptyEntries).SequenceEqual(columns)
        );
        if (header < 0)
        {
            throw new LitestreamException(
                "LSB3001",
                $"`litestream {command}` printed no table with the "
                    + $"columns {string.Join(", ", columns)}: {Shorten(result.StandardOutput + result.StandardError)}"
            );
        }

        var starts = new List<int> { 0 };
        foreach (var column in columns.Skip(1))
            starts.Add(lines[header].IndexOf($" {column}", starts[^1], StringComparison.Ordinal) + 1);

        var records = new List<T>();
        foreach (var line in lines.Skip(header + 1))
        {
            try
            {
                records.Add(toRecord(Cut(line, starts)));
            }
            catch (Exception e) when (e is FormatException or OverflowException)
            {
                throw new LitestreamException(
                    "LSB3001",
                    $"`litestream {command}` printed a row that cannot be read: {Shorten(line)}",
                    innerException: e
                );
            }
        }

        return records;
    }

    /// <exception cref="LitestreamException">LSB3001.</exception>
    public static void ThrowIfFailed(string command, CommandResult result)
    {
        var errors = Lines(result.StandardError)
            .Concat(Lines(result.StandardOutput))
            .Select(LogLine.Parse)
            .Where(line => line.Level == "ERROR")
            .Select(line =>
                line.Fields.TryGetValue("replica", out var replica)
                    ? $"replica {replica}: {line.Explanation}"
                    : line.Explanation
            )
            .Distinct()
            .ToList();
        if (result.ExitCode == 0 && errors.Count == 0)
            return;

        var said = errors.Count > 0 ? string.Join("; ", errors) : Shorten(result.StandardError + result.StandardOutput);
        var how =
            result.ExitCode == 0
                ? "reported an error (although its exit code is 0)"
                : $"ended with exit code {NumberText.Of(result.ExitCode)}";
        throw new LitestreamException(
            "LSB3001",
            $"`litestream {command}` {how}: {(said.Length == 0 ? "it printed nothing" : said)}"
        );
    }

    private static string[] Cut(string line, List<int> starts)
    {
        var runes = line.EnumerateRunes().ToArray();
        var cells = new string[starts.Count];
        for (var i = 0; i < starts.Count; i++)
        {
            var cell = new StringBuilder();
            for (
                var at = starts[i];
                at < (i + 1 < starts.Count ? Math.Min(starts[i + 1], runes.Length) : runes.Length);
                at++
            )
            {
                cell.Append(runes[at]);
            }

            cells[i] = cell.ToString().TrimEnd(' ');
        }

        return cells;
    }

    private static IEnumerable<string> Lines(string text) =>
        text.Split('\n').Select(line => line.TrimEnd('\r')).Where(line => line.Length > 0);

    private static string Shorten(string text)
    {
        const int Most = 2000;
        var trimmed = text.Trim();
        return trimmed.Length <= Most ? trimmed : trimmed[..Most] + " ...";
    }
}
