using System.Globalization;
using System.Text.Json;

namespace Litestream.Hosting.Tests;

/// <summary>The past, asked beside the app that runs: <c>App litestream query</c> and <c>diff</c>.</summary>
public sealed class PastCommandTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_moment_between_two_writes_has_the_old_rows_and_the_app_continues()
    {
        using var folder = await CommandRun.BackedUpAsync();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        await app.TellAsync(
            "sql CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT, bytes BLOB); INSERT INTO items VALUES (1, "
                + "'stays', NULL), (2, 'changes', x'0aff'), (3, 'goes' || char(10) || 'away', zeroblob(100))"
        );
        await app.TellAsync("row before");
        await folder.ArrivesAsync(app, "before");

        // The lists of the executable have whole seconds.
        var moment = DateTimeOffset.UtcNow.AddSeconds(1);
        await AppFolder.UntilAsync(() => DateTimeOffset.UtcNow > moment.AddSeconds(1), "the moment had passed");
        await app.TellAsync(
            "sql UPDATE items SET name = 'changed' WHERE id = 2; DELETE FROM items WHERE id = 3; INSERT INTO items "
                + "VALUES (4, 'new', NULL)"
        );
        await app.TellAsync("row after");
        await folder.ArrivesAsync(app, "after");
        var then = moment.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
        var files = folder.FilesInWork();

        var table = (
            await CommandRun.OfAsync(folder, ["query", "--timestamp", then, "SELECT * FROM items ORDER BY id"])
        ).Succeeded();
        var json = (
            await CommandRun.OfAsync(
                folder,
                ["query", "--timestamp", then, "SELECT * FROM items ORDER BY id", "--json"]
            )
        ).Succeeded();
        var now = (await CommandRun.OfAsync(folder, ["query", "SELECT name FROM items", "--json"])).Succeeded();
        var diff = (await CommandRun.OfAsync(folder, ["diff", "--from", then, "--to", "now", "--json"])).Succeeded();
        var text = (await CommandRun.OfAsync(folder, ["diff", "--from", then])).Succeeded();
        var same = (await CommandRun.OfAsync(folder, ["diff", "--from", then, "--to", then])).Succeeded();

        var lines = table.Output.TrimEnd('\n').Split('\n');
        Assert.StartsWith("As of ", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("From file, ", lines[1], StringComparison.Ordinal);
        Assert.Equal(
            [
                "id  name       bytes",
                "1   stays      NULL",
                "2   changes    x'0AFF'",
                $"3   goes away  x'{new string('0', 64)}...' (100 bytes)",
                "3 rows",
            ],
            lines[2..]
        );
        Assert.Equal(
            [
                """{"id":1,"name":"stays","bytes":null}""",
                """{"id":2,"name":"changes","bytes":"0AFF"}""",
                $$"""{"id":3,"name":"goes\naway","bytes":"{{new string('0', 200)}}"}""",
            ],
            json.Json.GetProperty("Items").EnumerateArray().Select(item => item.GetProperty("Row").GetRawText())
        );
        Assert.Equal(
            ["stays", "changed", "new"],
            now.Json.GetProperty("Items")
                .EnumerateArray()
                .Select(item => item.GetProperty("Row").GetProperty("name").GetString())
        );

        var changes = diff.OnlyItem.GetProperty("Changes");
        Assert.Equal((1, 1, 1), Rows(changes, "items"));
        Assert.Equal((1, 0, 0), Rows(changes, "orders"));
        Assert.Empty(changes.GetProperty("schema").EnumerateArray());
        Assert.False(diff.OnlyItem.GetProperty("Same").GetBoolean());
        Assert.Contains("added id=4; removed id=3; changed id=2 (name)", text.Output, StringComparison.Ordinal);
        Assert.Contains("no difference in 2 tables", same.Output, StringComparison.Ordinal);

        Assert.Equal(files, folder.FilesInWork());
        Assert.Empty(Leftovers(folder));
        await app.TellAsync("row at last");
        await folder.ArrivesAsync(app, "at last");
        Assert.Equal(0, await app.StopAsync());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_query_that_is_killed_leaves_what_the_next_one_removes_and_one_that_takes_too_long_nothing()
    {
        const string Endless = "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n) SELECT max(v) FROM n";
        using var folder = await CommandRun.BackedUpAsync();
        var running = CommandRun.OfAsync(
            folder,
            ["query", Endless],
            before: ["sh", "-c", "echo $$ >pid; exec \"$@\"", "sh"]
        );
        await AppFolder.UntilAsync(
            () => Directory.EnumerateFiles(Temp(folder), "restored.db", SearchOption.AllDirectories).Any(),
            "the copy was there"
        );
        var id = await File.ReadAllTextAsync(Path.Combine(folder.Work, "pid"), Cancel);
        await AppFolder.SignalAsync("KILL", int.Parse(id, CultureInfo.InvariantCulture));
        Assert.Equal(137, (await running).ExitCode);
        Assert.Single(Leftovers(folder));

        (await CommandRun.OfAsync(folder, ["query", "SELECT 1"])).Succeeded();
        Assert.Empty(Leftovers(folder));

        var late = (await CommandRun.OfAsync(folder, ["query", Endless, "--timeout", "3s"])).FailedWith(1, "LSB3005");
        Assert.Contains("--timeout", late.Error, StringComparison.Ordinal);
        Assert.Empty(Leftovers(folder));
    }

    /// <summary>More than the memory that the process may have.</summary>
    [Theory]
    [InlineData()]
    [InlineData("--json")]
    public async Task Many_rows_need_no_memory(params string[] options)
    {
        const int Count = 60_000;
        using var folder = await CommandRun.BackedUpAsync();
        folder.Environment["DOTNET_GCHeapHardLimit"] = "0x4000000";
        var sql =
            $"WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < {Count}) "
            + "SELECT v, hex(zeroblob(1000)) AS bytes FROM n";

        (
            await CommandRun.OfAsync(
                folder,
                ["query", sql, .. options],
                before: ["sh", "-c", "exec \"$@\" >rows.txt", "sh"]
            )
        ).Succeeded();

        var output = Path.Combine(folder.Work, "rows.txt");
        if (options.Length == 0)
        {
            Assert.Equal($"{Count} rows", File.ReadLines(output).Last());
            return;
        }

        await using var file = File.OpenRead(output);
        using var json = await JsonDocument.ParseAsync(file, cancellationToken: Cancel);
        Assert.Equal("Success", json.RootElement.GetProperty("Result").GetString());
        Assert.Equal(Count, json.RootElement.GetProperty("Items").GetArrayLength());
    }

    [Fact]
    public async Task An_answer_that_fails_on_the_way_is_one_document_that_says_so()
    {
        using var folder = await CommandRun.BackedUpAsync();

        var run = (
            await CommandRun.OfAsync(
                folder,
                ["query", "SELECT 1 AS n UNION ALL SELECT abs(-9223372036854775807 - 1)", "--json"]
            )
        ).FailedWith(1, "LSB4112");

        Assert.Equal("Failure", run.Json.GetProperty("Result").GetString());
        Assert.Equal("LSB4112", run.OnlyCode);
        Assert.Equal(1, run.OnlyItem.GetProperty("Row").GetProperty("n").GetInt32());
    }

    private static string Temp(AppFolder folder) => folder.Environment["TMPDIR"]!;

    private static string[] Leftovers(AppFolder folder) =>
        Directory.GetDirectories(Temp(folder), ".litestream-scratch-*");

    private static (int Added, int Removed, int Changed) Rows(JsonElement changes, string table)
    {
        var found = Assert.Single(
            changes.GetProperty("tables").EnumerateArray(),
            one => one.GetProperty("name").GetString() == table
        );
        return (
            found.GetProperty("added").GetInt32(),
            found.GetProperty("removed").GetInt32(),
            found.GetProperty("changed").GetInt32()
        );
    }
}
