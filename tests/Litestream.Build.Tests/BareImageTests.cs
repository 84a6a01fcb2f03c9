using CliWrap;
using CliWrap.Buffered;

namespace Litestream.Build.Tests;

/// <summary>A worker published once, self-contained, for all tests of a class.</summary>
public sealed class PublishedWorker(Packages packages) : IAsyncLifetime
{
    public Workspace Workspace { get; } = new Workspace(packages).WithAsset("Worker");

    public async ValueTask InitializeAsync() =>
        (
            await Workspace.DotnetAsync("publish", "-c", "Release", "-o", "out", "-r", "linux-x64", "--self-contained")
        ).Succeeded();

    public ValueTask DisposeAsync()
    {
        Workspace.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>
/// The published folder in an image with nothing else but the C libraries: no shell, no tools, no SDK. The app is the
/// first process there, as in a container.
/// </summary>
public sealed class BareImageTests(PublishedWorker worker) : IClassFixture<PublishedWorker>, IDisposable
{
    private static readonly string[] InImage = ["--pid", "--fork", "--kill-child", "--mount"];

    /// <summary>What a self-contained app needs of the system.</summary>
    private static readonly string[] Libraries =
    [
        "libc.so.6",
        "libm.so.6",
        "libdl.so.2",
        "libpthread.so.0",
        "librt.so.1",
        "libgcc_s.so.1",
        "libstdc++.so.6",
    ];

    private readonly string _root = Directory.CreateTempSubdirectory("lsb-image-").FullName;

    [Fact]
    public async Task It_replicates_without_a_shell_and_has_its_lost_database_back()
    {
        await MakeImageAsync();
        Assert.Equal(
            ["app", "data", "dev", "lib", "lib64", "proc", "tmp"],
            Directory.EnumerateFileSystemEntries(_root).Select(Path.GetFileName).Order(StringComparer.Ordinal)
        );
        for (var rows = 0; rows < 2; rows++)
        {
            using var app = Start("--mount-proc");
            await app.WaitForAsync($"built, rows: {rows}");
            app.WriteLine($"row {rows}");
            await app.WaitForAsync($"wrote row {rows}");
            app.SignalChild("TERM");
            Assert.True(await app.WaitForExitAsync() == 0, app.Output);

            Assert.Empty(RunningApp.ProcessesOf(Path.Combine(_root, "app", "litestream")));
            Assert.Equal(
                Enumerable.Range(0, rows + 1).Select(row => $"row {row}"),
                await PublishedAppTests.RestoredRowsAsync(worker.Workspace, _root)
            );
            foreach (var file in Directory.EnumerateFiles(Path.Combine(_root, "data"), "orders.db*"))
                File.Delete(file);
        }
    }

    [Fact]
    public async Task Without_proc_the_runtime_itself_does_not_start()
    {
        await MakeImageAsync();

        using var app = Start("--propagation=private");

        Assert.NotEqual(0, await app.WaitForExitAsync());
        Assert.Contains("Failed to create CoreCLR", app.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_root, "data")));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private RunningApp Start(string option) =>
        RunningApp.Start(
            "unshare",
            [.. InImage, option, $"--root={_root}", "--wd=/", "/app/Worker", "--contentRoot", "/app"],
            _root,
            new Dictionary<string, string?> { ["TMPDIR"] = null, ["HOME"] = null }
        );

    private async Task MakeImageAsync()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "A root of its own is root's to make.");
        Assert.SkipUnless(
            await SucceedsAsync("unshare", [.. InImage, "--mount-proc", "true"]),
            "This machine does not let root make namespaces."
        );
        foreach (var folder in new[] { "proc", "tmp", "data", "dev" })
            Directory.CreateDirectory(Path.Combine(_root, folder));
        Assert.True(await SucceedsAsync("cp", "-r", worker.Workspace.In("out"), Path.Combine(_root, "app")));
        Assert.True(await SucceedsAsync("mknod", Path.Combine(_root, "dev", "null"), "c", "1", "3"));
        Assert.True(await SucceedsAsync("mknod", Path.Combine(_root, "dev", "urandom"), "c", "1", "9"));
        foreach (
            var library in Libraries
                .Select(name => $"/lib/x86_64-linux-gnu/{name}")
                .Append("/lib64/ld-linux-x86-64.so.2")
        )
        {
            var target = _root + library;
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(File.Exists(library) ? library : "/usr" + library, target);
        }
    }

    private static async Task<bool> SucceedsAsync(string command, params string[] arguments) =>
        (
            await Cli.Wrap(command)
                .WithArguments(arguments)
                .WithValidation(CommandResultValidation.None)
                .ExecuteBufferedAsync(TestContext.Current.CancellationToken)
        ).ExitCode == 0;
}
