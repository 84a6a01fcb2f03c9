using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
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
    private bool _hasHandedOn;

    public override string Directory => CommandProcess.StartDirectory;

    public override CommandWords Words => AppWords.Instance;

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

    public override void Detail(LogLine line)
    {
        // What a restore says on its way is for a terminal, where somebody waits; a warning is for everybody.
        if (line.Level == "WARN" || (!json && !Console.IsErrorRedirected))
            Console.Error.WriteLine(line.Message);
    }

    // The signals are taken by whoever cancels it.
    public override Task UntilEndOfProcessAsync(TimeSpan stopTimeout, Func<Task> run) => run();

    protected override void Show(LitestreamDiagnostic diagnostic)
    {
        _diagnostics.Add(diagnostic);
        Console.Error.WriteLine(CommandProcess.Line(diagnostic, Words));
    }

    protected override void Write(string line)
    {
        if (!json)
            output.WriteLine(line);
    }

    /// <summary>
    /// Replicates as the app does, in a process of its own: with its settings, its lock, its supervision and its
    /// drain.
    /// </summary>
    public override async Task ReplicateAsync(VerbOptions options, CancellationToken cancellationToken)
    {
        ReportUnknownNames();
        foreach (
            var target in Plan.Databases.SelectMany(database =>
                database.Replicas.Select(replica => $"{database.Path} -> {replica.Describe()}")
            )
        )
        {
            Print(target);
        }

        Print("Ctrl+C or SIGTERM stops it and sends the last commits.");
        await replicator.ReplicateAsync(Plan, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Who asks what is replicated wants to know what is not.</summary>
    public override void ReportNotReplicated()
    {
        foreach (
            var diagnostic in Plan.Discovered.Diagnostics.Concat(
                Plan.NotReplicatedWarning is { } warning ? [warning] : []
            )
        )
        {
            Report(diagnostic);
        }
    }

    public override bool HandOn(VerbItem item)
    {
        if (json)
        {
            output.Write(CommandAnswer.Line(item, isFirst: !_hasHandedOn));
            _hasHandedOn = true;
        }

        return true;
    }

    /// <summary>Writes the answer as JSON, where that is wanted.</summary>
    public void Finish(string verb, int exitCode)
    {
        if (json)
        {
            output.WriteLine(
                _hasHandedOn
                    ? CommandAnswer.End(verb, exitCode, _diagnostics)
                    : CommandAnswer.Write(verb, exitCode, Items, _diagnostics)
            );
        }
    }

    /// <summary>
    /// Where a command is given in a directory that has the database too, it must not take the other one.
    /// </summary>
    private static void RefuseOtherDirectory(ReplicationPlan plan)
    {
        if (!CommandProcess.HasMoved)
            return;

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
                        + $"this directory. Set the directory that the app "
                        + $"runs in: {CommandProcess.DirectoryOption} {ApplicationFolder.FullName} "
                        + $"or {CommandProcess.DirectoryOption} ."
                );
            }
        }
    }
}
