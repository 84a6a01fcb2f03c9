using System.Globalization;

namespace Litestream.Testing;

/// <summary>
/// One random trial: an app writes, with another process or alone, and it, its litestream or both are killed and come
/// back. Afterwards the restore has to be the database, or the health must not
/// be good.
/// </summary>
public sealed class RandomKill(int seed)
{
    private readonly Random _random = new(seed);
    private readonly string _kind = ((string[])["app", "litestream", "both", "litestream first"])[
        new Random(seed).Next(4)
    ];

    /// <summary>
    /// The seed of the first trial: given by the variable LITESTREAM_TEST_SEED, to try a failure again (what else the
    /// machine does then is not the same), or a random one.
    /// </summary>
    public static int Seed() =>
        int.TryParse(
            Environment.GetEnvironmentVariable("LITESTREAM_TEST_SEED"),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var given
        )
            ? given
            : Random.Shared.Next(1_000_000_000);

    public async Task RunAsync(AppFolder folder)
    {
        var cancel = TestContext.Current.CancellationToken;
        var synchronous = _random.Next(2) == 0 ? "FULL" : "NORMAL";
        var churn = string.Create(CultureInfo.InvariantCulture, $"churn {_random.Next(1, 5)} {synchronous}");
        var hasOther = _random.Next(2) == 0;
        var said = new List<AppProcess>();
        var app = Start(folder);
        AppProcess? other = null;
        try
        {
            await app.SaysAsync("started ");
            await app.TellAsync("accounts");
            await app.SaysAsync("has accounts");
            await folder.SettledAsync(app);
            if (hasOther)
            {
                folder.Environment["Litestream__Enabled"] = "false";
                other = Start(folder);
                folder.Environment.Remove("Litestream__Enabled");
                await other.SaysAsync("started ");
                await other.TellAsync($"churn 1 {synchronous}");
            }

            await app.TellAsync(churn);
            await PauseAsync(500, 2500);
            var litestream = folder.Replicators();
            if (_kind is "litestream" or "litestream first")
            {
                await KillAsync(litestream);
                if (_kind == "litestream first")
                {
                    await PauseAsync(0, 2000);
                    await KillAsync([app.Id]);
                }
            }
            else
            {
                await KillAsync([app.Id]);
                if (_kind == "both")
                {
                    await KillAsync(litestream);
                }
            }

            if (_kind != "litestream")
            {
                await app.EndedAsync();
                await PauseAsync(0, _random.Next(2) == 0 ? 100 : 5000);
                app = Start(folder);
                await app.SaysAsync("started ");
                await app.TellAsync(churn);
            }

            await PauseAsync(500, 3000);
            foreach (var process in new[] { app, other }.OfType<AppProcess>())
            {
                await process.TellAsync("calm");
                await process.SaysAsync("churned ");
            }

            await app.StatusAsync("Replicating after", "Healthy 0.0 s 0 bytes");
            await RestoredContent.AssertSameAsync(folder.Database, await folder.RestoreAsync(folder.Database), Explain);
            Assert.Equal(0, await app.StopAsync());
            if (other is not null)
            {
                Assert.Equal(0, await other.StopAsync());
            }
        }
        finally
        {
            said.ForEach(process => process.Dispose());
        }

        AppProcess Start(AppFolder where)
        {
            said.Add(where.Start());
            return said[^1];
        }

        string Explain() =>
            $"seed {seed}: killed {_kind}, {churn}, {(hasOther ? "with" : "without")} another "
            + $"process\n{string.Join("\n----\n", said.Select(process => process.Output))}";

        async Task KillAsync(IReadOnlyList<int> processes)
        {
            foreach (var id in processes)
            {
                await AppFolder.SignalAsync("KILL", id, mayHaveEnded: true);
            }
        }

        // A random moment is what is tried here, not something that is waited for.
        Task PauseAsync(int least, int most) => Task.Delay(_random.Next(least, most + 1), cancel);
    }
}
