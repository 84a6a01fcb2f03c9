using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Litestream.Diagnostics;

/// <summary>An exception that nothing of ours foresaw, as one line for people: the outer edges (task, command line,
/// start hook, host) show it and end in order.</summary>
internal static partial class UnexpectedError
{
    public const string Code = "LSB0006";

    /// <summary>Set to 1, the message has the stack trace too.</summary>
    public const string TraceVariable = "LITESTREAM_STACKTRACE";

    private const int LongestMessage = 500;

    /// <summary>The diagnostic: type and message, without secrets.</summary>
    /// <param name="exception">What was thrown.</param>
    /// <param name="consequence">What follows, as a sentence.</param>
    /// <param name="variable">The value of an environment variable, null when it has none; left out: this
    /// process's.</param>
    public static LitestreamDiagnostic Diagnostic(
        Exception exception,
        string consequence,
        Func<string, string?>? variable = null
    )
    {
        var inner = exception;
        while (
            inner
                is AggregateException { InnerExceptions.Count: 1 }
                    or TargetInvocationException
                    or TypeInitializationException
        )
        {
            if (inner.InnerException is not { } next)
                break;
            inner = next;
        }

        var text = inner is LitestreamException known
            ? known.Diagnostic.ToString()
            : $"{inner.GetType().Name}: {inner.Message}";
        text = OneLine(Mask(text));
        if (text.Length > LongestMessage)
            text = text[..LongestMessage] + "...";
        var trace = FlagText.Parse((variable ?? Environment.GetEnvironmentVariable)(TraceVariable)) is true
            ? $" {OneLine(Mask(exception.ToString()))}"
            : $" {TraceVariable}=1 adds the stack trace.";
        return new LitestreamDiagnostic(
            Code,
            LitestreamSeverity.Error,
            string.Create(
                CultureInfo.InvariantCulture,
                $"Unexpected error, please report it: {text.TrimEnd('.')}. {consequence}{trace}"
            )
        );
    }

    private static string OneLine(string text) => LineBreaks().Replace(text, " ").Trim();

    private static string Mask(string text)
    {
        var masked = new SecretMask(ProcessVariables.Read()).Mask(text);
        return Named().Replace(UrlPassword().Replace(masked, "$1***"), "$1***");
    }

    [GeneratedRegex(@"\s*[\r\n]+\s*")]
    private static partial Regex LineBreaks();

    [GeneratedRegex(@"(://[^/\s:@]*:)[^/\s@]+(?=@)", RegexOptions.CultureInvariant)]
    private static partial Regex UrlPassword();

    /// <summary>A secret by its name, as in a connection string or a setting.</summary>
    [GeneratedRegex(
        @"((?:password|passwd|pwd|passphrase|secret|token|access[-_ ]?key|account[-_ ]?key)"
            + @"[-_A-Za-z ]*[""']?\s*[=:]\s*[""']?)[^\s;,""']+",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex Named();
}
