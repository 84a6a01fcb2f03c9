using Litestream.Hosting;
using Litestream.Hosting.CommandLine;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds Litestream to a host.</summary>
public static class LitestreamServiceCollectionExtensions
{
    private static readonly Func<IServiceProvider, IHostedService> HostedService = static provider =>
        provider.GetRequiredService<LitestreamReplicator>();

    /// <summary>
    /// Replicates the app's SQLite databases for as long as the host runs: restores a missing one while the host is
    /// built, starts <c>litestream</c>
    /// before the app's own services, and stops it after the app's last write. Settings come from the configuration
    /// section <c>Litestream</c>;
    /// off in the Development environment unless <c>Litestream:Enabled</c> says otherwise. Calling it twice is the same
    /// as once. An app that gets
    /// the zero-code start from the build needs no call; with the call, a failed restore is a
    /// <see cref="Litestream.Diagnostics.LitestreamException"/> out of
    /// <c>Build()</c> instead of one log line and exit code 1. Adds <see cref="LitestreamReplicator"/> and
    /// <see cref="Litestream.LitestreamClient"/> as singletons; the client also works
    /// where nothing is replicated.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddLitestream(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        HostEvents.Subscribe(autoStart: false);
        if (CommandProcess.Arguments is not null && !HostEvents.IsForeignProcess)
            CommandProcess.DivertOutput();

        return Add(services, zeroCode: false);
    }

    internal static IServiceCollection Add(IServiceCollection services, bool zeroCode)
    {
        // The app's own call comes first, so its way of failing wins over the zero-code one.
        services.TryAddSingleton(provider =>
            new LitestreamReplicator(provider, zeroCode, LitestreamCommandLine.RunAsync)
        );
        if (
            !services.Any(service =>
                service.ServiceType == typeof(IHostedService) && service.ImplementationFactory == HostedService
            )
        )
        {
            // The first one: hosts start services in this order, step by step, and stop them in the reverse order.
            services.Insert(0, ServiceDescriptor.Singleton(HostedService));
        }

        services.TryAddSingleton(provider => provider.GetRequiredService<LitestreamReplicator>().CreateClient());
        return services;
    }
}
