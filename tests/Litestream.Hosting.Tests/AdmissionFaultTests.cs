using Microsoft.Data.Sqlite;

namespace Litestream.Hosting.Tests;

/// <summary>Databases that litestream must not get, or not yet, in a real app with the real executable.</summary>
public sealed class AdmissionFaultTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("", Traits = ["Category", "Long"])]
    [InlineData("CREATE TABLE gone(x); DROP TABLE gone; PRAGMA user_version = 1", Traits = ["Category", "Long"])]
    [InlineData("PRAGMA journal_mode = wal; CREATE TABLE gone(x); DROP TABLE gone")]
    public async Task A_database_without_a_table_stays_as_it_is_and_is_replicated_from_its_first_table_on(
        string? before
    )
    {
        using var folder = new AppFolder();
        folder.Environment["HOSTED_APP_Idle"] = "true";
        await File.WriteAllTextAsync(
            Path.Combine(folder.Work, "appsettings.json"),
            "{}",
            TestContext.Current.CancellationToken
        );
        if (before is not null)
        {
            await File.WriteAllBytesAsync(folder.Database, [], TestContext.Current.CancellationToken);
            Execute(folder.Database, before);
        }

        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.StatusAsync("Degraded", "LSB5017");
        Assert.Empty(folder.Replicators());
        (await CommandRun.OfAsync(folder, ["status"])).FailedWith(1, "LSB5020");

        // The app tells others at most once a second.
        await AppFolder.UntilAsync(
            async () => (await CommandRun.OfAsync(folder, ["doctor"])).ExitCode == 1,
            () => "the doctor knew"
        );
        (await CommandRun.OfAsync(folder, ["doctor"])).FailedWith(1, "LSB3011");
        Assert.Equal(before is not null, File.Exists(folder.Database));
        await app.TellAsync("sql SELECT count(*) FROM sqlite_master");
        await app.SaysAsync("ran 0 in");

        await app.TellAsync("row one");
        await folder.ArrivesAsync(app, "one");
        await app.StatusAsync("Replicating after", "Healthy 0.0 s 0 bytes");
        await AppFolder.UntilAsync(
            async () => (await CommandRun.OfAsync(folder, ["status"])).ExitCode == 0,
            () => $"status was 0\n{app.Output}"
        );
        await app.StopAsync();
        Assert.Equal(["one"], folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_table_that_is_made_just_before_the_stop_is_in_the_replica()
    {
        using var folder = new AppFolder();
        folder.Environment["HOSTED_APP_Idle"] = "true";
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("row only");
        await app.SaysAsync("wrote only");
        Assert.Equal(0, await app.StopAsync());

        Assert.Equal(["only"], folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task An_app_that_sets_a_rollback_journal_keeps_its_database_and_the_log_says_why_it_is_not_replicated()
    {
        using var folder = new AppFolder();
        folder.Environment["HOSTED_APP_Journal"] = "delete";
        folder.Environment["ConnectionStrings__Orders"] = "Data Source=orders.db;Default Timeout=3";
        using (var app = folder.Start())
        {
            // Once litestream has it, no statement can leave WAL mode. The first that fails is the last.
            await folder.SettledAsync(app);
            for (var i = 0; app.Count("failed 5") == 0; i++)
            {
                await app.TellAsync($"row {i}");
                await AppFolder.UntilAsync(
                    () => app.Count("wrote ") + app.Count("failed ") > i,
                    () => $"row {i} was tried\n{app.Output}"
                );
            }

            await app.SaysAsync("LSB5019");
            await AppFolder.UntilAsync(
                () => folder.Replicators().Count == 0,
                () => $"litestream was ended\n{app.Output}"
            );
            await app.TellAsync("row two");
            await app.SaysAsync("wrote two");
            await app.StatusAsync("Failed", "Unhealthy", "LSB5019");
            await app.StopAsync();
        }

        // The next start knows that somebody has left WAL mode, and waits for it before litestream is there.
        using (var app = folder.Start())
        {
            await app.SaysAsync("started ");
            await app.TellAsync("row three");
            await app.SaysAsync("wrote three");
            await app.TellAsync("row four");
            await app.SaysAsync("wrote four");
            await app.StatusAsync("Failed", "Unhealthy", "LSB5019");
            Assert.DoesNotContain("failed 5", app.Output, StringComparison.Ordinal);
            Assert.Equal(0, app.Count("initialized db"));
            await app.StopAsync();
        }

        Assert.Equal(["two", "last", "first", "three", "four", "last"], folder.DatabaseRows().TakeLast(6));
    }

    private static void Execute(string path, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
