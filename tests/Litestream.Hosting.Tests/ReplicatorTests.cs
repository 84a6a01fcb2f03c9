using System.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;

namespace Litestream.Hosting.Tests;

/// <summary>What the replicator does while the app runs, and what it leaves alone.</summary>
public sealed class ReplicatorTests
{
    [Fact]
    public async Task In_Development_nothing_runs_and_one_line_says_how_to_turn_it_on()
    {
        using var folder = new AppFolder();
        folder.Environment["DOTNET_ENVIRONMENT"] = "Development";
        using var app = folder.Start();
        await app.SaysAsync("started ");

        Assert.Empty(folder.Replicators());
        await app.SaysAsync("Litestream:Enabled");

        Assert.Equal(1, app.Count("Litestream:Enabled"));
        Assert.False(File.Exists(DatabaseLock.PathFor(folder.Database)));
    }

    [Fact]
    public async Task In_Development_it_runs_where_it_is_turned_on()
    {
        using var folder = new AppFolder();
        folder.Environment["DOTNET_ENVIRONMENT"] = "Development";
        folder.Environment["Litestream__Enabled"] = "true";
        using var app = folder.Start();
        await app.SaysAsync("started ");

        await AppFolder.UntilAsync(() => folder.Replicators().Count == 1, () => $"it replicated\n{app.Output}");
    }

    [Theory]
    [InlineData("Production")]
    [InlineData("Development")]
    public async Task A_setting_or_a_variable_that_nothing_reads_is_reported_at_the_start_wherever_it_comes_from(
        string environment
    )
    {
        using var folder = new AppFolder();
        folder.Environment["DOTNET_ENVIRONMENT"] = environment;
        folder.Environment["Litestream__Verificaton__Interval"] = "1h";
        folder.Environment["LITESTREAM_ACCES_KEY_ID"] = "hunter2";
        using var app = folder.Start("--Litestream:ReplicaUri=s3://hunter2/x");
        await app.SaysAsync("Did you mean 'Litestream:Verification:Interval'?");
        await app.SaysAsync("Did you mean 'Litestream:ReplicaUrl'?");
        await app.SaysAsync("Did you mean 'LITESTREAM_ACCESS_KEY_ID'?");
        await app.SaysAsync("started ");

        Assert.Equal(2, app.Count("LSB1052"));
        Assert.Equal(1, app.Count("LSB1053"));
        Assert.Equal(0, app.Count("hunter2"));
    }

    [Fact]
    public async Task Turned_off_nothing_runs()
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__Enabled"] = "false";
        using var app = folder.Start();
        await app.SaysAsync("started ");

