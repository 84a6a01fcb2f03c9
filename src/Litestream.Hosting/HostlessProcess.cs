using Litestream.Diagnostics;

namespace Litestream.Hosting;

/// <summary>
/// A process of the app that ends without having built a host: nothing started Litestream in it. It says so once, on
/// standard error, because no logger and no health check can.
/// </summary>
internal sealed class HostlessProcess
{
    private static readonly string[] EnvironmentVariables = ["DOTNET_ENVIRONMENT", "ASPNETCORE_ENVIRONMENT"];

    private int _hasEnded;
    private volatile bool _hasHost;

    /// <summary>Listens for the end of the process.</summary>
    public void Watch()
    {
        AppDomain.CurrentDomain.ProcessExit += (_, _) => OnEnd();
        AppDomain.CurrentDomain.UnhandledException += (_, e) =>
        {
            if (e.IsTerminating)
                OnEnd();
        };
    }

    /// <summary>A host was built, so what is replicated is said elsewhere.</summary>
    public void HostIsBuilt() => _hasHost = true;

    /// <summary>Decides what is said at the end.</summary>
    /// <param name="hasHost">Whether a host was built.</param>
    /// <param name="isCommand">Whether the process was started for one of Litestream's commands.</param>
    /// <param name="variables">The environment variables.</param>
    public static LitestreamDiagnostic? Decide(
        bool hasHost,
        bool isCommand,
        IEnumerable<KeyValuePair<string, string?>> variables
    )
    {
        if (hasHost)
            return null;

        if (isCommand)
        {
            return new(
                "LSB5024",
                LitestreamSeverity.Error,
                "The first argument is 'litestream', but the app built no host, so its own code ran instead of the "
                    + "command. Build a host in every run of the app (Host.CreateApplicationBuilder)."
            );
        }

        var values = variables
            .DistinctBy(variable => variable.Key, StringComparer.OrdinalIgnoreCase)
            .ToDictionary(StringComparer.OrdinalIgnoreCase);
        var isDevelopment = EnvironmentVariables.Any(name =>
            "Development".Equals(values.GetValueOrDefault(name), StringComparison.OrdinalIgnoreCase)
        );
        var isEnabled = FlagText.Parse(values.GetValueOrDefault("Litestream__Enabled")) ?? !isDevelopment;
        return isEnabled
            ? new(
                "LSB5024",
                LitestreamSeverity.Warning,
                "Nothing was replicated: this process ended without building a host, and Litestream starts when a "
                    + "host is built. To silence this warning, set Litestream__Enabled=false."
            )
            : null;
    }

    private void OnEnd()
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) != 0)
            return;

        try
        {
            var variables = ProcessVariables
                .Read()
                .Select(variable => KeyValuePair.Create(variable.Key, (string?)variable.Value));
            var isCommand = CommandProcess.Arguments is not null;
            if (HostEvents.AutoStarts && Decide(_hasHost, isCommand, variables) is { } diagnostic)
            {
                Console.Error.WriteLine(CommandProcess.Line(diagnostic, CommandWords.Default));
                if (diagnostic.Severity == LitestreamSeverity.Error && Environment.ExitCode == 0)
                    Environment.ExitCode = CommandProcess.Failed;
            }
        }
        catch (Exception)
        {
            // It ends; how must not change because of us.
        }
    }
}
