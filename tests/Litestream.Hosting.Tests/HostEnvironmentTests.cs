using System.Diagnostics;
using System.Globalization;
using System.Runtime.Versioning;
using Litestream.FileSystem;

namespace Litestream.Hosting.Tests;

/// <summary>
/// A real app in every kind of host and surroundings: its rows come out of a bare restore, or a code says why not.
/// </summary>
[SupportedOSPlatform("linux")]
public sealed class HostEnvironmentTests
{
    private const int User = 12345;
    private const UnixFileMode Readable =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherExecute;
    private const UnixFileMode NotExecutable =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private static readonly string[] AsFirstProcess = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("")]
    [InlineData("--default-builder")]
    [InlineData("--empty-builder")]
    [InlineData("--web-app")]
    [InlineData("--web-slim")]
    [InlineData("--web-empty")]
    [InlineData("--web-app --explicit")]
    [InlineData("--web-host --explicit")]
    public async Task Every_kind_of_host_replicates_and_has_its_lost_database_back(string options)
    {
        using var folder = new AppFolder();
        List<string> expected = [];
        foreach (var row in new[] { "one", "two" })
        {
            using var app = folder.Start(options.Split(' '));
            await app.SaysAsync("started ");
            await app.TellAsync($"row {row}");
            await app.SaysAsync($"wrote {row}");
            await app.TellAsync("stop");
            Assert.Equal(0, await app.EndedAsync());

            Assert.Empty(folder.Replicators());
            expected.AddRange([row, "last"]);
            await folder.AssertRestoredAsync();
            Assert.Equal(expected, folder.DatabaseRows().Where(text => text != "first"));
            folder.DeleteDatabase();
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("--explicit")]
    public async Task What_a_service_writes_before_all_start_and_after_all_have_stopped_arrives(string registration)
    {
        using var folder = new AppFolder();
        using var app = folder.Start("--eager", registration);
        await app.SentAsync();
        await EndAsync(app, "TERM", app.Id);

        Assert.Equal("starting", folder.DatabaseRows()[0]);
        Assert.Equal("stopped", folder.DatabaseRows()[^1]);
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_user_who_may_write_nothing_but_the_folder_of_the_data_replicates()
    {
        using var folder = OwnedByUser();
        using var app = folder.Start();
        await app.SentAsync();
        Assert.Equal(Credentials(app.Id), Credentials(Assert.Single(folder.Replicators())));
        await EndAsync(app, "TERM", app.Id);

        await folder.AssertRestoredAsync();
        Assert.All(
            Directory.EnumerateFileSystemEntries(folder.Work, "*", SearchOption.AllDirectories),
            path => Assert.Equal((uint)User, UnixCalls.Status(path)!.User)
        );
        Assert.All(
            Directory.EnumerateFileSystemEntries(folder.App),
            path => Assert.Equal(0u, UnixCalls.Status(path)!.User)
        );
    }

    [Theory]
    [InlineData("home")]
    [InlineData("temporary folder")]
    public async Task A_user_who_may_not_give_the_executable_its_permission_back_runs_a_copy_of_his_own(string where)
    {
        using var folder = OwnedByUser();
        File.SetUnixFileMode(folder.Executable, NotExecutable);
        var place = Path.Combine(folder.Work, "place");
        folder.Environment["HOME"] = where == "home" ? place : "/nonexistent";
        folder.Environment["XDG_DATA_HOME"] = null;
        folder.Environment["TMPDIR"] = where == "home" ? "/nonexistent" : folder.Work;
        using var app = folder.Start();
        await app.SentAsync();
        var copy = ProcessIdentity.Of(Assert.Single(ChildrenOf(app.Id)))!.Executable;
        Assert.StartsWith(where == "home" ? place : folder.Work, copy, StringComparison.Ordinal);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            File.GetUnixFileMode(copy)
        );
        await EndAsync(app, "TERM", app.Id);

        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_user_with_no_place_for_a_copy_learns_what_to_do_and_the_app_runs()
    {
        using var folder = OwnedByUser();
        File.SetUnixFileMode(folder.Executable, NotExecutable);
        folder.Environment["HOME"] = folder.Environment["TMPDIR"] = "/nonexistent";
        folder.Environment["XDG_DATA_HOME"] = null;
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await EndAsync(app, "TERM", app.Id);

        Assert.True(app.Count("LSB2008: ") == 1, app.Output);
        Assert.Contains("chmod 755", app.Output, StringComparison.Ordinal);
        Assert.Equal("last", folder.DatabaseRows()[^1]);
        Assert.Null(await folder.RestoredRowsAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_read_only_root_file_system_needs_nothing_but_the_folder_of_the_data(bool lostPermission)
    {
        await SkipUnlessAsync("unshare", "--mount", "true");
        using var folder = new AppFolder();
        if (lostPermission)
            File.SetUnixFileMode(folder.Executable, NotExecutable);

        folder.Environment["TMPDIR"] = null;
        folder.Environment["HOME"] = "/nonexistent";
        Directory.CreateDirectory(folder.Replica);
        using var holder = await Holder.StartAsync("mnt", ["unshare", "--mount", "--propagation=private"]);
        foreach (var writable in new[] { folder.Work, folder.Replica })
            await RunAsync([.. holder.Enter(), "mount", "--bind", writable, writable]);

        foreach (
            var mount in await MountsAsync(holder.Id, except: [folder.Work, folder.Replica, "/proc", "/sys", "/dev"])
        )
        {
            await RunAsync([.. holder.Enter(), "mount", "-o", "remount,bind,ro", mount]);
        }

        Assert.NotEqual(0, await ExitCodeAsync([.. holder.Enter(), "touch", Path.Combine(folder.App, "new")]));
        Assert.NotEqual(0, await ExitCodeAsync([.. holder.Enter(), "touch", "/tmp/new"]));
        folder.Launch = app => [.. holder.Enter(folder.Work), "setsid", .. app];
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("row only");
        await app.SaysAsync("wrote only");
        await EndAsync(app, "TERM", app.Id);

        Assert.Contains("only", folder.DatabaseRows());
        if (lostPermission)
        {
            Assert.Equal(1, app.Count("LSB2008: "));
            Assert.Equal(1, app.Count("LSB5021: "));
            Assert.Null(await folder.RestoredRowsAsync());
        }
        else
        {
            await folder.AssertRestoredAsync();
        }
    }

    [Theory]
    [InlineData("\u0003", 0)] // Ctrl+C
    [InlineData("\u001c", 0)] // Ctrl+\
    public async Task A_key_in_a_real_terminal_that_ends_litestream_too_loses_nothing(string key, int exitCode)
    {
        using var folder = new AppFolder();
        // script opens a terminal for what it runs; its shell is replaced by the app. What runs in the background of a
        // shell ignores both signals, and passes that on.
        folder.Launch = app =>
            ["env", "--default-signal=INT,QUIT", "script", "-qefc", "exec " + string.Join(' ', app), "/dev/null"];
        using var app = folder.Start();
        await app.SentAsync();
        await app.TellAsync("row only");
        await app.SaysAsync("wrote only");
        await app.TypeAsync(key);
        Assert.Equal(exitCode, await app.EndedAsync());

        Assert.Empty(folder.Replicators());
        Assert.Equal("last", folder.DatabaseRows()[^1]);
        Assert.Contains("only", folder.DatabaseRows());
        await RestoredContent.AssertSameAsync(
            folder.Database,
            await folder.RestoreAsync(folder.Database),
            () => app.Output
        );
    }

    [Fact]
    public async Task The_first_process_of_a_container_drains_at_sigterm_and_leaves_no_zombie()
    {
        await SkipUnlessAsync([.. AsFirstProcess, "true"]);
        using var folder = new AppFolder { Launch = app => [.. AsFirstProcess, .. app] };
        using var app = folder.Start();
        await app.SentAsync();
        var first = Assert.Single(ChildrenOf(app.Id));
        await app.SaysAsync("started 1\n");

        var killed = Assert.Single(folder.Replicators());
        await AppFolder.SignalAsync("KILL", killed);
        await AppFolder.UntilAsync(
            () => folder.Replicators() is [var again] && again != killed,
            () => $"litestream was started again\n{app.Output}"
        );
        Assert.Equal(2, ProcessesLike(first).Count());
        await app.TellAsync("row only");
        await app.SaysAsync("wrote only");
        await EndAsync(app, "TERM", first);

        Assert.Empty(folder.Replicators());
        Assert.Contains("only", folder.DatabaseRows());
        await folder.AssertRestoredAsync();
        using var record = DatabaseLock.TryAcquire(folder.Database, out _);
        Assert.Equal(LockRecord.Empty, record!.Found);
    }

    [Fact]
    public async Task A_container_that_is_killed_takes_its_litestream_along_and_the_next_one_sends_what_is_missing()
    {
        await SkipUnlessAsync([.. AsFirstProcess, "true"]);
        using var folder = new AppFolder { Launch = app => [.. AsFirstProcess, .. app] };
        using (var killed = folder.Start())
        {
            await killed.SentAsync();
            var first = Assert.Single(ChildrenOf(killed.Id));
            await AppFolder.SignalAsync("STOP", Assert.Single(folder.Replicators()));
            await killed.TellAsync("row unsent");
            await killed.SaysAsync("wrote unsent");
            await AppFolder.SignalAsync("KILL", first);
            await killed.EndedAsync();
            await AppFolder.UntilAsync(() => folder.Replicators().Count == 0, "litestream had gone with its container");
        }

        Assert.DoesNotContain("unsent", await folder.RestoredRowsAsync() ?? []);
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await EndAsync(app, "TERM", Assert.Single(ChildrenOf(app.Id)));

        Assert.Contains("unsent", folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task Of_two_containers_on_one_database_one_replicates_and_the_other_one_says_who_and_takes_over()
    {
        await SkipUnlessAsync([.. AsFirstProcess, "true"]);
        using var folder = new AppFolder { Launch = app => [.. AsFirstProcess, .. app] };
        using var one = folder.Start();
        await one.SentAsync();
        using var other = folder.Start();
        await other.SaysAsync("started ");
        await other.SaysAsync("LSB5003");

        Assert.Equal(1, other.Count("LSB5003"));
        Assert.Contains(
            $"a process in another container or on another machine (1 there, {Path.Combine(folder.App, "HostedApp")})",
            other.Output,
            StringComparison.Ordinal
        );
        Assert.Single(folder.Replicators());
        await other.TellAsync("row of the other");
        await other.SaysAsync("wrote of the other");

        await EndAsync(one, "TERM", Assert.Single(ChildrenOf(one.Id)));
        await folder.AssertRestoredAsync();
        await AppFolder.UntilAsync(
            () => folder.Replicators().Count == 1,
            () => $"the other one took over\n{other.Output}"
        );
        await other.TellAsync("row taken over");
        await other.SaysAsync("wrote taken over");
        await EndAsync(other, "TERM", Assert.Single(ChildrenOf(other.Id)));

        Assert.Contains("taken over", folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_container_does_not_wait_for_ever_where_another_one_has_not_created_the_database_yet()
    {
        await SkipUnlessAsync([.. AsFirstProcess, "true"]);
        using var folder = new AppFolder { Launch = app => [.. AsFirstProcess, .. app] };
        folder.WriteConfig(folder.FileReplica, "never.db");
        folder.Environment["Litestream__ReplicateDiscovered"] = "false";
        using var one = folder.Start();
        await one.SaysAsync("started ");
        using var other = folder.Start();

        await other.SaysAsync("started ");
        await other.SaysAsync("LSB5003");
        Assert.Empty(folder.Replicators());
    }

    [Fact]
    public async Task A_litestream_that_outlived_its_app_in_a_container_is_ended_by_the_next_start_there()
    {
        await SkipUnlessAsync([.. AsFirstProcess, "true"]);
        using var container = await Holder.StartAsync("pid", AsFirstProcess);
        using var folder = new AppFolder();
        folder.Launch = app => [.. container.Enter(folder.Work), "setsid", .. app];
        await LeaveOrphanAsync(folder);
        var orphan = Assert.Single(folder.Replicators());

        using var app = folder.Start();
        await app.SaysAsync("still runs as process");
        await AppFolder.SignalAsync("CONT", orphan);
        await app.SaysAsync("started ");
        Assert.DoesNotContain(orphan, folder.Replicators());
        await EndAsync(app, "TERM", Assert.Single(ChildrenOf(app.Id)));

        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_litestream_that_outlived_its_app_in_another_container_loses_nothing()
    {
        await SkipUnlessAsync([.. AsFirstProcess, "true"]);
        using var container = await Holder.StartAsync("pid", AsFirstProcess);
        using var folder = new AppFolder();
        folder.Launch = app => [.. container.Enter(folder.Work), "setsid", .. app];
        await LeaveOrphanAsync(folder);
        var orphan = Assert.Single(folder.Replicators());

        folder.Launch = app => [.. AsFirstProcess, .. app];
        using var app = folder.Start();
        await AppFolder.SignalAsync("CONT", orphan);
        await app.SaysAsync("started ");
        await app.TellAsync("rows 300");
        await app.SaysAsync("wrote 300 rows");
        await AppFolder.UntilAsync(
            () => !folder.Replicators().Contains(orphan),
            () => $"the orphan had ended\n{app.Output}"
        );
        await app.TellAsync("row after");
        await app.SaysAsync("wrote after");
        await EndAsync(app, "TERM", Assert.Single(ChildrenOf(app.Id)));

        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_litestream_of_another_container_with_the_recorded_id_is_left_alone()
    {
        await SkipUnlessAsync([.. AsFirstProcess, "true"]);
        using var container = await Holder.StartAsync("pid", AsFirstProcess);
        using var elsewhere = await Holder.StartAsync("pid", AsFirstProcess);
        using var folder = new AppFolder();
        folder.Launch = app => [.. container.Enter(folder.Work), "setsid", .. app];
        await LeaveOrphanAsync(folder);
        var recorded = DatabaseLock.Peek(folder.Database).Replicator!.ProcessId;
        await AppFolder.SignalAsync("KILL", Assert.Single(folder.Replicators()));
        await AppFolder.UntilAsync(() => folder.Replicators().Count == 0, "the orphan had gone");

        // The next process there gets the same id, and is a litestream too, with another database.
        using var other = new AppFolder();
        other.Launch = app => [.. elsewhere.Enter(other.Work), "setsid", .. app];
        await RunAsync([.. elsewhere.Enter(), "sysctl", "-q", "-w", $"kernel.ns_last_pid={recorded - 1}"]);
        using var innocent = Process.Start(
            new ProcessStartInfo(
                "nsenter",
                [.. elsewhere.Enter(other.Work)[1..], folder.Executable, "replicate", "-config", other.Config]
            )
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        await AppFolder.UntilAsync(() => folder.Replicators().Count == 1, "the innocent one ran");
        var id = Assert.Single(folder.Replicators());
        Assert.Contains(
            $"\t{recorded}\n",
            await File.ReadAllTextAsync($"/proc/{id}/status", Cancel),
            StringComparison.Ordinal
        );

        folder.Launch = app => [.. elsewhere.Enter(folder.Work), "setsid", .. app];
        using var app = folder.Start();
        await app.SentAsync();
        await EndAsync(app, "TERM", Assert.Single(ChildrenOf(app.Id)));

        Assert.Equal([id], folder.Replicators());
        Assert.Equal(0, app.Count("still runs as process"));
        await folder.AssertRestoredAsync();
    }

    /// <summary>
    /// An app is killed alone. Its litestream would live on until it has something to say, which may be at once: it is
    /// frozen.
    /// </summary>
    private static async Task LeaveOrphanAsync(AppFolder folder)
    {
        using var app = folder.Start();
        await app.SentAsync();
        await app.StatusAsync("Replicating after", "Healthy 0.0 s 0 bytes");
        await AppFolder.SignalAsync("STOP", Assert.Single(folder.Replicators()));
        await AppFolder.SignalAsync("KILL", Assert.Single(ChildrenOf(app.Id)));
        await app.EndedAsync();
    }

    /// <summary>The processes of its pid namespace, zombies too.</summary>
    private static IEnumerable<string> ProcessesLike(int process)
    {
        var own = new FileInfo($"/proc/{process}/ns/pid").LinkTarget;
        return Directory
            .EnumerateDirectories("/proc")
            .Where(folder => new FileInfo(Path.Combine(folder, "ns", "pid")).LinkTarget == own);
    }

    /// <summary>The app of an unprivileged user: root's own files, readable, and one folder of his.</summary>
    private static AppFolder OwnedByUser()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Another user's processes are root's to start.");
        var folder = new AppFolder
        {
            Launch = app => ["setpriv", $"--reuid={User}", $"--regid={User}", "--clear-groups", "setsid", .. app],
        };
        foreach (var path in new[] { folder.Root, folder.App })
            File.SetUnixFileMode(path, Readable);

        Directory.CreateDirectory(folder.Replica);
        foreach (var path in new[] { folder.Work, folder.Replica })
        {
            using var given = DirectoryHandle.TryOpen(path)!;
            given.Give(new FileStatus(default, User, User));
        }

        folder.Environment["TMPDIR"] = folder.Environment["HOME"] = folder.Work;
        return folder;
    }

    private static async Task EndAsync(AppProcess app, string signal, int process)
    {
        await AppFolder.SignalAsync(signal, process);
        var exitCode = await app.EndedAsync();
        Assert.True(exitCode == 0, $"{exitCode}\n{app.Output}");
    }

    private static string Credentials(int id) =>
        string.Join(
            '\n',
            File.ReadLines($"/proc/{id}/status")
                .Where(line =>
                    line.StartsWith("Uid:", StringComparison.Ordinal)
                    || line.StartsWith("Gid:", StringComparison.Ordinal)
                )
        );

    private static IEnumerable<int> ChildrenOf(int process) =>
        Directory
            .EnumerateDirectories($"/proc/{process}/task")
            .SelectMany(thread => ChildrenOfThread(thread).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(id => int.Parse(id, CultureInfo.InvariantCulture));

    /// <summary>Those of a thread, which may end at any moment: its children are another thread's then.</summary>
    private static string ChildrenOfThread(string thread)
    {
        try
        {
            return File.ReadAllText(Path.Combine(thread, "children"));
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>The mounts that can be written to.</summary>
    private static async Task<IEnumerable<string>> MountsAsync(int process, string[] except) =>
        (await File.ReadAllLinesAsync($"/proc/{process}/mountinfo", Cancel))
            .Select(line => line.Split(' '))
            .Where(fields => fields[5].Split(',')[0] == "rw")
            .Select(fields => fields[4])
            .Where(mount =>
                !except.Any(part => mount == part || mount.StartsWith(part + "/", StringComparison.Ordinal))
            )
            .Distinct();

    private static async Task SkipUnlessAsync(params string[] command)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Namespaces are root's to make.");
        Assert.SkipUnless(
            await ExitCodeAsync(command) == 0,
            $"This machine does not let root do `{string.Join(' ', command)}`."
        );
    }

    private static async Task RunAsync(params string[] command) => Assert.Equal(0, await ExitCodeAsync(command));

    private static async Task<int> ExitCodeAsync(params string[] command)
    {
        using var process = Process.Start(
            new ProcessStartInfo(command[0], command[1..])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            }
        )!;
        await Task.WhenAll(process.StandardError.ReadToEndAsync(Cancel), process.StandardOutput.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        return process.ExitCode;
    }

    /// <summary>
    /// A namespace of its own, for as long as this lives: a process that only sleeps holds it, and others enter it.
    /// </summary>
    private sealed class Holder : IDisposable
    {
        private readonly Process _process;
        private readonly string _kind;

        private Holder(Process process, string kind, int id)
        {
            _process = process;
            _kind = kind;
            Id = id;
        }

        /// <summary>The process in it.</summary>
        public int Id { get; }

        public static async Task<Holder> StartAsync(string kind, string[] unshare)
        {
            var process = Process.Start(unshare[0], [.. unshare[1..], "sleep", "600"]);
            var id = 0;
            await AppFolder.UntilAsync(
                () => (id = Sleeping(process.Id)) != 0,
                $"the namespace was made: {string.Join(' ', unshare)}"
            );
            return new Holder(process, kind, id);
        }

        /// <summary>The command to enter it with.</summary>
        public string[] Enter(string workingDirectory = "/") =>
            _kind == "mnt"
                ? ["nsenter", $"--target={Id}", "--mount", $"--wdns={workingDirectory}"]
                : ["nsenter", $"--target={Id}", "--mount", "--pid", $"--wdns={workingDirectory}"];

        public void Dispose()
        {
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }

        private static int Sleeping(int id) =>
            File.Exists($"/proc/{id}/cmdline")
            && File.ReadAllText($"/proc/{id}/cmdline").StartsWith("sleep\0", StringComparison.Ordinal)
                ? id
                : ChildrenOf(id).Select(Sleeping).FirstOrDefault();
    }
}
