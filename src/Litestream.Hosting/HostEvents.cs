using System.Diagnostics;
using System.Reflection;
using Litestream.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Litestream.Hosting;

/// <summary>
/// Listens to the two events that every generic host raises inside <c>Build()</c>: HostBuilding, where services can
/// still be added, and HostBuilt,
/// before any code of the app can open its database. Process-wide by nature: the one static state here, and it holds
/// nothing of any host.
/// </summary>
internal sealed class HostEvents : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
{
    public const string EntryAssemblyKey = "Litestream.EntryAssembly";

    private static readonly HostEvents Instance = new();

    private readonly HostlessProcess _hostless = new();
    private int _subscribed;
    private volatile bool _autoStart;
    private volatile string? _appAssembly;

    public static void Subscribe(bool autoStart, string? appAssembly = null)
    {
        if (autoStart)
        {
            Instance._appAssembly = appAssembly ?? Instance._appAssembly;
            Instance._autoStart = true;
        }

        if (Interlocked.Exchange(ref Instance._subscribed, 1) == 0)
        {
            Instance._hostless.Watch();
            DiagnosticListener.AllListeners.Subscribe(Instance);
        }
    }

    /// <summary>
    /// True when the code of a stamped app runs under another entry assembly: <c>dotnet ef</c> and document generators
    /// use the app's runtimeconfig.
    /// Nothing may be restored or replicated there, not even for an app that calls <c>AddLitestream()</c> itself.
    /// </summary>
    public static bool IsForeignProcess =>
        AppContext.GetData(EntryAssemblyKey) is string { Length: > 0 } stamped && !IsEntryAssembly(stamped);

    /// <summary>Whether the build has arranged for every host of this app to replicate, and this is the app.</summary>
    public static bool AutoStarts =>
        Instance._autoStart
        && (Instance._appAssembly ?? AppContext.GetData(EntryAssemblyKey) as string) is { Length: > 0 } app
        && IsEntryAssembly(app);

    /// <summary>A host was built, with or without these events.</summary>
    public static void HostIsBuilt() => Instance._hostless.HostIsBuilt();

    void IObserver<DiagnosticListener>.OnNext(DiagnosticListener value)
    {
        if (value.Name == "Microsoft.Extensions.Hosting")
            value.Subscribe(this);
    }

    void IObserver<KeyValuePair<string, object?>>.OnNext(KeyValuePair<string, object?> value)
    {
        try
        {
            switch (value.Key)
            {
                case "HostBuilding" when value.Value is IHostBuilder builder && AutoStarts:
                    builder.ConfigureServices(
                        (_, services) => LitestreamServiceCollectionExtensions.Add(services, zeroCode: true)
                    );
                    break;
                case "HostBuilt" when value.Value is IHost host:
                    HostIsBuilt();
                    (host.Services.GetService(typeof(LitestreamReplicator)) as LitestreamReplicator)?.OnHostBuilt(host);
                    break;
            }
        }
        catch (Exception exception) when (exception is not LitestreamException)
        {
            // From here it would leave Build() and end the app. What is foreseen (a restore that failed) is meant to.
            Report(exception);
        }
    }

    /// <summary>Says on standard error that an unexpected exception of ours keeps this process from being
    /// replicated.</summary>
    public static void Report(Exception exception)
    {
        try
        {
            Console.Error.WriteLine(UnexpectedError.Diagnostic(exception, "Nothing is replicated.").ToString());
        }
        catch (Exception)
        {
            // There is no log to report it to.
        }
    }

    void IObserver<DiagnosticListener>.OnCompleted() { }

    void IObserver<DiagnosticListener>.OnError(Exception error) { }

    void IObserver<KeyValuePair<string, object?>>.OnCompleted() { }

    void IObserver<KeyValuePair<string, object?>>.OnError(Exception error) { }

    public static bool IsEntryAssembly(string name) =>
        string.Equals(Assembly.GetEntryAssembly()?.GetName().Name, name, StringComparison.OrdinalIgnoreCase);
}
