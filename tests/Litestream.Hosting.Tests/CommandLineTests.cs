using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Litestream.Hosting.Tests;

/// <summary>
/// What the published app answers to <c>litestream &lt;verb&gt;</c>: on a machine without an SDK, beside the running
/// app or without it.
/// </summary>
public sealed class CommandLineTests
{
    [Theory]
    [InlineData("other litestream databases")]
    [InlineData("--litestream databases")]
    [InlineData("Litestream")]
    public async Task An_app_that_is_started_with_other_arguments_is_the_app(string arguments)
    {
        using var folder = new AppFolder();
        using var app = folder.Start(arguments.Split(' '));

        await app.SaysAsync("started ");
        await app.TellAsync("stop");

        Assert.Equal(0, await app.EndedAsync());
        Assert.Equal(["first", "last"], folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_lost_database_comes_back_from_another_directory_and_nothing_of_the_app_starts()
    {
        using var folder = await CommandRun.BackedUpAsync(inAppFolder: true);
        var database = Path.Combine(folder.App, "orders.db");
        var rows = AppFolder.Rows(database);
        Directory.EnumerateFiles(folder.App, "orders.db*").ToList().ForEach(File.Delete);

        var run = (await CommandRun.OfAsync(folder, ["restore"], directory: "/")).Succeeded();

        Assert.Contains($"Restored orders.db to {database}", run.Output, StringComparison.Ordinal);
        Assert.Equal(rows, AppFolder.Rows(database));
        run.OfNothingElse(folder);
    }

    [Theory]
    [InlineData("databases --directory /nonexistent", "which does not exist")]
    [InlineData("restore --directory=/nonexistent", "which does not exist")]
    [InlineData("databases --directory /etc/passwd", "which is a file")]
    [InlineData("databases --directory=", "--directory is empty")]
    public async Task A_directory_that_is_not_there_is_refused_before_the_app_looks_for_its_settings_in_it(
        string command,
        string hint
    )
    {
        using var folder = new AppFolder();
        folder.Environment["HOSTED_APP_NeedsSettings"] = "true";

        var run = (await CommandRun.OfAsync(folder, command.Split(' '))).FailedWith(2, "LSB3008");

        Assert.Contains(hint, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_two_directories_have_the_database_it_has_to_be_said_which_one_is_meant()
    {
        using var folder = await CommandRun.BackedUpAsync();
        File.Delete(Path.Combine(folder.Work, "appsettings.json"));

        var unclear = (await CommandRun.OfAsync(folder, ["restore", "--force"])).FailedWith(2, "LSB3015");
        Assert.Contains("--directory .", unclear.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateDirectories(folder.Work, "orders.db.replaced-*"));
        Assert.False(File.Exists(Path.Combine(folder.App, "orders.db")));

        (await CommandRun.OfAsync(folder, ["restore", "--force", "--directory", "."])).Succeeded();
        Assert.Single(Directory.EnumerateDirectories(folder.Work, "orders.db.replaced-*"));
        (
            await CommandRun.OfAsync(
                folder,
                ["restore", "--output", "copy.db", $"--directory={folder.Work}"],
                folder.Root
            )
        ).Succeeded();
        Assert.Equal(folder.DatabaseRows(), AppFolder.Rows(Path.Combine(folder.Root, "copy.db")));
    }

    [Fact]
    public async Task While_the_app_runs_a_restore_in_place_names_its_process_and_refuses_and_everything_else_works()
    {
        using var folder = new AppFolder();
        await File.WriteAllTextAsync(
            Path.Combine(folder.Work, "appsettings.json"),
            "{}",
            TestContext.Current.CancellationToken
        );
        using var app = folder.Start();
        await app.SentAsync();
        await app.TellAsync("row second");
        await app.SaysAsync("wrote second");

        var refused = (await CommandRun.OfAsync(folder, ["restore", "--force"])).FailedWith(1, "LSB4006");
        Assert.Contains(app.Id.ToString(CultureInfo.InvariantCulture), refused.Error, StringComparison.Ordinal);
        var verified = (await CommandRun.OfAsync(folder, ["verify", "--timeout", "2m", "--json"])).Succeeded();
        Assert.Equal("Verified", verified.OnlyItem.GetProperty("Outcome").GetString());
        (await CommandRun.OfAsync(folder, ["restore", "--output", "copy.db"])).Succeeded();
        Assert.Equal(["first", "second"], AppFolder.Rows(Path.Combine(folder.Work, "copy.db")));

        // The doctor tells too what is late for a moment, as it may be on a busy machine.
        await AppFolder.UntilAsync(
            async () => (await CommandRun.OfAsync(folder, ["doctor"])).ExitCode == 0,
            () => $"the doctor found nothing\n{app.Output}"
        );
        Assert.Single(folder.Replicators());

        await app.TellAsync("stop");
        Assert.Equal(0, await app.EndedAsync());
        Assert.Equal(["first", "second", "last"], folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task After_a_sync_beside_the_running_app_its_commits_are_in_the_replica()
    {
        using var folder = new AppFolder();
        await File.WriteAllTextAsync(
            Path.Combine(folder.Work, "appsettings.json"),
            "{}",
            TestContext.Current.CancellationToken
        );

        // So long that the frozen litestream is not replaced before the command has ended.
        folder.Environment["Litestream__StallTimeout"] = "3m";
        using var app = folder.Start();
        await app.SentAsync();
        for (var i = 0; i < 5; i++)
        {
            await app.TellAsync($"row number{i}");
            await app.SaysAsync($"wrote number{i}");

            var item = (await CommandRun.OfAsync(folder, ["sync", "--timeout", "120", "--json"])).Succeeded().OnlyItem;

            Assert.True(item.GetProperty("HasArrived").GetBoolean());
            Assert.Equal(0, item.GetProperty("LagBytes").GetInt64());
            Assert.Equal(folder.DatabaseRows(), await folder.RestoredRowsAsync());
        }

        await AppFolder.SignalAsync("STOP", Assert.Single(folder.Replicators()));
        await app.TellAsync("row unsent");
        await app.SaysAsync("wrote unsent");
        var missing = await CommandRun.OfAsync(folder, ["sync", "--timeout", "1"]);
        Assert.Equal(1, missing.ExitCode);

        // The last one where the replica could not be listed within that second.
        Assert.Matches("LSB410[12]|LSB4005", missing.Error);
        Assert.DoesNotContain("yes", missing.Output, StringComparison.Ordinal);
        folder.Replicators().ToList().ForEach(id => AppFolder.SignalAsync("CONT", id).Wait());
        (await CommandRun.OfAsync(folder, ["sync", "--timeout", "120"])).Succeeded();

        await app.TellAsync("stop");
        Assert.Equal(0, await app.EndedAsync());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task It_works_for_a_user_who_is_not_root_in_a_folder_that_only_root_writes()
    {
        Assert.SkipUnless(Environment.UserName == "root", "Only root can become somebody else.");
        using var folder = await CommandRun.BackedUpAsync();
        using var chmod = System.Diagnostics.Process.Start("chmod", ["-R", "a+rX", folder.Root]);
        await chmod.WaitForExitAsync(TestContext.Current.CancellationToken);
        var own = Directory.CreateDirectory(Path.Combine(folder.Root, "own")).FullName;
        using var chown = System.Diagnostics.Process.Start("chown", ["nobody", own]);
        await chown.WaitForExitAsync(TestContext.Current.CancellationToken);
        folder.Environment["TMPDIR"] = own;
        string[] nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"];

        foreach (
            var verb in new[]
            {
                "databases",
                "config",
                Repository.IsLine05 ? "ltx" : "snapshots",
                "doctor",
                "version",
            }
        )
        {
            (await CommandRun.OfAsync(folder, [verb], folder.Work, nobody)).Succeeded();
        }

        (
            await CommandRun.OfAsync(folder, ["restore", "--output", Path.Combine(own, "copy.db")], folder.Work, nobody)
        ).Succeeded();
        Assert.Equal(folder.DatabaseRows(), AppFolder.Rows(Path.Combine(own, "copy.db")));
        (await CommandRun.OfAsync(folder, ["restore", "--output", "copy.db"], folder.Work, nobody)).FailedWith(
            1,
            "LSB0003"
        );
    }

    [Fact]
    public async Task Missing_credentials_are_reported_and_a_setting_of_the_app_gives_them()
    {
        using var folder = new AppFolder();
        folder.WriteConfig(
            "type: s3\n        bucket: b\n        path: orders\n        region: us-east-1\n        access-key-id: "
                + "${LITESTREAM_ACCESS_KEY_ID}\n        secret-access-key: ${LITESTREAM_SECRET_ACCESS_KEY}"
        );

        var missing = (await CommandRun.OfAsync(folder, ["env", "--json"])).FailedWith(1, "LSB1018");
        Assert.Equal("LSB1018", missing.OnlyCode);

        folder.Environment["Litestream__AccessKeyId"] = "an-access-key";
        folder.Environment["Litestream__SecretAccessKey"] = "a-secret-of-the-app";
        var set = (await CommandRun.OfAsync(folder, ["env"])).Succeeded();
        Assert.Contains("setting Litestream:SecretAccessKey", set.Output, StringComparison.Ordinal);
        var config = (await CommandRun.OfAsync(folder, ["config"])).Succeeded();
        Assert.Contains("${LITESTREAM_SECRET_ACCESS_KEY}", config.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(
            "a-secret-of-the-app",
            set.Output + set.Error + config.Output + config.Error,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_wrong_litestream_yml_is_reported_with_its_line()
    {
        using var folder = new AppFolder();
        await File.WriteAllTextAsync(
            folder.Config,
            "dbs:\n  - path: orders.db\n    replicass:\n      - path: /replica\n",
            TestContext.Current.CancellationToken
        );

        var run = await CommandRun.OfAsync(folder, ["databases", "--json"]);

        Assert.Equal(1, run.ExitCode);
        var diagnostic = run
            .Json.GetProperty("Diagnostics")
            .EnumerateArray()
            .First(d => d.GetProperty("Severity").GetString() == "Error");
        Assert.Equal(
            (folder.Config, 3),
            (diagnostic.GetProperty("File").GetString(), diagnostic.GetProperty("Line").GetInt32())
        );
        Assert.Contains($"{folder.Config}(3,", run.Error, StringComparison.Ordinal);
        var doctor = (await CommandRun.OfAsync(folder, ["doctor", "--json"])).FailedWith(1, "LSB3011");
        Assert.Contains(
            doctor.Json.GetProperty("Items").EnumerateArray(),
            item => item.GetProperty("Level").GetString() == "Error"
        );
    }

    [Theory]
    [InlineData("TERM", 143)]
    [InlineData("INT", 130)]
    public async Task A_signal_ends_a_command_that_waits_for_its_storage_and_leaves_nothing_running(
        string signal,
        int exitCode
    )
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var folder = new AppFolder();
        folder.WriteConfig(
            $"type: s3\n        bucket: b\n        path: orders\n        region: us-east-1\n        endpoint: "
                + $"http://{silent.LocalEndpoint}\n        access-key-id: a\n        secret-access-key: b"
        );
        using var app = folder.Start("litestream", "restore");
        using (await silent.AcceptTcpClientAsync(TestContext.Current.CancellationToken))
        {
            await AppFolder.SignalAsync(signal, app.Id);
            Assert.Equal(exitCode, await app.EndedAsync());
        }

        Assert.Contains("error LSB0004: ", app.Output, StringComparison.Ordinal);
        Assert.Empty(folder.Replicators());
        Assert.False(File.Exists(folder.Database));
    }

    [Fact]
    public async Task Replicate_does_the_apps_work_in_a_process_of_its_own_and_drains_at_sigterm()
    {
        using var folder = new AppFolder();
        await File.WriteAllTextAsync(
            Path.Combine(folder.Work, "appsettings.json"),
            "{}",
            TestContext.Current.CancellationToken
        );
        using var replicate = folder.Start("litestream", "replicate");
        await replicate.SaysAsync("stops it and sends the last commits");
        folder.Environment["Litestream__Enabled"] = "false";
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await AppFolder.UntilAsync(() => folder.FullCopies().Any(), "something was sent");

        // Supervised: it is started again when it dies.
        var first = Assert.Single(folder.Replicators());
        await AppFolder.SignalAsync("KILL", first);
        await AppFolder.UntilAsync(
            () => folder.Replicators() is [var again] && again != first,
            "litestream runs again"
        );

        await app.TellAsync("rows 300");
        await app.SaysAsync("wrote 300 rows");
        await AppFolder.SignalAsync("TERM", replicate.Id);
        Assert.Equal(0, await replicate.EndedAsync());
        Assert.Equal(301, folder.DatabaseRows().Count);
        await folder.AssertRestoredAsync();
        Assert.Empty(folder.Replicators());
        Assert.DoesNotContain("\nbuilt", replicate.Output, StringComparison.Ordinal);
        await app.TellAsync("stop");
        Assert.Equal(0, await app.EndedAsync());
    }

    [Fact]
    public async Task Replicate_waits_for_the_app_that_replicates_already_and_takes_over_when_it_ends()
    {
        using var folder = new AppFolder();
        await File.WriteAllTextAsync(
            Path.Combine(folder.Work, "appsettings.json"),
            "{}",
            TestContext.Current.CancellationToken
        );
        using var app = folder.Start();
        await app.SentAsync();
        using var replicate = folder.Start("litestream", "replicate");
        await replicate.SaysAsync("LSB5003");
        Assert.Single(folder.Replicators());

        await app.TellAsync("stop");
        Assert.Equal(0, await app.EndedAsync());
        await replicate.SaysAsync("Started ");
        await AppFolder.SignalAsync("INT", replicate.Id);
        Assert.Equal(0, await replicate.EndedAsync());
        Assert.Equal(["first", "last"], folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task Replicate_refuses_a_missing_database_that_has_a_backup_and_another_database_in_its_place()
    {
        using var folder = await CommandRun.BackedUpAsync();
        var saved = RestoredContent.Save(folder.Database);
        folder.DeleteDatabase();

        var missing = (await CommandRun.OfAsync(folder, ["replicate", "--json"])).FailedWith(1, "LSB5012");
        Assert.Contains("Restore it first (litestream restore)", missing.Error, StringComparison.Ordinal);
        Assert.Equal("LSB5012", missing.OnlyCode);

        using (var other = new AppFolder())
        {
            using var app = other.Start();
            await app.SaysAsync("started ");
            await app.TellAsync("stop");
            Assert.Equal(0, await app.EndedAsync());
            File.Copy(other.Database, folder.Database);
        }

        (await CommandRun.OfAsync(folder, ["replicate"])).FailedWith(1, "LSB5009");
        await folder.AssertRestoredAsync(saved);
        Assert.Empty(folder.Replicators());
    }

    [Fact]
    public async Task An_app_without_the_zero_code_start_answers_by_its_own_call()
    {
        using var folder = await CommandRun.BackedUpAsync();
        await WithoutHookAsync(folder);
        folder.Environment["HOSTED_APP_Explicit"] = "true";
        var rows = folder.DatabaseRows();
        folder.DeleteDatabase();

        var run = (await CommandRun.OfAsync(folder, ["databases", "--json"])).Succeeded();
        Assert.False(run.OnlyItem.GetProperty("Exists").GetBoolean());
        run.OfNothingElse(folder);
        (await CommandRun.OfAsync(folder, ["restor"])).FailedWith(2, "LSB3014");
        (await CommandRun.OfAsync(folder, ["restore"])).Succeeded();
        Assert.Equal(rows, folder.DatabaseRows());
    }

    [Fact]
    public async Task An_app_that_neither_has_the_zero_code_start_nor_makes_the_call_does_not_start_with_a_command()
    {
        using var folder = await CommandRun.BackedUpAsync();
        await WithoutHookAsync(folder);
        folder.Environment["HOSTED_APP_Explicit"] = "true";
        folder.Environment["HOSTED_APP_NoCommands"] = "true";
        var rows = folder.DatabaseRows();

        var run = await CommandRun.OfAsync(folder, ["databases"]);

        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("LSB3016", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("started", run.Output + run.Error, StringComparison.Ordinal);
        Assert.Equal(rows, folder.DatabaseRows());
    }

    /// <summary>As with <c>LitestreamAutoStart=false</c>.</summary>
    private static async Task WithoutHookAsync(AppFolder folder)
    {
        var config = Path.Combine(folder.App, "HostedApp.runtimeconfig.json");
        var lines = (await File.ReadAllLinesAsync(config, TestContext.Current.CancellationToken)).Where(line =>
            !line.Contains("STARTUP_HOOKS", StringComparison.Ordinal)
            && !line.Contains("Litestream.EntryAssembly", StringComparison.Ordinal)
        );
        await File.WriteAllTextAsync(config, string.Join('\n', lines), TestContext.Current.CancellationToken);
    }
}
