using System.Diagnostics;

namespace Litestream.Testing;

/// <summary>
/// Gets the servers of others that are not on the machine: once, and one test run at a time. A test whose server cannot
/// be had is skipped and says why.
/// </summary>
public static class Installation
{
    private const string PolicyFile = "/usr/sbin/policy-rc.d";

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);
    private static readonly string Folder = Directory
        .CreateDirectory(Repository.In("artifacts", "test"))
        .FullName;

    /// <summary>A Debian package, by a file of it.</summary>
    public static Task DebianAsync(string package, string file) =>
        OnceAsync(
            package,
            file,
            async () =>
            {
                Assert.SkipUnless(
                    File.Exists("/usr/bin/apt-get"),
                    $"{package} is not installed, and there is no apt-get to install it with."
                );
                Assert.SkipUnless(
                    System.Environment.IsPrivilegedProcess,
                    $"{package} is not installed, and only root can install it."
                );
                using var noDaemon = new NoDaemon();
                string[] install =
                [
                    "-o",
                    "DPkg::Lock::Timeout=120",
                    "install",
                    "-y",
                    "-qq",
                    "--no-install-recommends",
                    package,
                ];
                if (await RunAsync("apt-get", install) is not null)
                {
                    // On a fresh machine there are no lists yet.
                    await RunAsync("apt-get", "-o", "DPkg::Lock::Timeout=120", "update", "-qq");
                    var error = await RunAsync("apt-get", install);
                    Assert.SkipUnless(error is null, $"apt-get cannot install {package}: {error}");
                }
            }
        );

    /// <summary>An npm package in a folder of the test artifacts.</summary>
    /// <returns>The path of a file of it.</returns>
    public static async Task<string> NpmAsync(string package, string version, string file)
    {
        var folder = Path.Combine(Folder, package);
        var path = Path.Combine(folder, "node_modules", package, file);
        await OnceAsync(
            package,
            path,
            async () =>
            {
                Assert.SkipUnless(
                    File.Exists("/usr/bin/npm")
                        || (System.Environment.GetEnvironmentVariable("PATH") ?? "")
                            .Split(':')
                            .Any(place => File.Exists(Path.Combine(place, "npm"))),
                    $"{package} is not there, and there is no npm to get it with."
                );
                var error = await RunAsync(
                    "npm",
                    "install",
                    "--prefix",
                    folder,
                    "--no-audit",
                    "--no-fund",
                    "--loglevel=error",
                    $"{package}@{version}"
                );
                Assert.SkipUnless(error is null, $"npm cannot get {package} {version}: {error}");
            }
        );
        return path;
    }

    private static async Task OnceAsync(string package, string file, Func<Task> install)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The storage servers are set up for Linux.");
        using var alone = await LockAsync();
        if (!File.Exists(file))
        {
            await install();
            Assert.True(File.Exists(file), $"{package} was installed, but {file} is not there.");
        }
    }

    private static async Task<FileStream> LockAsync()
    {
        for (var watch = Stopwatch.StartNew(); ; await Task.Delay(100, TestContext.Current.CancellationToken))
        {
            try
            {
                return new FileStream(
                    Path.Combine(Folder, "install.lock"),
                    FileMode.OpenOrCreate,
                    FileAccess.ReadWrite,
                    FileShare.None
                );
            }
            catch (IOException) when (watch.Elapsed < Deadline * 2)
            {
                // Another test installs something.
            }
        }
    }

    /// <summary>Null, or what went wrong.</summary>
    private static async Task<string?> RunAsync(string command, params string[] arguments)
    {
        var start = new ProcessStartInfo(command, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive";
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Deadline);
        try
        {
            var output = await Task.WhenAll(
                process.StandardOutput.ReadToEndAsync(limit.Token),
                process.StandardError.ReadToEndAsync(limit.Token)
            );
            await process.WaitForExitAsync(limit.Token);
            return process.ExitCode == 0
                ? null
                : $"exit code {process.ExitCode}: {string.Concat(output).Trim().Split('\n')[^1]}";
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            return $"it did not end within {Deadline}";
        }
    }

    /// <summary>A package that brings a server must not start it on a developer's machine.</summary>
    private sealed class NoDaemon : IDisposable
    {
        private readonly bool _isOurs = !File.Exists(PolicyFile);

        public NoDaemon()
        {
            if (_isOurs && !OperatingSystem.IsWindows())
            {
                File.WriteAllText(PolicyFile, "#!/bin/sh\nexit 101\n");
                File.SetUnixFileMode(PolicyFile, (UnixFileMode)0b111_101_101);
            }
        }

        public void Dispose()
        {
            if (_isOurs)
                File.Delete(PolicyFile);
        }
    }
}
