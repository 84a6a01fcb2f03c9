#!/usr/bin/env dotnet
#:property PublishAot=false
#:property GenerateDocumentationFile=true
#:property AssemblyName=Litestream.Benchmarks
#:package Microsoft.Data.Sqlite
#:project ../src/Litestream/Litestream.csproj

// `dotnet run -c Release benchmarks/lines.cs`: what each release line of litestream costs for a large database.
//
// Replicates one database to a folder with the executables of runtimes/ (./test.sh puts them there), by turns. Prints
// how long the first full copy takes, how much memory litestream has used at most, the size of the replica, and how
// long a restore takes; with the ratio of 0.5 to 0.3. Each restored file is compared with the database, row by row.
// Linux only (/proc).
//
//   --megabytes N   the size of the database, 1000 by default
//   --runs N        rounds, 3 by default

using System.Diagnostics;
using System.Globalization;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

var megabytes = Option("--megabytes", 1000);
var runs = Option("--runs", 3);
var root = Path.GetDirectoryName((string)AppContext.GetData("EntryPointFileDirectoryPath")!)!;
var folder = Directory.CreateTempSubdirectory("litestream-benchmark-").FullName;
string[] versions = ["0.3.13", "0.5.17"];
var results = versions.ToDictionary(version => version, _ => new List<Result>());
try
{
    var made = Path.Combine(folder, "made.db");
    Make(made, megabytes * 256L);
    for (var run = 0; run < runs; run++)
    {
        foreach (var version in versions)
            results[version].Add(await MeasureAsync(version, made));
    }

    var size = new FileInfo(made).Length;
    Console.WriteLine(Text($"{size / 1e9:0.00} GB, median of {runs}        0.3.13     0.5.17      ratio"));
    Print("first full copy, s", one => one.Copy);
    Print("memory at most, MB", one => one.Memory / 1e6);
    Print("replica / database", one => one.Replica / (double)size);
    Print("restore, s", one => one.Restore);
}
finally
{
    Directory.Delete(folder, recursive: true);
}

void Print(string what, Func<Result, double> of)
{
    var (old, now) = (Median(results["0.3.13"].Select(of)), Median(results["0.5.17"].Select(of)));
    Console.WriteLine(Text($"  {what,-24} {old,10:0.0} {now,10:0.0} {now / old,10:0.00}"));
}

async Task<Result> MeasureAsync(string version, string made)
{
    var executable = Path.Combine(root, "runtimes", version, "linux-x64", "litestream");
    var own = Directory.CreateDirectory(Path.Combine(folder, Guid.NewGuid().ToString("n"))).FullName;
    var database = Path.Combine(own, "app.db");
    var replica = Path.Combine(own, "replica");
    var config = Path.Combine(own, "litestream.yml");
    File.Copy(made, database);
    await File.WriteAllTextAsync(
        config,
        $"dbs:\n  - path: {database}\n    replicas:\n      - type: file\n        path: {replica}\n"
    );

    // The last of its log lines for a first copy.
    var copied = new TaskCompletionSource();
    var watch = Stopwatch.StartNew();
    using var litestream = Start(executable, ["replicate", "-config", config]);
    var said = version.StartsWith("0.3.", StringComparison.Ordinal) ? "snapshot written" : "snapshot complete";
    void Read(string? line)
    {
        if (line?.Contains(said, StringComparison.Ordinal) == true)
            copied.TrySetResult();
    }
    litestream.OutputDataReceived += (_, line) => Read(line.Data);
    litestream.ErrorDataReceived += (_, line) => Read(line.Data);
    litestream.BeginOutputReadLine();
    litestream.BeginErrorReadLine();
    await copied.Task.WaitAsync(TimeSpan.FromMinutes(5));
    var copy = watch.Elapsed.TotalSeconds;
    var memory = File.ReadLines($"/proc/{litestream.Id}/status")
        .First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
        .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
    using (var end = Process.Start("kill", [litestream.Id.ToString(CultureInfo.InvariantCulture)]))
        await end.WaitForExitAsync();
    await litestream.WaitForExitAsync();

    var restored = Path.Combine(own, "restored.db");
    watch.Restart();
    using (var restore = Start(executable, ["restore", "-config", config, "-o", restored, database]))
    {
        restore.BeginOutputReadLine();
        restore.BeginErrorReadLine();
        await restore.WaitForExitAsync();
    }

    var time = watch.Elapsed.TotalSeconds;
    using (var one = Open(database))
    using (var two = Open(restored))
    {
        if (DatabaseContent.Compare(one, two, null, default) is { IsSame: false } difference)
            throw new InvalidOperationException(difference.ToString());
    }

    var bytes = new DirectoryInfo(replica).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
    Directory.Delete(own, recursive: true);
    return new(copy, double.Parse(memory, CultureInfo.InvariantCulture) * 1024, bytes, time);
}

static Process Start(string executable, string[] arguments) =>
    Process.Start(
        new ProcessStartInfo(executable, arguments) { RedirectStandardOutput = true, RedirectStandardError = true }
    )!;

int Option(string name, int otherwise) =>
    Array.IndexOf(args, name) is var index and >= 0
        ? int.Parse(args[index + 1], CultureInfo.InvariantCulture)
        : otherwise;

static SqliteConnection Open(string path)
{
    var text = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString();
    var connection = new SqliteConnection(text);
    connection.Open();
    return connection;
}

static void Make(string path, long rows)
{
    using var connection = Open(path);
    using var command = connection.CreateCommand();
    command.CommandText =
        "PRAGMA journal_mode = off; PRAGMA synchronous = off; "
        + "CREATE TABLE documents(id INTEGER PRIMARY KEY, name TEXT, body BLOB); "
        + $"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
        + "INSERT INTO documents SELECT i, 'document ' || i, randomblob(3000) FROM n; "
        + "PRAGMA journal_mode = wal";
    command.CommandTimeout = 0;
    command.ExecuteNonQuery();
}

static double Median(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);

static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

internal sealed record Result(double Copy, double Memory, long Replica, double Restore);
