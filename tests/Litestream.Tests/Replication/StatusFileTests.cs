using System.Text.Json;
using Litestream.Configuration;
using Litestream.Releases.V03;
using Litestream.Replication;
using Litestream.Tests.Databases;
using Litestream.Verification;

namespace Litestream.Tests.Replication;

public sealed class StatusFileTests : IDisposable
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private readonly TemporaryFolder _folder = new();

    private EffectiveDatabase Database => new("a b.db", Path.Combine(_folder.Path, "a b.db"), null, null, []);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_cannot_be_replaced_is_deleted_for_it_is_no_longer_so()
    {
        var file = new StatusFile(
            StatusFile.IdentityOf(Environment.ProcessId)!,
            Noon.AddDays(-1),
            Noon,
            new LitestreamStatus(LitestreamState.Replicating, 4711, null, 0, null)
        );
        Assert.True(file.Write(Database.Path));
        Assert.NotNull(StatusFile.Read(Database));

        // The new file cannot be made.
        Directory.CreateDirectory(Path.Combine(StatusFile.PathFor(Database.Path) + ".new", "inside"));

        Assert.False(file.Write(Database.Path));
        Assert.Null(StatusFile.Read(Database));
    }

    [Fact]
    public void All_that_is_written_is_read_back()
    {
        var database = new LitestreamDatabaseStatus(Database.Path)
        {
            Health = LitestreamHealth.Degraded,
            Problem = "LSB5007: \"quoted\"",
            Committed = new GenerationPosition("0123456789abcdef", 3, 4152),
            Replicated = new GenerationPosition("0123456789abcdef", 2, 32),
            Lag = TimeSpan.FromMilliseconds(1500),
            LagBytes = 4120,
            LastSync = Noon,
            VerifiedAt = Noon.AddHours(-1),
            Verification = new VerificationResult(Database, VerificationOutcome.Lagging, "late", "LSB4102")
            {
                Level = VerificationLevel.Quick,
                Duration = TimeSpan.FromSeconds(5),
            },
        };
        var status = new LitestreamStatus(LitestreamState.Stalled, 4711, Noon.AddMinutes(-5), 2, "LSB5004: ended")
        {
            Since = Noon.AddMinutes(-1),
            LastRestartReason = "stuck",
        };
        var file = new StatusFile(
            StatusFile.IdentityOf(Environment.ProcessId)!,
            Noon.AddDays(-1),
            Noon,
            status with
            {
                Databases = [database],
                NotReplicated = ["/other.db"],
            }
        );

        Assert.True(file.Write(Database.Path));

        var read = StatusFile.Read(Database)!;
        Assert.Equal((file.App, file.AppStartedAt, file.WrittenAt), (read.App, read.AppStartedAt, read.WrittenAt));
        Assert.Equal(
            status,
            read.Status with
            {
                Databases = status.Databases,
                NotReplicated = status.NotReplicated,
                LastRestarts = status.LastRestarts,
            }
        );
        Assert.Equal(["/other.db"], read.Status.NotReplicated);
        Assert.Equal(database, Assert.Single(read.Status.Databases));
        Assert.Equal(
            [Path.GetFileName(StatusFile.PathFor(Database.Path))],
            Directory.GetFiles(_folder.Path).Select(Path.GetFileName)
        );
    }

    [Fact]
    public void A_link_in_the_place_of_the_file_is_replaced_and_not_followed()
    {
        var other = _folder.Write("other", "kept");
        File.CreateSymbolicLink(StatusFile.PathFor(Database.Path), other);
        File.CreateSymbolicLink(StatusFile.PathFor(Database.Path) + ".new", other);

        new StatusFile(
            StatusFile.IdentityOf(Environment.ProcessId)!,
            null,
            Noon,
            new LitestreamStatus(LitestreamState.Disabled, null, null, 0, null)
        ).Write(Database.Path);

        Assert.Equal("kept", File.ReadAllText(other));
        Assert.Equal(LitestreamState.Disabled, StatusFile.Read(Database)?.Status.State);
    }

    [Theory]
    [InlineData(LitestreamState.Replicating, LitestreamState.Stalled, LitestreamHealth.Unhealthy)]
    [InlineData(LitestreamState.Starting, LitestreamState.Stalled, LitestreamHealth.Unhealthy)]
    [InlineData(LitestreamState.Failed, LitestreamState.Failed, LitestreamHealth.Healthy)]
    public void What_an_app_says_that_was_stopped_by_a_signal_is_no_longer_so(
        LitestreamState state,
        LitestreamState expected,
        LitestreamHealth health
    )
    {
        var told = RunningStatus.OfStopped(
            new StatusFile(
                StatusFile.IdentityOf(Environment.ProcessId)!,
                null,
                Noon,
                new LitestreamStatus(state, null, null, 0, null)
                {
                    Databases = [new LitestreamDatabaseStatus(Database.Path)],
                }
            )
        );

        Assert.Equal((expected, health), (told.State, Assert.Single(told.Databases).Health));
        Assert.False(OverallHealth.Of(told, Noon).IsHealthy);
    }

    [Fact]
    public void As_JSON_it_says_whether_an_app_runs_and_what_it_tells()
    {
        using (var none = JsonDocument.Parse(JsonText.Of(RunningStatus.Of(Database).WriteTo)))
        {
            Assert.Equal(
                "path,running",
                string.Join(',', none.RootElement.EnumerateObject().Select(member => member.Name))
            );
        }

        new StatusFile(
            StatusFile.IdentityOf(Environment.ProcessId)!,
            null,
            Noon,
            new LitestreamStatus(LitestreamState.Replicating, null, null, 3, null)
            {
                Databases = [new LitestreamDatabaseStatus(Database.Path) { Lag = TimeSpan.FromSeconds(2) }],
            }
        ).Write(Database.Path);
        using var json = JsonDocument.Parse(JsonText.Of(RunningStatus.Of(Database).WriteTo));
        var root = json.RootElement;
        Assert.True(root.GetProperty("running").GetBoolean());
        Assert.Equal(Environment.ProcessId, root.GetProperty("app").GetProperty("processId").GetInt32());
        Assert.Equal(
            ("Replicating", 3),
            (root.GetProperty("state").GetString(), root.GetProperty("restarts").GetInt32())
        );
        Assert.Equal(2, root.GetProperty("database").GetProperty("lagSeconds").GetDouble());
    }
}
