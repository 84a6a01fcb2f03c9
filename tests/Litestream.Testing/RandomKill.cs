using System.Globalization;

namespace Litestream.Testing;

/// <summary>
/// One random trial: an app writes, with another process or alone, and it, its litestream or both are killed and come
/// back. Afterwards the restore has to be the database, or the health must not
/// be good.
/// </summary>
public sealed class RandomKill(int seed)
{
    private static readonly string[] s_kinds = ["app", "litestream", "both", "litestream first"];

    private readonly Random _random = new(seed);

    /// <summary>How often a long test tries: so often, or as the variable LITESTREAM_TEST_TRIALS says.</summary>
    public static int Times(int times) => Number("LITESTREAM_TEST_TRIALS") ?? times;

    /// <summary>
    /// The seed of the first trial: given by the variable LITESTREAM_TEST_SEED, to try a failure again (what else the
    /// machine does then is not the same), or a random one.
    /// </summary>
    private static int Seed() => Number("LITESTREAM_TEST_SEED") ?? Random.Shared.Next(1_000_000_000);

    private static int? Number(string variable) =>
        int.TryParse(
            Environment.GetEnvironmentVariable(variable),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var given
        )
            ? given
            : null;

    /// <summary>
    /// So many trials, one after the other, with the seeds from <see cref="Seed"/> on. All are tried, then those fail
    /// that have failed.
    /// </summary>
    /// <param name="times">How many.</param>
    /// <param name="trial">One trial: it makes the folder, and hands it to <see cref="RunAsync"/>.</param>
    public static async Task TryAsync(int times, Func<RandomKill, Task<int>> trial)
    {
        var seed = Seed();
        var copies = 0;
        var failures = new List<Exception>();
        for (var i = 0; i < times; i++)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"LITESTREAM_TEST_SEED={seed + i}");
            try
            {
                copies += await trial(new RandomKill(seed + i));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // At once, for a run that is ended before the last trial.
                TestContext.Current.TestOutputHelper?.WriteLine($"LITESTREAM_TEST_SEED={seed + i} failed: {e}");
                failures.Add(new InvalidOperationException($"LITESTREAM_TEST_SEED={seed + i}", e));
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{times} trials from seed {seed} on, {failures.Count} failed, {copies} full copies"
        );
        if (failures.Count > 0)
            throw new AggregateException($"{failures.Count} of {times} trials failed.", failures);
    }

    /// <returns>How many full copies it cost.</returns>
    public async Task<int> RunAsync(AppFolder folder)
    {
        var cancel = TestContext.Current.CancellationToken;
        var kind = s_kinds[_random.Next(s_kinds.Length)];
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
            if (kind is "litestream" or "litestream first")
            {
                await KillAsync(litestream);
                if (kind == "litestream first")
                {
                    await PauseAsync(0, 2000);
                    await KillAsync([app.Id]);
                }
            }
            else
            {
                await KillAsync([app.Id]);
                if (kind == "both")
                    await KillAsync(litestream);
            }

            if (kind != "litestream")
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
                Assert.Equal(0, await other.StopAsync());

            return said.Sum(process => process.Count("The full copy of '"));
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
            $"seed {seed}: killed {kind}, {churn}, {(hasOther ? "with" : "without")} another "
            + $"process\n{string.Join("\n----\n", said.Select(process => process.Output))}";

        async Task KillAsync(IReadOnlyList<int> processes)
        {
            foreach (var id in processes)
                await AppFolder.SignalAsync("KILL", id, mayHaveEnded: true);
        }

        // A random moment is what is tried here, not something that is waited for.
        Task PauseAsync(int least, int most) => Task.Delay(_random.Next(least, most + 1), cancel);
    }
}
