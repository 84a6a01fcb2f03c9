using System.Text.Json;
using Litestream.Dashboard.Access;
using Litestream.Dashboard.Actions;
using Litestream.Dashboard.Monitoring;
using Litestream.Dashboard.Pages;
using Litestream.Diagnostics;
using Litestream.Hosting;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace Litestream.Dashboard;

/// <summary>The requests of one mounted dashboard.</summary>
internal sealed class Dashboard
{
    /// <summary>So many event streams may be open; further ones are refused, and the script asks again and again
    /// instead.</summary>
    public const int MostStreams = 20;

    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    /// <summary>Then the browser asks anew, and whether it may is looked at again.</summary>
    private static readonly TimeSpan StreamLifetime = TimeSpan.FromMinutes(10);

    private readonly LitestreamDashboardOptions _options;
    private readonly DashboardMonitor _monitor;
    private readonly ActionRunner _actions;
    private readonly ModelBuilder _models;
    private readonly PageRenderer _renderer;
    private readonly CodePages _codes = new();
    private readonly AccessGate _gate;
    private readonly RequestToken _tokens;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly CancellationToken _stopping;
    private int _streams;

    /// <exception cref="LitestreamException">LSB1019: a setting is wrong.</exception>
    public Dashboard(IServiceProvider services, LitestreamReplicator replicator, LitestreamDashboardOptions options)
    {
        _options = options;
        _time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        var loggers = services.GetRequiredService<ILoggerFactory>();
        _logger = loggers.CreateLogger(DashboardLog.Category);
        var lifetime = services.GetRequiredService<IHostApplicationLifetime>();
        _stopping = lifetime.ApplicationStopping;
        (_monitor, _actions) = MonitoredReplicator.Of(replicator, _logger, _time, lifetime);
        _models = new ModelBuilder(
            replicator,
            _monitor,
            _actions,
            _codes,
            services.GetRequiredService<IHostEnvironment>().ContentRootPath,
            CommandLineOf(Environment.ProcessPath)
        );
        _renderer = new PageRenderer(services, loggers, options, _logger);
        _gate = new AccessGate(
            options.IsReadOnly,
            services.GetRequiredService<IConfiguration>(),
            _logger,
            _time
        );
        _tokens = new RequestToken(services.GetService<IDataProtectionProvider>());
    }

    /// <summary>The page, of all databases or of one.</summary>
    public async Task PageAsync(HttpContext context)
    {
        if (await _gate.EnterAsync(context).ConfigureAwait(false) is not { } visit)
            return;
        var view = context.Request.RouteValues["id"] as string ?? "";
        var model = ModelOf(visit, view);
        if (model is null)
        {
            await Answer.NotFoundAsync(context, "database").ConfigureAwait(false);
            return;
        }

        await Answer.HtmlAsync(context, await _renderer.PageAsync(model).ConfigureAwait(false)).ConfigureAwait(false);
    }

    /// <summary>The page about a code.</summary>
    public async Task CodeAsync(HttpContext context)
    {
        if (await _gate.EnterAsync(context).ConfigureAwait(false) is not { } visit)
            return;
        if (_codes.Read(context.Request.RouteValues["code"] as string ?? "") is not { } text)
        {
            await Answer.NotFoundAsync(context, "code").ConfigureAwait(false);
            return;
        }

        await Answer.HtmlAsync(context, await _renderer.CodeAsync(Page(visit), text).ConfigureAwait(false))
            .ConfigureAwait(false);
    }

