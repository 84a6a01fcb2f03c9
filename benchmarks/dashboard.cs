#!/usr/bin/env dotnet
#:property PublishAot=false
#:property GenerateDocumentationFile=true
#:package Microsoft.Data.Sqlite

// `dotnet run benchmarks/dashboard.cs`: what the dashboard costs with many databases.
//
// Builds testassets/DashboardApi and starts it with a real litestream (runtimes/, which ./test.sh fills). Prints the
// time of a page as a client sees it, its size as it is and compressed, and the processor time of the app and of the
// processes that it started and that have ended, in one run, in turns without a page and with ten open event streams,
// of which one is a tenth. Says for each bar whether it is kept. Then, without a bar, the same with four databases that
// are committed to. Linux only (/proc).
//
//   --databases N   200 by default
//   --idle N        seconds of each measurement of processor time, 30 by default
//   --rounds N      of measurements without a page and with one, 3 by default

using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Microsoft.Data.Sqlite;

var databases = Option("--databases", 200);
var idle = Option("--idle", 30);
var rounds = Option("--rounds", 3);
const int Streams = 10;
var root = Path.GetDirectoryName((string)AppContext.GetData("EntryPointFileDirectoryPath")!)!;
var asset = Path.Combine(root, "testassets", "DashboardApi");
var litestream = Executable("0.5.17");
if (!File.Exists(litestream))
    litestream = Executable("0.3.13");
Run("dotnet", asset, "build", "-c", "Release", "-v", "q", "-p:RunAnalyzers=false");
var isGood = true;
await WithAppAsync(databases, ManyAsync);
await WithAppAsync(4, CommitsAsync);
return isGood ? 0 : 1;

async Task ManyAsync(Process app, HttpClient client, string folder)
{
    var version = Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(litestream)));
    Console.WriteLine(Text($"{databases} databases, litestream {version}"));
    var times = new List<double>();
    var page = "";
    for (var i = 0; i < 40; i++)
    {
        var watch = Stopwatch.StartNew();
        page = await client.GetStringAsync("/litestream");
        times.Add(watch.Elapsed.TotalMilliseconds);
    }

    var sorted = times.Skip(10).Order().ToList();
    Console.WriteLine(Text($"page: slowest {sorted[^1]:0.0} ms (30 of 40), {page.Length / 1024.0:0.0} KB as it is"));
    Bar("page, median", sorted[sorted.Count / 2], 50, "ms");
    Bar("page, gzip", Compressed(page, false), 100, "KB");
    Bar("page, brotli", Compressed(page, true), 100, "KB");

    // Somebody looks at one database, and closes the page.
    var id = page.Split("/litestream/databases/")[1].Split('"')[0];
    await client.GetStringAsync($"/litestream/databases/{id}");
    await StreamsAsync(app, client, isBar: true);
}

async Task CommitsAsync(Process app, HttpClient client, string folder)
{
    Console.WriteLine("4 databases, each with a commit every second");
    using var end = new CancellationTokenSource();
    var commits = Task.Run(async () =>
    {
        while (!end.IsCancellationRequested)
        {
            for (var i = 0; i < 4; i++)
            {
                using var connection = new SqliteConnection($"Data Source={Path.Combine(folder, $"tenant{i:000}.db")}");
                connection.Open();
                using var command = connection.CreateCommand();
                command.CommandText = "INSERT INTO Rows (Text) VALUES ('a row')";
                command.ExecuteNonQuery();
            }

            await Task.Delay(TimeSpan.FromSeconds(1));
        }
    });
    await StreamsAsync(app, client, isBar: false);
    await end.CancelAsync();
    await commits;
}

// In turns, so that what changes with time falls on both sides. What one stream costs is far less than what the app's
// supervision varies by: many are open, and one is a part of them.
async Task StreamsAsync(Process app, HttpClient client, bool isBar)
{
    var (without, with, listing) = (new List<double>(), new List<double>(), new List<double>());
    for (var i = 0; i < rounds; i++)
    {
        await ClosedAsync();
        var (alone, aloneEnded) = await ProcessorAsync(app);
        var streams = new List<HttpResponseMessage>();
        for (var n = 0; n < Streams; n++)
        {
            streams.Add(await client.GetAsync("/litestream/events", HttpCompletionOption.ResponseHeadersRead));
            _ = streams[^1].Content.CopyToAsync(Stream.Null);
        }

        // The whole page has been sent, and the first listing of the backups has begun.
        await Task.Delay(TimeSpan.FromSeconds(5));
        var (open, openEnded) = await ProcessorAsync(app);
        foreach (var stream in streams)
            stream.Dispose();
        without.Add(alone);
        with.Add(open);
        listing.Add(openEnded - aloneEnded);
        Console.WriteLine(
            Text($"  without a page {alone:0.00} % of a core, with {Streams} streams {open:0.00} %")
                + Text($"; processes that ended {aloneEnded:0.00} and {openEnded:0.00} %")
        );
    }

    var one = (with.Average() - without.Average()) / Streams;
    var all = one + Math.Max(0, listing.Average());
    if (isBar)
        Bar("an open event stream, with the processes that list backups", all, 1, "% of a core");
    else
        Console.WriteLine(Text($"an open event stream, with the processes that list backups: {all:0.00} % of a core"));
}

