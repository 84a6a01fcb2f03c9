using System.Globalization;
using System.Runtime.InteropServices;
using Litestream.Commands;
using Litestream.Configuration;
using Litestream.Databases;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>What every verb knows: the configuration, the databases in it, the executable of this machine.</summary>
public abstract class LitestreamVerb : LitestreamTask
{
    private ITaskItem _context = new TaskItem();

    /// <summary>One item, made by _LitestreamPrepareVerb: the project, with ConfigFile, ContentRoot, EnvironmentName and where executables are.</summary>
    [Required]
    public ITaskItem[] Verb
    {
        get => [_context];
        set
        {
            _context = value[0];
            ProjectFile = _context.ItemSpec;
            HelpRoot = _context.GetMetadata("HelpRoot");
        }
    }

    /// <summary>What the target returns.</summary>
    [Output]
    public ITaskItem[] Result { get; protected set; } = [];

    /// <summary>The folder of the app: the project's, or the one that LitestreamContentRoot names.</summary>
    protected string ContentRoot => _context.GetMetadata("ContentRoot");

    /// <summary>The configuration as the executable gets it, or LSB3004 when there is none.</summary>
    protected EffectiveConfig LoadConfig()
    {
        var config = EffectiveConfig.Create(ConfigOptions());
        foreach (var diagnostic in config.Diagnostics)
            Report(diagnostic);
        return config;
    }

    /// <summary>What the configuration is made from, or LSB3004 when there is no file.</summary>
    /// <param name="required">False: the file may be missing.</param>
    protected EffectiveConfigOptions ConfigOptions(bool required = true)
    {
        var file = _context.GetMetadata("ConfigFile");
        if (required && !File.Exists(file))
        {
            throw new LitestreamException(
                "LSB3004",
                _context.GetMetadata("NamedConfigFile") is { Length: > 0 } named
                    ? $"LitestreamConfigFile names '{named}', and there is no file {file}. Correct the path (it is relative to the project), or leave the property out."
                    : Directory.Exists(ContentRoot)
                    ? $"No database is configured: there is no litestream.yml for {ContentRoot}. Add a connection string or a <LitestreamDatabase Include=\"...\" /> item to the project; a publish folder gets its file from dotnet publish."
                    : $"The content root {ContentRoot} does not exist. LitestreamContentRoot names the folder of the app, a publish folder for example.");
        }

        var expand = OptionValue.Flag("LitestreamNoExpandEnv", _context.GetMetadata("NoExpandEnv")) is not true;
        var environment = LitestreamCommand.InheritedVariables();
        var settings = LiveSettings.Read(ContentRoot, _context.GetMetadata("EnvironmentName"), environment);
        return new EffectiveConfigOptions
        {
            ConfigPath = file,
            BaseDirectory = ContentRoot,
            GetSetting = settings.Get,
            Environment = environment,
            ExpandVariables = expand,
        };
    }

    /// <summary>The executable of this machine: the user's own, else the package's, staged into obj/ because the package's own copy may not be executable for us.</summary>
    protected LitestreamExecutable FindExecutable()
    {
        var installDirectory = _context.GetMetadata("InstallDirectory");
        var stageDirectory = _context.GetMetadata("StageDirectory");
        if (FindPackagedExecutable() is { } package)
        {
            stageDirectory = Path.Combine(stageDirectory, package.Sha256[..16]);
            var staged = Path.Combine(stageDirectory, Path.GetFileName(package.File));
            package.StageTo(staged);
        }

        return LitestreamExecutable.Find(new ExecutableSearch
        {
            InstallDirectory = installDirectory.Length == 0 ? null : installDirectory,
            ApplicationDirectory = stageDirectory,
            BaseDirectory = Path.GetDirectoryName(ProjectFile)!,
        });
    }

    /// <summary>What the referenced package has for this machine; null where the user has an executable of their own.</summary>
    private protected ExecutablePackage? FindPackagedExecutable()
    {
        if (_context.GetMetadata("InstallDirectory").Length > 0)
            return null;
        var rid = _context.GetMetadata("RuntimeIdentifier");
        return ExecutablePackage.Find(Path.Combine(_context.GetMetadata("ToolsDirectory"), "litestream.manifest.json"), rid, _context.GetMetadata("RuntimeIdentifierGraph"))
            ?? throw new LitestreamException(
                "LSB2001",
                $"There is no litestream executable for this machine ('{rid}') in the referenced Litestream.Executable. Point LitestreamInstallDir at a folder with one of your own.");
    }

    /// <summary>The operations, with this executable and configuration.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="timeout">The time limit of each listing; null for the default.</param>
    protected LitestreamClient CreateClient(EffectiveConfig config, TimeSpan? timeout = null)
    {
        // Nobody has opened a connection in this process yet, and what comes may ask for SQLite before it opens one.
        SQLitePCL.Batteries_V2.Init();
        var executable = FindExecutable();
        return timeout is { } limit ? new LitestreamClient(executable, config) { Timeout = limit } : new LitestreamClient(executable, config);
    }

    /// <summary>
    /// Runs what has a replicator of its own. MSBuild hands Ctrl+C over as a cancellation. SIGTERM makes the dotnet command exit at once, which would leave litestream behind: the end of
    /// the process waits until it has sent what is missing. Elsewhere than under that command nobody else takes the signal.
    /// </summary>
    /// <param name="stopTimeout">How long it may take to end once it is cancelled.</param>
    /// <param name="run">Ends when the task is cancelled.</param>
    protected async Task UntilEndOfProcessAsync(TimeSpan stopTimeout, Func<Task> run)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void OnProcessExit(object? sender, EventArgs e)
        {
            Cancel();
            ended.Task.Wait(stopTimeout + TimeSpan.FromSeconds(5), CancellationToken.None);
        }

        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            Cancel();
        });
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
        try
        {
            await run().ConfigureAwait(false);
        }
        finally
        {
            AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
            ended.SetResult();
        }
    }

    /// <summary>An item of the result. Numbers are invariant, times ISO 8601 in UTC, durations seconds; what is not known is empty.</summary>
    protected static ITaskItem Item(string identity, params ReadOnlySpan<(string Name, object? Value)> metadata)
    {
        var item = new TaskItem(EscapeForItem(identity));
        foreach (var (name, value) in metadata)
            item.SetMetadata(name, EscapeForItem(Text(value)));
        return item;
    }

    /// <summary>A value as it stands in an item and in a table.</summary>
    protected static string Text(object? value) => value switch
    {
        null => "",
        bool flag => flag ? "true" : "false",
        DateTimeOffset time => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFF'Z'", CultureInfo.InvariantCulture),
        TimeSpan span => span.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    /// <summary>Prints rows under a header, columns two spaces apart.</summary>
    protected void PrintTable(IReadOnlyList<string> header, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var widths = header.Select((name, column) => rows.Select(row => row[column].Length).Append(name.Length).Max()).ToList();
        foreach (var row in rows.Prepend(header))
            Print(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }
}
