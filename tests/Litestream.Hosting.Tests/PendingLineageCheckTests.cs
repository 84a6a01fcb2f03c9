using System.Diagnostics;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;
using Litestream.Replication;

namespace Litestream.Hosting.Tests;

public sealed class PendingLineageCheckTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task A_folder_that_does_not_answer_takes_one_thread_for_all_that_ask_about_it()
    {
        const int Questions = 40;
        using var folder = new AppFolder();
        using var disk = await FrozenDisk.WithoutAnyAnswerAsync(folder.Replica);
        AppFolder.MakeDatabase(folder.Database);
        var config = EffectiveConfig.Create(
            new EffectiveConfigOptions
            {
                ConfigPath = folder.Config,
                BaseDirectory = folder.Work,
                GetSetting = _ => null,
                Environment = new Dictionary<string, string>(),
            },
            ReleaseLine.All[0].Dialects
        );
        var guard = new LineageCheck(
            new LitestreamExecutable(Repository.Executable),
            config,
            Assert.Single(config.Databases)
        );
        using var end = new CancellationTokenSource();
        await disk.FreezeAsync();
        var threads = Threads();
        var questions = Enumerable
            .Range(0, Questions)
            .Select(_ => new PendingLineageCheck(
                guard,
                folder.Database,
                wasThere: false,
                () => folder.Root,
                TimeProvider.System,
                end.Token
            ))
            .ToList();

        // Those that only wait let their threads go.
        await AppFolder.UntilAsync(
            () => Threads() < threads + (Questions / 2),
            () => $"{Threads()} threads were no more than {threads}"
        );
        Assert.All(questions, question => Assert.False(question.Tried.IsCompleted));
        await disk.ThawAsync();
        var verdicts = await Task.WhenAll(questions.Select(question => question.Answer))
            .WaitAsync(Deadline, TestContext.Current.CancellationToken);
        Assert.All(verdicts, verdict => Assert.Equal(LineageResult.Same, verdict));
    }

    [Fact]
    public async Task What_has_no_room_for_its_private_folder_is_asked_again()
    {
        using var folder = new AppFolder();
        AppFolder.MakeDatabase(folder.Database);
        var config = EffectiveConfig.Create(
            new EffectiveConfigOptions
            {
                ConfigPath = folder.Config,
                BaseDirectory = folder.Work,
                GetSetting = _ => null,
                Environment = new Dictionary<string, string>(),
            },
            ReleaseLine.All[0].Dialects
        );
        var guard = new LineageCheck(
            new LitestreamExecutable(Repository.Executable),
            config,
            Assert.Single(config.Databases)
        );
        var tries = 0;
        var question = new PendingLineageCheck(
            guard,
            folder.Database,
            wasThere: false,
            () => ++tries == 1 ? throw new LitestreamException("LSB0003", "No space left on device") : folder.Root,
            TimeProvider.System,
            TestContext.Current.CancellationToken
        );

        await question.Tried.WaitAsync(Deadline, TestContext.Current.CancellationToken);
        Assert.Equal("LSB0003", question.Trouble!.Code);
        Assert.Equal(
            LineageResult.Same,
            await question.Answer.WaitAsync(Deadline, TestContext.Current.CancellationToken)
        );
    }

    private static int Threads()
    {
        using var process = Process.GetCurrentProcess();
        return process.Threads.Count;
    }
}
