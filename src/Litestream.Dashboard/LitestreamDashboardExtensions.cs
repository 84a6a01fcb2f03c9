using System.Reflection;
using Litestream.Dashboard;
using Litestream.Dashboard.Access;
using Litestream.Hosting;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Mounts the dashboard of Litestream.</summary>
public static class LitestreamDashboardExtensions
{
    /// <summary>
    /// Mounts a page that says whether the data is safe right now, with what it takes to find out more, to prove it and
    /// to restore. It is closed by default: only a request from this machine to this machine gets in, and everybody
    /// else gets 404. <c>RequireAuthorization(...)</c> on what is returned opens it to whom the app's policy allows;
    /// so does a password in <c>Litestream:Dashboard:Password</c> or the variable <c>LITESTREAM_PASSWORD</c>.
    /// </summary>
    /// <param name="endpoints">The app.</param>
    /// <param name="pattern">The path. Default <c>/litestream</c>.</param>
    /// <param name="configure">Changes the options.</param>
    /// <returns>For <c>RequireAuthorization</c>, <c>RequireHost</c> and others, for all paths of the
    /// dashboard.</returns>
    /// <exception cref="InvalidOperationException">Nothing has added Litestream to the host: neither the build nor
    /// <c>AddLitestream()</c>.</exception>
    public static IEndpointConventionBuilder MapLitestreamDashboard(
        this IEndpointRouteBuilder endpoints,
        [System.Diagnostics.CodeAnalysis.StringSyntax("Route")] string pattern = "/litestream",
        Action<LitestreamDashboardOptions>? configure = null
    )
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        var replicator =
            endpoints.ServiceProvider.GetService<LitestreamReplicator>()
            ?? throw new InvalidOperationException(
                "LSB5043: MapLitestreamDashboard needs Litestream in the host. Call builder.Services.AddLitestream()."
            );
        var options = new LitestreamDashboardOptions();
        configure?.Invoke(options);
        var dashboard = new Litestream.Dashboard.Dashboard(endpoints.ServiceProvider, replicator, options);
        DescribeStatus(endpoints.ServiceProvider);

        // The app's output cache would give a page to whoever asks next, and without a look at who that is.
        var group = endpoints.MapGroup(pattern).CacheOutput(policy => policy.NoCache());
        string[] looking = [HttpMethods.Get, HttpMethods.Head];
        Map(looking, "", 0, dashboard.PageAsync);
        Map(looking, "/databases/{id}", 2, dashboard.PageAsync);
        Map(looking, "/codes/{code}", 2, dashboard.CodeAsync);
        Map(looking, "/assets/{name}", 2, dashboard.AssetAsync);
        Map([HttpMethods.Get], "/events", 1, dashboard.EventsAsync);
        Map(looking, "/parts", 1, dashboard.PartsAsync);
        Map([HttpMethods.Post], "/actions", 1, dashboard.ActAsync);
        group
            .MapMethods("/api/status", [HttpMethods.Get], dashboard.StatusAsync)
            .WithMetadata(
                new OwnPath(2),
                ((RequestDelegate)dashboard.StatusAsync).GetMethodInfo(),
                new ProducesResponseTypeMetadata(
                    StatusCodes.Status200OK,
                    typeof(StatusDocument),
                    ["application/json"]
                )
            )
            .WithSummary("Whether the app's SQLite data is safe: the status of its continuous backup.")
            .WithTags("Litestream");
        group
            .MapMethods("/api/status", [HttpMethods.Head], dashboard.StatusAsync)
            .WithMetadata(new OwnPath(2))
            .ExcludeFromDescription();
        MapOthers("/api/status", 2, looking);
        return group;

        void Map(string[] methods, string path, int segments, RequestDelegate act)
        {
            group.MapMethods(path, methods, act).WithMetadata(new OwnPath(segments)).ExcludeFromDescription();
            MapOthers(path, segments, methods);
        }

        // Routing answers other methods with 405 by itself, also where the dashboard is closed.
        void MapOthers(string path, int segments, string[] methods) =>
            group
                .Map(path, context => dashboard.OtherMethodAsync(context, string.Join(", ", methods)))
                .WithMetadata(new OwnPath(segments))
                .ExcludeFromDescription();
    }

    /// <summary>A trimmed or native AOT app can describe only what its JSON options know: the status would take the
    /// whole OpenAPI document with it.</summary>
    private static void DescribeStatus(IServiceProvider services)
    {
        var json = services.GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions;
        if (!json.IsReadOnly && !json.TryGetTypeInfo(typeof(StatusDocument), out _))
            json.TypeInfoResolverChain.Add(DashboardJson.Default);
    }
}
