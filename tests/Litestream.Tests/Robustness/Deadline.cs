namespace Litestream.Tests.Robustness;

/// <summary>A time limit for one case, generous: it is for what never ends.</summary>
internal static class Deadline
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    public static T Run<T>(Func<T> run, string what)
    {
        // A thread of its own: those of the pool may all be at work.
        var task = Task.Factory.StartNew(
            run,
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );
        Assert.True(Task.WhenAny(task, Task.Delay(Limit)).GetAwaiter().GetResult() == task, $"It does not end: {what}");
        return task.GetAwaiter().GetResult();
    }
}