async Task WithAppAsync(int count, Func<Process, HttpClient, string, Task> measure)
{
    var folder = Directory.CreateTempSubdirectory("litestream-benchmark-").FullName;
    Process? app = null;
    try
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(asset, "bin", "Release", "published")))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        File.Copy(litestream, Path.Combine(folder, "litestream"));
        var config = new StringBuilder("dbs:\n");
        var start = new ProcessStartInfo(Path.Combine(folder, "DashboardApi"))
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
        };
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        start.Environment["Logging__LogLevel__Default"] = "Warning";
        start.Environment["Logging__LogLevel__Microsoft.Hosting.Lifetime"] = "Information";
        for (var i = 0; i < count; i++)
        {
            start.Environment[$"ConnectionStrings__Tenant{i:000}"] = $"Data Source=tenant{i:000}.db";
            config.Append(
                CultureInfo.InvariantCulture,
                $"  - path: tenant{i:000}.db\n    replicas:\n      - type: file\n        path: replicas/tenant{i:000}\n"
            );
        }

        File.WriteAllText(Path.Combine(folder, "litestream.yml"), config.ToString());
        app = Process.Start(start)!;
        const string Listening = "Now listening on: ";
        string? address = null;
        while (address is null && await app.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.Contains(Listening, StringComparison.Ordinal))
                address = line[(line.IndexOf(Listening, StringComparison.Ordinal) + Listening.Length)..].Trim();
        }

        _ = app.StandardOutput.ReadToEndAsync();
        using var client = new HttpClient { BaseAddress = new Uri(address!) };
        var deadline = Stopwatch.StartNew();
        while (!(await client.GetStringAsync("/litestream")).Contains(">Replicating<", StringComparison.Ordinal))
        {
            if (deadline.Elapsed > TimeSpan.FromMinutes(5))
                throw new TimeoutException("Not all databases are replicated.");
            await Task.Delay(500);
        }

        await measure(app, client, folder);
    }
    finally
    {
        if (app is { HasExited: false })
        {
            Process.Start("kill", app.Id.ToString(CultureInfo.InvariantCulture)).WaitForExit();
            app.WaitForExit();
        }

        Directory.Delete(folder, recursive: true);
    }
}

// No page is open, for longer than the dashboard remembers one.
static Task ClosedAsync() => Task.Delay(TimeSpan.FromSeconds(65));

// Of the app, and of its processes that have ended: those that list backups.
async Task<(double App, double Ended)> ProcessorAsync(Process app)
{
    var (before, watch) = (Seconds(app), Stopwatch.StartNew());
    await Task.Delay(TimeSpan.FromSeconds(idle));
    var (after, seconds) = (Seconds(app), watch.Elapsed.TotalSeconds);
    return ((after.App - before.App) / seconds * 100, (after.Ended - before.Ended) / seconds * 100);
}

static (double App, double Ended) Seconds(Process app)
{
    var stat = File.ReadAllText($"/proc/{app.Id}/stat");
    const double TicksPerSecond = 100;
    var ticks = stat[(stat.LastIndexOf(')') + 2)..]
        .Split(' ')[11..15]
        .Select(text => double.Parse(text, CultureInfo.InvariantCulture) / TicksPerSecond)
        .ToList();
    return (ticks[0] + ticks[1], ticks[2] + ticks[3]);
}

void Bar(string name, double value, double most, string unit)
{
    var isKept = value < most;
    isGood &= isKept;
    Console.WriteLine(Text($"{(isKept ? "pass" : "FAIL")}  {name}: {value:0.00} {unit} (under {most:0} {unit})"));
}

static double Compressed(string text, bool isBrotli)
{
    using var memory = new MemoryStream();
    using (
        Stream packer = isBrotli
            ? new BrotliStream(memory, CompressionLevel.Fastest, leaveOpen: true)
            : new GZipStream(memory, CompressionLevel.Optimal, leaveOpen: true)
    )
    {
        packer.Write(Encoding.UTF8.GetBytes(text));
    }

    return memory.Length / 1024.0;
}

string Executable(string version) => Path.Combine(root, "runtimes", version, "linux-x64", "litestream");

static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

static void Run(string file, string directory, params string[] arguments)
{
    using var process = Process.Start(new ProcessStartInfo(file, arguments) { WorkingDirectory = directory })!;
    process.WaitForExit();
    if (process.ExitCode != 0)
        throw new InvalidOperationException($"{file} {string.Join(' ', arguments)} failed.");
}

int Option(string name, int otherwise) =>
    Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length
        ? int.Parse(args[at + 1], CultureInfo.InvariantCulture)
        : otherwise;
