namespace Litestream.Diagnostics;

/// <summary>A foreseeable failure with a code. Its message carries no secret.</summary>
public class LitestreamException : Exception
{
    /// <summary>Creates the exception from what the user is to see.</summary>
    public LitestreamException(LitestreamDiagnostic diagnostic, Exception? innerException = null)
        : base(diagnostic.ToString(), innerException)
    {
        Diagnostic = diagnostic;
        Diagnostics = [diagnostic];
    }

    /// <summary>Creates the exception for an error with this code and message.</summary>
    public LitestreamException(
        string code,
        string message,
        string? file = null,
        int line = 0,
        int column = 0,
        Exception? innerException = null
    )
        : this(new LitestreamDiagnostic(code, LitestreamSeverity.Error, message, file, line, column), innerException)
    { }

    internal LitestreamException(
        string code,
        MessageText text,
        string? file = null,
        int line = 0,
        int column = 0,
        Exception? innerException = null
    )
        : this(new LitestreamDiagnostic(code, LitestreamSeverity.Error, text, file, line, column), innerException) { }

    /// <summary>Creates the exception from several findings, at least one of them an error.</summary>
    internal LitestreamException(IReadOnlyList<LitestreamDiagnostic> diagnostics)
        : base(string.Join('\n', diagnostics))
    {
        Diagnostic = diagnostics.First(d => d.Severity == LitestreamSeverity.Error);
        Diagnostics = diagnostics;
    }

    /// <summary>The code, the message and the place; of several findings the first error.</summary>
    public LitestreamDiagnostic Diagnostic { get; }

    /// <summary>All findings, where a file has several; otherwise the one.</summary>
    public IReadOnlyList<LitestreamDiagnostic> Diagnostics { get; }
}
