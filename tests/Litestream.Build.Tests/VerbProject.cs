using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Litestream.Build.Tests;

/// <summary>A project with two databases, for the tests of the verbs, and what a verb returns.</summary>
internal static class VerbProject
{
    public const string One = "data/one.db";
    public const string Two = "data/zwei  ü.db";
    public const string Yml = "else where/my.yml";

    /// <summary>Time enough for a commit to arrive on a slow machine.</summary>
    public const string LongTimeout = "-p:LitestreamTimeout=3m";

    /// <summary>
    /// A project that is restored and nothing more, with a yml in a folder of its own, two databases and their
    /// replicas.
    /// </summary>
    public static async Task<Workspace> RestoredAsync(Packages packages, string name)
    {
        var app = new Workspace(packages, name).WithAsset("Worker");
        app.Write(Yml, $"dbs:\n{Entry(One, "near by", "replicas/one")}{Entry(Two, "ünd fern", "replicas/two")}");
        foreach (var database in new[] { One, Two })
        {
            Directory.CreateDirectory(app.In("data"));
            _ = Scalar(
                app.In(database),
                "PRAGMA journal_mode = WAL; CREATE TABLE rows(id INTEGER PRIMARY KEY, text TEXT NOT NULL)"
            );
        }

        (await app.DotnetAsync("restore")).Succeeded();
        return app;

        static string Entry(string path, string replica, string folder) =>
            $"  - path: \"{path}\"\n    monitor-interval: 20ms\n    replicas:\n      - name: {replica}\n        "
            + $"path: {folder}\n        sync-interval: 20ms\n";
    }

    public static Task<BuildResult> VerbAsync(Workspace app, string verb, params string[] properties) =>
        app.DotnetAsync(["msbuild", $"-t:{verb}", $"-p:LitestreamConfigFile={Yml}", .. properties]);

    public static async Task<IReadOnlyList<IReadOnlyDictionary<string, string>>> ItemsAsync(
        Workspace app,
        string verb,
        params string[] properties
    ) => Items((await VerbAsync(app, verb, [.. properties, $"-getTargetResult:{verb}"])).Succeeded(), verb);

    public static List<Dictionary<string, string>> Items(BuildResult result, string target) =>
        [
            .. JsonDocument
                .Parse(result.Output)
                .RootElement.GetProperty("TargetResults")
                .GetProperty(target)
                .GetProperty("Items")
                .EnumerateArray()
                .Select(item =>
                    item.EnumerateObject()
                        .ToDictionary(metadata => metadata.Name, metadata => metadata.Value.GetString() ?? "")
                ),
        ];

    public static void WaitUntil(Func<bool> condition, Func<string>? what = null)
    {
        for (var watch = Stopwatch.StartNew(); !condition(); Thread.Sleep(20))
        {
            Assert.True(
                watch.Elapsed < TimeSpan.FromMinutes(10),
                $"It did not come about within 10 minutes. {what?.Invoke()}"
            );
        }
    }

    public static string Scalar(string database, string sql)
    {
        using var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = database, Pooling = false }.ToString()
        );
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToString(command.ExecuteScalar(), CultureInfo.InvariantCulture) ?? "";
    }
}
