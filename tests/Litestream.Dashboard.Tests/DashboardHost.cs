using System.Net;
using Litestream.Dashboard.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Litestream.Dashboard.Tests;

/// <summary>
/// A real web host in this process, on a port of its own, with a real replicator. A request says in the headers
/// Test-Remote and Test-Local which addresses its connection has for the app, and in Test-Scheme the scheme.
/// </summary>
public sealed class DashboardHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Lines _log = new();

    private DashboardHost(
        string database,
        IReadOnlyDictionary<string, string?> settings,
        Action<LitestreamDashboardOptions>? configure,
        Action<WebApplicationBuilder>? services,
        Action<IEndpointConventionBuilder>? conventions,
        string pattern,
        string? replica
    )
    {
        Folder = Directory.CreateTempSubdirectory("dashboard-").FullName;
        Database = Path.Combine(Folder, database);
        Run("PRAGMA journal_mode = wal; CREATE TABLE Rows (Id INTEGER PRIMARY KEY, Text TEXT)");
        var config = Path.Combine(Folder, "litestream.yml");
        File.WriteAllText(
            config,
            $"""
            dbs:
              - path: '{Database.Replace("'", "''", StringComparison.Ordinal)}'
                replicas:
                  - {replica ?? $"path: '{Replica.Replace("'", "''", StringComparison.Ordinal)}'"}
            """
        );
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { ContentRootPath = Folder, EnvironmentName = "Production" }
        );
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["urls"] = "http://127.0.0.1:0",
                ["Litestream:ConfigPath"] = config,
                ["Litestream:ExecutablePath"] = Repository.Executable,

                // By default 11 s, which a commit may take on a slow machine, and a verification is not repeated.
                ["Litestream:Verification:Timeout"] = "00:02:00",
            }
        );
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Logging.ClearProviders().AddProvider(_log);
        builder.Services.AddLitestream();
        services?.Invoke(builder);
        _app = builder.Build();
        _app.Use(
            (context, next) =>
            {
                context.Connection.RemoteIpAddress = Address(context, "Test-Remote");
                context.Connection.LocalIpAddress = Address(context, "Test-Local");
                if (context.Request.Headers["Test-Scheme"] is [{ } scheme])
                    context.Request.Scheme = scheme;
                return next();
            }
        );
        var mapped = _app.MapLitestreamDashboard(pattern, configure);
        conventions?.Invoke(mapped);
    }

    public string Folder { get; }

    public string Database { get; }

    /// <summary>The folder that it is replicated to.</summary>
    public string Replica => Path.Combine(Folder, "replica");

    public Uri Url { get; private set; } = null!;

    /// <summary>What the app has logged under the category of the dashboard.</summary>
    public IReadOnlyList<string> Log => _log.All;

    public WebApplication App => _app;

    public static async Task<DashboardHost> StartAsync(
        IReadOnlyDictionary<string, string?>? settings = null,
        Action<LitestreamDashboardOptions>? configure = null,
        Action<WebApplicationBuilder>? services = null,
        Action<IEndpointConventionBuilder>? conventions = null,
        string database = "app.db",
        string pattern = "/litestream",
        Action<WebApplication>? app = null,
        string? replica = null
    )
    {
        var host = new DashboardHost(
            database,
            settings ?? new Dictionary<string, string?>(),
            configure,
            services,
            conventions,
            pattern,
            replica
        );
        app?.Invoke(host._app);
        await host._app.StartAsync(TestContext.Current.CancellationToken);
        host.Url = new Uri(
            host._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()
        );
        return host;
    }

    /// <summary>A client that follows no redirect.</summary>
    public HttpClient Client() =>
        new(
            new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseProxy = false,
                UseCookies = false,

                // A body that the server is to refuse is not sent, however slow it is.
                Expect100ContinueTimeout = TimeSpan.FromMinutes(1),
            }
        )
        {
            BaseAddress = Url,
        };

    /// <summary>The page, asked for from this machine.</summary>
    public async Task<string> PageAsync(string path = "/litestream")
    {
        using var client = Client();
        return await client.GetStringAsync(path, TestContext.Current.CancellationToken);
    }

    /// <summary>The page, when it shows something.</summary>
    public async Task<string> PageWithAsync(string text, string path = "/litestream")
    {
        var page = "";
        await AppFolder.UntilAsync(
            async () => (page = await PageAsync(path)).Contains(text, StringComparison.Ordinal),
            () => $"the page shows '{text}':\n{page}"
        );
        return page;
    }

    /// <summary>The page, when it shows something no more.</summary>
    public async Task<string> PageWithoutAsync(string text)
    {
        var page = "";
        await AppFolder.UntilAsync(
            async () => !(page = await PageAsync()).Contains(text, StringComparison.Ordinal),
            () => $"the page does not show '{text}':\n{page}"
        );
        return page;
    }

    /// <summary>The token of the forms of a page.</summary>
    public static string TokenOf(string page) =>
        page.Split($"name=\"{RequestToken.Field}\" value=\"") is [_, var rest, ..]
            ? rest[..rest.IndexOf('"', StringComparison.Ordinal)]
            : throw new InvalidOperationException($"The page has no form:\n{page}");

    /// <summary>Starts an action, as a form without a script does.</summary>
    public async Task ActAsync(string kind, string moment = "")
    {
        // At most one runs for each database.
        await PageWithoutAsync(">running</strong>");
        var page = await PageWithAsync("Verify now");
        using var client = Client();
        using var answer = await client.PostAsync(
            "/litestream/actions",
            new FormUrlEncodedContent(
                new Dictionary<string, string>
                {
                    [RequestToken.Field] = TokenOf(page),
                    ["kind"] = kind,
                    ["database"] = page.Split("name=\"database\" value=\"")[1].Split('"')[0],
                    ["moment"] = moment,
                }
            ),
            TestContext.Current.CancellationToken
        );
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
    }

    public void Run(string sql)
    {
        using var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = Database, Pooling = false }.ToString()
        );
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        TestFolder.Delete(Folder);
    }

    private static IPAddress? Address(HttpContext context, string header)
    {
        string? value = context.Request.Headers[header];
        context.Request.Headers.Remove(header);
        return value switch
        {
            null => IPAddress.Loopback,
            "none" => null,
            _ => IPAddress.Parse(value),
        };
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        private readonly List<string> _lines = [];

        public IReadOnlyList<string> All
        {
            get
            {
                lock (_lines)
                    return [.. _lines];
            }
        }

        public ILogger CreateLogger(string categoryName) =>
            categoryName == "Litestream.Dashboard"
                ? this
                : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            lock (_lines)
                _lines.Add(formatter(state, exception));
        }

        public void Dispose() { }
    }
}
