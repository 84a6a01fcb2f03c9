using System.Text;

namespace Litestream.Sqlite;

/// <summary>
/// Tells from the strings of an assembly whether its code may set a rollback journal. A hint only: it decides whether
/// an app is watched before litestream gets its database, never
/// whether it is replicated.
/// </summary>
internal static class JournalModeText
{
    private const int Longest = 24;

    private static readonly byte[] Word = Encoding.Unicode.GetBytes("journal_mode");

    /// <summary>Whether one of the strings sets a journal mode that is not, for certain, WAL.</summary>
    public static bool MaySetRollback(ReadOnlySpan<byte> assembly)
    {
        for (; assembly.IndexOf(Word) is >= 0 and var at; assembly = assembly[(at + Word.Length)..])
        {
            if (SetsOther(Rest(assembly[(at + Word.Length)..])))
                return true;
        }

        return false;
    }

    /// <summary>
    /// What stands behind the word, to the end of the string: assemblies keep strings as UTF-16, with other bytes
    /// between them.
    /// </summary>
    private static string Rest(ReadOnlySpan<byte> bytes)
    {
        var rest = new StringBuilder();
        for (
            var i = 0;
            i + 1 < bytes.Length && rest.Length < Longest && bytes[i + 1] == 0 && bytes[i] is >= 0x20 and < 0x7F;
            i += 2
        )
        {
            rest.Append((char)bytes[i]);
        }

        return rest.ToString();
    }

    private static bool SetsOther(string rest)
    {
        var text = rest.TrimStart();

        // A question, not an assignment.
        if (text.Length == 0 || text[0] is not ('=' or '('))
            return false;
        var mode = text[1..].TrimStart(' ', '\'', '"');
        return !mode.StartsWith("wal", StringComparison.OrdinalIgnoreCase);
    }
}
