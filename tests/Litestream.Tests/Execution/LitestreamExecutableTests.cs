using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Tests.Databases;
using Litestream.Tests.Restore;

namespace Litestream.Tests.Execution;

[Trait("Uses", "litestream")]
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
        {
            Assert.Equal(
                UnixFileMode.UserRead
                    | UnixFileMode.UserWrite
                    | UnixFileMode.UserExecute
                    | UnixFileMode.GroupRead
                    | UnixFileMode.GroupExecute,
                File.GetUnixFileMode(path)
            );
        }

        Assert.Equal(
            Repository.Version,
            await new LitestreamExecutable(path).GetVersionAsync(TestContext.Current.CancellationToken)
        );
    }

    [Theory]
    [InlineData("nobody's", true, false, false, "litestream")] // It runs as it is.
    [InlineData("own", false, true, false, "litestream")] // Its mode can be set.
    [InlineData("own, on noexec", false, true, true, "copy")] // That does not help.
    [InlineData("another user's", false, false, false, "copy")] // It cannot be set.
    public void What_this_user_may_not_run_is_run_from_a_copy(
        string whose,
        bool runs,
        bool canBeSet,
        bool isUseless,
        string expected
    )
    {
        Assert.NotEmpty(whose);
        var isSet = runs;
        var found = LitestreamExecutable.MakeExecutable(
            "litestream",
            _ => isSet,
            _ => isSet = canBeSet ? !isUseless : throw new UnauthorizedAccessException(),
            _ => "copy"
        );

        Assert.Equal(expected, found);
    }

    [Theory]
    [InlineData("744")] // As NuGet extracts it.
    [InlineData("654")]
    public async Task Another_users_executable_is_run_from_a_private_copy(string mode)
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess,
            "Only root starts processes of other users."
        );
        var path = Put("app/litestream");
        BackedUpDatabase.Give(_folder.Path, BackedUpDatabase.OtherUser, BackedUpDatabase.OtherUser);
        BackedUpDatabase.Give(path, 0, 0);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, (UnixFileMode)Convert.ToInt32(mode, 8));

        using var host = BackedUpDatabase.StartHostAsOther("find", path);
        var said = await host.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await host.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.EndsWith($" {Repository.Version}\n", said, StringComparison.Ordinal);
        Assert.False(said.StartsWith(path, StringComparison.Ordinal), said);
        File.Delete(said.Split(' ')[0]);
    }

    private string Find(string? path, string? folder) =>
        LitestreamExecutable
            .Find(
                new ExecutableSearch
                {
                    ExecutablePath = path,
                    InstallDirectory = folder,
                    ApplicationDirectory = Path.Combine(_folder.Path, "app"),
                    BaseDirectory = _folder.Path,
                }
            )
            .Path;

    private string Put(string name)
    {
        var path = Path.Combine(_folder.Path, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        LitestreamTool.Copy(LitestreamTool.Executable.Path, path);
        return path;
    }
}
