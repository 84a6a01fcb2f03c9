using System.Runtime.InteropServices;
using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Verbs;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>Runs any verb, in the place of the project that the build is for.</summary>
[MSBuildMultiThreadableTask]
public sealed class LitestreamVerb : LitestreamTask
{
    private ITaskItem _context = new TaskItem();

    /// <summary>The verb, as the app's command line names it.</summary>
    [Required]
    public string Name { get; set; } = "";

    /// <summary>
    /// One item, made by _LitestreamPrepareVerb: the project, with ConfigFile, ContentRoot, EnvironmentName, where
    /// executables are, and every option of a verb by the name of its property.
    /// </summary>
    [Required]
    public ITaskItem[] Context
    {
        get => [_context];
        set
        {
            _context = value is [var first, ..] ? first : new TaskItem();
            ProjectFile = _context.ItemSpec;
            HelpRoot = _context.GetMetadata("HelpRoot");
        }
    }

    /// <summary>What the target returns.</summary>
    [Output]
    public ITaskItem[] Result { get; private set; } = [];

    private Verb Verb => Verb.All.First(verb => verb.Name == Name);

    /// <summary>The folder of the app: the project's, or the one that LitestreamContentRoot names.</summary>
    private string ContentRoot => _context.GetMetadata("ContentRoot");

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        var host = new Host(this);
        var given = Verb.Options.ToDictionary(
            option => option.Property,
            option => (string?)_context.GetMetadata(option.Property)
        );
        try
        {
            await Verb.RunAsync(host, new VerbOptions(given), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Result = [.. host.Items.Select(Item)];
        }
    }

    /// <summary>Reports what was given and is not a property of this verb; with an error among it nothing is
    /// done.</summary>
    private protected override bool CanBegin()
    {
        var files = ProjectProperties.Read(_context.GetMetadata("ProjectFiles").Split(';'));
        foreach (var diagnostic in UnknownProperties.OfVerb(Verb, ProjectProperties.Given(BuildEngine, files), files))
            Report(diagnostic);
        return !Log.HasLoggedErrors;
    }

    /// <summary>What the configuration is made from, or LSB3004 when there is no file.</summary>
    /// <param name="required">False: the file may be missing.</param>
    private EffectiveConfigOptions ConfigOptions(bool required = true)
    {
        var file = _context.GetMetadata("ConfigFile");
        if (required && !File.Exists(file))
        {
            throw new LitestreamException(
                "LSB3004",
                _context.GetMetadata("NamedConfigFile") is { Length: > 0 } named
                        ? $"LitestreamConfigFile names '{named}', but there is no file '{file}'. Correct the path (it "
                            + $"is relative to the project), or remove the property."
                    : Directory.Exists(ContentRoot)
                        ? $"No database is configured: there is no litestream.yml for '{ContentRoot}'. Add a "
                            + $"connection string or a <LitestreamDatabase Include=\"...\" /> item to the project. A "
                            + $"publish folder gets its file from dotnet publish."
                    : $"The content root '{ContentRoot}' does not exist. LitestreamContentRoot must name the folder of "
                        + $"the app, such as a publish folder."
            );
        }

        var expand = OptionValue.Flag(OptionName.NoExpandEnv, _context.GetMetadata("NoExpandEnv")) is not true;
        var environment = ProcessVariables.Read();
        var settings = LiveSettings.Read(ContentRoot, _context.GetMetadata("EnvironmentName"), environment);
        return new EffectiveConfigOptions
        {
            ConfigPath = file,
            BaseDirectory = ContentRoot,
            GetSetting = settings.Get,
            Environment = environment,
            Settings = settings.All,
            ExpandVariables = expand,
        };
    }

    /// <summary>
    /// The executable of this machine: the user's own, else the package's, staged into obj/ because the package's own
    /// copy may not be executable for us.
    /// </summary>
    private LitestreamExecutable FindExecutable()
    {
        var installDirectory = _context.GetMetadata("InstallDirectory");
        var stageDirectory = _context.GetMetadata("StageDirectory");
        if (FindPackagedExecutable() is { } package)
        {
            stageDirectory = Path.Combine(stageDirectory, package.Sha256[..16]);
            var staged = Path.Combine(stageDirectory, Path.GetFileName(package.File));
            package.StageTo(staged);
        }

        return LitestreamExecutable.Find(
            new ExecutableSearch
            {
                InstallDirectory = installDirectory.Length == 0 ? null : installDirectory,
                ApplicationDirectory = stageDirectory,
                BaseDirectory = Path.GetDirectoryName(ProjectFile)!,
            }
        );
    }

