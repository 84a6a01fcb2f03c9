using System.Diagnostics;
using System.IO.MemoryMappedFiles;
using Litestream.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

// Writes a row for every line it reads on standard input ("row <text>", "other <text>" for a second database), says so
// on standard output ("failed <code of SQLite>" when it could not), and ends as a line tells it to. Its last row
// ("last") is written when the host stops it. Switches come before that: how the host is built, and what happens
// before.
// What cannot be a switch, because the command line is Litestream's, is a variable: Noise, NeedsSettings, Explicit,
// NoCommands, NoHost.
if (IsOn("Noise"))
    Noise.Make();

if (args.Contains("--no-host") || IsOn("NoHost"))
{
    Console.WriteLine("no host");
    return 0;
}

if (IsOn("NeedsSettings"))
    _ = File.ReadAllText("appsettings.json");

if (args.Contains("--open-before-build"))
{
    using var early = new SqliteConnection(Environment.GetEnvironmentVariable("ConnectionStrings__Orders"));
    early.Open();
    using var command = early.CreateCommand();
    command.CommandText = "PRAGMA journal_mode = wal";
    command.ExecuteNonQuery();
}

using var host = Build();
if (!IsOn("NoCommands") && await host.RunLitestreamCommandAsync(args) is { } exitCode)
    return exitCode;

if (args.Contains("--silent"))
{
    // Only its log writes then, as in most apps.
    Console.SetOut(TextWriter.Null);
}

Console.WriteLine($"built {Orders.Count(host.Services.GetRequiredService<IConfiguration>())}");
if (args.Contains("--build-only"))
    return 0;

await host.StartAsync();

// What comes after this line comes after the first row too, however long it took.
await Task.WhenAny(Writer.Wrote.Task, Task.Delay(TimeSpan.FromSeconds(10)));
Console.WriteLine($"started {Environment.ProcessId}");
var crash = new TaskCompletionSource();
_ = Task.Run(() =>
    Obey(
        host.Services,
        host.Services.GetRequiredService<IConfiguration>(),
        host.Services.GetRequiredService<IHostApplicationLifetime>(),
        crash
    )
);
await await Task.WhenAny(host.WaitForShutdownAsync(), crash.Task);
Console.WriteLine("main has ended");
return Environment.ExitCode;

IHost Build()
{
    if (args.Contains("--web-host"))
        return new OldWebHost(args, Configure);

    if (Array.Find(args, argument => argument.StartsWith("--web-", StringComparison.Ordinal)) is { } kind)
        return BuildWeb(kind);

    if (args.Contains("--default-builder"))
        return Host.CreateDefaultBuilder(args).ConfigureServices(Configure).Build();

    var builder = args.Contains("--empty-builder")
        ? Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { Args = args })
        : Host.CreateApplicationBuilder(args);
    if (args.Contains("--empty-builder"))
        builder.Configuration.AddEnvironmentVariables();

    Configure(builder.Services);
    return builder.Build();
}

IHost BuildWeb(string kind)
{
    var options = new WebApplicationOptions { Args = args };
    var builder = kind switch
    {
        "--web-app" => WebApplication.CreateBuilder(options),
        "--web-slim" => WebApplication.CreateSlimBuilder(options),
        "--web-empty" => WebApplication.CreateEmptyBuilder(options),
        _ => throw new ArgumentException(kind),
    };
    if (kind == "--web-empty")
    {
        builder.Configuration.AddEnvironmentVariables();
        builder.WebHost.UseKestrelCore();
    }

    builder.WebHost.UseUrls("http://127.0.0.1:0");
    Configure(builder.Services);
    return builder.Build();
}

void Configure(IServiceCollection services)
{
    services.AddHostedService<Writer>();
    if (args.Contains("--eager"))
        services.AddHostedService<EagerWriter>();

    if (IsOn("Noise"))
        services.AddLogging(logging => logging.AddJsonConsole().AddConsole());

    if (args.Contains("--log-that-blocks"))
        services.AddSingleton<ILoggerProvider, BlockingLog>();

    if (args.Contains("--explicit") || IsOn("Explicit"))
    {
        services.AddLitestream();
        services.AddLitestream();
    }
}

