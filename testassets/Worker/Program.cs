using Microsoft.Data.Sqlite;

// Writes one row for every line it reads on standard input, says so on standard output, and ends as the line says:
// "stop" (StopApplication), "throw" (an unhandled exception in a background service), "crash" (one on a thread of its
// own).
var builder = Host.CreateApplicationBuilder(args);
builder.Services.AddHostedService<Writer>();
var host = builder.Build();
Console.WriteLine($"built, rows: {Database.Count(host.Services.GetRequiredService<IConfiguration>())}");
host.Run();

internal sealed class Writer(IConfiguration configuration, IHostApplicationLifetime lifetime) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The console's reader blocks, whatever token it is given: the stop of the app would wait for it.
        while (await Task.Run(Console.In.ReadLine, CancellationToken.None).WaitAsync(stoppingToken) is { } line)
        {
            Database.Insert(configuration, line);
            Console.WriteLine($"wrote {line}");
            switch (line)
            {
                case "stop":
                    lifetime.StopApplication();
                    return;
                case "throw":
                    throw new InvalidOperationException("thrown in a background service");
                case "crash":
                    new Thread(() => throw new InvalidOperationException("thrown on a thread of its own")).Start();
                    return;
            }
        }
    }
}

internal static class Database
{
    public static void Insert(IConfiguration configuration, string text)
    {
        using var connection = Open(configuration);
        using var command = connection.CreateCommand();
        command.CommandText = "INSERT INTO rows(text) VALUES ($text)";
        command.Parameters.AddWithValue("$text", text);
        command.ExecuteNonQuery();
    }

    public static long Count(IConfiguration configuration)
    {
        using var connection = Open(configuration);
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM rows";
        return (long)command.ExecuteScalar()!;
    }

    private static SqliteConnection Open(IConfiguration configuration)
    {
        var connectionString = new SqliteConnectionStringBuilder(configuration.GetConnectionString("Orders"));
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(connectionString.DataSource))!);
        var connection = new SqliteConnection(connectionString.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "CREATE TABLE IF NOT EXISTS rows(id INTEGER PRIMARY KEY, text TEXT NOT NULL)";
        command.ExecuteNonQuery();
        return connection;
    }
}
