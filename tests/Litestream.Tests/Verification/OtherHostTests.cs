using Litestream.Execution;
using Litestream.Verification;

namespace Litestream.Tests.Verification;

/// <summary>A restore takes the generation that was written to last, whoever wrote it.</summary>
[Trait("Uses", "litestream")]
public sealed class OtherHostTests
{
    /// <summary>So that litestream commits nothing by itself: its generation would be the newest one again.</summary>
    private const string Never = "1h";

    /// <summary>For what arrives; generous, for a slow machine.</summary>
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(3);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(VerificationLevel.Position, null)]
    [InlineData(VerificationLevel.Quick, null)]
    [InlineData(VerificationLevel.Full, null)]
    [InlineData(VerificationLevel.Quick, "error")]
    [Trait("Line", "0.3")] // On 0.5 the files of both have the same names; a verification sees the content only.
    public async Task The_copy_of_another_database_is_Failed_and_both_generations_are_named(
        VerificationLevel level,
        string? logLevel
    )
    {
        using var folder = new ReplicatedFolder(logLevel: logLevel, checkpointInterval: Never);
        folder.Start();
        await folder.ArrivesAsync();
        using var other = await folder.OtherHostAsync();

        var restores = Path.Combine(folder.Root, "restores");
        var result = await Verify(
            folder,
            new()
            {
                Level = level,
                Write = false,
                Timeout = Long,
            },
            folder.ExecutableThat($"echo once >> '{restores}'")
        );

        Assert.True(result is { Outcome: VerificationOutcome.Failed, Code: "LSB4103" }, $"{result}\n{folder.Log}");
        Assert.Contains(folder.GenerationName, result.Message, StringComparison.Ordinal);
        Assert.Contains(other.GenerationName, result.Message, StringComparison.Ordinal);
        Assert.Contains("host or database also writes to the replica", result.Message, StringComparison.Ordinal);

        // With two that write all the time, a second one might take the right generation.
        if (level != VerificationLevel.Position)
            Assert.Equal(["once"], await File.ReadAllLinesAsync(restores, Cancel));
    }

    [Fact]
    public async Task Once_this_database_is_the_last_one_that_was_sent_it_is_verified()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        using var other = await folder.OtherHostAsync();
        await LitestreamTool.WaitUntilAsync(() =>
            DateTime.UtcNow
            > ReplicaFiles.Newest(folder.Replica).AddSeconds(1)
        );

        var written = await Verify(folder, new() { Timeout = Long });
        var position = await Verify(folder, new() { Level = VerificationLevel.Position, Timeout = Long });

        Assert.All(
            [written, position],
            r => Assert.True(r.Outcome == VerificationOutcome.Verified, $"{r}\n{folder.Log}")
        );
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task A_dead_replicator_is_reported_with_who_writes_in_its_place()
    {
        using var folder = await ReplicatedFolder.StartedAsync(checkpointInterval: Never);
        using var other = await folder.OtherHostAsync();
        folder.Stop();

        var result = await Verify(folder, new() { Timeout = TimeSpan.FromSeconds(1) });

        Assert.True(result.Outcome == VerificationOutcome.NotReplicating, result.ToString());
        Assert.Contains($"takes generation {other.GenerationName}", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_generation_that_this_database_began_after_its_replicator_was_killed_is_no_other_host()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        for (var i = 0; i < 4; i++)
        {
            folder.Stop();
            LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('down')");
            folder.Start();

            foreach (var level in Enum.GetValues<VerificationLevel>())
            {
                var result = await Verify(
                    folder,
                    new()
                    {
                        Level = level,
                        Write = i % 2 == 0,
                        Timeout = Long,
                    }
                );
                Assert.True(result.Outcome == VerificationOutcome.Verified, $"{i} {level}: {result}\n{folder.Log}");
            }
        }

        if (!Repository.IsLine05)
            Assert.Equal(5, Directory.GetDirectories(Path.Combine(folder.Replica, "generations")).Length);
    }

    [Fact]
    public async Task A_generation_that_this_database_begins_during_the_restore_is_no_other_host()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        var (asked, go) = (Path.Combine(folder.Root, "asked"), Path.Combine(folder.Root, "go"));
        var executable = folder.ExecutableThat($"touch '{asked}'; while [ ! -e '{go}' ]; do sleep 0.01; done");
        var first = folder.GenerationName;
        var before = ReplicaFiles.All(folder.Replica);

        var verification = Verify(
            folder,
            new()
            {
                Level = VerificationLevel.Quick,
                Write = false,
                Timeout = Long,
                // The script says nothing until a litestream has been started and has sent something.
                StorageTimeout = TimeSpan.FromMinutes(10),
            },
            executable
        );
        await LitestreamTool.WaitUntilAsync(() => File.Exists(asked));
        folder.Stop();
        LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('down')");
        folder.Start();
        await folder.WaitUntilAsync(() =>
            Repository.IsLine05
                ? ReplicaFiles.Changes(folder.Replica).Except(before).Any()
                : folder.GenerationName is var name
                    && name != first
                    && name != "none"
                    && LitestreamTool.HasBackup(folder.Generation, 1)
        );
        File.WriteAllText(go, "");

        var result = await verification;
        Assert.True(result.Outcome == VerificationOutcome.Verified, $"{result}\n{folder.Log}");
    }

    private static Task<VerificationResult> Verify(
        ReplicatedFolder folder,
        VerificationOptions options,
        LitestreamExecutable? executable = null
    ) =>
        DatabaseVerification.RunAsync(
            executable ?? LitestreamTool.Executable,
            folder.Config,
            folder.Config.Databases[0],
            options,
            Cancel
        );
}
