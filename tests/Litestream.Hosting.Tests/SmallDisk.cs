using System.Diagnostics;

namespace Litestream.Hosting.Tests;

/// <summary>A file system of its own, that can be full.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _path;

    /// <param name="path">Where it is mounted.</param>
    /// <param name="size">Its size, or options of tmpfs such as <c>size=24m,nr_inodes=40</c>.</param>
    public SmallDisk(string path, string size)
    {
        _path = path;
        Directory.CreateDirectory(path);
        var options = size.Contains('=', StringComparison.Ordinal) ? size : "size=" + size;
        Run("mount", "-t", "tmpfs", "-o", options, "tmpfs", path);
    }

    public static void Fill(string file, long leave = 0)
    {
        using var stream = File.Create(file);
        try
        {
            for (var block = new byte[4096]; leave == 0 || new DriveInfo(file).AvailableFreeSpace > leave;)
            {
                stream.Write(block);
                stream.Flush();
            }
        }
        catch (IOException)
        {
            // It is full.
        }
    }

    /// <summary>Makes empty files in a folder until no more can be made.</summary>
    public static void FillInodes(string folder)
    {
        try
        {
            for (var i = 0; ; i++)
                File.Create(Path.Combine(folder, $"{i}")).Dispose();
        }
        catch (IOException)
        {
            // There are no more.
        }
    }

    /// <param name="mode"><c>ro</c> or <c>rw</c>.</param>
    public Task RemountAsync(string mode) =>
        AppFolder.UntilAsync(
            () =>
            {
                // It is busy while somebody has a file open for writing.
                using var mount = Process.Start("mount", ["-o", "remount," + mode, _path]);
                mount.WaitForExit();
                return mount.ExitCode == 0;
            },
            $"{_path} was mounted {mode}"
        );

    public void Dispose() => Run("umount", "-l", _path);

    private static void Run(string command, params string[] arguments)
    {
        using var process = Process.Start(command, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