    /// <summary>The style sheet or the script.</summary>
    public async Task AssetAsync(HttpContext context)
    {
        if (await _gate.EnterAsync(context).ConfigureAwait(false) is null)
            return;
        var name = context.Request.RouteValues["name"] as string;
        var asset = new[] { Asset.Style, Asset.Script }.FirstOrDefault(one => one.Name == name);
        if (asset is null)
        {
            await Answer.NotFoundAsync(context, "file").ConfigureAwait(false);
            return;
        }

        var response = context.Response;
        response.ContentType = asset.ContentType;
        response.ContentLength = asset.Content.Length;
        response.Headers.CacheControl = "private, max-age=31536000, immutable";
        await response.Body.WriteAsync(asset.Content, context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>The status as JSON.</summary>
    public async Task StatusAsync(HttpContext context)
    {
        if (await _gate.EnterAsync(context).ConfigureAwait(false) is not { } visit)
            return;
        context.Response.ContentType = "application/json; charset=utf-8";
        await JsonSerializer
            .SerializeAsync(
                context.Response.Body,
                StatusDocument.Of(_models.Build(Page(visit), "")!),
                DashboardJson.Readable.StatusDocument,
                context.RequestAborted
            )
            .ConfigureAwait(false);
    }

    /// <summary>All parts of the page, for a browser whose event stream does not pass.</summary>
    public async Task PartsAsync(HttpContext context)
    {
        if (await _gate.EnterAsync(context).ConfigureAwait(false) is not { } visit)
            return;
        if (ModelOf(visit, ViewOf(context)) is not { } model)
        {
            await Answer.NotFoundAsync(context, "database").ConfigureAwait(false);
            return;
        }

        var changes = await _renderer
            .ChangesAsync(model with { ShowsAges = false }, new SentParts())
            .ConfigureAwait(false);
        context.Response.ContentType = "application/json; charset=utf-8";
        await JsonSerializer
            .SerializeAsync(
                context.Response.Body,
                changes,
                DashboardJson.Readable.PageChanges,
                context.RequestAborted
            )
            .ConfigureAwait(false);
    }

    /// <summary>The changes of the page as server-sent events, until the browser goes or the app stops.</summary>
    public async Task EventsAsync(HttpContext context)
    {
        if (await _gate.EnterAsync(context).ConfigureAwait(false) is not { } visit)
            return;
        if (ModelOf(visit, ViewOf(context)) is null)
        {
            await Answer.NotFoundAsync(context, "database").ConfigureAwait(false);
            return;
        }

        if (Interlocked.Increment(ref _streams) > MostStreams)
        {
            Interlocked.Decrement(ref _streams);
            context.Response.Headers.RetryAfter = "60";
            await Answer.TextAsync(context, StatusCodes.Status503ServiceUnavailable, "Too many event streams are open.")
                .ConfigureAwait(false);
            return;
        }

        try
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _stopping);
            end.CancelAfter(StreamLifetime);
            await StreamAsync(context, visit, end.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The browser has gone, or the app stops.
        }
        finally
        {
            Interlocked.Decrement(ref _streams);
        }
    }

    /// <summary>A method that the path does not have.</summary>
    /// <param name="context">The request.</param>
    /// <param name="allowed">Those that it has.</param>
    public async Task OtherMethodAsync(HttpContext context, string allowed)
    {
        if (await _gate.EnterAsync(context).ConfigureAwait(false) is null)
            return;
        context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
        context.Response.Headers.Allow = allowed;
    }

    /// <summary>Starts what a form asks for.</summary>
    public async Task ActAsync(HttpContext context)
    {
        if (await _gate.EnterAsync(context).ConfigureAwait(false) is not { } visit)
            return;
        if (!RequestToken.IsSameOrigin(context.Request))
        {
            await _gate.RefuseAsync(context, StatusCodes.Status403Forbidden, "another site sent this request.")
                .ConfigureAwait(false);
            return;
        }

        if (visit.IsReadOnly)
        {
            await _gate.RefuseAsync(context, StatusCodes.Status403Forbidden, "this dashboard may only be read.")
                .ConfigureAwait(false);
            return;
        }

        if (await Answer.ReadFormAsync(context).ConfigureAwait(false) is not { } form)
            return;
        if (!_tokens.IsValid(form[RequestToken.Field], visit.User))
        {
            await _gate.RefuseAsync(
                    context,
                    StatusCodes.Status400BadRequest,
                    "the form has expired or is not from this dashboard. Load the page again."
                )
                .ConfigureAwait(false);
            return;
        }

        var database = _models.Find(form["database"]);
        if (database is null || !Enum.TryParse<ActionKind>(form["kind"], out var kind) || !Enum.IsDefined(kind))
        {
            await Answer.TextAsync(context, StatusCodes.Status400BadRequest, "There is no such database or action.")
                .ConfigureAwait(false);
            return;
        }

        DateTimeOffset? moment = null;
        if (kind == ActionKind.Restore && !StringValues.IsNullOrEmpty(form["moment"]))
        {
            try
            {
                moment = MomentText.Parse(form["moment"]!, _options.TimeZone, _time);
            }
            catch (LitestreamException e)
            {
                await Answer.TextAsync(context, StatusCodes.Status400BadRequest, e.Diagnostic.ToString())
                    .ConfigureAwait(false);
                return;
            }
        }

        if (_actions.Start(kind, database, moment, visit.User) is { } why)
        {
            await Answer.TextAsync(context, StatusCodes.Status409Conflict, why).ConfigureAwait(false);
            return;
        }

        // A script cannot tell a redirect to the page from one to the app's login.
        if (context.Request.Headers.XRequestedWith == "XMLHttpRequest")
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }

        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = $"{(visit.BasePath.Length == 0 ? "/" : visit.BasePath)}#s-actions";
    }

