using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Sqlite;
using Litestream.Verbs;

namespace Litestream.Hosting.CommandLine;

/// <summary>
/// The app as the place where a verb is given: the answer on standard output, as text or as one JSON document; findings
/// on standard error.
/// </summary>
/// <param name="replicator">Knows the app's configuration.</param>
/// <param name="output">Standard output.</param>
/// <param name="json">As JSON.</param>
internal sealed class CommandVerbHost(LitestreamReplicator replicator, TextWriter output, bool json) : VerbHost
{
    private readonly List<LitestreamDiagnostic> _diagnostics = [];
    private ReplicationPlan? _plan;

    public override string Directory => CommandProcess.StartDirectory;

    public LitestreamReplicator Replicator => replicator;

    /// <summary>What is replicated, with what.</summary>
    /// <exception cref="LitestreamException">LSB1xxx: the configuration is wrong; LSB3004: there is none; LSB3015: it
    /// is not clear in which directory.</exception>
    public ReplicationPlan Plan
    {
        get
        {
            if (_plan is null)
            {
                var plan = replicator.CreatePlan();
                RefuseOtherDirectory(plan);
                _plan = plan;
            }

            return _plan;
        }
    }

    public override EffectiveConfigOptions ConfigOptions(bool required = true)
    {
        try
        {
            return Plan.Options;
        }
        catch (LitestreamException exception)
            when (!required && exception.Diagnostic.Code is not ("LSB1019" or "LSB3015"))
        {
            return replicator.CreateOptions();
        }
    }

    public override LitestreamExecutable FindExecutable() => replicator.FindExecutable();

    public override void Print(string line)
    {
        if (!json)
        {
            output.WriteLine(CommandWords.Translate(line));
        }
    }

    public override void Detail(LogLine line)
    {
        // What a restore says on its way is for a terminal, where somebody waits; a warning is for everybody.
        if (line.Level == "WARN" || (!json && !Console.IsErrorRedirected))
        {
            Console.Error.WriteLine(line.Message);
        }
    }

    // The signals are taken by whoever cancels it.
    public override Task UntilEndOfProcessAsync(TimeSpan stopTimeout, Func<Task> run) => run();

    protected override void Show(LitestreamDiagnostic diagnostic)
    {
        diagnostic = diagnostic with { Message = CommandWords.Translate(diagnostic.Message).ReplaceLineEndings(" ") };
        _diagnostics.Add(diagnostic);
        Console.Error.WriteLine(CommandProcess.Line(diagnostic));
    }

    /// <summary>Who asks what is replicated wants to know what is not.</summary>
    public void ReportNotReplicated()
    {
        foreach (
            var diagnostic in Plan.Discovered.Diagnostics.Concat(
                Plan.NotReplicated.Count == 0 ? [] : [Plan.NotReplicatedWarning]
            )
        )
        {
            Report(diagnostic);
        }
    }

    /// <summary>Writes the answer as JSON, where that is wanted.</summary>
    public void Finish(string verb, int exitCode)
    {
        if (!json)
        {
            return;
        }

        using var stream = new MemoryStream();
        using (
            var writer = new Utf8JsonWriter(
                stream,
                new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }
            )
        )
        {
            writer.WriteStartObject();
            writer.WriteString("Verb", verb);
            writer.WriteString("Result", exitCode == 0 ? "Success" : "Failure");
            writer.WriteNumber("ExitCode", exitCode);
            writer.WriteStartArray("Items");
            foreach (var item in Items)
            {
                writer.WriteStartObject();
                writer.WriteString("Identity", item.Identity);
                foreach (var (name, value) in item.Values)
                {
                    Write(writer, name, value);
                }

                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteStartArray("Diagnostics");
            foreach (var diagnostic in _diagnostics)
            {
                writer.WriteStartObject();
                writer.WriteString("Severity", diagnostic.Severity.ToString());
                writer.WriteString("Code", diagnostic.Code);
                writer.WriteString("Message", diagnostic.Message);
                if (diagnostic.File is not null)
                {
                    writer.WriteString("File", diagnostic.File);
                    writer.WriteNumber("Line", diagnostic.Line);
                    writer.WriteNumber("Column", diagnostic.Column);
                }

                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        output.WriteLine(Encoding.UTF8.GetString(stream.ToArray()));
    }

    private static void Write(Utf8JsonWriter writer, string name, object? value)
    {
        switch (value)
        {
            case null:
                writer.WriteNull(name);
                break;
            case bool flag:
                writer.WriteBoolean(name, flag);
                break;
            case int number:
                writer.WriteNumber(name, number);
                break;
            case long number:
                writer.WriteNumber(name, number);
                break;
            case TimeSpan span:
                writer.WriteNumber(name, Math.Round(span.TotalSeconds, 3));
                break;
            case DatabaseDifference difference:
                writer.WritePropertyName(name);
                difference.WriteTo(writer);
                break;
            default:
                writer.WriteString(name, VerbItem.Text(value));
                break;
        }
    }

    /// <summary>
    /// Where a command is given in a directory that has the database too, it must not take the other one.
    /// </summary>
    private static void RefuseOtherDirectory(ReplicationPlan plan)
    {
        if (!CommandProcess.HasMoved)
        {
            return;
        }

        foreach (var database in plan.Databases)
        {
            var here = Path.GetFullPath(database.ConfiguredPath, CommandProcess.StartDirectory);
            if (
                !Path.IsPathRooted(database.ConfiguredPath)
                && Path.GetFullPath(database.ConfiguredPath) == database.Path
                && here != database.Path
                && File.Exists(here)
            )
            {
                throw new LitestreamException(
                    "LSB3015",
                    $"'{database.ConfiguredPath}' can be '{database.Path}', in the app's folder, or '{here}', in "
                        + $"this directory. Say in which directory the app "
                        + $"runs: {CommandProcess.DirectoryOption} {ApplicationFolder.FullName} "
                        + $"or {CommandProcess.DirectoryOption} ."
                );
            }
        }
    }
}
