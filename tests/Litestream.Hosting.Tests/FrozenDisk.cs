using System.Diagnostics;

namespace Litestream.Hosting.Tests;

/// <summary>
/// A file system that can be made to hang, as that of a server does which is gone: whoever calls it waits until it
/// answers again.
/// </summary>
internal sealed class FrozenDisk : IDisposable
{
    private readonly string _path;
    private readonly Process? _daemon;
    private bool _isFrozen;

    private FrozenDisk(string path, Process? daemon) => (_path, _daemon) = (path, daemon);

    /// <summary>Every call hangs, reading ones too: a file system of FUSE, whose daemon is stopped.</summary>
    public static async Task<FrozenDisk> WithoutAnyAnswerAsync(string path)
    {
        Assert.SkipUnless(File.Exists("/dev/fuse"), "There is no /dev/fuse here.");
        await Installation.DebianAsync("bindfs", "/usr/bin/bindfs");
        Directory.CreateDirectory(path);
        var disk = new FrozenDisk(
            path,
            Process.Start("/usr/bin/bindfs", ["-f", Directory.CreateDirectory(path + ".behind").FullName, path])
        );
        await AppFolder.UntilAsync(() => IsMounted(path) || disk._daemon!.HasExited, "bindfs had mounted it");
        Assert.SkipUnless(IsMounted(path), "bindfs cannot mount here.");
        return disk;
    }

    /// <summary>Whoever writes hangs, and cannot be killed: a frozen ext4.</summary>
    public static FrozenDisk WithoutAnAnswerToWriters(string path)
    {
        Directory.CreateDirectory(path);
        var image = path + ".image";
        using (var file = File.Create(image))
            file.SetLength(64 * 1024 * 1024);

        Assert.SkipUnless(
            Run("mkfs.ext4", "-q", image) && Run("mount", "-o", "loop", image, path),
            "A file cannot be mounted here."
        );
        return new FrozenDisk(path, null);
    }

    public async Task FreezeAsync()
    {
        _isFrozen = true;
        if (_daemon is null)
        {
            Assert.True(Run("fsfreeze", "--freeze", _path), $"{_path} was frozen");
            return;
        }

        await AppFolder.SignalAsync("STOP", _daemon.Id);
    }

    public async Task ThawAsync()
    {
        if (!_isFrozen)
            return;

        _isFrozen = false;
        if (_daemon is null)
        {
            Run("fsfreeze", "--unfreeze", _path);
            return;
        }

        await AppFolder.SignalAsync("CONT", _daemon.Id, mayHaveEnded: true);
    }

    public void Dispose()
    {
        ThawAsync().GetAwaiter().GetResult();
        Run("umount", "-l", _path);
        if (_daemon is not null)
        {
            // What still waits for it gets an error then.
            _daemon.Kill();
            _daemon.Dispose();
        }
    }

    private static bool IsMounted(string path) =>
        File.ReadLines("/proc/self/mounts").Any(line => line.Split(' ')[1] == path);

    private static bool Run(string command, params string[] arguments)
    {
        using var process = Process.Start(command, arguments);
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