    private async Task StreamAsync(HttpContext context, Visit visit, CancellationToken cancellationToken)
    {
        var view = ViewOf(context);
        var response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        response.Headers["X-Accel-Buffering"] = "no";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        var sent = new SentParts();
        var written = _time.GetTimestamp();
        while (!cancellationToken.IsCancellationRequested)
        {
            if (ModelOf(visit, view) is not { } model)
            {
                await response.WriteAsync("event: gone\ndata: \n\n", cancellationToken).ConfigureAwait(false);
                return;
            }

            var changes = await _renderer.ChangesAsync(model with { ShowsAges = false }, sent).ConfigureAwait(false);
            if (!changes.IsEmpty)
            {
                // JSON has no line break in it, so that it is one line of data.
                await response
                    .WriteAsync(
                        $"data: {JsonSerializer.Serialize(changes, DashboardJson.Readable.PageChanges)}\n\n",
                        cancellationToken
                    )
                    .ConfigureAwait(false);
                await response.Body.FlushAsync(cancellationToken).ConfigureAwait(false);
                written = _time.GetTimestamp();
            }
            else if (_time.GetElapsedTime(written) > KeepAlive)
            {
                await response.WriteAsync("event: alive\ndata: \n\n", cancellationToken).ConfigureAwait(false);
                await response.Body.FlushAsync(cancellationToken).ConfigureAwait(false);
                written = _time.GetTimestamp();
            }

            await Task.Delay(DashboardMonitor.Tick * 2, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    private DashboardModel? ModelOf(Visit visit, string view)
    {
        _monitor.NoteView(_models.Find(view));
        var page = Page(visit);
        return _models.Build(page with { RequestToken = visit.IsReadOnly ? "" : visit.Token(_tokens) }, view);
    }

    private DashboardModel Page(Visit visit) =>
        new()
        {
            Title = _options.Title,
            BasePath = visit.BasePath,
            Links = [.. _options.Links],
            Now = _time.GetUtcNow(),
            TimeZone = _options.TimeZone,
            IsReadOnly = visit.IsReadOnly,
            Filter = visit.Filter,
            Process = new ProcessModel("", _time.GetUtcNow()),
            StyleUrl = $"{visit.BasePath}/assets/{Asset.Style.Name}",
            ScriptUrl = $"{visit.BasePath}/assets/{Asset.Script.Name}",
        };

    private static string ViewOf(HttpContext context) => Answer.Cut(context.Request.Query["view"]);

    /// <summary>Under dotnet or a web server the app is not a program of its own.</summary>
    private static string CommandLineOf(string? process)
    {
        var app = System.Reflection.Assembly.GetEntryAssembly()?.GetName().Name;
        var name = Path.GetFileNameWithoutExtension(process);
        return name == app ? $"./{name} litestream" : $"dotnet {app}.dll litestream";
    }
}
