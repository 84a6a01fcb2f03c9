using System.Reflection;
using Litestream.Hosting.CommandLine;

namespace Litestream.Hosting;

/// <summary>
/// Zero-code start for apps that a startup hook cannot reach (trimmed and Native AOT): the build generates a module
/// initializer that calls <see cref="Enable"/>.
/// </summary>
public static class LitestreamAutoStart
{
    /// <summary>
    /// From now on every host that this app builds replicates its databases, as if it had called
    /// <c>AddLitestream()</c>. Does nothing when
    /// <paramref name="appAssembly"/> is not the process's entry assembly: test hosts and tools that load an app's code
    /// stay untouched.
    /// May be called more than once, and beside the startup hook.
    /// </summary>
    /// <param name="appAssembly">The app's own assembly.</param>
    public static void Enable(Assembly appAssembly)
    {
        ArgumentNullException.ThrowIfNull(appAssembly);
        try
        {
            if (Assembly.GetEntryAssembly() is not { } entry || entry == appAssembly)
            {
                var app = appAssembly.GetName().Name;
                HostEvents.Subscribe(autoStart: true, app);
                CommandEntry.Enter(app ?? "");
            }
        }
        catch (Exception exception)
        {
            // In a module initializer an exception is the end of the app.
            HostEvents.Report(exception);
        }
    }
}
