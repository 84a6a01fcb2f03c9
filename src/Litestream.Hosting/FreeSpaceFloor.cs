using System.Globalization;

namespace Litestream.Hosting;

/// <summary>
/// How much room a replica on the database's own disk leaves to the app: some bytes or a share of the disk, whichever
/// is less.
/// </summary>
/// <param name="Bytes">Bytes.</param>
/// <param name="Share">Of the whole disk, 0 to 1.</param>
internal readonly record struct FreeSpaceFloor(long Bytes, double Share)
{
    private const long Mega = 1024 * 1024;

    public static readonly FreeSpaceFloor Default = new(256 * Mega, 0.05);

    /// <summary>Of a disk of that size.</summary>
    public long Of(long total) => (long)Math.Min(Bytes, total * Share);

    /// <summary><c>500MB</c>, <c>2GB</c>, <c>5%</c>, or <c>0</c> for no floor; null when it is none of these.</summary>
    public static FreeSpaceFloor? Parse(string text)
    {
        if (text == "0")
            return new FreeSpaceFloor(0, 0);
        (string Unit, Func<double, FreeSpaceFloor> Of)[] units =
        [
            ("%", number => new FreeSpaceFloor(long.MaxValue, number / 100)),
            ("KB", number => new FreeSpaceFloor((long)(number * 1024), 1)),
            ("MB", number => new FreeSpaceFloor((long)(number * Mega), 1)),
            ("GB", number => new FreeSpaceFloor((long)(number * Mega * 1024), 1)),
        ];
        foreach (var (unit, of) in units)
        {
            if (
                text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)
                && double.TryParse(
                    text.AsSpan(0, text.Length - unit.Length),
                    NumberStyles.AllowDecimalPoint | NumberStyles.AllowTrailingWhite,
                    CultureInfo.InvariantCulture,
                    out var number
                )
            )
            {
                return number is >= 0 and < 1e6 && of(number) is { Share: <= 1 } floor ? floor : null;
            }
        }

        return null;
    }
}