static async Task TellAsync(string done, string what, Func<Task> action)
{
    var watch = Stopwatch.StartNew();
    try
    {
        await action();
        Console.WriteLine($"{done} {what}");
    }
    catch (Exception e)
    {
        var seconds = watch.Elapsed.TotalSeconds;
        Console.WriteLine($"not {done} {what}: {e.Message} [{e.GetType().Name}] after {seconds:0.0} s");
    }
}

static bool IsOn(string variable) => Environment.GetEnvironmentVariable($"HOSTED_APP_{variable}") == "true";

static void Obey(
    IServiceProvider services,
    IConfiguration configuration,
    IHostApplicationLifetime lifetime,
    TaskCompletionSource crash
)
{
    LitestreamReplicator Replicator() => services.GetRequiredService<LitestreamReplicator>();
    while (Console.In.ReadLine() is { } line)
    {
        switch (line.Split(' ', 2))
        {
            case ["row", var text]:
                try
                {
                    Orders.Insert(configuration, text);
                    Console.WriteLine($"wrote {text}");
                }
                catch (SqliteException e)
                {
                    Console.WriteLine($"failed {e.SqliteErrorCode}");
                }

                break;
            case ["sql", var sql]:
                var watch = Stopwatch.StartNew();
                try
                {
                    Console.WriteLine($"ran {Orders.Run(configuration, sql)} in {watch.Elapsed.TotalSeconds:0.0} s");
                }
                catch (SqliteException e)
                {
                    Console.WriteLine($"failed {e.SqliteErrorCode} in {watch.Elapsed.TotalSeconds:0.0} s");
                }

                break;
            case ["hold", var path]:
                Orders.Hold(path);
                Console.WriteLine($"holds {path}");
                break;
            case ["other", var text]:
                Orders.Insert(configuration, text, "Other");
                Console.WriteLine($"wrote {text}");
                break;
            case ["rows", var count]:
                for (var i = 0; i < int.Parse(count); i++)
                    Orders.Insert(configuration, $"row {i}");

                Console.WriteLine($"wrote {count} rows");
                break;
            case ["storm", .. var name]:
                // Until the host stops it, "calm" does, or the disk is full.
                Writer.Calm = false;
                Writer.Storm = Task.Run(() =>
                {
                    var i = 0;
                    try
                    {
                        for (; !Writer.Calm && !lifetime.ApplicationStopping.IsCancellationRequested; i++)
                            Orders.Insert(configuration, $"storm {string.Concat(name)}{i}");
                    }
                    catch (SqliteException e)
                    {
                        Console.WriteLine($"failed {e.SqliteErrorCode}");
                    }

                    Console.WriteLine($"stormed {i} rows");
                });
                break;
            case ["accounts"]:
                Ledger.Create(configuration);
                Console.WriteLine("has accounts");
                break;
            case ["heavy", var options]:
                // "SECONDS [truncate]": as much as goes, from three threads.
                var words = options.Split(' ');
                Writer.Storm = Task.Run(() =>
                {
                    var time = TimeSpan.FromSeconds(int.Parse(words[0]));
                    var bytes = Ledger.Load(configuration, time, words.Contains("truncate"));
                    Console.WriteLine($"wrote {bytes} bytes heavily");
                });
                break;
            case ["churn", var mix]:
                // "THREADS FULL|NORMAL": inserts, updates, transfers and deletes, until "calm" or the host's end.
                var (threads, synchronous) = (mix.Split(' ')[0], mix.Split(' ')[1]);
                Writer.Calm = false;
                Writer.Storm = Task.Run(() =>
                {
                    var commits = Ledger.Churn(
                        configuration,
                        int.Parse(threads),
                        synchronous,
                        () => Writer.Calm || lifetime.ApplicationStopping.IsCancellationRequested
                    );
                    Console.WriteLine($"churned {commits} commits");
                });
                break;
            case ["add", var what]:
                // On a thread of its own, so that several can be added at once. "PATH" or "PATH => URL".
                var added = what.Split(" => ");
                _ = Task.Run(() =>
                    TellAsync("added", what, () => Replicator().AddDatabaseAsync(added[0], added.ElementAtOrDefault(1)))
                );
                break;
            case ["remove", var what]:
                _ = Task.Run(() => TellAsync("removed", what, () => Replicator().RemoveDatabaseAsync(what)));
                break;
            case ["into", var what]:
                // "PATH <= TEXT"
                Orders.InsertInto(what.Split(" <= ")[0], what.Split(" <= ")[1]);
                Console.WriteLine($"wrote {what}");
                break;
            case ["databases"]:
                var databases = Replicator()
                    .Status.Databases.Select(database =>
                        $"{database.Path} {database.Health} "
                        + (database.Replicated is null ? "never" : database.LagBytes == 0 ? "arrived" : "pending")
                        + $" {database.Problem}"
                    );
                Console.WriteLine($"databases {string.Join("; ", databases)}");
                break;
            case ["calm"]:
                Writer.Calm = true;
                break;
            case ["load", var megabytes]:
                Orders.Load(configuration, int.Parse(megabytes));
                Console.WriteLine($"loaded {megabytes} MB");
                break;
            case ["spread", var text]:
                // One row into every database that is configured.
                foreach (var child in configuration.GetSection("ConnectionStrings").GetChildren())
                    Orders.Insert(configuration, text, child.Key);

                Console.WriteLine($"spread {text}");
                break;
            case ["log", var count]:
                // On a thread of its own: where nothing reads the output it waits for ever.
                var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("App");
                var lines = Enumerable.Range(0, int.Parse(count)).ToList();
                new Thread(() => lines.ForEach(i => logger.LogInformation("line {Number}", i)))
                {
                    IsBackground = true,
                }.Start();
                break;
            case ["open-outside", var suffix]:
                // What must not be done to a live database.
                var orders = new SqliteConnectionStringBuilder(configuration.GetConnectionString("Orders")).DataSource;
                File.OpenRead(orders + suffix.Trim()).Dispose();

                Console.WriteLine("opened outside");
                break;
            case ["status"]:
                var status = Replicator().Status;
                var states = status.Databases.Select(database =>
                    $"{database.Health} {database.Lag.TotalSeconds:0.0} s {database.LagBytes} bytes {database.Problem}"
                );
                Console.WriteLine(
                    $"status {status.State} after {status.Restarts} restarts, "
                        + $"{string.Join("; ", states)} [{status.LastError}]"
                );
                var looked = status.Databases.Select(database => database.LookedAt?.UtcTicks ?? 0);
                Console.WriteLine($"looked {looked.DefaultIfEmpty().Min()}");
                break;
            case ["another-library"]:
                // As the system sees it: a mapped file of that name. The pool has the database open.
                var library = Path.Combine(AppContext.BaseDirectory, "libsqlite3.so");
                File.WriteAllText(library, "for the name only");
                Orders.AnotherLibrary = MemoryMappedFile.CreateFromFile(library).CreateViewAccessor();
                Console.WriteLine("has another library");
                break;
            case ["stop"]:
                lifetime.StopApplication();
                break;
            case ["throw-background"]:
                Writer.Throw.SetException(new InvalidOperationException("thrown in a background service"));
                break;
            case ["throw-thread"]:
                new Thread(() => throw new InvalidOperationException("thrown on a thread of its own")).Start();
                break;
            case ["throw-main"]:
                crash.SetException(new InvalidOperationException("thrown on the main thread"));
                break;
            case ["return-main"]:
                crash.SetResult();
                break;
            case ["exit"]:
                Environment.Exit(7);
                break;
            case ["kill"]:
                Process.GetCurrentProcess().Kill();
                break;
        }
    }
}

