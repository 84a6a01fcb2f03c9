#!/usr/bin/env dotnet
#:property PublishAot=false
#:property GenerateDocumentationFile=true
#:package Microsoft.Data.Sqlite

// `dotnet run benchmarks/app.cs`: what the package costs an app.
//
// Packs this repository, publishes testassets/Worker with and without the package, and starts the two by turns, so that
// whatever else the machine does meets both. Prints what is added
// to the publish, how long the start takes (median, and the ratio), and memory and processor time while nothing is
// written. Linux only (/proc).
//
//   --runs N        starts of each, 10 by default
//   --databases N   databases of the app, 1 by default
//   --idle N        seconds of the idle measurement, 20 by default

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;

var runs = Option("--runs", 10);
var databases = Option("--databases", 1);
var idle = Option("--idle", 20);
var repository = Path.GetDirectoryName((string)AppContext.GetData("EntryPointFileDirectoryPath")!)!;
var folder = Directory.CreateTempSubdirectory("litestream-benchmark-").FullName;
try
{
    // A version and a package folder of its own: what is in the user's is left alone.
    const string Version = "0.0.0-benchmark";
    Dotnet(
        repository,
        "pack",
        "Litestream.Build.sln",
        "-c",
        "Release",
        "-v",
        "q",
        $"-p:Version={Version}",
        $"-p:PackageOutputPath={folder}/feed/"
    );
    var without = Publish("without", "");
    var with = Publish(
        "with",
        $"<ItemGroup><PackageReference Include=\"Litestream.Build\" Version=\"{Version}\" /></ItemGroup>"
    );

    var added = Files(with)
        .Keys.Except(Files(without).Keys, StringComparer.Ordinal)
        .Order(StringComparer.Ordinal)
        .ToList();
    foreach (var file in added)
        Console.WriteLine(Text($"{Files(with)[file] / 1024.0,10:0.0} KB  {file}"));
    var (size, sizeBefore) = (Files(with).Values.Sum() / 1024.0, Files(without).Values.Sum() / 1024.0);
    Console.WriteLine(
        Text($"{size - sizeBefore,10:0.0} KB  in all, {added.Count} files, ")
            + Text($"to {sizeBefore:0} KB in {Files(without).Count} files")
    );

    CreateDatabases(without);
    CreateDatabases(with);
    var times = new Dictionary<string, List<double>> { [without] = [], [with] = [] };
    for (var round = 0; round <= runs; round++)
    {
        foreach (var app in times.Keys)
        {
            using var running = Start(app, out var started);
            Stop(running);

            // The first one of each makes what the others find.
            if (round > 0)
                times[app].Add(started.TotalMilliseconds);
        }
    }

    Console.WriteLine(
        Text($"start without {Median(times[without]):0} ms, with {Median(times[with]):0} ms, ")
            + Text($"ratio {Median(times[with]) / Median(times[without]):0.00} (medians of {runs})")
    );
    foreach (var app in times.Keys)
    {
        using var running = Start(app, out _);

        // What the start itself costs is over by then.
        Wait(TimeSpan.FromSeconds(15));
        var family = Family(running.Id);
        var before = family.ToDictionary(id => id, Ticks);
        Wait(TimeSpan.FromSeconds(idle));
        foreach (var id in family)
        {
            Console.WriteLine(
                Text($"idle {Path.GetFileName(app),-8} {(id == running.Id ? "app" : "litestream"),-10} ")
                    + Text($"{ResidentKb(id) / 1024.0,6:0} MB resident, ")
                    + Text($"{(Ticks(id) - before[id]) / (double)idle,5:0.00} % of a processor, {databases} databases")
            );
        }

        Stop(running);
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

int Option(string name, int otherwise) =>
    Array.IndexOf(args, name) is var index and >= 0
        ? int.Parse(args[index + 1], CultureInfo.InvariantCulture)
        : otherwise;

string Publish(string name, string reference)
{
    var app = Directory.CreateDirectory(Path.Combine(folder, "source", name)).FullName;
    foreach (var file in Directory.GetFiles(Path.Combine(repository, "testassets", "Worker")))
        File.Copy(file, Path.Combine(app, Path.GetFileName(file)));
    File.WriteAllText(
        Path.Combine(app, "appsettings.json"),
        JsonSerializer.Serialize(
            new
            {
                ConnectionStrings = Enumerable
                    .Range(0, databases)
                    .ToDictionary(DatabaseName, i => $"Data Source=data/{DatabaseName(i)}.db"),
                Logging = new { LogLevel = new { Default = "Information" } },
            }
        )
    );
    var project = Path.Combine(app, "Worker.csproj");
    File.WriteAllText(
        project,
        File.ReadAllText(project).Replace("</Project>", reference + "</Project>", StringComparison.Ordinal)
    );
    var output = Path.Combine(folder, name);
    Dotnet(
        app,
        "publish",
        "-v",
        "q",
        "-o",
        output,
        $"-p:RestoreAdditionalProjectSources={folder}/feed",
        $"-p:RestorePackagesPath={folder}/packages"
    );
    return output;
}

// The name of the first is the one that the app opens.
static string DatabaseName(int index) => index == 0 ? "Orders" : Text($"Db{index}");

void CreateDatabases(string app)
{
    Directory.CreateDirectory(Path.Combine(app, "data"));
    for (var i = 0; i < databases; i++)
    {
        using var connection = new SqliteConnection(
            $"Data Source={Path.Combine(app, "data", DatabaseName(i) + ".db")};Pooling=False"
        );
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText =
            "PRAGMA journal_mode=WAL; CREATE TABLE rows(id INTEGER PRIMARY KEY, text TEXT NOT NULL); "
            + "INSERT INTO rows(text) VALUES ('first')";
        command.ExecuteNonQuery();
    }
}

static Dictionary<string, long> Files(string app) =>
    Directory
        .GetFiles(app, "*", SearchOption.AllDirectories)
        .Where(file => !Path.GetRelativePath(app, file).StartsWith("data", StringComparison.Ordinal))
        .ToDictionary(file => Path.GetRelativePath(app, file), file => new FileInfo(file).Length);

static Process Start(string app, out TimeSpan started)
{
    var watch = Stopwatch.StartNew();
    var process = Process.Start(
        new ProcessStartInfo("dotnet", ["Worker.dll"])
        {
            WorkingDirectory = app,
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        }
    )!;
    while (process.StandardOutput.ReadLine() is { } line)
    {
        if (!line.Contains("Application started", StringComparison.Ordinal))
            continue;
        started = watch.Elapsed;
        _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        return process;
    }

    throw new InvalidOperationException($"{app} did not start.");
}

static void Stop(Process process)
{
    process.StandardInput.WriteLine("stop");
    process.WaitForExit();
}

static void Wait(TimeSpan time) => new ManualResetEventSlim().Wait(time);

static List<int> Family(int id) =>
    [
        id,
        .. Process
            .GetProcesses()
            .Where(one => Stat(one.Id) is [_, var parent, ..] && parent == id.ToString(CultureInfo.InvariantCulture))
            .Select(one => one.Id),
    ];

// What follows the name in brackets: state, parent, ...
static string[]? Stat(int id)
{
    try
    {
        var text = File.ReadAllText(Text($"/proc/{id}/stat"));
        return text[(text.LastIndexOf(')') + 2)..].Split(' ');
    }
    catch (IOException)
    {
        return null;
    }
}

// In hundredths of a second on every Linux.
static long Ticks(int id) =>
    Stat(id) is { } stat
        ? long.Parse(stat[11], CultureInfo.InvariantCulture) + long.Parse(stat[12], CultureInfo.InvariantCulture)
        : 0;

static long ResidentKb(int id) =>
    long.Parse(
        File.ReadLines(Text($"/proc/{id}/status"))
            .First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture
    );

static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

static void Dotnet(string folder, params string[] arguments)
{
    var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true };

    // Each run on its own: no node that an earlier one left, and nothing of the `dotnet run` around this.
    foreach (
        var name in start
            .Environment.Keys.Where(name =>
                name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase) || name == "DOTNET_HOST_PATH"
            )
            .ToList()
    )
    {
        start.Environment.Remove(name);
    }

    start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
    start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
    start.Environment["DOTNET_NOLOGO"] = "1";

    using var process = Process.Start(start)!;
    var output = process.StandardOutput.ReadToEnd();
    process.WaitForExit();
    if (process.ExitCode != 0)
        throw new InvalidOperationException($"dotnet {string.Join(' ', arguments)} failed:\n{output}");
}
