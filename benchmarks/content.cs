#!/usr/bin/env dotnet
#:property PublishAot=false
#:property GenerateDocumentationFile=true
#:property AssemblyName=Litestream.Benchmarks
#:package Microsoft.Data.Sqlite
#:project ../src/Litestream/Litestream.csproj

// `dotnet run -c Release benchmarks/content.cs`: what it costs to compare the content of two databases.
//
// Makes a database of narrow rows, one of wide rows, and copies of them, and prints how long `PRAGMA quick_check` of
// both files takes, how long the comparison takes, the ratio (the bar: 2), and
// how long the copy of the live database takes, which is as long as a reader stands in it. Compared are the pages, as a
// verification does first; the records, as it does where pages differ (here after a row in a thousand was changed); and
// the rows through SQLite, which is left for a table that has another definition or a WITHOUT ROWID table that differs.
// By turns, so that whatever else the machine does meets all.
//
//   --megabytes N   the size of each database, 500 by default
//   --runs N        rounds, 3 by default

using System.Diagnostics;
using System.Globalization;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

var megabytes = Option("--megabytes", 500);
var runs = Option("--runs", 3);
var folder = Directory.CreateTempSubdirectory("litestream-benchmark-").FullName;
try
{
    // About 110 bytes in seven columns with an index, and rows of a page each.
    var narrow = Make(
        "narrow",
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER, created TEXT, total REAL, state TEXT, "
            + "note TEXT, paid INTEGER); CREATE INDEX orders_customer ON orders(customer)",
        "INSERT INTO orders SELECT i, i % 50000, '2026-11-28T19:00:' || (i % 60), i * 1.25, 'delivered', "
            + "hex(randomblob(20)), i % 2 FROM n",
        megabytes * 8_500L
    );
    var wide = Make(
        "wide",
        "CREATE TABLE documents(id INTEGER PRIMARY KEY, name TEXT, body BLOB)",
        "INSERT INTO documents SELECT i, 'document ' || i, randomblob(3000) FROM n",
        megabytes * 256L
    );
    foreach (var database in new[] { narrow, wide })
    {
        var other = database + ".copy";
        File.Copy(database, other);
        var changed = database + ".changed";
        File.Copy(database, changed);
        using (var app = Open(changed))
        {
            Execute(
                app,
                database == narrow
                    ? "UPDATE orders SET paid = 7 WHERE id % 1000 = 0"
                    : "UPDATE documents SET name = '' WHERE id % 1000 = 0"
            );
        }

        List<double> checks = [],
            changes = [],
            comparisons = [],
            copies = [],
            verifications = [];
        for (var run = 0; run < runs; run++)
        {
            checks.Add(
                Time(() =>
                {
                    Check(database);
                    Check(other);
                })
            );
            comparisons.Add(
                Time(() =>
                {
                    using var one = Open(database);
                    using var two = Open(other);
                    Require(true, DatabaseContent.Compare(one, two, null, default));
                })
            );
            using (var app = Open(database))
            {
                Execute(app, "PRAGMA journal_mode = wal");
                copies.Add(
                    Time(() =>
                    {
                        var limit = new ReaderLimit(TimeSpan.FromMinutes(10), long.MaxValue);
                        var patience = TimeSpan.FromMinutes(1);
                        var (copy, why) = LiveCopy
                            .TakeAsync(database, limit, patience, TimeProvider.System, default)
                            .GetAwaiter()
                            .GetResult();
                        using (copy ?? throw new InvalidOperationException(why))
                        {
                            // What a verification does with a backup that is right.
                            verifications.Add(
                                Time(() =>
                                {
                                    if (!copy.CompareWith(other, new(), default).IsSame)
                                        throw new InvalidOperationException("They are not the same.");
                                })
                            );
                            changes.Add(Time(() => Require(false, copy.CompareWith(changed, new(), default))));
                        }
                    })
                );
                copies[^1] -= verifications[^1] + changes[^1];
            }
        }

        var size = new FileInfo(database).Length / 1e9;
        Console.WriteLine(Text($"{Path.GetFileName(database)}, {size:0.00} GB"));
        Console.WriteLine(Text($"  quick_check of both      {Median(checks),6:0.0} s"));
        Print("comparison by pages", verifications);
        Print("by records, 0.1% differ", changes);
        Print("rows through SQLite", comparisons);
        Print("copy", copies);

        void Print(string what, List<double> times)
        {
            var time = Median(times);
            Console.WriteLine(
                Text($"  {what,-22} {time,8:0.0} s, {time / size:0.0} s per GB, ratio {time / Median(checks):0.00}")
            );
        }
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

string Make(string name, string schema, string insert, long rows)
{
    var path = Path.Combine(folder, name);
    using var connection = Open(path);
    Execute(connection, $"PRAGMA journal_mode = off; PRAGMA synchronous = off; {schema}");
    Execute(connection, $"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) {insert}");
    return path;
}

static SqliteConnection Open(string path)
{
    var text = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString();
    var connection = new SqliteConnection(text);
    connection.Open();
    return connection;
}

static void Execute(SqliteConnection connection, string sql)
{
    using var command = connection.CreateCommand();
    command.CommandText = sql;
    command.CommandTimeout = 0;
    command.ExecuteNonQuery();
}

static void Check(string path)
{
    using var connection = Open(path);
    Execute(connection, "PRAGMA quick_check");
}

static void Require(bool isSame, ContentComparison comparison)
{
    if (comparison.IsSame != isSame)
        throw new InvalidOperationException(comparison.ToString());
}

static double Time(Action action)
{
    var watch = Stopwatch.StartNew();
    action();
    return watch.Elapsed.TotalSeconds;
}

static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
