namespace Litestream.Acquire;

/// <summary>What ends the program: one coded message about the lock file.</summary>
internal sealed class AcquisitionException(string code, string message) : Exception(message)
{
    public string Code { get; } = code;
}

/// <summary>A source could not give anything; the next one is tried.</summary>
internal sealed class SourceUnavailableException(string message) : Exception(message);
