using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Restore;
using Litestream.Tests.Databases;
using Litestream.Verification;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Litestream.Tests;

/// <summary>The examples of docs/api.md, compiled and run.</summary>
[Trait("Uses", "litestream")]
public sealed class ApiExamplesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>Takes the place of the console in the examples.</summary>
    private StringWriter Console { get; } = new();

    public void Dispose()
    {
        Console.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_examples_of_the_page_are_the_code_below()
    {
        var root = Repository.Root;
        var source = Flatten(File.ReadAllText(Path.Combine(root, "tests", "Litestream.Tests", "ApiExamplesTests.cs")));
        var examples = File.ReadAllText(Path.Combine(root, "docs", "api.md"))
            .ReplaceLineEndings("\n")
            .Split("```csharp\n")
            .Skip(1)
            .Select(part => part[..part.IndexOf("```", StringComparison.Ordinal)])
            .ToList();

        Assert.True(examples.Count > 5);
        Assert.All(
            examples,
            example => Assert.Contains(Flatten(example), source, StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task The_examples_do_what_the_page_says()
    {
        var generated = GeneratedConfig.Create(
            [new("shop.db", "Shop", "ConnectionStrings:Shop")],
            new GeneratedConfigOptions()
        );
        _folder.Write("litestream.yml", generated.Text);
        File.CreateSymbolicLink(Path.Combine(_folder.Path, "litestream"), LitestreamTool.Executable.Path);
        var database = Path.Combine(_folder.Path, "shop.db");
        LitestreamTool.Sql(database, "CREATE TABLE orders(x); INSERT INTO orders VALUES (1), (2), (3)");
        var client = Elsewhere(_folder.Path);
        var replica = client.Config.Databases[0].Replicas[0].Location;
        var fast = LitestreamTool.Effective(Path.Combine(_folder.Path, "litestream.yml"), _folder.Path);
        await LitestreamTool.ReplicateUntilAsync(fast, _folder.Path, () => LitestreamTool.HasBackup(replica, 1));

        var cancellation = TestContext.Current.CancellationToken;
        var snapshot = ReplicaFiles.Starts(replica)[^1];
        await ListsAsync(client, snapshot, cancellation);

        Console.GetStringBuilder().Clear();
        await Drill(client, cancellation);
        Assert.Matches(
            $"^lost: 00:00:00, back after 00:00:[0-9.]+, {new FileInfo(database).Length} bytes\nanswer: 3$",
            Console.ToString().ReplaceLineEndings("\n").Trim()
        );

        // The executable lists whole seconds: a time in the second in which a generation began may be before it.
        await LitestreamTool.WaitUntilAsync(() => DateTime.UtcNow > File.GetLastWriteTimeUtc(snapshot).AddSeconds(1));
        Console.GetStringBuilder().Clear();
        await Restore(client, DateTimeOffset.UtcNow, cancellation);
        var copy = Directory.GetFiles(_folder.Path, "shop-*Z.db").Single();
        var lines = Console.ToString().ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        Assert.Equal($"Restored: {copy}, {new FileInfo(copy).Length} bytes", lines[0]);
        Assert.Equal("3", LitestreamTool.Query(copy, "SELECT count(*) FROM orders"));
        Assert.Equal(
            [
                $"{copy} against {database} (added: only in the copy; missing: only in the live database; "
                    + "changed: in both, with other values):",
                "no difference in 1 tables",
            ],
            lines[1..3]
        );
        Assert.StartsWith($"{database} would become ", lines[4], StringComparison.Ordinal);
        Assert.True(File.Exists(database));
        var all = await client.RestoreAllAsync(cancellationToken: cancellation);
        Assert.Equal(RestoreOutcome.Restored, Assert.Single(all).Outcome);
        Assert.NotEqual(copy, all[0].Output);

        Console.GetStringBuilder().Clear();
        LitestreamTool.Sql(database, "DELETE FROM orders WHERE x = 2");
        var moment = DateTimeOffset.UtcNow;
        await Past(client, moment, cancellation);
        Assert.Equal(
            $"3 orders at {moment:u}\norders: 0 added, 1 removed, 0 changed",
            Console.ToString().ReplaceLineEndings("\n").Trim()
        );
        LitestreamTool.Sql(database, "INSERT INTO orders VALUES (2)");

        var pulled = await Pull(client, _folder.Path, cancellation);
        Assert.Equal("3", LitestreamTool.Query(pulled.Output, "SELECT count(*) FROM orders"));
        Console.GetStringBuilder().Clear();
        Status(client);
        Assert.Equal(
            $"{database}: process , \nlag ,  restarts",
            Console.ToString().ReplaceLineEndings("\n").Trim()
        );

        Console.GetStringBuilder().Clear();
        Task? verified = null;
        await LitestreamTool.ReplicateUntilAsync(
            fast,
            _folder.Path,
            () => (verified ??= Verify(client, cancellation)).IsCompleted
        );
        await verified!;
        Assert.StartsWith("Verified: ", Console.ToString(), StringComparison.Ordinal);
        Assert.InRange(Points_in_time(), DateTimeOffset.UtcNow.AddMinutes(-12), DateTimeOffset.UtcNow.AddMinutes(-10));
    }

    private async Task ListsAsync(LitestreamClient client, string snapshot, CancellationToken cancellation)
    {
        if (Repository.IsLine05)
        {
            var error = await Assert.ThrowsAsync<LitestreamException>(() => What_there_is(client, cancellation));
            Assert.Equal("LSB3009", error.Diagnostic.Code);
            return;
        }

        await What_there_is(client, cancellation);
        await Failures(client, cancellation);
        var database = Path.Combine(_folder.Path, "shop.db");
        var segments = ReplicaFiles.Changes(client.Config.Databases[0].Replicas[0].Location);
        var generation = new DirectoryInfo(snapshot).Parent!.Parent!.Name;
        var lines = Console.ToString().ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        Assert.Equal($"{database} goes to file", lines[0]);
        Assert.StartsWith(
            $"{generation} in file: {File.GetLastWriteTimeUtc(snapshot):yyyy-MM-dd HH:mm:ss}Z to ",
            lines[1],
            StringComparison.Ordinal
        );
        Assert.Equal($"{new FileInfo(snapshot).Length} bytes at index 0", lines[2]);
        Assert.Equal($"{segments.Count} segments, {segments.Sum(file => new FileInfo(file).Length)} bytes", lines[3]);
        Assert.Equal(Repository.Version, lines[4]);
        Assert.Equal(5, lines.Length);
    }

    [Fact]
    public void A_host_gives_the_client()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        var config = _folder.Write("litestream.yml", "dbs: [{path: app.db, replicas: [{path: backups}]}]\n");
        var registered = new LitestreamClient(
            LitestreamTool.Executable,
            LitestreamTool.Effective(config, _folder.Path)
        );
        builder.Services.AddSingleton(registered);
        using var host = builder.Build();

        Assert.Same(registered, InAHost(host));
    }

    private static LitestreamClient InAHost(IHost host)
    {
        var client = host.Services.GetRequiredService<LitestreamClient>();
        return client;
    }

    private static LitestreamClient Elsewhere(string folder)
    {
        var options = new LitestreamClientOptions { ApplicationDirectory = folder, EnvironmentName = "Production" };
        var client = LitestreamClient.Create(options);
        return client;
    }

    private async Task What_there_is(LitestreamClient client, CancellationToken cancellationToken)
    {
        foreach (var database in await client.DatabasesAsync(cancellationToken))
            Console.WriteLine($"{database.Path} goes to {string.Join(", ", database.Replicas)}");

        foreach (var generation in await client.GenerationsAsync("Shop", cancellationToken: cancellationToken))
        {
            Console.WriteLine(
                $"{generation.Name} in {generation.Replica}: {generation.Start:u} to {generation.End:u}, "
                    + $"lag {generation.Lag}"
            );
        }

        var snapshots = await client.SnapshotsAsync("Shop", cancellationToken: cancellationToken);
        var newest = snapshots.MaxBy(snapshot => snapshot.Created);
        Console.WriteLine($"{newest?.Size} bytes at index {newest?.Index}");

        var segments = await client.WalSegmentsAsync(
            "Shop",
            generation: newest?.Generation,
            cancellationToken: cancellationToken
        );
        Console.WriteLine($"{segments.Count} segments, {segments.Sum(segment => segment.Size)} bytes");

        Console.WriteLine(await client.VersionAsync(cancellationToken));
    }

    private async Task Restore(LitestreamClient client, DateTimeOffset moment, CancellationToken cancellationToken)
    {
        var atTime = new RestoreOptions { Timestamp = moment };
        var copy = await client.RestoreAsync("Shop", atTime, cancellationToken: cancellationToken);
        Console.WriteLine($"{copy.Outcome}: {copy.Output}, {copy.Bytes} bytes");

        var difference = await client.DiffAsync(copy.Output, "Shop", cancellationToken);
        Console.WriteLine(difference);

        var dryRun = new RestoreOptions { InPlace = true, Force = true, DryRun = true };
        var plan = await client.RestoreAsync("Shop", dryRun, cancellationToken: cancellationToken);
        foreach (var file in plan.MovedAside)
            Console.WriteLine($"{file.From} would become {file.To}");
    }

    private static async Task<RestoreResult> Pull(
        LitestreamClient client,
        string folder,
        CancellationToken cancellationToken
    )
    {
        var toFile = new RestoreOptions { Output = Path.Combine(folder, "dev.db") };
        var pulled = await client.PullAsync("Shop", toFile, cancellationToken: cancellationToken);
        return pulled;
    }

    private async Task Past(LitestreamClient client, DateTimeOffset moment, CancellationToken cancellationToken)
    {
        await using var then = await client.OpenAsOfAsync("Shop", moment, cancellationToken: cancellationToken);
        await using var command = then.CreateCommand();
        command.CommandText = "SELECT count(*) FROM orders";
        Console.WriteLine($"{await command.ExecuteScalarAsync(cancellationToken)} orders at {moment:u}");

        var changes = await client.DiffAsync(moment, database: "Shop", cancellationToken: cancellationToken);
        foreach (var table in changes.Tables.Where(table => !table.IsSame))
            Console.WriteLine($"{table.Name}: {table.Added} added, {table.Removed} removed, {table.Changed} changed");
    }

    private void Status(LitestreamClient client)
    {
        foreach (var running in client.ReadStatus())
        {
            Console.WriteLine($"{running.Database.Path}: process {running.App?.ProcessId}, {running.Status?.State}");
            Console.WriteLine($"lag {running.DatabaseStatus?.Lag}, {running.Status?.Restarts} restarts");
        }
    }

    private async Task Verify(LitestreamClient client, CancellationToken cancellationToken)
    {
        var result = await client.VerifyAsync("Shop", cancellationToken: cancellationToken);
        Console.WriteLine($"{result.Outcome}: {result.Message}");
    }

    private async Task Drill(LitestreamClient client, CancellationToken cancellationToken)
    {
        var question = new DrillOptions { Query = "SELECT count(*) FROM orders" };
        var drill = await client.DrillAsync("Shop", question, cancellationToken);
        Console.WriteLine($"lost: {drill.RecoveryPoint}, back after {drill.RecoveryTime}, {drill.Bytes} bytes");
        Console.WriteLine($"answer: {drill.Answer[0].Value}");
    }

    private static DateTimeOffset Points_in_time()
    {
        var moment = PointInTime.Parse("10 minutes ago", TimeProvider.System);
        return moment;
    }

    private async Task Failures(LitestreamClient client, CancellationToken cancellationToken)
    {
        try
        {
            await client.SnapshotsAsync("Shop", cancellationToken: cancellationToken);
        }
        catch (LitestreamException exception) when (exception.Diagnostic.Code == "LSB3001")
        {
            Console.WriteLine($"litestream failed: {exception.Diagnostic.Message}");
        }
    }

    private static string Flatten(string code) =>
        string.Join(
            '\n',
            code.ReplaceLineEndings("\n").Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)
        );
}
