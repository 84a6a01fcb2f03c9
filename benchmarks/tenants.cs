#!/usr/bin/env dotnet
#:property PublishAot=false
#:property GenerateDocumentationFile=true
#:package Microsoft.Data.Sqlite

// `dotnet run benchmarks/tenants.cs`: one app with very many databases, and some more every minute.
//
// Builds testassets/DashboardApi and starts it with a real litestream (runtimes/, which ./test.sh fills) and the
// setting Litestream:DatabasePatterns. Prints how long it takes until all databases are in the replica, a folder; the
// memory, the open files and the processor time of the app and of litestream when that is over; then how long each
// database that is added takes until it is in the replica, and how often litestream was started for that. Linux only
// (/proc).
//
//   --databases N   at the start, 1000 by default
//   --added N       within one minute, 50 by default
//   --version V     of litestream: 0.5.17 by default, or 0.3.13

using System.Diagnostics;
using System.Globalization;
using Microsoft.Data.Sqlite;

var databases = int.Parse(Option("--databases", "1000"), CultureInfo.InvariantCulture);
var added = int.Parse(Option("--added", "50"), CultureInfo.InvariantCulture);
var version = Option("--version", "0.5.17");
var root = Path.GetDirectoryName((string)AppContext.GetData("EntryPointFileDirectoryPath")!)!;
var asset = Path.Combine(root, "testassets", "DashboardApi");
var limit = TimeSpan.FromMinutes(15);
Run("dotnet", asset, "build", "-c", "Release", "-v", "q", "-p:RunAnalyzers=false");
var folder = Directory.CreateTempSubdirectory("litestream-benchmark-").FullName;
var starts = 0;
Process? app = null;
try
{
    foreach (var file in Directory.EnumerateFiles(Path.Combine(asset, "bin", "Release", "published")))
        File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
    File.Copy(
        Path.Combine(root, "runtimes", version, "linux-x64", "litestream"),
        Path.Combine(folder, "litestream")
    );
    Directory.CreateDirectory(Path.Combine(folder, "tenants"));
    for (var i = 0; i < databases; i++)
        Make(i);

    var watch = Stopwatch.StartNew();
    app = StartApp();
    await UntilAsync(() => Enumerable.Range(0, databases).All(IsReplicated), $"{databases} databases are replicated");
    Console.WriteLine(Text($"{databases} databases, litestream {version}"));
    Console.WriteLine(Text($"all are replicated after {watch.Elapsed.TotalSeconds:0.0} s, with {starts} starts"));

    var ids = new[] { app.Id, Litestream(app.Id) };
    var before = ids.Select(Ticks).ToList();
    var idle = Stopwatch.StartNew();
    await Task.Delay(TimeSpan.FromSeconds(30));
    foreach (var ((id, ticks), name) in ids.Zip(before).Zip(["app", "litestream"]))
    {
        Console.WriteLine(
            Text($"idle {name,-10} {Resident(id) / 1024.0,6:0} MB, {Files(id),5} open files, ")
                + Text($"{(Ticks(id) - ticks) / idle.Elapsed.TotalSeconds,5:0.0} % of a core")
        );
    }

    starts = 0;
    var times = new List<double>();
    var begin = Stopwatch.StartNew();
    var open = new Dictionary<int, Stopwatch>();
    for (var next = databases; next < databases + added || open.Count > 0;)
    {
        if (next < databases + added && begin.Elapsed.TotalSeconds >= 60.0 * (next - databases) / added)
        {
            open[next] = Stopwatch.StartNew();
            Make(next++);
        }

        foreach (var (number, since) in open.Where(one => IsReplicated(one.Key)).ToList())
        {
            times.Add(since.Elapsed.TotalSeconds);
            open.Remove(number);
        }

        if (begin.Elapsed > limit)
            throw new TimeoutException($"{open.Count} of {added} databases are not replicated.");
        await Task.Delay(50);
    }

    times.Sort();
    Console.WriteLine(
        Text($"{added} added within a minute: replicated after {times[times.Count / 2]:0.0} s (median), ")
            + Text($"{times[^1]:0.0} s (slowest), with {starts} starts")
    );
}
finally
{
    if (app is { HasExited: false })
    {
        var stop = Stopwatch.StartNew();
        Process.Start("kill", app.Id.ToString(CultureInfo.InvariantCulture)).WaitForExit();
        app.WaitForExit();
        Console.WriteLine(Text($"stopped after {stop.Elapsed.TotalSeconds:0.0} s, exit code {app.ExitCode}"));
    }

    Directory.Delete(folder, recursive: true);
}

