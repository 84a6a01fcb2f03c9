using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Commands;

public sealed class LitestreamExecutableTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_path_wins_over_the_install_folder_which_wins_over_the_apps_own()
    {
        var own = Put("app/litestream");
        var installed = Put("installed/litestream");
        var named = Put("named/tool");

        Assert.Equal(own, Find(null, null));
        Assert.Equal(installed, Find(null, "installed"));
        Assert.Equal(named, Find("named/tool", "installed"));
    }

    [Theory]
    [InlineData(null, null, "LSB2003")]
    [InlineData("named/tool", null, "LSB2003")]
    [InlineData(null, "installed", "LSB2004")]
    public void What_is_not_there_is_named(string? path, string? folder, string code) =>
        Assert.Equal(code, Assert.Throws<LitestreamException>(() => Find(path, folder)).Diagnostic.Code);

    [Fact]
    public async Task A_lost_execute_bit_is_set_again()
    {
        var path = Put("app/litestream");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);

        Assert.Equal(path, Find(null, null));

        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute, File.GetUnixFileMode(path));
        Assert.Equal("0.3.13", await new LitestreamExecutable(path).GetVersionAsync(TestContext.Current.CancellationToken));
    }

    private string Find(string? path, string? folder) =>
        LitestreamExecutable.Find(new ExecutableSearch { ExecutablePath = path, InstallDirectory = folder, ApplicationDirectory = Path.Combine(_folder.Path, "app"), BaseDirectory = _folder.Path }).Path;

    private string Put(string name)
    {
        var path = Path.Combine(_folder.Path, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Copy(LitestreamTool.Executable.Path, path);
        return path;
    }
}
