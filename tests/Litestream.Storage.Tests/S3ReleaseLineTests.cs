using System.Diagnostics;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Storage.Tests.Servers;

namespace Litestream.Storage.Tests;

/// <summary>An app on S3 that gets an executable of another release line, on a machine that keeps nothing.</summary>
[Trait("Line", "0.5")] // It runs the executables of both lines, once.
public sealed class S3ReleaseLineTests
{
    private const string Old = "0.3.13";
    private const string New = "0.5.17";

    [Fact]
    public async Task The_new_line_continues_on_S3_and_the_old_one_is_kept_from_it()
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();
        folder.Environment["AWS_CA_BUNDLE"] = null;
        await RunAsync(folder, Old, "old");
        var old = RestoredContent.Save(folder.Database, folder.Root);
        var between = await NextSecondAsync();
        folder.DeleteDatabase();

        // A new container: the database comes back from the replica of the old line, and is sent as LTX files.
        Use(folder, New);
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await app.TellAsync("row new");
            await app.StatusAsync("Replicating after", "Healthy 0.0 s 0 bytes");
            await AppFolder.UntilAsync(
                () => Generations(folder).Contains(ReplicaNote.Generation, StringComparison.Ordinal),
                "the note for the old line was there"
            );
            Assert.Equal(0, await app.StopAsync());
        }

        Assert.Contains("old", folder.DatabaseRows());
        Assert.Contains("new", folder.DatabaseRows());
        await folder.AssertRestoredAsync();
        var output = Path.Combine(folder.Root, "between.db");
        using (
            var restore = folder.Start(
                "litestream",
                "restore",
                "--directory",
                ".",
                "--output",
                output,
                "--timestamp",
                $"{between:u}"
            )
        )
        {
            Assert.True(await restore.EndedAsync() == 0, restore.Output);
        }

        await RestoredContent.AssertSameAsync(old, output);

        // The old line: with the database there, and on a new machine.
        Use(folder, Old);
        using (var app = folder.Start())
        {
            await app.SaysAsync("LSB4011");
            await app.SaysAsync("started ");
            await app.StopAsync();
        }

        folder.DeleteDatabase();
        using (var app = folder.Start("--build-only"))
        {
            Assert.NotEqual(0, await app.EndedAsync());
            Assert.Contains("LSB4011", app.Output, StringComparison.Ordinal);
        }

        Assert.False(File.Exists(folder.Database));
        var refused = await Assert.ThrowsAsync<LitestreamException>(() =>
            RoundTrip
                .Client(folder)
                .RestoreAsync(
                    options: new() { Output = Path.Combine(folder.Root, "old.db") },
                    cancellationToken: TestContext.Current.CancellationToken
                )
        );
        Assert.Equal("LSB4011", refused.Diagnostic.Code);
    }

    private static async Task RunAsync(AppFolder folder, string version, string row)
    {
        Use(folder, version);
        using var app = folder.Start();
        await folder.SettledAsync(app);
        await app.TellAsync($"row {row}");
        await app.SaysAsync($"wrote {row}");
        Assert.Equal(0, await app.StopAsync());
    }

    /// <summary>The lists have whole seconds.</summary>
    private static async Task<DateTimeOffset> NextSecondAsync()
    {
        var now = DateTimeOffset.UtcNow;
        await AppFolder.UntilAsync(() => DateTimeOffset.UtcNow > now.AddSeconds(3), "the clock went on");
        return now.AddSeconds(1);
    }

    /// <summary>What a bare litestream of the old line lists.</summary>
    private static string Generations(AppFolder folder)
    {
        var start = new ProcessStartInfo(Executable(Old), ["generations", "-config", folder.Config, folder.Database])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = folder.Work,
        };
        folder.SetEnvironment(start);
        using var process = Process.Start(start)!;
        return process.StandardOutput.ReadToEnd();
    }

    private static void Use(AppFolder folder, string version) =>
        File.Copy(Executable(version), folder.Executable, overwrite: true);

    private static string Executable(string version)
    {
        var path = Repository.In("runtimes", version, "linux-x64", "litestream");
        Assert.SkipUnless(File.Exists(path), $"litestream {version} is not here: {path}");
        return path;
    }
}