/// <summary>Writes to standard output in every way that an app has before its host is built.</summary>
internal static class Noise
{
    public static void Make()
    {
        Console.WriteLine("noise of Console.WriteLine");
        using (var stream = Console.OpenStandardOutput())
            stream.Write("noise of a stream\n"u8);

        using (var device = new StreamWriter("/dev/stdout"))
            device.WriteLine("noise of a device");

        using (var child = Process.Start("echo", "noise of a child"))
            child.WaitForExit();

        Action<ILoggingBuilder>[] kinds = [logging => logging.AddConsole(), logging => logging.AddJsonConsole()];
        foreach (var add in kinds)
        {
            using var factory = LoggerFactory.Create(add);
            factory.CreateLogger("Noise").LogWarning("noise of a logger");
        }
    }
}

internal sealed class Writer(IConfiguration configuration) : BackgroundService
{
    public static readonly TaskCompletionSource Throw = new();

    /// <summary>Whether it has tried to write its first row.</summary>
    public static readonly TaskCompletionSource Wrote = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends the storm.</summary>
    public static volatile bool Calm;

    /// <summary>Ends with the storm of writes that there may be.</summary>
    public static volatile Task Storm = Task.CompletedTask;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (Environment.GetEnvironmentVariable("HOSTED_APP_Idle") != "true")
                Orders.Insert(configuration, "first");
        }
        finally
        {
            Wrote.TrySetResult();
        }

        await Task.WhenAny(Throw.Task, Task.Delay(Timeout.Infinite, stoppingToken));
        if (Throw.Task.IsFaulted)
            await Throw.Task;
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        if (configuration["StopDelay"] is { } delay)
            await Task.Delay(int.Parse(delay), CancellationToken.None);

        await base.StopAsync(cancellationToken);
        await Storm;
        if (Environment.GetEnvironmentVariable("HOSTED_APP_Idle") == "true")
            return;

        try
        {
            Orders.Insert(configuration, "last");
            Console.WriteLine("wrote last");
        }
        catch (SqliteException e)
        {
            Console.WriteLine($"failed {e.SqliteErrorCode}");
        }
    }
}