    /// <summary>
    /// What the referenced package has for this machine; null where the user has an executable of their own.
    /// </summary>
    private ExecutablePackage? FindPackagedExecutable()
    {
        if (_context.GetMetadata("InstallDirectory").Length > 0)
            return null;
        var rid = _context.GetMetadata("RuntimeIdentifier");
        return ExecutablePackage.Find(
                Path.Combine(_context.GetMetadata("ToolsDirectory"), "litestream.manifest.json"),
                rid,
                _context.GetMetadata("RuntimeIdentifierGraph")
            )
            ?? throw new LitestreamException(
                "LSB2001",
                $"The referenced Litestream.Executable has no litestream executable for this machine ('{rid}'). Set "
                    + $"LitestreamInstallDir to a folder with your own executable."
            );
    }

    /// <summary>
    /// Runs what has a replicator of its own. MSBuild hands Ctrl+C over as a cancellation. SIGTERM makes the dotnet
    /// command exit at once, which would leave litestream behind: the end of
    /// the process waits until it has sent what is missing. Elsewhere than under that command nothing else takes the
    /// signal.
    /// </summary>
    /// <param name="stopTimeout">How long it may take to end once it is cancelled.</param>
    /// <param name="run">Ends when the task is cancelled.</param>
    private async Task UntilEndOfProcessAsync(TimeSpan stopTimeout, Func<Task> run)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void OnProcessExit(object? sender, EventArgs e)
        {
            Cancel();
            ended.Task.Wait(stopTimeout + TimeSpan.FromSeconds(5), CancellationToken.None);
        }

        using var terminate = PosixSignalRegistration.Create(
            PosixSignal.SIGTERM,
            context =>
            {
                context.Cancel = true;
                Cancel();
            }
        );
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

    /// <summary>
    /// An item of the result. Numbers are invariant, times ISO 8601 in UTC, durations seconds; what is not known is
    /// empty.
    /// </summary>
    private static TaskItem Item(VerbItem one)
    {
        var item = new TaskItem(EscapeForItem(one.Identity));
        foreach (var (name, value) in one.Values)
            item.SetMetadata(name, EscapeForItem(VerbItem.Text(value)));
        return item;
    }

    /// <summary>MSBuild as the place where a verb is given.</summary>
    private sealed class Host(LitestreamVerb task) : VerbHost
    {
        private readonly ProgressLines _progress = new(TimeProvider.System);

        public override CommandWords Words => BuildWords;

        public override string Directory => task.ContentRoot;

        public override string? ProjectFolder =>
            task._context.GetMetadata("NamedContentRoot").Length == 0 ? task.ContentRoot : null;

        public override string? ExpectedSha256
        {
            get
            {
                try
                {
                    return task.FindPackagedExecutable()?.Sha256;
                }
                catch (LitestreamException)
                {
                    // Reported when the executable is looked for.
                    return null;
                }
            }
        }

        protected override bool IsBuild => true;

        public override string Fact(string name) =>
            name == "ProjectFile" ? task.ProjectFile : task._context.GetMetadata(name);

        public override EffectiveConfigOptions ConfigOptions(bool required = true) => task.ConfigOptions(required);

        public override LitestreamExecutable FindExecutable() => task.FindExecutable();

        public override void Detail(LogLine line)
        {
            if (_progress.IsShown(line.Level))
                task.Print(line.Message);
            else
                task.Log.LogMessage(MessageImportance.Normal, "{0}", line.Message);
        }

        public override Task UntilEndOfProcessAsync(TimeSpan stopTimeout, Func<Task> run) =>
            task.UntilEndOfProcessAsync(stopTimeout, run);

        protected override void Write(string line) => task.Print(line);

        protected override void Show(LitestreamDiagnostic diagnostic) => task.Report(diagnostic);
    }
}
