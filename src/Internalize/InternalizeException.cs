namespace Litestream.Internalize;

/// <summary>An assembly has something that cannot be moved.</summary>
public sealed class InternalizeException : Exception
{
    /// <summary>Without a reason.</summary>
    public InternalizeException() { }

    /// <param name="message">What cannot be moved.</param>
    public InternalizeException(string message)
        : base(message) { }

    /// <param name="message">What cannot be moved.</param>
    /// <param name="innerException">Why.</param>
    public InternalizeException(string message, Exception innerException)
        : base(message, innerException) { }
}
