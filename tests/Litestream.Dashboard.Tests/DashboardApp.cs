using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;

namespace Litestream.Dashboard.Tests;

/// <summary>A published app with the dashboard, as a process of its own with a real replicator.</summary>
public sealed partial class DashboardApp : IDisposable
{
    /// <param name="app">The name of the app in testassets/.</param>
    public DashboardApp(string app = "DashboardApi")
    {
        Folder = new AppFolder("dashboard-", $"testassets/{app}/{Published}", app);
        Folder.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        Folder.Environment["Logging__LogLevel__Microsoft.AspNetCore"] = "Warning";

        // By default 11 s, which a commit may take on a slow machine, and a verification is not repeated.
        Folder.Environment["Litestream__Verification__Timeout"] = "00:02:00";
    }

    public AppFolder Folder { get; }

    public AppProcess Process { get; private set; } = null!;

    /// <summary>Where it listens, without a path.</summary>
    public string Url { get; private set; } = "";

    private static string Published =>
        typeof(DashboardApp)
            .Assembly.GetCustomAttributes(typeof(System.Reflection.AssemblyMetadataAttribute), false)
            .Cast<System.Reflection.AssemblyMetadataAttribute>()
            .Single(attribute => attribute.Key == "PublishedApps")
            .Value!;

    public async Task<DashboardApp> StartAsync()
    {
        Process = Folder.Start();
        await Process.SaysAsync("Application started.");
        Url = Address().Match(Process.Output).Groups[1].Value;
        return this;
    }

    /// <summary>Commits a row.</summary>
    /// <param name="text">What is in it.</param>
    /// <param name="name">The name of the database.</param>
    public void Insert(string text, string name = "orders")
    {
        var database = Path.Combine(Path.GetDirectoryName(Folder.Database)!, $"{name}.db");
        using var connection = new SqliteConnection($"Data Source={database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "INSERT INTO Rows (Text) VALUES ($text)";
        command.Parameters.AddWithValue("$text", text);
        command.ExecuteNonQuery();
    }

    /// <summary>The rows of a file of the same schema.</summary>
    public static IReadOnlyList<string> Rows(string database)
    {
        using var connection = new SqliteConnection($"Data Source={database};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT Text FROM Rows ORDER BY rowid";
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
            rows.Add(reader.GetString(0));
        return rows;
    }

    /// <summary>The process id of its litestream. Another one may be listing backups.</summary>
    public async Task<int> ReplicatorAsync()
    {
        List<int> running = [];
        await AppFolder.UntilAsync(
            () => (running = [.. Folder.Replicators().Where(Replicates)]).Count == 1,
            "one litestream replicates"
        );
        return running[0];
    }

    private static bool Replicates(int id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/cmdline").Split('\0').Contains("replicate");
        }
        catch (IOException)
        {
            // It has ended.
            return false;
        }
    }

    public void Dispose()
    {
        // What it leaves running ends with its folder.
        Process?.Dispose();
        Folder.Dispose();
    }

    [GeneratedRegex(@"Now listening on: (http://127\.0\.0\.1:\d+)", RegexOptions.CultureInvariant)]
    private static partial Regex Address();
}