/// <summary>Writes before the first service starts and after the last one has stopped.</summary>
internal sealed class EagerWriter(IConfiguration configuration) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => WriteAsync("starting");

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => WriteAsync("stopped");

    private Task WriteAsync(string text)
    {
        Orders.Insert(configuration, text);
        return Task.CompletedTask;
    }
}

/// <summary>The host from before the generic one: it raises no events, and starts and stops services in one step only.
/// </summary>
internal sealed class OldWebHost : IHost
{
#pragma warning disable ASPDEPR004, ASPDEPR008 // Deprecated, and still in use.
    private readonly IWebHost _host;

    public OldWebHost(string[] args, Action<IServiceCollection> configure)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().AddCommandLine(args).Build();
        _host = new WebHostBuilder()
            .UseConfiguration(configuration)
            .ConfigureAppConfiguration(builder => builder.AddConfiguration(configuration))
            .ConfigureLogging(logging => logging.AddConsole())
            .ConfigureServices(configure)
            .UseKestrel()
            .UseUrls("http://127.0.0.1:0")
            .Configure(_ => { })
            .Build();
    }
#pragma warning restore ASPDEPR004, ASPDEPR008

    public IServiceProvider Services => _host.Services;

    public Task StartAsync(CancellationToken cancellationToken) => _host.StartAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => _host.StopAsync(cancellationToken);

    public void Dispose() => _host.Dispose();
}

internal static class Orders
{
    private const string CreateTable = "CREATE TABLE IF NOT EXISTS orders(text TEXT NOT NULL); ";

    private const string InsertText = CreateTable + "INSERT INTO orders(text) VALUES ($text)";

