using System.Security.Cryptography;
using Litestream.Restore;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Hosting.Tests;

/// <summary>Production's data on a laptop, and that nothing goes back.</summary>
public sealed class PullTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task An_app_on_a_pulled_file_with_the_replica_of_production_is_refused_and_nothing_is_sent(
        bool overRestored,
        bool copied
    )
    {
        using var production = await ProductionAsync();
        using var laptop = new AppFolder();
        laptop.WriteConfig(production.FileReplica, laptop.Database);
        var client = Client(laptop);
        if (overRestored)
        {
            // What was restored in its place continues the lineage: the memory of that must not count for what is
            // pulled over it.
            await client.RestoreAsync(options: new RestoreOptions { InPlace = true }, cancellationToken: Cancel);
        }

        if (copied)
        {
            var elsewhere = Path.Combine(laptop.Root, "dev.db");
            await client.PullAsync(options: new RestoreOptions { Output = elsewhere }, cancellationToken: Cancel);
            File.Copy(elsewhere, laptop.Database);
        }
        else
        {
            var result = await client.PullAsync(
                options: new RestoreOptions { Force = overRestored },
                cancellationToken: Cancel
            );
            Assert.Equal((RestoreOutcome.Restored, laptop.Database), (result.Outcome, result.Output));
        }

        var before = Contents(production.Replica);
        Assert.Equal(["first", "last"], laptop.DatabaseRows());
        using (var app = laptop.Start())
        {
            await app.SaysAsync("LSB5009");
            await app.SaysAsync("started ");
            await app.StatusAsync("Failed");
            await app.TellAsync("row of the laptop");
            await app.SaysAsync("wrote of the laptop");
            Assert.Empty(laptop.Replicators());
            await app.TellAsync("stop");
            Assert.Equal(0, await app.EndedAsync());
        }

        Assert.Equal(before, Contents(production.Replica));
        await production.AssertRestoredAsync();
        Assert.Contains("of the laptop", laptop.DatabaseRows());
    }

    [Fact]
    public async Task Production_continues_undisturbed_after_a_pull()
    {
        using var production = await ProductionAsync();
        using var laptop = new AppFolder();
        laptop.WriteConfig(production.FileReplica, laptop.Database);
        await Client(laptop).PullAsync(cancellationToken: Cancel);

        using var app = production.Start();
        await app.StatusAsync("Replicating");
        await app.TellAsync("stop");
        await app.EndedAsync();

        Assert.Equal(["first", "last", "first", "last"], production.DatabaseRows());
        await production.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_pulled_file_can_have_a_replica_of_its_own()
    {
        using var production = await ProductionAsync();
        using var laptop = new AppFolder();
        laptop.WriteConfig(production.FileReplica, laptop.Database);
        await Client(laptop).PullAsync(cancellationToken: Cancel);

        laptop.WriteConfig(laptop.FileReplica, laptop.Database);
        using var app = laptop.Start();
        await app.StatusAsync("Replicating");
        await app.TellAsync("stop");
        await app.EndedAsync();

        Assert.Equal(["first", "last", "first", "last"], laptop.DatabaseRows());
        await laptop.AssertRestoredAsync();
    }

    /// <summary>An app that has run and stopped, its database known by its number.</summary>
    private static async Task<AppFolder> ProductionAsync()
    {
        var folder = new AppFolder();
        using var app = folder.Start();
        await app.StatusAsync("Replicating");
        await AppFolder.UntilAsync(
            () => LiveDatabase.ReadIdentity(folder.Database) is not null,
            "the database had its number"
        );
        await app.TellAsync("stop");
        await app.EndedAsync();
        SqliteConnection.ClearAllPools();
        return folder;
    }

    private static LitestreamClient Client(AppFolder folder) =>
        LitestreamClient.Create(new LitestreamClientOptions { ApplicationDirectory = folder.App });

    private static List<string> Contents(string folder) =>
        [
            .. Directory
                .EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal)
                .Select(file =>
                    $"{file} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))} "
                    + $"{File.GetLastWriteTimeUtc(file):O}"
                ),
        ];
}
