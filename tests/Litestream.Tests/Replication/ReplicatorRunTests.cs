using System.Net;
using System.Net.Sockets;
using Litestream.Configuration;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Replication;
using Litestream.Tests.Restore;

namespace Litestream.Tests.Replication;

[Trait("Uses", "litestream")]
public sealed class ReplicatorRunTests
{
    [Fact]
    public async Task An_address_that_was_taken_after_it_was_chosen_is_seen_and_the_next_start_has_another()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        TcpListener? other = null;
        var chosen = new List<string?>();
        using var locks = DatabaseLocks.TryAcquire([database.File], out _, out _)!;
        using var folder = RunDirectory.Create(database.File);
        var run = new ReplicatorRun(
            LitestreamTool.Executable,
            () => database.Config.Databases,
            (address, _) =>
            {
                chosen.Add(address);
                other ??= new TcpListener(IPEndPoint.Parse(address!));
                other.Start();
                return EffectiveConfig.Create(
                    new EffectiveConfigOptions
                    {
                        ConfigPath = database.Yml,
                        BaseDirectory = database.Folder,
                        GetSetting = _ => null,
                        Environment = new Dictionary<string, string>(),
                        MetricsAddress = address,
                    },
                    LitestreamTool.Executable.Line.Dialects
                );
            },
            ownMetricsAddress: null,
            locks,
            folder,
            new ReplicatorEvents
            {
                Line = _ => { },
                Starting = () => { },
                Started = (_, _) => { },
                AddressNotUsed = _ => { },
                Ended = () => { },
            },
            TimeProvider.System
        );
        try
        {
            run.Start();
            await LitestreamTool.WaitUntilAsync(() => run.AddressError is not null);
            Assert.Contains("address already in use", run.AddressError, StringComparison.Ordinal);
            await run.EndAsync();

            run.Start();
            MetricsAnswer? answer = null;
            await LitestreamTool.WaitUntilAsync(() =>
                (answer = run.ReadMetricsAsync(TestContext.Current.CancellationToken).Result) is not null
            );

            Assert.True(answer!.Knows(database.File));
            Assert.Null(run.AddressError);
            Assert.NotEqual(chosen[0], chosen[1]);
        }
        finally
        {
            other?.Dispose();
            await run.EndAsync();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_error_after_the_start_leaves_no_litestream_running(bool isOfDisk)
    {
        using var database = await BackedUpDatabase.CreateAsync();
        using var locks = DatabaseLocks.TryAcquire([database.File], out _, out _)!;
        using var folder = RunDirectory.Create(database.File);
        var started = 0;
        var run = new ReplicatorRun(
            LitestreamTool.Executable,
            () => database.Config.Databases,
            (address, _) => database.Config,
            ownMetricsAddress: null,
            locks,
            folder,
            new ReplicatorEvents
            {
                Line = _ => { },
                Starting = () => { },
                Started = (process, _) =>
                {
                    started = process.ProcessId;
                    throw isOfDisk ? new IOException("No space left on device") : new InvalidOperationException();
                },
                AddressNotUsed = _ => { },
                Ended = () => { },
            },
            TimeProvider.System
        );
        try
        {
            Assert.ThrowsAny<Exception>(() => run.Start());

            // Without a word from the caller.
            await LitestreamTool.WaitUntilAsync(() => ProcessIdentity.Of(started) is null);
            Assert.NotEqual(0, started);
        }
        finally
        {
            await run.EndAsync();
        }
    }
}