    /// <summary>Stays mapped.</summary>
    public static IDisposable? AnotherLibrary { get; set; }

    public static void Insert(IConfiguration configuration, string text, string name = "Orders")
    {
        using var connection = Open(configuration, name);
        using var command = connection.CreateCommand();
        command.CommandText = InsertText;
        command.Parameters.AddWithValue("$text", text);
        command.ExecuteNonQuery();
    }

    /// <summary>A row into any database, by its path as the app has it.</summary>
    public static void InsertInto(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var builder = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false };
        using var connection = new SqliteConnection(builder.ConnectionString);
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = InsertText;
        command.Parameters.AddWithValue("$text", text);
        command.ExecuteNonQuery();
    }

    /// <summary>What a statement of the app gives: its first value.</summary>
    public static object? Run(IConfiguration configuration, string sql)
    {
        using var connection = Open(configuration);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    /// <summary>A database in WAL mode that no setting names, open until the app ends.</summary>
    public static void Hold(string path)
    {
        var connection = new SqliteConnection($"Data Source={path}");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"PRAGMA journal_mode = wal; {CreateTable}INSERT INTO orders(text) VALUES ('held')";
        command.ExecuteNonQuery();
        Held.Add(connection);
    }

    private static readonly List<SqliteConnection> Held = [];

    /// <summary>Rows of a megabyte that cannot be compressed, in a table of their own.</summary>
    public static void Load(IConfiguration configuration, int megabytes)
    {
        using var connection = Open(configuration);
        using var command = connection.CreateCommand();
        command.CommandText =
            "CREATE TABLE IF NOT EXISTS big(bytes BLOB NOT NULL); INSERT INTO big(bytes) VALUES (randomblob(1000000))";
        for (var i = 0; i < megabytes; i++)
            command.ExecuteNonQuery();
    }

    public static long Count(IConfiguration configuration)
    {
        // Opens like a migration would; a file that is not there must stay so, for the tests to see.
        var path = new SqliteConnectionStringBuilder(configuration.GetConnectionString("Orders")).DataSource;
        if (!File.Exists(path))
            return -1;

        using var connection = Open(configuration);
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM sqlite_master WHERE name = 'orders'";
        if (command.ExecuteScalar() is 0L)
            return 0;

        command.CommandText = "SELECT count(*) FROM orders";
        return (long)command.ExecuteScalar()!;
    }

    private static SqliteConnection Open(IConfiguration configuration, string name = "Orders")
    {
        var connection = new SqliteConnection(configuration.GetConnectionString(name));
        connection.Open();

        // Put together at run time: the package reads the app's strings.
        if (Environment.GetEnvironmentVariable("HOSTED_APP_Journal") is { } mode)
        {
            try
            {
                using var command = connection.CreateCommand();
                command.CommandText = string.Concat("PRAGMA journal_", "mode = ", mode);
                command.ExecuteNonQuery();
            }
            catch
            {
                connection.Dispose();
                throw;
            }
        }

        return connection;
    }
}

/// <summary>Money moves between accounts, so that a lost or doubled page shows: in the sum of all balances, or in a
/// row.</summary>
internal static class Ledger
{
    private const int Accounts = 20_000;

    public static void Create(IConfiguration configuration)
    {
        using var connection = Open(configuration);
        Execute(
            connection,
            "CREATE TABLE IF NOT EXISTS blobs(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL); "
                + "CREATE TABLE IF NOT EXISTS account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL, "
                + "padding TEXT NOT NULL); "
                + "CREATE TABLE IF NOT EXISTS transfer(id INTEGER PRIMARY KEY, text TEXT NOT NULL)"
        );
        Execute(
            connection,
            $"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {Accounts}) "
                + "INSERT OR IGNORE INTO account SELECT i, 1000, hex(randomblob(100)) FROM n"
        );
    }

