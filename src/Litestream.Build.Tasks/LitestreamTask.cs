using Litestream.Diagnostics;
using Litestream.Verbs;
using Microsoft.Build.Framework;
using MSBuildTask = Microsoft.Build.Utilities.Task;

namespace Litestream.Build.Tasks;

/// <summary>
/// What every task has in common: one way to report, one way to be cancelled, and no stack trace for a foreseeable
/// mistake.
/// </summary>
public abstract class LitestreamTask : MSBuildTask, ICancelableTask, IDisposable
{
    /// <summary>Verbs and options are named as the targets have them.</summary>
    private protected static readonly CommandWords BuildWords = new();

    private readonly CancellationTokenSource _cancellation = new();

    /// <summary>The user's project: errors without a better place point at it.</summary>
    public string ProjectFile { get; set; } = "";

    /// <summary>The folder of the diagnostics pages, as a URL that ends with a slash.</summary>
    public string HelpRoot { get; set; } = "";

    /// <inheritdoc />
    public override bool Execute()
    {
        try
        {
            if (CanBegin())
                RunAsync(_cancellation.Token).GetAwaiter().GetResult();
        }
        catch (LitestreamException exception)
        {
            foreach (var diagnostic in exception.Diagnostics)
                Report(diagnostic);
        }
        catch (OperationCanceledException) when (_cancellation.IsCancellationRequested)
        {
            Report(
                new(
                    "LSB0004",
                    LitestreamSeverity.Error,
                    "Cancelled before it was done. Every process that it had started has ended. Run it again."
                )
            );
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Report(
                new(
                    "LSB0003",
                    LitestreamSeverity.Error,
                    $"{exception.Message} Check the permissions and the free space of that folder."
                )
            );
        }
        catch (Exception exception)
        {
            Report(UnexpectedError.Diagnostic(exception, "The target was not done."));
        }

        return !Log.HasLoggedErrors;
    }

    /// <inheritdoc />
    public void Cancel() => _cancellation.Cancel();

    /// <inheritdoc />
    public void Dispose()
    {
        _cancellation.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Looked at before anything is done. False: what is wrong has been reported.</summary>
    private protected virtual bool CanBegin() => true;

    /// <summary>Does the work; a <see cref="LitestreamException"/> becomes one error.</summary>
    protected abstract Task RunAsync(CancellationToken cancellationToken);

    /// <summary>Reports a diagnostic at its place, with a link to its page.</summary>
    protected void Report(LitestreamDiagnostic diagnostic)
    {
        var (file, line, column) = (diagnostic.File ?? ProjectFile, diagnostic.Line, diagnostic.Column);
        var help = HelpRoot.Length == 0 ? null : $"{HelpRoot}{diagnostic.Code}.md";
        var message = diagnostic.Text.In(BuildWords);
        switch (diagnostic.Severity)
        {
            case LitestreamSeverity.Error:
                Log.LogError(null, diagnostic.Code, null, help, file, line, column, 0, 0, message);
                break;
            case LitestreamSeverity.Warning:
                Log.LogWarning(null, diagnostic.Code, null, help, file, line, column, 0, 0, message);
                break;
            default:
                BuildEngine.LogMessageEvent(VisibleMessage.Of(diagnostic with { Message = message }, ProjectFile));
                break;
        }
    }

    /// <summary>Reports names in the project, on the command line and among the variables that nothing reads, once in a
    /// build.</summary>
    /// <param name="projectFiles">The project's own files.</param>
    private protected void ReportUnknownNames(IEnumerable<string> projectFiles)
    {
        if (!ProjectProperties.IsFirstLook(BuildEngine, ProjectFile))
            return;
        var files = ProjectProperties.Read(projectFiles);
        foreach (
            var diagnostic in UnknownProperties
                .OfProject(files)
                .Concat(UnknownProperties.OfBuild(ProjectProperties.Given(BuildEngine, files)))
        )
        {
            Report(diagnostic);
        }
    }

    /// <summary>Prints a line that a person should see, whatever logger is at work.</summary>
    protected void Print(string line) => BuildEngine.LogMessageEvent(VisibleMessage.Of(line, ProjectFile));

    /// <summary>
    /// A <c>TaskItem</c> takes its values in MSBuild's escaped form: a percent sign in a path would not survive
    /// otherwise.
    /// </summary>
    protected static string EscapeForItem(string value) =>
        value
            .Replace("%", "%25", StringComparison.Ordinal)
            .Replace(";", "%3B", StringComparison.Ordinal)
            .Replace("*", "%2A", StringComparison.Ordinal)
            .Replace("?", "%3F", StringComparison.Ordinal)
            .Replace("@", "%40", StringComparison.Ordinal)
            .Replace("$", "%24", StringComparison.Ordinal);
}
