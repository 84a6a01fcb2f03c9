using System.Text.Json;

namespace Litestream.Tests.Restore;

/// <summary>What a restore that was killed while it moved a file leaves: written by hand.</summary>
internal static class PlantedRecord
{
    /// <param name="folder">The folder of the restore.</param>
    /// <param name="output">The database.</param>
    /// <param name="moved">What was moved; to take it back moves it to <paramref name="to"/>.</param>
    /// <param name="to">Where it was before; by default a name beside it.</param>
    public static void Write(string folder, string output, string moved, string? to = null)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "lock"), "");
        File.WriteAllText(Path.Combine(folder, "restored.db"), "restored");
        File.WriteAllText(
            Path.Combine(folder, "moves.json"),
            JsonSerializer.Serialize(
                new
                {
                    output,
                    folder = (string?)null,
                    moves = new[] { new { from = to ?? moved + ".stolen", to = moved } },
                }
            )
        );
    }
}