    /// <summary>Two threads insert rows of 3 KB and one moves money, without a pause.</summary>
    /// <returns>The bytes of the rows.</returns>
    public static long Load(IConfiguration configuration, TimeSpan time, bool truncates)
    {
        var bytes = 0L;
        var watch = Stopwatch.StartNew();
        var threads = new List<Thread>();
        for (var i = 0; i < 3; i++)
        {
            var moves = i == 0;
            var thread = new Thread(() =>
            {
                using var connection = Open(configuration);
                while (watch.Elapsed < time)
                {
                    if (moves)
                    {
                        Transfer(connection);
                    }
                    else
                    {
                        Execute(connection, "INSERT INTO blobs(bytes) VALUES (randomblob(3000))");
                        Interlocked.Add(ref bytes, 3000);
                        if (truncates)
                            Execute(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
                    }
                }
            });
            threads.Add(thread);
            thread.Start();
        }

        threads.ForEach(thread => thread.Join());
        return bytes;
    }

    /// <summary>Different kinds of commits in a random order, half of them on connections that are opened and closed.
    /// </summary>
    /// <returns>How many.</returns>
    public static long Churn(IConfiguration configuration, int count, string synchronous, Func<bool> isOver)
    {
        var commits = 0L;
        var threads = Enumerable.Range(0, count).Select(i => new Thread(() =>
        {
            using var kept = i % 2 == 0 ? OpenFor(synchronous) : null;
            while (!isOver())
            {
                var connection = kept ?? OpenFor(synchronous);
                try
                {
                    switch (Random.Shared.Next(5))
                    {
                        case 0:
                            Execute(
                                connection,
                                "INSERT INTO blobs(bytes) VALUES (randomblob(2000 + abs(random()) % 6000))"
                            );
                            break;
                        case 1:
                            var id = Random.Shared.Next(1, 500);
                            Execute(connection, $"UPDATE blobs SET bytes = randomblob(3000) WHERE id = {id}");
                            break;
                        case 2:
                            Execute(connection, $"DELETE FROM blobs WHERE id % 97 = {Random.Shared.Next(97)}");
                            break;
                        default:
                            Transfer(connection);
                            break;
                    }

                    Interlocked.Increment(ref commits);
                }
                catch (SqliteException e) when (e.SqliteErrorCode is 5 or 6)
                {
                    // Somebody else wrote for too long.
                }
                finally
                {
                    if (kept is null)
                        connection.Dispose();
                }
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return commits;

        SqliteConnection OpenFor(string mode)
        {
            var connection = Open(configuration);
            Execute(connection, $"PRAGMA synchronous = {mode}");
            return connection;
        }
    }

    private static void Transfer(SqliteConnection connection)
    {
        var (giver, taker) = (Random.Shared.Next(1, Accounts + 1), Random.Shared.Next(1, Accounts + 1));
        var amount = Random.Shared.Next(1, 100);
        using var transaction = connection.BeginTransaction(deferred: false);
        Execute(connection, $"UPDATE account SET balance = balance - {amount} WHERE id = {giver}");
        Execute(connection, $"UPDATE account SET balance = balance + {amount} WHERE id = {taker}");
        Execute(connection, $"INSERT INTO transfer(text) VALUES ('{giver} -> {taker}: {amount}')");
        transaction.Commit();
    }

    private static SqliteConnection Open(IConfiguration configuration)
    {
        var connection = new SqliteConnection(configuration.GetConnectionString("Orders"));
        connection.Open();
        return connection;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}

/// <summary>A log that takes nothing more of Litestream's once the app has started: as one over the network does whose
/// other end hangs.</summary>
internal sealed class BlockingLog(IServiceProvider services) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new Logger(categoryName == "Litestream" ? services : null);

    public void Dispose()
    {
    }

    private sealed class Logger(IServiceProvider? services) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => services is not null;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            var lifetime = services?.GetRequiredService<IHostApplicationLifetime>();
            if (lifetime?.ApplicationStarted.IsCancellationRequested == true)
                Thread.Sleep(Timeout.Infinite);
        }
    }
}
