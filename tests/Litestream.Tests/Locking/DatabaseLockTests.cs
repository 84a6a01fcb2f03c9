using System.Globalization;
using System.Runtime.InteropServices;
using Litestream.Locking;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Locking;

public sealed partial class DatabaseLockTests
{
    [Fact]
    public void It_is_released_although_a_child_that_is_being_started_still_has_the_file()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Looks into /proc.");
        using var folder = new TemporaryFolder();
        var database = Path.Combine(folder.Path, "app.db");
        var held = DatabaseLock.TryAcquire(database, out _)!;
        var descriptor = Directory.EnumerateFiles("/proc/self/fd").Single(file => new FileInfo(file).LinkTarget == DatabaseLock.PathFor(database));
        var childs = Duplicate(int.Parse(Path.GetFileName(descriptor), CultureInfo.InvariantCulture));
        try
        {
            held.Dispose();
            held.Dispose();

            using var next = DatabaseLock.TryAcquire(database, out _);
            Assert.NotNull(next);
        }
        finally
        {
            Assert.Equal(0, Close(childs));
        }
    }

    [LibraryImport("libc", EntryPoint = "dup")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Duplicate(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int descriptor);
}
