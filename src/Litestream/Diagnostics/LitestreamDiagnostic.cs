namespace Litestream.Diagnostics;

/// <summary>How much a <see cref="LitestreamDiagnostic"/> matters.</summary>
public enum LitestreamSeverity
{
    /// <summary>Worth knowing.</summary>
    Message,

    /// <summary>Something is probably not what the user wants.</summary>
    Warning,

    /// <summary>The operation does not continue.</summary>
    Error,
}

/// <summary>
/// One thing to tell the user: a stable code, one clear sentence of what is wrong and what to do, and the place it is
/// about.
/// </summary>
/// <param name="Code"><c>LSB</c> and four digits; each has a page in docs/diagnostics.</param>
/// <param name="Severity">How much it matters.</param>
/// <param name="Message">What is wrong and what to do, without secrets.</param>
/// <param name="File">The user's file, or null where none is to blame.</param>
/// <param name="Line">1-based line, or 0 when unknown.</param>
/// <param name="Column">1-based column, or 0 when unknown.</param>
public sealed record LitestreamDiagnostic(
    string Code,
    LitestreamSeverity Severity,
    string Message,
    string? File = null,
    int Line = 0,
    int Column = 0
)
{
    internal LitestreamDiagnostic(
        string code,
        LitestreamSeverity severity,
        MessageText text,
        string? file = null,
        int line = 0,
        int column = 0
    )
        : this(code, severity, "", file, line, column) => Text = text;

    /// <summary>What is wrong and what to do, without secrets.</summary>
    public string Message
    {
        get => Text.ToString();
        init => Text = value;
    }

    /// <summary>The same, for whoever names verbs and options in words of its own.</summary>
    internal MessageText Text { get; private init; } = Message;

    /// <inheritdoc />
    public override string ToString() =>
        File switch
        {
            null => $"{Code}: {Message}",
            _ when Line > 0 => $"{File}({Line},{Math.Max(Column, 1)}): {Code}: {Message}",
            _ => $"{File}: {Code}: {Message}",
        };
}