        Assert.Empty(folder.Replicators());
        Assert.Equal(0, await app.StopAsync());
        Assert.Equal(0, app.Count("LSB"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("--explicit")]
    public async Task A_tool_that_loads_the_app_with_its_runtimeconfig_neither_restores_nor_replicates(
        string registration
    )
    {
        using var folder = new AppFolder();
        var config = Path.Combine(folder.App, "HostedApp.runtimeconfig.json");
        await File.WriteAllTextAsync(
            config,
            (await File.ReadAllTextAsync(config, TestContext.Current.CancellationToken)).Replace(
                "\"Litestream.EntryAssembly\": \"HostedApp\"",
                "\"Litestream.EntryAssembly\": \"OtherApp\"",
                StringComparison.Ordinal
            ),
            TestContext.Current.CancellationToken
        );
        using var app = folder.Start(registration);
        await app.SaysAsync("started ");

        Assert.Empty(folder.Replicators());
        Assert.DoesNotContain("itestream", app.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("with space")]
    [InlineData("it's $HOME;100% @ü日本")]
    [InlineData("%41", Traits = ["Line", "0.3"])]
    public async Task Any_folder_name_will_do(string name)
    {
        using var folder = new AppFolder(name);
        folder.WriteConfig("type: file\n        path: ../replica");
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("stop");
        Assert.Equal(0, await app.EndedAsync());

        Assert.Equal(["first", "last"], folder.DatabaseRows());
        Assert.True(Directory.Exists(folder.ReplicaContent), app.Output);
        Assert.Empty(folder.Replicators());
    }

    [Fact]
    public async Task An_own_file_that_wants_only_errors_gets_only_errors_and_replication_is_watched_all_the_same()
    {
        using var folder = new AppFolder();
        await File.AppendAllTextAsync(
            folder.Config,
            "\nlogging:\n  level: error\n",
            TestContext.Current.CancellationToken
        );
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.StatusAsync("Replicating after", "Healthy 0.0 s 0 bytes");

        var written = await File.ReadAllTextAsync(
            Path.Combine(Assert.Single(folder.RunDirectories), "litestream.yml"),
            TestContext.Current.CancellationToken
        );
        Assert.Matches("level: [\"']?info", written);
        Assert.Equal(0, app.Count("initialized db"));
        Assert.Equal(0, app.Count("snapshot written"));

        await AppFolder.SignalAsync("KILL", Assert.Single(folder.Replicators()));
        await app.SaysAsync("LSB5004");
        Assert.Equal(0, await app.StopAsync());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_litestream_that_is_killed_is_started_again_and_replication_continues()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await app.SentAsync();
        var first = Assert.Single(folder.Replicators());

        await AppFolder.SignalAsync("KILL", first);

        await app.SaysAsync("LSB5004");
        await app.SaysAsync("LSB5025");
        await AppFolder.UntilAsync(() => folder.Replicators() is [var id] && id != first, "another litestream ran");
        await app.TellAsync("row after");
        await app.SaysAsync("wrote after");
        await app.TellAsync("stop");
        await app.EndedAsync();
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_litestream_that_cannot_be_started_again_is_tried_until_it_can()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await app.SentAsync();
        var first = Assert.Single(folder.Replicators());

        // As a deployment does for a moment.
        File.Move(folder.Executable, folder.Executable + ".away");
        await AppFolder.SignalAsync("KILL", first);
        await app.SaysAsync("could not be started");
        Assert.Equal(0, app.Count("crit:"));
        File.Move(folder.Executable + ".away", folder.Executable);

        await AppFolder.UntilAsync(() => folder.Replicators().Count == 1, "another litestream ran");
        await app.TellAsync("row after");
        await app.SaysAsync("wrote after");
        await app.TellAsync("stop");
        await app.EndedAsync();
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task Where_the_disk_is_full_no_litestream_is_left_running_unrecorded_and_it_is_tried_again()
    {
        using var folder = new AppFolder();
        using (var earlier = folder.Start())
        {
            await earlier.SaysAsync("started ");
            await earlier.TellAsync("stop");
            await earlier.EndedAsync();
        }

        // A second database on a disk without room for the record of who replicates it: the write to that fails after
        // litestream was started.
        var second = Path.Combine(folder.Work, "second");
        using var disk = new SmallDisk(second, "64k");
        SmallDisk.Fill(Path.Combine(second, "filler"));
        await File.AppendAllTextAsync(
            folder.Config,
            $"\n  - path: '{second}/second.db'\n    replicas:\n      - type: file\n        path: "
                + $"'{folder.Replica}-second'\n",
            TestContext.Current.CancellationToken
        );
        folder.Environment["Litestream__RestoreOnStart"] = "Never";
        using var app = folder.Start();
        await app.SaysAsync("started ");

        await AppFolder.UntilAsync(() => app.Count("could not be started") >= 2, "it was tried again");
        await AppFolder.UntilAsync(() => folder.Replicators().Count == 0, "the half-started litestream had ended");
        Assert.DoesNotContain("configuration cannot be written", app.Output, StringComparison.Ordinal);
        Assert.Equal(0, app.Count("crit:"));
        await app.TellAsync("stop");
        await app.EndedAsync();
        Assert.Empty(folder.Replicators());
    }

    [Fact]
    public async Task What_a_killed_app_left_beside_the_database_is_removed_by_the_next_start_and_a_living_ones_is_not()
    {
        using var folder = new AppFolder();
        using (var killed = folder.Start())
        {
            await killed.SentAsync();
            await AppFolder.SignalAsync("KILL", killed.Id);
            await killed.EndedAsync();
        }

        var left = Assert.Single(folder.RunDirectories);
        using var living = LeasedDirectory.Create(folder.Work, ".orders.db.litestream-run");
        using var app = folder.Start();
        await app.SentAsync();
        Assert.False(Directory.Exists(left));
        Assert.Equal(2, folder.RunDirectories.Count());
        await app.TellAsync("stop");
        await app.EndedAsync();
        Assert.Equal([living.Path], folder.RunDirectories);
    }

    [Fact]
    public async Task A_restore_killed_while_the_app_waited_for_the_lock_is_looked_at_before_anything_is_replicated()
    {
        using var folder = new AppFolder();
        var other = ProcessIdentity.Of(Environment.ProcessId);
        using var held = DatabaseLock.TryAcquire(folder.Database, out _)!;
        held.Write(new LockRecord(other, other));
        using var app = folder.Start();
        await app.SaysAsync("LSB5003");

        // A record that says nothing.
        var left = Directory.CreateDirectory(Path.Combine(folder.Work, ".orders.db.litestream-restore-1")).FullName;
        await File.WriteAllTextAsync(Path.Combine(left, "moves.json"), "{}", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(left, "lock"), "", TestContext.Current.CancellationToken);
        held.Dispose();

        await app.SaysAsync("LSB4008");
        Assert.Equal(1, app.Count("crit:"));
        Assert.DoesNotContain("   at ", app.Output, StringComparison.Ordinal);
        Assert.Empty(folder.Replicators());
        await app.TellAsync("row after");
        await app.SaysAsync("wrote after");
        await app.TellAsync("stop");
        await app.EndedAsync();
        Assert.True(Directory.Exists(left));
    }

    [Fact]
    public async Task The_litestream_of_an_app_that_was_killed_is_ended_before_the_next_one_starts()
    {
        using var folder = new AppFolder();
        int orphan;
        using (var killed = folder.Start())
        {
            await killed.SentAsync();

            // One that runs dies as soon as it writes to the log that the app has left.
            orphan = Assert.Single(folder.Replicators());
            await AppFolder.SignalAsync("STOP", orphan);
            await AppFolder.SignalAsync("KILL", killed.Id);
            await killed.EndedAsync();
        }

        using var app = folder.Start();
        await app.SaysAsync("started ");

        await app.SaysAsync($"still runs as process {orphan}");
        await AppFolder.UntilAsync(
            () => folder.Replicating().Any(id => id != orphan),
            () => $"another litestream ran\n{app.Output}"
        );
        Assert.DoesNotContain(orphan, folder.Replicators());
        Assert.Single(folder.Replicators());
        await app.TellAsync("stop");
        await app.EndedAsync();
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_process_that_only_has_the_recorded_id_is_left_alone()
    {
        using var bystander = Process.Start("sleep", "600");
        try
        {
            var identity = ProcessIdentity.Of(bystander.Id)!;
            foreach (
                var record in new[]
                {
                    identity,
                    identity with
                    {
                        StartTicks = identity.StartTicks - 1,
                    },
                    identity with
                    {
                        BootId = "another boot",
                    },
                    identity with
                    {
                        PidNamespace = "pid:[1]",
                    },
                    identity with
                    {
                        Executable = Repository.Executable,
                    },
                }
            )
            {
                await OrphanedReplicator.KillAsync(
                    new LockRecord(null, record),
                    null,
                    TestContext.Current.CancellationToken
                );
            }

            Assert.Equal(identity, ProcessIdentity.Of(bystander.Id));
        }
        finally
        {
            bystander.Kill();
        }
    }

    [Fact]
    public async Task A_second_app_on_the_same_database_runs_without_replicating_and_takes_over()
    {
        using var folder = new AppFolder();
        using var one = folder.Start();
        await one.SentAsync();
        using var other = folder.Start();
        await other.SaysAsync("started ");
        await other.SaysAsync("LSB5003");

        Assert.Equal(1, other.Count("LSB5003"));
        Assert.Contains($"({one.Id}, ", other.Output, StringComparison.Ordinal);
        var first = Assert.Single(folder.Replicators());

        await one.TellAsync("stop");
        await one.EndedAsync();
        await AppFolder.UntilAsync(() => folder.Replicators() is [var id] && id != first, "the other app replicated");
        await other.TellAsync("row taken over");
        await other.SaysAsync("wrote taken over");
        await other.TellAsync("stop");
        await other.EndedAsync();
        await folder.AssertRestoredAsync();
        Assert.Equal(1, other.Count("LSB5003"));
    }

    [Fact]
    public async Task Without_an_executable_the_app_runs_and_says_so_once()
    {
        using var folder = new AppFolder();
        File.Delete(folder.Executable);
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("stop");

        Assert.Equal(0, await app.EndedAsync());
        Assert.Equal(1, app.Count("LSB5001: "));
        Assert.Equal(1, app.Count("LSB5021"));
        Assert.Matches("LSB5021: Up to \\d+ bytes of .+: litestream never ran \\(LSB5001\\)", app.Output);
    }

    [Fact]
    public async Task Without_an_executable_a_missing_database_with_a_backup_is_not_started_over()
    {
        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await before.SaysAsync("started ");
            await before.TellAsync("stop");
            await before.EndedAsync();
        }

        folder.DeleteDatabase();
        File.Delete(folder.Executable);
        using var app = folder.Start();

        Assert.Equal(1, await app.EndedAsync());
        Assert.Equal(1, app.Count("LSB5002"));
        Assert.False(File.Exists(folder.Database));
    }

    [Fact]
    public async Task An_executable_of_another_format_is_reported_once()
    {
        using var folder = new AppFolder();
        await File.WriteAllTextAsync(
            folder.Executable,
            "MZ, not for this machine",
            TestContext.Current.CancellationToken
        );
        folder.Environment["Litestream__RestoreOnStart"] = "Never";
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("stop");

        Assert.Equal(0, await app.EndedAsync());
        Assert.Equal(1, app.Count("LSB2008: "));
        Assert.Matches("LSB5021: Up to \\d+ bytes of .+\\(LSB(?:2008|5004)\\)", app.Output);
    }

    [Theory]
    [InlineData("ShutdownTimeout", "30 seconds")]
    [InlineData("ShutdownTimeout", "-1s")]
    [InlineData("ShutdownTimeout", "2000h")]
    [InlineData("Enabled", "maybe")]
    [InlineData("RestoreOnStart", "Always")]
    public async Task A_wrong_setting_stops_the_app_and_is_named(string key, string value)
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__" + key] = value;
        using var app = folder.Start();

        Assert.Equal(1, await app.EndedAsync());
        Assert.Contains(
            $"LSB1019: The setting Litestream:{key} has the value '{value}'",
            app.Output,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Every_start_says_that_a_folder_on_the_same_disk_is_not_a_backup()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.SaysAsync("LSB1101");

        Assert.Equal(1, app.Count("LSB1101"));
        Assert.Contains(
            $"'{folder.Database}' is replicated to file {folder.Replica}",
            app.Output,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_file_of_the_same_name_in_the_content_root_is_pointed_out()
    {
        using var folder = new AppFolder();
        folder.Environment["DOTNET_CONTENTROOT"] = folder.App;
        await File.WriteAllBytesAsync(Path.Combine(folder.App, "orders.db"), [], TestContext.Current.CancellationToken);
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.SaysAsync("LSB5008");

        Assert.Equal(1, app.Count("LSB5008"));
    }
}
