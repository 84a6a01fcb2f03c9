using System.Globalization;

namespace Litestream.Hosting.Tests;

/// <summary>
/// The faults of docs/faults.md that happen to the app's output: the real executable, and the rows of a bare restore
/// counted.
/// </summary>
public sealed class OutputFaultTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true, Traits = ["Category", "Long"])]
    public async Task An_app_whose_output_nothing_reads_replicates_and_drains(bool isClosed)
    {
        using var folder = new AppFolder();

        // With this line the host would wait for the full pipe itself, and never come to the stop.
        folder.Environment["Logging__LogLevel__Microsoft.Hosting.Lifetime"] = "None";
        using var app = folder.StartUnread("--silent");
        await folder.ArrivesAsync(app, "first");
        if (isClosed)
            app.CloseOutput();

        // More than the console's log keeps waiting (2500 lines).
        await app.TellAsync("log 5000");
        if (!isClosed)
            await AppFolder.UntilAsync(() => IsWaiting(app.Id), "the app's log waited for its reader");

        await app.TellAsync("storm");
        var first = Assert.Single(folder.Replicators());
        await AppFolder.SignalAsync("KILL", first);
        await AppFolder.UntilAsync(() => folder.Replicators() is [var id] && id != first, "another litestream ran");
        await folder.ArrivesAsync(app, folder.DatabaseRows()[^1]);
        Assert.Equal(!isClosed, IsWaiting(app.Id));

        await AppFolder.SignalAsync("TERM", app.Id);
        Assert.Equal(0, await app.EndedAsync());
        Assert.Equal("last", folder.DatabaseRows()[^1]);
        await folder.AssertRestoredAsync();
        Assert.Empty(folder.Replicators());
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task An_app_whose_log_hangs_while_litestream_writes_more_than_a_pipe_holds_replicates_and_drains()
    {
        using var folder = new AppFolder();
        folder.WriteConfig(folder.FileReplica, interval: "1ms");
        using var app = folder.Start("--log-that-blocks");
        await app.SaysAsync("started ");
        await app.TellAsync("storm");

        // Each of them is a line of its log, of more than a hundred bytes; a pipe holds 64 KB.
        await AppFolder.UntilAsync(
            () =>
                Directory.Exists(folder.Replica)
                && Directory.EnumerateFiles(folder.Replica, "*.wal.lz4", SearchOption.AllDirectories).Count() > 1000,
            () => $"litestream had written much\n{app.Output}",
            TimeSpan.FromMinutes(10)
        );
        var first = Assert.Single(folder.Replicators());
        await AppFolder.SignalAsync("KILL", first);
        await AppFolder.UntilAsync(() => folder.Replicators() is [var id] && id != first, "another litestream ran");
        Assert.DoesNotContain("LSB5004", app.Output, StringComparison.Ordinal);

        await AppFolder.SignalAsync("TERM", app.Id);
        Assert.Equal(0, await app.EndedAsync());
        Assert.Equal("last", folder.DatabaseRows()[^1]);
        await folder.AssertRestoredAsync();
        Assert.Empty(folder.Replicators());
    }

    /// <summary>
    /// Whether the thread of the console's log is in a <c>write</c>: it does not stay there unless the pipe is full.
    /// </summary>
    private static bool IsWaiting(int processId) =>
        Directory
            .EnumerateDirectories(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/task"))
            .Any(thread =>
            {
                try
                {
                    return File.ReadAllText(Path.Combine(thread, "comm"))
                            .StartsWith("Console logger", StringComparison.Ordinal)
                        && File.ReadAllText(Path.Combine(thread, "syscall")).StartsWith("1 ", StringComparison.Ordinal);
                }
                catch (IOException)
                {
                    // It has ended.
                    return false;
                }
            });
}
