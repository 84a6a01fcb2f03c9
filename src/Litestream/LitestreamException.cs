namespace Litestream;

/// <summary>A foreseeable failure with a code. Its message carries no secret.</summary>
public class LitestreamException : Exception
{
    /// <summary>Creates the exception from what is to be told to the user.</summary>
    public LitestreamException(LitestreamDiagnostic diagnostic, Exception? innerException = null)
        : base(diagnostic.ToString(), innerException) => Diagnostic = diagnostic;

    /// <summary>Creates the exception for an error with this code and message.</summary>
    public LitestreamException(string code, string message, string? file = null, int line = 0, int column = 0, Exception? innerException = null)
        : this(new LitestreamDiagnostic(code, LitestreamSeverity.Error, message, file, line, column), innerException)
    {
    }

    /// <summary>The code, the message and the place.</summary>
    public LitestreamDiagnostic Diagnostic { get; }
}
