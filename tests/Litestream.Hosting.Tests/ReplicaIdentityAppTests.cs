namespace Litestream.Hosting.Tests;

/// <summary>A litestream.yml of the user's own whose replica is <c>url: ${REPLICA_URL}</c>, with a real app.</summary>
public sealed class ReplicaIdentityAppTests
{
    [Fact]
    public async Task A_file_url_in_a_variable_has_all_that_a_folder_replica_has()
    {
        using var folder = new AppFolder();
        folder.WriteConfig("url: ${REPLICA_URL}");
        folder.Environment["REPLICA_URL"] = $"file://{folder.Replica}";
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            Assert.Contains(
                $"'{folder.Database}' is replicated to file {folder.Replica}",
                app.Output,
                StringComparison.Ordinal
            );
            Assert.Equal(1, app.Count("LSB1101"));
            await app.TellAsync("row first");
            await folder.ArrivesAsync(app, "first");
            (await CommandRun.OfAsync(folder, ["verify", "--directory", ".", "--timeout", "2m"])).Succeeded();

            // The folder is wiped: noticed, and made whole.
            Directory.Move(folder.Replica, folder.Replica + ".away");
            await folder.ArrivesAsync(app, "first");
            await folder.SettledAsync(app);
            Assert.Equal(0, await app.StopAsync());
        }

        await folder.AssertRestoredAsync();

        // Another database in its place: what the folder holds is of the first one.
        var kept = RestoredContent.Save(folder.Database);
        folder.DeleteDatabase();
        AppFolder.MakeDatabase(folder.Database);
        using (var app = folder.Start())
        {
            await app.SaysAsync("LSB5009");
            await app.StatusAsync("Failed");
            Assert.Equal(0, await app.StopAsync());
        }

        await folder.AssertRestoredAsync(kept);
    }

    [Theory]
    [InlineData("url: ${REPLICA_URL}", null)]
    [InlineData("url: ${REPLICA_URL}", "")]
    [InlineData("url: file://${REPLICA_URL}", null)]
    [InlineData("type: ${REPLICA_URL}\n        path: replica", null)]
    public async Task Without_the_variable_the_app_ends_with_a_code_that_names_it_and_the_line(
        string replica,
        string? value
    )
    {
        using var folder = new AppFolder();
        folder.WriteConfig(replica);
        folder.Environment["REPLICA_URL"] = value;
        using var app = folder.Start();

        Assert.Equal(1, await app.EndedAsync());
        Assert.Contains($"{folder.Config}(4,", app.Output, StringComparison.Ordinal);
        Assert.Contains("LSB1045: ", app.Output, StringComparison.Ordinal);
        Assert.Contains("the environment variable REPLICA_URL is not set", app.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled exception", app.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.Database));
        foreach (var verb in new[] { "databases", "doctor", "verify", "restore", "config" })
        {
            var run = await CommandRun.OfAsync(folder, [verb]);
            Assert.Equal(1, run.ExitCode);
            Assert.Contains("LSB1045", run.Output + run.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("LSB1101", run.Output + run.Error, StringComparison.Ordinal);
        }
    }
}
