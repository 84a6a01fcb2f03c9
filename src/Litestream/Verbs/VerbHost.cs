using System.Runtime.CompilerServices;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;
using Microsoft.Data.Sqlite;

namespace Litestream.Verbs;

/// <summary>
/// Where a verb is given, a build's command line or the published app: what it needs from there, and where its output
/// goes.
/// </summary>
internal abstract class VerbHost
{
    /// <summary>What a host keeps of what a verb hands on.</summary>
    public const int MostHandedOn = 10_000;

    private readonly List<VerbItem> _items = [];
    private bool _hasReportedNames;

    /// <summary>What the verb returns.</summary>
    public IReadOnlyList<VerbItem> Items => _items;

    /// <summary>Whether an error was reported.</summary>
    public bool HasErrors { get; private set; }

    /// <summary>Where relative paths in options start.</summary>
    public abstract string Directory { get; }

    /// <summary>The folder of the project whose databases are meant, which a publish may ship; null in a published app,
    /// or where its folder was named.</summary>
    public virtual string? ProjectFolder => null;

    /// <summary>What the configuration is made from, or LSB3004 when there is no file.</summary>
    /// <param name="required">False: the file may be missing.</param>
    public abstract EffectiveConfigOptions ConfigOptions(bool required = true);

    /// <summary>The executable of this machine.</summary>
    public abstract LitestreamExecutable FindExecutable();

    /// <summary>How options and verbs are named here.</summary>
    public abstract CommandWords Words { get; }

    /// <summary>What is known of the project that the verb is about; empty where it is not known.</summary>
    public virtual string Fact(string name) => "";

    /// <summary>The SHA-256 that the executable should have; null: there is nothing to compare it with.</summary>
    public virtual string? ExpectedSha256 => null;

    /// <summary>Reports databases that are known here and not replicated.</summary>
    public virtual void ReportNotReplicated() { }

    /// <summary>Replicates until it is cancelled, then sends what was committed last.</summary>
    public virtual Task ReplicateAsync(VerbOptions options, CancellationToken cancellationToken) =>
        ForegroundVerb.RunAsync(this, options, cancellationToken);

    /// <summary>Prints a line for people.</summary>
    public void Print(MessageText line) => Write(line.In(Words));

    /// <summary>A line of an operation on its way: it is progress for whoever waits, and no part of the
    /// answer.</summary>
    public abstract void Detail(LogLine line);

    /// <summary>Runs what has a replicator of its own: it is not left behind when the process ends.</summary>
    /// <param name="stopTimeout">How long it may take to end once it is cancelled.</param>
    /// <param name="run">Ends when it is cancelled.</param>
    public abstract Task UntilEndOfProcessAsync(TimeSpan stopTimeout, Func<Task> run);

    /// <summary>Reports a finding.</summary>
    public void Report(LitestreamDiagnostic diagnostic)
    {
        HasErrors |= diagnostic.Severity == LitestreamSeverity.Error;
        Show(diagnostic);
    }

    /// <summary>Adds an item to what the verb returns.</summary>
    public void Add(string identity, params ReadOnlySpan<(string Name, object? Value)> values) =>
        _items.Add(
            new VerbItem(
                identity,
                [
                    .. values
                        .ToArray()
                        .Select(value => (value.Name, value.Value is MessageText text ? text.In(Words) : value.Value)),
                ]
            )
        );

    /// <summary>Adds one of many items: a host that can hand it on at once does not keep it.</summary>
    /// <returns>False: there are too many, and it is not returned.</returns>
    public virtual bool HandOn(VerbItem item)
    {
        if (_items.Count >= MostHandedOn)
            return false;
        _items.Add(item);
        return true;
    }

    /// <summary>In a build every environment variable is a property too.</summary>
    protected virtual bool IsBuild => false;

    /// <summary>Names of settings and variables that nothing reads, once.</summary>
    public void ReportUnknownNames()
    {
        if (_hasReportedNames)
            return;
        _hasReportedNames = true;
        foreach (var diagnostic in UnknownNames.Of(ConfigOptions(required: false), IsBuild))
            Report(diagnostic);
    }

    /// <summary>The configuration as the executable gets it, or LSB3004 when there is none.</summary>
    /// <param name="allowUnknown">True: a replica whose variables have no value here is a warning.</param>
    public EffectiveConfig LoadConfig(bool allowUnknown = false)
    {
        ReportUnknownNames();
        var options = ConfigOptions() with { AllowUnknown = allowUnknown };
        var config = EffectiveConfig.Create(options, ReleaseLine.Of(FindExecutable).Dialects);
        foreach (var diagnostic in config.Diagnostics)
        {
            Report(
                diagnostic.Code == "LSB1045" ? diagnostic with { Severity = LitestreamSeverity.Warning } : diagnostic
            );
        }

        return config;
    }

    /// <summary>What is in the replicas, with this executable and configuration.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="timeout">The time limit of each listing; null for the default.</param>
    public IBackupCatalog CreateCatalog(EffectiveConfig config, TimeSpan? timeout)
    {
        var executable = PrepareExecutable();
        return executable.Line.Catalog(executable, config, timeout);
    }

    /// <summary>The executable, and SQLite ready for use.</summary>
    public LitestreamExecutable PrepareExecutable()
    {
        // No connection was opened in this process yet, and what comes may ask for SQLite before it opens one.
        RuntimeHelpers.RunClassConstructor(typeof(SqliteConnection).TypeHandle);
        return FindExecutable();
    }

    /// <summary>Prints rows under a header, columns two spaces apart.</summary>
    public void PrintTable(IReadOnlyList<string> header, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var widths = header
            .Select((name, column) => rows.Select(row => row[column].Length).Append(name.Length).Max())
            .ToList();
        foreach (var row in rows.Prepend(header))
            Print(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    /// <summary>Writes a line for people.</summary>
    protected abstract void Write(string line);

    /// <summary>Shows a finding.</summary>
    protected abstract void Show(LitestreamDiagnostic diagnostic);
}
