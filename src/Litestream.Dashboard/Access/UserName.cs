using System.Globalization;
using System.Text;

namespace Litestream.Dashboard.Access;

/// <summary>The name of a user for the page and the log. The app's login decides what is in it.</summary>
internal static class UserName
{
    private const int MostCharacters = 100;

    /// <summary>On one line, and cut to 100 characters.</summary>
    public static string Shown(string name)
    {
        var text = new StringBuilder();
        foreach (var rune in name.EnumerateRunes())
        {
            if (text.Length >= MostCharacters)
                return text.Append('…').ToString();
            text.Append(CanBeShown(rune) ? rune.ToString() : "?");
        }

        return text.ToString();
    }

    private static bool CanBeShown(Rune rune) =>
        Rune.GetUnicodeCategory(rune)
            is not (
                UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator
            );
}
