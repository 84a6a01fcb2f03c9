namespace Litestream.Configuration;

/// <summary>
/// The release lines of Litestream whose litestream.yml is known. They read different keys, and each ignores the
/// other's without a word.
/// </summary>
public enum ReleaseLine
{
    /// <summary>0.3.x, the line that this release works with.</summary>
    V03,

    /// <summary>0.5.x.</summary>
    V05,
}
