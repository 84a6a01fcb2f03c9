using System.Diagnostics;
using Litestream.FileSystem;
using Litestream.Tests.Databases;

namespace Litestream.Tests.FileSystem;

/// <summary>Which processes are a litestream that replicates.</summary>
public sealed class LitestreamProcessTests
{
    [Theory]
    [InlineData("litestream replicate", null, true, true)]
    [InlineData("/app/litestream replicate -config /app/litestream.yml", "/app/litestream", true, true)]
    [InlineData("./litestream-0.5 replicate", "", true, true)]
    [InlineData("/usr/bin/backup replicate", "/opt/litestream/litestream", true, true)]
    [InlineData("/usr/bin/backup replicate", "/usr/bin/backup", false, true)]
    [InlineData("/usr/bin/backup replicate", null, false, true)]
    [InlineData("litestream restore replicate", "/app/litestream", false, false)]
    [InlineData("litestream", "/app/litestream", false, false)]
    [InlineData("dotnet Shop.dll litestream replicate", "/usr/bin/dotnet", false, false)]
    [InlineData("", null, false, false)]
    public void It_is_recognised_by_its_first_argument_and_by_its_name_unless_its_identity_is_known(
        string commandLine,
        string? executable,
        bool isReplicator,
        bool isReplicatorOfOurs
    )
    {
        var line = commandLine.Replace(' ', '\0') + "\0";

        Assert.Equal(isReplicator, LitestreamProcess.IsReplicate(line, isOurs: false, () => executable));
        Assert.Equal(isReplicatorOfOurs, LitestreamProcess.IsReplicate(line, isOurs: true, () => executable));
    }

    [Fact]
    public void An_executable_of_any_name_is_ours_only_by_its_identity()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Processes are seen on Linux.");
        using var folder = new TemporaryFolder();
        folder.Write("replicate", "read line");
        LitestreamTool.Copy("/bin/sh", Path.Combine(folder.Path, "backup"));
        using var process = Process.Start(
            new ProcessStartInfo(Path.Combine(folder.Path, "backup"), ["replicate"])
            {
                WorkingDirectory = folder.Path,
                RedirectStandardInput = true,
            }
        )!;
        try
        {
            var identity = ProcessIdentity.Of(process.Id)!;

            Assert.True(LitestreamProcess.Lives(identity));
            Assert.False(LitestreamProcess.Lives(identity with { StartTicks = identity.StartTicks - 1 }));
            Assert.False(LitestreamProcess.IsReplicator(process.Id));
            Assert.Equal([identity], new LockRecord(null, identity).LivingReplicators);
        }
        finally
        {
            process.StandardInput.Close();
            process.WaitForExit();
        }

        Assert.False(LitestreamProcess.IsReplicator(process.Id));
    }
}
