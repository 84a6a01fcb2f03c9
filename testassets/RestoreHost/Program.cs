using System.Diagnostics;
using System.Globalization;
using Litestream;
using Litestream.Commands;
using Litestream.Configuration;
using Litestream.Restore;
using Microsoft.Data.Sqlite;

// open <database> <text>: opens it, inserts a row and keeps it open until standard input ends.
// restore <yml> <executable> <lines> <microseconds>: restores the first database by force and kills itself (SIGKILL) so long after so many lines; -1 lines: not at all.
if (args[0] == "open")
{
    using var connection = new SqliteConnection($"Data Source={args[1]}");
    connection.Open();
    using var command = connection.CreateCommand();
    command.CommandText = "PRAGMA journal_mode = wal; INSERT INTO t VALUES ($text)";
    command.Parameters.AddWithValue("$text", args[2]);
    command.ExecuteNonQuery();
    Console.WriteLine("open");
    Console.In.ReadToEnd();
    return 0;
}

var config = EffectiveConfig.Create(new EffectiveConfigOptions
{
    ConfigPath = args[1],
    BaseDirectory = Path.GetDirectoryName(args[1])!,
    GetSetting = _ => null,
    Environment = new Dictionary<string, string>(),
});
var left = int.Parse(args[3], CultureInfo.InvariantCulture);
var pause = TimeSpan.FromMicroseconds(int.Parse(args[4], CultureInfo.InvariantCulture));
if (left == 0)
{
    KillSoon();
}

try
{
    var result = await DatabaseRestore.RunAsync(
        new LitestreamExecutable(args[2]),
        new RestoreRequest(config, config.Databases[0]) { Force = true },
        line =>
        {
            Console.WriteLine(line.Message);
            if (--left == 0)
            {
                KillSoon();
            }
        },
        CancellationToken.None);
    Console.WriteLine(result.Outcome);
    return 0;
}
catch (LitestreamException e)
{
    Console.WriteLine(e.Message);
    return 1;
}

void KillSoon()
{
    if (pause == TimeSpan.Zero)
    {
        Process.GetCurrentProcess().Kill();
    }

    new Thread(() =>
    {
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < pause)
        {
            Thread.SpinWait(20);
        }

        Process.GetCurrentProcess().Kill();
    }).Start();
}
