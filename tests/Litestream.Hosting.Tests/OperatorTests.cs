using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Litestream.Hosting.Tests;

/// <summary>
/// What is asked on the server, beside the app that runs, or after it has ended: <c>App litestream status</c>,
/// <c>restore</c>, <c>pull</c>.
/// </summary>
public sealed class OperatorTests
{
    [Fact]
    public async Task Status_tells_what_the_running_app_says_and_looks_at_no_storage()
    {
        using var folder = await CommandRun.BackedUpAsync();

        // With this interval the app needs longer to miss the replica, or the last commit in it, than this test takes.
        folder.WriteConfig(folder.FileReplica, interval: "30s");
        folder.Environment["Litestream__StallTimeout"] = "00:10:00";
        using var app = folder.Start();
        await folder.SettledAsync(app);
        await AppFolder.SignalAsync("STOP", Assert.Single(folder.Replicators()));
        Directory.Move(folder.Replica, folder.Replica + ".away");

        var item = await StatusAsync(folder, item => Text(item, "State") == "Replicating");

        Assert.Equal(
            ("orders.db", app.Id, 0),
            (Text(item, "Identity"), item.GetProperty("App").GetInt32(), item.GetProperty("Restarts").GetInt32())
        );
        Assert.Equal("Healthy", Text(item, "Health"));
        Assert.Equal(Assert.Single(folder.Replicators()), item.GetProperty("Replicator").GetInt32());
        Assert.Equal(JsonValueKind.Number, item.GetProperty("Lag").ValueKind);

        var table = (await CommandRun.OfAsync(folder, ["status"])).Succeeded();
        Assert.Matches("(?m)^Healthy +orders.db +initialized", table.Output);
        Assert.Contains($"process {app.Id}  Replicating", table.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("no app", table.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_tells_how_long_a_commit_has_waited_and_that_litestream_was_replaced()
    {
        using var folder = await CommandRun.BackedUpAsync();

        // Long enough for the command to report the stalled state before litestream is replaced.
        folder.Environment["Litestream__StallTimeout"] = "40s";
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var first = Assert.Single(folder.Replicators());
        await AppFolder.SignalAsync("STOP", first);
        await app.TellAsync("row that waits");

        var stalled = await StatusAsync(folder, item => Text(item, "State") == "Stalled");
        Assert.NotEqual("Healthy", Text(stalled, "Health"));
        Assert.StartsWith("LSB5007", Text(stalled, "Problem"), StringComparison.Ordinal);
        Assert.True(stalled.GetProperty("Lag").GetDouble() > 1, $"{stalled}");
        Assert.True(stalled.GetProperty("LagBytes").GetInt64() > 0, $"{stalled}");

        // This wait starts no process.
        await AppFolder.UntilAsync(() => folder.Replicators() is [var id] && id != first, "another litestream ran");
        var restarted = await StatusAsync(
            folder,
            item => Text(item, "State") == "Replicating" && item.GetProperty("Restarts").GetInt32() == 1
        );
        Assert.Contains(
            "litestream was stopped and restarts",
            Text(restarted, "LastRestartReason"),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("KILL")]
    public async Task Status_without_a_running_app_says_so_and_believes_nothing_that_was_left(string signal)
    {
        using var folder = await CommandRun.BackedUpAsync();
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await StatusAsync(folder, item => Text(item, "State") == "Replicating");
            await AppFolder.SignalAsync(signal, app.Id);
            await app.EndedAsync();
        }

        var run = (await CommandRun.OfAsync(folder, ["status", "orders.db", "--json"])).FailedWith(1, "LSB5020");
        Assert.Equal("Unknown", Text(run.OnlyItem, "Health"));
        Assert.Equal(
            (JsonValueKind.Null, JsonValueKind.Null, JsonValueKind.Null),
            (
                run.OnlyItem.GetProperty("App").ValueKind,
                run.OnlyItem.GetProperty("State").ValueKind,
                run.OnlyItem.GetProperty("Lag").ValueKind
            )
        );
        var table = (await CommandRun.OfAsync(folder, ["status"])).FailedWith(1, "LSB5020");
        Assert.Matches("(?m)^Unknown +orders.db +initialized", table.Output);
        Assert.Contains("orders.db: No running app reports on this database.", table.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Replicating", table.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData()]
    [InlineData("--force")]
    public async Task A_restore_in_place_beside_the_running_app_is_refused_with_its_process_and_how_to_stop_it(
        params string[] options
    )
    {
        using var folder = await CommandRun.BackedUpAsync();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var rows = folder.DatabaseRows();

        var run = (await CommandRun.OfAsync(folder, ["restore", "orders.db", .. options])).FailedWith(
            1,
            options.Length == 0 ? "LSB4001" : "LSB4006"
        );

        if (options.Length > 0)
        {
            Assert.Contains(
                $"Process {app.Id} ({folder.App}/HostedApp) replicates '{folder.Database}'",
                run.Error,
                StringComparison.Ordinal
            );
            Assert.Contains(
                $"Stop that app (`kill {app.Id}`)",
                run.Error,
                StringComparison.Ordinal
            );
        }

        Assert.Equal(rows, folder.DatabaseRows());
        await app.TellAsync("row after");
        await folder.ArrivesAsync(app, "after");
    }

    [Fact]
    public async Task A_diff_beside_the_running_app_shows_what_a_restore_would_undo_and_changes_nothing()
    {
        using var folder = await CommandRun.BackedUpAsync();
        Sql(
            folder.Database,
            "CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO items VALUES (1, 'stays'), (2, "
                + "'changes'), (3, 'goes')"
        );
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var before = DateTimeOffset.UtcNow;
        await AppFolder.UntilAsync(
            () => DateTimeOffset.UtcNow - before > TimeSpan.FromSeconds(2),
            "the replica had a time of its own for that"
        );
        Sql(
            folder.Database,
            "INSERT INTO items VALUES (4, 'new'); UPDATE items SET name = 'changed' WHERE id = 2; DELETE FROM items "
                + "WHERE id = 3; CREATE TABLE later(x); INSERT INTO later VALUES (1)"
        );
        await app.TellAsync("row later");
        await folder.ArrivesAsync(app, "later");
        var files = folder.FilesInWork();

        var run = (
            await CommandRun.OfAsync(
                folder,
                [
                    "restore",
                    "--diff",
                    "--timestamp",
                    before
                        .AddSeconds(1)
                        .ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture),
                    "--json",
                ]
            )
        ).Succeeded();

        var copy = Assert.Single(folder.FilesInWork().Except(files));
        Assert.Equal(copy, Text(run.OnlyItem, "Identity"));
        var difference = run.OnlyItem.GetProperty("Difference");
        Assert.False(difference.GetProperty("same").GetBoolean());
        Assert.Equal((1, 1, 1), Rows(difference, "items"));
        Assert.Equal((0, 1, 0), Rows(difference, "orders"));
        Assert.Equal((0, 1, 0), Rows(difference, "later"));
        var schema = Assert.Single(difference.GetProperty("schema").EnumerateArray());
        Assert.Equal(("table", "later", "missing"), (Text(schema, "type"), Text(schema, "name"), Text(schema, "kind")));
        Assert.Equal(["1:stays", "2:changed", "4:new"], Lines(folder.Database));
        Assert.Equal(["1:stays", "2:changes", "3:goes"], Lines(copy));

        var text = (await CommandRun.OfAsync(folder, ["restore", "--diff", "--output", "now.db"])).Succeeded();
        Assert.Contains("no difference in 3 tables", text.Output, StringComparison.Ordinal);
        await app.TellAsync("row after");
        await folder.ArrivesAsync(app, "after");
    }

    [Theory]
    [InlineData("restore --diff --force", "--diff compares a restored copy")]
    [InlineData("restore --diff --dry-run", "--diff compares a restored copy")]
    [InlineData("restore --diff", "there is nothing to compare a copy with")]
    public async Task A_diff_that_makes_no_sense_is_refused(string command, string why)
    {
        using var folder = await CommandRun.BackedUpAsync();
        folder.DeleteDatabase();

        var run = (await CommandRun.OfAsync(folder, command.Split(' '))).FailedWith(2, "LSB3008");

        Assert.Contains(why, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("LitestreamDiff", run.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Work, "orders*"));
    }

    [Fact]
    public async Task A_pulled_file_is_productions_and_never_goes_back()
    {
        using var production = await CommandRun.BackedUpAsync();
        using var laptop = new AppFolder();
        laptop.WriteConfig(production.FileReplica, laptop.Database);

        var run = (await CommandRun.OfAsync(laptop, ["pull", "--json"])).Succeeded();
        var again = (await CommandRun.OfAsync(laptop, ["pull", "--output", "dev.db"])).Succeeded();

        Assert.Equal(laptop.Database, Text(run.OnlyItem, "Identity"));
        Assert.Contains("dev.db", again.Output, StringComparison.Ordinal);
        Assert.Equal(production.DatabaseRows(), laptop.DatabaseRows());
        Assert.Equal(production.DatabaseRows(), AppFolder.Rows(Path.Combine(laptop.Work, "dev.db")));
        var refused = (await CommandRun.OfAsync(laptop, ["replicate"])).FailedWith(1, "LSB5009");
        Assert.Empty(laptop.Replicators());
        await production.AssertRestoredAsync();
        Assert.Contains("AdoptReplica", refused.Error, StringComparison.Ordinal);
    }

    private static async Task<JsonElement> StatusAsync(AppFolder folder, Func<JsonElement, bool> condition)
    {
        JsonElement? found = null;
        var last = "";
        await AppFolder.UntilAsync(
            async () =>
            {
                var run = await CommandRun.OfAsync(folder, ["status", "--json"]);
                Assert.Equal(Text(run.OnlyItem, "Health") == "Healthy" ? 0 : 1, run.ExitCode);
                last = run.Output;
                return (found = run.OnlyItem) is { } item && condition(item);
            },
            () => $"the status was so\n{last}"
        );
        return found!.Value;
    }

    private static string? Text(JsonElement item, string name) => item.GetProperty(name).GetString();

    private static (int Added, int Missing, int Changed) Rows(JsonElement difference, string table)
    {
        var found = Assert.Single(difference.GetProperty("tables").EnumerateArray(), one => Text(one, "name") == table);
        return (
            found.GetProperty("added").GetInt32(),
            found.GetProperty("missing").GetInt32(),
            found.GetProperty("changed").GetInt32()
        );
    }

    private static void Sql(string path, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static List<string> Lines(string path)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False;Mode=ReadOnly");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT id || ':' || name FROM items ORDER BY id";
        using var reader = command.ExecuteReader();
        var lines = new List<string>();
        while (reader.Read())
            lines.Add(reader.GetString(0));

        return lines;
    }
}
