using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;

namespace Litestream.Hosting.Tests;

/// <summary>
/// The locks of a process on a file go when it closes any descriptor of the file. So in the app's process the database
/// file and its <c>-shm</c> are opened by the app's SQLite only:
/// what is lost otherwise, that it is not lost, and that it is so.
/// </summary>
public sealed partial class PosixLockFaultTests
{
    /// <summary>SQLite has it in every open, .NET in none.</summary>
    private const string MarkOfSqlite = "O_NOFOLLOW";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_header_read_in_the_app_loses_commits_and_what_this_package_does_loses_none(bool isControl)
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await folder.SettledAsync(app);

        // By then this package has looked at the file in its own way, too.
        await app.TellAsync("load 5");
        await folder.InFileAsync(app);
        if (isControl)
        {
            // The file alone is enough for the SQLite of most systems (seen with 3.40); newer ones ask for the locks of
            // the -shm too before they delete a WAL.
            await app.TellAsync("open-outside ");
            await app.TellAsync("open-outside -shm");
            await AppFolder.UntilAsync(() => app.Count("opened outside") == 2, "both were opened");
        }

        // Somebody else has a look while no litestream holds the WAL, and closes it as the last one that has it open,
        // as far as the locks tell. The app is frozen meanwhile: a second after the end of litestream it would hold the
        // WAL for the next one.
        var replicator = Assert.Single(folder.Replicators());
        await AppFolder.SignalAsync("STOP", app.Id);
        await AppFolder.SignalAsync("KILL", replicator);
        await AppFolder.UntilAsync(() => !AppFolder.HoldsLocks(replicator), "litestream's locks were gone");
        await LookFromOutsideAsync(folder);
        await app.TellAsync("rows 200");
        await AppFolder.SignalAsync("CONT", app.Id);
        await app.SaysAsync("wrote 200 rows");
        await AppFolder.SignalAsync("KILL", app.Id);
        await app.EndedAsync();

        using var next = folder.Start();
        await folder.SettledAsync(next);
        await next.StopAsync();
        Assert.Equal(
            isControl ? 0 : 200,
            folder.DatabaseRows().Count(row => row.StartsWith("row ", StringComparison.Ordinal))
        );
        await folder.AssertRestoredAsync();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("", Traits = ["Category", "Long"])]
    [InlineData("-shm", Traits = ["Category", "Long"])]
    public async Task Only_SQLite_opens_the_database_or_its_shm_in_the_process_of_the_app(string? opened)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "There is no strace (Debian package strace).");
        using var folder = new AppFolder();
        var trace = Path.Combine(folder.Root, "trace");

        // The tracer leaves alone what is executed in a process of its own: litestream.
        folder.Launch = app =>
            [
                "setsid",
                "strace",
                "-D",
                "-f",
                "-q",
                "-b",
                "execve",
                "-e",
                "trace=open,openat,openat2,creat",
                "-o",
                trace,
                .. app,
            ];
        using var app = folder.Start();
        await folder.SettledAsync(app);
        await app.TellAsync("load 5");
        await folder.InFileAsync(app);

        // A short storm: the tracer stops the app at every system call.
        var before = folder.DatabaseRows().Count;
        await app.TellAsync("storm");
        await AppFolder.UntilAsync(() => folder.DatabaseRows().Count > before + 300, "it stormed");
        await app.TellAsync("calm");
        await app.SaysAsync("stormed ");

        // So long that everything this package does again and again has been done: with a new row each time, and where
        // nothing is written for a while.
        await folder.IdleAsync(looks: 20, afterEach: () => app.TellAsync("row later"));
        await folder.IdleAsync(looks: 13);
        if (opened is not null)
        {
            await app.TellAsync("open-outside " + opened);
            await app.SaysAsync("opened outside");
        }

        await app.StopAsync();
        await AppFolder.UntilAsync(
            () => File.ReadLines(trace).LastOrDefault()?.Contains("exited with 0", StringComparison.Ordinal) == true,
            "the trace was written"
        );

        // An open may be cut in two when another thread comes between; the first part has the name and the flags.
        var opens = File.ReadLines(trace).Where(line => OpenOfDatabase().IsMatch(line)).ToList();
        Assert.True(
            opens.Count(line => line.Contains(MarkOfSqlite, StringComparison.Ordinal)) >= 2,
            "SQLite's own opens are in the trace."
        );
        Assert.Equal(
            opened is null ? 0 : 1,
            opens.Count(line => !line.Contains(MarkOfSqlite, StringComparison.Ordinal))
        );
        await folder.AssertRestoredAsync();
    }

    private static async Task LookFromOutsideAsync(AppFolder folder)
    {
        // A process without a connection of its own to it so far: this one.
        await using var connection = new SqliteConnection($"Data Source={folder.Database};Pooling=False");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM orders";
        Assert.Equal(
            1L,
            Convert.ToInt64(
                await command.ExecuteScalarAsync(TestContext.Current.CancellationToken),
                CultureInfo.InvariantCulture
            )
        );
    }

    [GeneratedRegex("orders\\.db(-shm)?\"", RegexOptions.CultureInvariant)]
    private static partial Regex OpenOfDatabase();
}
