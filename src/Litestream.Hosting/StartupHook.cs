using System.Diagnostics.CodeAnalysis;
using Litestream.Hosting;
using Litestream.Hosting.CommandLine;

/// <summary>
/// What the runtime calls before the app's own code, because the app's runtimeconfig names this assembly in
/// STARTUP_HOOKS.
/// Name, missing namespace and signature are the runtime's. An exception here would be the end of the app, so there is
/// none.
/// </summary>
[SuppressMessage(
    "Design",
    "CA1050:Declare types in namespaces",
    Justification = "The runtime looks for a type without a namespace."
)]
internal sealed class StartupHook
{
    public static void Initialize()
    {
        try
        {
            // The stamp is compared when a host is built and not here, where the entry assembly may not be known yet.
            if (AppContext.GetData(HostEvents.EntryAssemblyKey) is string { Length: > 0 } app)
            {
                HostEvents.Subscribe(autoStart: true);
                CommandEntry.Enter(app);
            }
        }
        catch (Exception exception)
        {
            // A process that cannot be replicated must still start.
            HostEvents.Report(exception);
        }
    }
}
