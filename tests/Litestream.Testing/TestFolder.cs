using System.Diagnostics;

namespace Litestream.Testing;

/// <summary>The folder of a test in which processes were at work.</summary>
public static class TestFolder
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Deletes it. A process that ends just now, one that could not be killed before its disk answered for example,
    /// may make another file meanwhile: then again, until a deadline.
    /// </summary>
    public static void Delete(string path)
    {
        for (var watch = Stopwatch.StartNew(); ;)
        {
            try
            {
                Directory.Delete(path, recursive: true);
                return;
            }
            catch (IOException) when (Directory.Exists(path) && watch.Elapsed < Deadline)
            {
                // Leaves the processor to what is waited for.
                Thread.Sleep(Pause);
            }
        }
    }
}
