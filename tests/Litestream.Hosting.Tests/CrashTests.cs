using System.Diagnostics;
using System.Globalization;

namespace Litestream.Hosting.Tests;

/// <summary>
/// What can happen to an app and its litestream while the app writes: afterwards the replica is the database, and
/// until then nothing says that it is.
/// </summary>
public sealed class CrashTests
{
    /// <summary>Each trial waits for most of its time.</summary>
    private const int AtOnce = 3;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Situations =>
        [
            "both are killed",
            "the app is killed",
            "litestream is killed",
            "an operator ends litestream",
            "an orderly restart",
            new TheoryDataRow<string>("an operator's sync").WithTrait("Line", "0.5"),
        ];

    [Theory]
    [MemberData(nameof(Situations))]
    public Task The_replica_is_the_database_after(string situation) => TryAsync(situation, times: 1);

    [Theory(Timeout = 60 * 60_000)]
    [MemberData(nameof(Situations))]
    [Trait("Category", "Long")]
    public Task The_replica_is_the_database_fifty_times_after(string situation) =>
        TryAsync(situation, RandomKill.Times(50));

    private static async Task TryAsync(string situation, int times)
    {
        var copies = 0;
        await Parallel.ForAsync(
            0,
            times,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = Cancel },
            async (_, _) =>
            {
                using var folder = new AppFolder();
                Interlocked.Add(ref copies, await TryAsync(folder, situation));
            }
        );

        TestContext.Current.TestOutputHelper?.WriteLine($"{situation}: {times} trials, {copies} full copies");
        if (situation == "an orderly restart")
            Assert.InRange(copies, 0, Math.Max(1, times / 10));
    }

    /// <returns>How many full copies it cost.</returns>
    private static async Task<int> TryAsync(AppFolder folder, string situation)
    {
        var socket = Path.Combine(folder.Root, "socket");
        if (situation == "an operator's sync")
        {
            await File.AppendAllTextAsync(
                folder.Config,
                $"\nsocket:\n  enabled: true\n  path: '{socket}'\n  permissions: 0600\n",
                Cancel
            );
        }

        var app = folder.Start();
        try
        {
            await app.SaysAsync("started ");
            await app.TellAsync("accounts");
            await app.SaysAsync("has accounts");
            await folder.SettledAsync(app);
            var before = folder.FullCopies().Count;
            await app.TellAsync("churn 2 FULL");
            await AppFolder.UntilAsync(() => new FileInfo(folder.Database + "-wal").Length > 1_000_000, "it wrote");

            var litestream = Assert.Single(folder.Replicators());
            var since = DateTimeOffset.UtcNow;
            if (situation is "both are killed" or "the app is killed" or "an orderly restart")
            {
                await AppFolder.SignalAsync(situation == "an orderly restart" ? "TERM" : "KILL", app.Id);
                if (situation == "both are killed")
                    await AppFolder.SignalAsync("KILL", litestream, mayHaveEnded: true);

                await app.EndedAsync();
                app.Dispose();
                app = folder.Start();
                await app.SaysAsync("started ");
                await app.TellAsync("churn 2 FULL");
            }
            else if (situation == "an operator's sync")
            {
                await SyncAsync(folder, app, socket);
            }
            else
            {
                var signal = situation == "an operator ends litestream" ? "TERM" : "KILL";
                await AppFolder.SignalAsync(signal, litestream);

                // Until then it replicates.
                await AppFolder.UntilAsync(() => !folder.Replicators().Contains(litestream), "litestream had ended");
                since = DateTimeOffset.UtcNow;
            }

            if (situation != "an orderly restart")
                await NotProvenBeforeItIsHealedAsync(folder, app, since);

            await app.TellAsync("calm");
            await app.SaysAsync("churned ");
            await app.StatusAsync("Replicating after", "Healthy 0.0 s 0 bytes");
            await RestoredContent.AssertSameAsync(
                folder.Database,
                await folder.RestoreAsync(folder.Database),
                () => app.Output
            );
            Assert.Equal(0, await app.StopAsync());
            await folder.AssertRestoredAsync();
            return folder.FullCopies().Count - before;
        }
        finally
        {
            app.Dispose();
        }
    }

    /// <summary>
    /// From five seconds after the event the health is not good, and no verification succeeds, until the full copy has
    /// arrived. The seconds are those of the app's own looks, from the first one on: on a busy machine it looks late.
    /// </summary>
    private static async Task NotProvenBeforeItIsHealedAsync(AppFolder folder, AppProcess app, DateTimeOffset since)
    {
        var proof = CommandRun.OfAsync(folder, ["verify", "--timeout", "30s"]);
        DateTimeOffset? first = null;
        await app.StatusAsync(
            status =>
            {
                var isHealed = app.Output.Contains("The full copy of ", StringComparison.Ordinal);
                var looked = LookedAt(app);
                if (looked > since)
                    first ??= looked;
                Assert.False(
                    !isHealed && looked - first > TimeSpan.FromSeconds(5) && IsGood(status) && !IsHealedNow(),
                    $"It was healthy before it was healed.\n{app.Output}"
                );
                return isHealed;
            },
            "healed"
        );
        var proven = await proof;
        Assert.True(
            proven.ExitCode != 0 || IsHealedNow(),
            $"A verification succeeded before it was healed.\n{proven.Output}\n{app.Output}"
        );

        bool IsHealedNow() => app.Output.Contains("The full copy of ", StringComparison.Ordinal);

        static bool IsGood(string status) => status.Contains(" Healthy ", StringComparison.Ordinal);
    }

    /// <summary>When the app had looked at its database, by the status that it reported last.</summary>
    private static DateTimeOffset LookedAt(AppProcess app)
    {
        const string Word = "\nlooked ";
        var output = app.Output;
        var ticks = output[(output.LastIndexOf(Word, StringComparison.Ordinal) + Word.Length)..].Split('\n')[0];
        return new DateTimeOffset(long.Parse(ticks, CultureInfo.InvariantCulture), TimeSpan.Zero);
    }

    /// <summary>Asks litestream itself to send what there is, until that has made it lose its hold on the WAL.
    /// </summary>
    private static async Task SyncAsync(AppFolder folder, AppProcess app, string socket)
    {
        await AppFolder.UntilAsync(
            () =>
            {
                var start = new ProcessStartInfo(
                    folder.Executable,
                    ["sync", "-wait", "-socket", socket, folder.Database]
                )
                {
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                };
                using var sync = Process.Start(start)!;
                sync.StandardOutput.ReadToEnd();
                sync.StandardError.ReadToEnd();
                sync.WaitForExit();
                return app.Output.Contains("LSB5025", StringComparison.Ordinal);
            },
            () => $"litestream had lost its hold\n{app.Output}"
        );
    }
}
