namespace Litestream.Sqlite;

/// <summary>The value of a column in a message, cut off where it is long.</summary>
internal static class ValueText
{
    private const int LongestText = 40;
    private const int LongestBlob = 16;

    public static string Of(string text) =>
        $"'{(text.Length > LongestText ? text[..LongestText] + "..." : text).ReplaceLineEndings(" ")}'";

    public static string Of(ReadOnlySpan<byte> blob) =>
        blob.Length > LongestBlob
            ? $"x'{Convert.ToHexString(blob[..LongestBlob])}...'"
            : $"x'{Convert.ToHexString(blob)}'";
}