void Make(int number)
{
    // The app sees it when it is whole.
    var made = Path.Combine(folder, $"{number}.new");
    using (var connection = new SqliteConnection($"Data Source={made};Pooling=False"))
    {
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText =
            "PRAGMA journal_mode = wal; CREATE TABLE Rows (Id INTEGER PRIMARY KEY, Text TEXT); "
            + "INSERT INTO Rows (Text) VALUES ('first')";
        command.ExecuteNonQuery();
    }

    File.Move(made, Path.Combine(folder, "tenants", $"{number}.db"));
}

bool IsReplicated(int number)
{
    var replica = Path.Combine(folder, "replicas", "tenants", $"{number}.db");
    return Directory.Exists(replica)
        && Directory
            .EnumerateFiles(replica, "*", SearchOption.AllDirectories)
            .Any(file => Path.GetExtension(file) is ".ltx" or ".lz4");
}

Process StartApp()
{
    var start = new ProcessStartInfo(Path.Combine(folder, "DashboardApi"))
    {
        WorkingDirectory = folder,
        RedirectStandardOutput = true,
    };
    start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
    start.Environment["Logging__LogLevel__Default"] = "Warning";
    start.Environment["Logging__LogLevel__Litestream"] = "Information";
    start.Environment["Litestream__DatabasePatterns"] = "tenants/*.db";
    start.Environment["Litestream__ReplicaUrl"] = Path.Combine(folder, "replicas");
    var process = Process.Start(start)!;
    process.OutputDataReceived += (_, line) =>
    {
        if (line.Data?.Contains("/litestream as process ", StringComparison.Ordinal) == true)
            starts++;
    };
    process.BeginOutputReadLine();
    return process;
}

async Task UntilAsync(Func<bool> condition, string what)
{
    for (var watch = Stopwatch.StartNew(); !condition(); await Task.Delay(200))
    {
        if (watch.Elapsed > limit)
            throw new TimeoutException($"Waited in vain until {what}.");
    }
}

// Any thread may have started it.
static int Litestream(int parent) =>
    int.Parse(
        Directory
            .EnumerateDirectories($"/proc/{parent}/task")
            .Select(task => File.ReadAllText(Path.Combine(task, "children")))
            .SelectMany(children => children.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .First(),
        CultureInfo.InvariantCulture
    );

static double Ticks(int id)
{
    var stat = File.ReadAllText($"/proc/{id}/stat");
    return stat[(stat.LastIndexOf(')') + 2)..]
        .Split(' ')[11..13]
        .Sum(ticks => double.Parse(ticks, CultureInfo.InvariantCulture));
}

static double Resident(int id) =>
    double.Parse(
        File.ReadLines($"/proc/{id}/status")
            .Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture
    );

static int Files(int id) => Directory.GetFileSystemEntries($"/proc/{id}/fd").Length;

static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

static void Run(string file, string directory, params string[] arguments)
{
    using var process = Process.Start(new ProcessStartInfo(file, arguments) { WorkingDirectory = directory })!;
    process.WaitForExit();
    if (process.ExitCode != 0)
        throw new InvalidOperationException($"{file} {string.Join(' ', arguments)} failed.");
}

string Option(string name, string otherwise) =>
    Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : otherwise;
