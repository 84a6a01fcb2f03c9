using Litestream.Diagnostics;

namespace Litestream.Doctor;

/// <summary>How good or bad a finding is.</summary>
public enum FindingLevel
{
    /// <summary>Looked at, and as it should be.</summary>
    Ok,

    /// <summary>Worth knowing; nothing has to be done.</summary>
    Note,

    /// <summary>Works, but not as one would want.</summary>
    Warning,

    /// <summary>Does not work, or loses data.</summary>
    Error,
}

/// <summary>The result of one check.</summary>
/// <param name="Level">How good or bad it is.</param>
/// <param name="Subject">What was checked: <c>executable</c>, <c>variables</c>, a database as it is
/// configured.</param>
/// <param name="Message">What was found, without secrets.</param>
/// <param name="Action">What to do; null where nothing has to be done.</param>
/// <param name="Code">The <c>LSB</c> code whose page says more, or null.</param>
public sealed record Finding(
    FindingLevel Level,
    string Subject,
    string Message,
    string? Action = null,
    string? Code = null
)
{
    internal static FindingLevel LevelOf(LitestreamSeverity severity) =>
        severity switch
        {
            LitestreamSeverity.Error => FindingLevel.Error,
            LitestreamSeverity.Warning => FindingLevel.Warning,
            _ => FindingLevel.Note,
        };

    /// <summary>What was found, without secrets.</summary>
    public string Message
    {
        get => Text.ToString();
        init => Text = value;
    }

    /// <summary>What to do; null where nothing has to be done.</summary>
    public string? Action
    {
        get => ActionText?.ToString();
        init => ActionText = value;
    }

    /// <summary>The message, for whoever names verbs and options in words of its own.</summary>
    internal MessageText Text { get; private init; } = Message;

    /// <summary>The action, likewise.</summary>
    internal MessageText? ActionText { get; private init; } = Action;

    internal static Finding Of(
        FindingLevel level,
        string subject,
        MessageText message,
        MessageText? action = null,
        string? code = null
    ) => new(level, subject, "", null, code) { Text = message, ActionText = action };
}
