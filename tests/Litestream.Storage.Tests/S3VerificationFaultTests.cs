using Litestream.Storage.Tests.Servers;
using Litestream.Verification;

namespace Litestream.Storage.Tests;

/// <summary>What a verification says of a replica on S3, with the defaults.</summary>
public sealed class S3VerificationFaultTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_replica_on_S3_that_is_emptied_is_seen_by_a_verification()
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();
        using var app = folder.Start();
        await folder.SettledAsync(app);

        await server.EmptyAsync();
        await app.TellAsync("row after");
        await app.SaysAsync("wrote after");
        if (!Repository.IsLine05)
        {
            // All that litestream says is that it has sent everything.
            await folder.SettledAsync(app);
        }

        // What was sent is of no use without the snapshot.
        var client = RoundTrip.Client(folder);
        var result = await client.VerifyAsync(cancellationToken: Cancel);
        Assert.True(result is { Outcome: VerificationOutcome.Failed, Code: "LSB4103" }, $"{result}");
        if (!Repository.IsLine05)
            return;

        // What is listed does not reach the commit, so litestream is started again, and it finds no snapshot.
        await app.SaysAsync("LSB5007");
        await folder.SettledAsync(app);
        await folder.AssertRestoredAsync();
        var again = await client.VerifyAsync(cancellationToken: Cancel);
        Assert.True(again is { Outcome: VerificationOutcome.Verified, Code: null }, $"{again}");
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_verification_proves_that_S3_returns_all_commits_and_says_what_is_wrong_without_the_server()
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var client = RoundTrip.Client(folder);

        foreach (var level in Enum.GetValues<VerificationLevel>())
        {
            var good = await client.VerifyAsync(options: new() { Level = level }, cancellationToken: Cancel);
            Assert.True(good is { Outcome: VerificationOutcome.Verified, Code: null }, $"{level}: {good}");
        }

        await server.StopAsync();
        foreach (var level in Enum.GetValues<VerificationLevel>())
        {
            var bad = await client.VerifyAsync(options: new() { Level = level }, cancellationToken: Cancel);
            Assert.True(
                bad is { Outcome: not VerificationOutcome.Verified, Code: not null }
                    && (
                        bad.Message.Contains("connection refused", StringComparison.Ordinal)
                        || (Repository.IsLine05 && bad.Message.Contains("may not answer", StringComparison.Ordinal))
                    ),
                $"{level}: {bad}"
            );
        }

        Assert.DoesNotContain(server.Secret, app.Output, StringComparison.Ordinal);
    }
}
