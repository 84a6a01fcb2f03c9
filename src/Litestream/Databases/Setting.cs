namespace Litestream.Databases;

/// <summary>One value of an app's configuration and where it stands.</summary>
/// <param name="Key">The full key, with <c>:</c> between its segments.</param>
/// <param name="Value">The value. It may hold a secret: it must not be shown to anybody.</param>
/// <param name="File">The file it stands in, or null.</param>
/// <param name="Line">1-based line, or 0 when unknown.</param>
/// <param name="Column">1-based column, or 0 when unknown.</param>
public sealed record Setting(string Key, string Value, string? File = null, int Line = 0, int Column = 0)
{
    /// <summary>The key and the place, never the value.</summary>
    public override string ToString() => File is null ? Key : $"{File}({Line},{Column}): {Key}";
}
