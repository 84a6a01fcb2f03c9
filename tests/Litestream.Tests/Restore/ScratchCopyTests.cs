using Litestream.FileSystem;
using Litestream.Restore;
using Litestream.Tests.Verification;

namespace Litestream.Tests.Restore;

/// <summary>The folder for temporary files is everybody's.</summary>
[Trait("Uses", "litestream")]
public sealed class ScratchCopyTests
{
    [Fact]
    public void What_others_left_in_the_folder_for_temporary_files_is_not_followed_and_stays()
    {
        using var folder = new ReplicatedFolder();
        var prey = Path.Combine(folder.Root, "prey");
        File.WriteAllText(prey, "");
        static string Named(string name) => Path.Combine(Path.GetTempPath(), name + Guid.NewGuid().ToString("n"));
        List<string> planted = [Named(".litestream-scratch-"), Named(".litestream.db.litestream-restore-")];
        var link = Named(".litestream-scratch-");
        var own = LeasedDirectory.Create(Path.GetTempPath(), ".litestream-scratch");
        own.Leave();
        try
        {
            // Moved there when it is another user's already: others that run at the same time remove what is their own.
            foreach (var path in planted)
            {
                var begun = Path.Combine(folder.Root, Path.GetFileName(path));
                PlantedRecord.Write(begun, Path.Combine(Path.GetTempPath(), "litestream.db"), prey);
                if (OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess)
                    BackedUpDatabase.Give(begun, BackedUpDatabase.OtherUser, BackedUpDatabase.OtherUser);
                Directory.Move(begun, path);
            }

            var elsewhere = Path.Combine(folder.Root, "elsewhere");
            PlantedRecord.Write(elsewhere, folder.Database, prey);
            Directory.CreateSymbolicLink(link, elsewhere);

            using (
                new ScratchCopy(
                    LitestreamTool.Executable,
                    folder.Config,
                    folder.Config.Databases[0],
                    TimeSpan.FromSeconds(30)
                )
            )
            {
                Assert.True(File.Exists(prey));
            }

            Assert.False(Directory.Exists(own.Path));
            Assert.True(Directory.Exists(link));
            if (Environment.IsPrivilegedProcess)
                Assert.All(planted, path => Assert.True(File.Exists(Path.Combine(path, "moves.json"))));
        }
        finally
        {
            foreach (var path in planted.Where(Directory.Exists))
                Directory.Delete(path, recursive: true);
            File.Delete(link);
        }
    }
}
