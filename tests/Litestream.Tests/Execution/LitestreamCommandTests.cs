using System.Diagnostics;
using System.Globalization;
using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Execution;

[Trait("Uses", "litestream")]
public sealed class LitestreamCommandTests : IDisposable
{
    /// <summary>What it says when something is in the replica.</summary>
    private static readonly string Sent = Repository.IsLine05 ? "snapshot complete" : "wal segment written";

    /// <summary>For what comes in the end; generous, for a slow machine.</summary>
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(3);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Its_version_has_no_v() =>
        Assert.Equal(
            Repository.Version,
            await LitestreamTool.Executable.GetVersionAsync(TestContext.Current.CancellationToken)
        );

    [Fact]
    public async Task Both_streams_and_the_exit_code_come_back()
    {
        var before = await LitestreamTool
            .Command()
            .RunAsync(
                ["databases", "-config", Path.Combine(_folder.Path, "no such.yml")],
                TestContext.Current.CancellationToken
            );
        Assert.Equal(1, before.ExitCode);
        Assert.Contains("no such.yml", before.StandardError, StringComparison.Ordinal);

        var lines = new List<LogLine>();
        var yml = _folder.Write("a b.yml", "dbs: []\n");
        var after = await LitestreamTool
            .Command()
            .RunAsync(["restore", "-config", yml, "/no/such.db"], TestContext.Current.CancellationToken, lines.Add);
        Assert.Equal(1, after.ExitCode);
        const string Said = "database not found in config: /no/such.db";
        if (Repository.IsLine05)
            Assert.Single(lines, l => l.Message == "Error: " + Said);
        else
            Assert.Equal(Said, Assert.Single(lines, l => l.Level == "ERROR").Fields["error"]);
    }

    [Fact]
    public async Task Cancelling_ends_the_child_properly_before_the_task_ends()
    {
        var database = Path.Combine(_folder.Path, "app.db");
        LitestreamTool.Sql(database, "CREATE TABLE t(x); INSERT INTO t VALUES (1)");
        var ready = new TaskCompletionSource();
        using var stop = new CancellationTokenSource();
        var running = Replicate(
            line =>
            {
                if (line.Message.Contains(Sent, StringComparison.Ordinal))
                    ready.TrySetResult();
            },
            Long,
            stop.Token
        );
        await ready.Task.WaitAsync(Long, TestContext.Current.CancellationToken);
        LitestreamTool.Sql(database, "INSERT INTO t VALUES (2)");

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);

        // It has sent what was committed last.
        Assert.Empty(Children());
        var output = Path.Combine(_folder.Path, "copy.db");
        await LitestreamTool
            .Command()
            .RunAsync(
                ["restore", "-config", Path.Combine(_folder.Path, "litestream.yml"), "-o", output, database],
                TestContext.Current.CancellationToken
            );
        await RestoredContent.AssertSameAsync(database, output);
    }

    [Fact]
    public async Task A_child_that_does_not_end_is_killed()
    {
        var ready = new TaskCompletionSource();
        using var stop = new CancellationTokenSource();
        var running = Replicate(_ => ready.TrySetResult(), TimeSpan.FromMilliseconds(200), stop.Token);
        await ready.Task.WaitAsync(Long, TestContext.Current.CancellationToken);
        using (
            var freeze = Process.Start(
                "kill",
                ["-STOP", Assert.Single(Children()).ToString(CultureInfo.InvariantCulture)]
            )
        )
        {
            await freeze.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            running.WaitAsync(Long, TestContext.Current.CancellationToken)
        );

        Assert.Empty(Children());
    }

    [Fact]
    public async Task An_exception_of_the_callers_own_ends_the_child_and_comes_out()
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() =>
            Replicate(
                _ => throw new InvalidOperationException("mine"),
                Long,
                CancellationToken.None
            )
        );

        Assert.Equal("mine", error.Message);
        Assert.Empty(Children());
    }

    [Fact]
    public async Task Secrets_are_masked_in_what_comes_back()
    {
        var yml = _folder.Write("litestream.yml", "dbs: []\n");
        var lines = new List<LogLine>();

        var result = await LitestreamTool
            .Command(new Dictionary<string, string> { ["MY_SECRET"] = "hunter22" })
            .RunAsync(["restore", "-config", yml, "/hunter22.db"], TestContext.Current.CancellationToken, lines.Add);

        Assert.Contains("/***.db", result.StandardOutput + result.StandardError, StringComparison.Ordinal);
        Assert.All(
            lines,
            l => Assert.DoesNotContain("hunter22", l.Text + string.Join(' ', l.Fields.Values), StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_file_that_is_not_an_executable_is_one_coded_error()
    {
        var path = _folder.Write("litestream", "no executable at all");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            new LitestreamExecutable(path).GetVersionAsync(TestContext.Current.CancellationToken)
        );

        Assert.Equal("LSB2008", error.Diagnostic.Code);
    }

    private Task<CommandResult> Replicate(
        Action<LogLine> onLine,
        TimeSpan stopTimeout,
        CancellationToken cancellationToken
    )
    {
        var yml = GeneratedConfig
            .Create(
                [new FoundDatabase(Path.Combine(_folder.Path, "app.db"), null, null)],
                new GeneratedConfigOptions()
            )
            .Text;
        return new LitestreamCommand(LitestreamTool.Executable, new Dictionary<string, string>())
        {
            StopTimeout = stopTimeout,
        }.RunAsync(["replicate", "-config", _folder.Write("litestream.yml", yml)], cancellationToken, onLine);
    }

    /// <summary>The processes that run with this test's own configuration file.</summary>
    private List<int> Children() =>
        [
            .. Process
                .GetProcessesByName("litestream")
                .Select(p => p.Id)
                .Where(id =>
                {
                    try
                    {
                        return File.ReadAllText($"/proc/{id}/cmdline").Contains(_folder.Path, StringComparison.Ordinal);
                    }
                    catch (IOException)
                    {
                        return false;
                    }
                }),
        ];
}
