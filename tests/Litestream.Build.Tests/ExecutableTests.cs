namespace Litestream.Build.Tests;

/// <summary>
/// Which executable is taken for which RID; dummies stand in for the RIDs that cannot be had everywhere.
/// </summary>
public sealed class ExecutableTests(Packages packages)
{
    [Theory]
    [Trait("Line", "0.3")]
    [InlineData("linux-x64", "linux-x64", Traits = ["Category", "Long"])]
    [InlineData("linux-musl-x64", "linux-x64", Traits = ["Category", "Long"])]
    [InlineData("ubuntu.22.04-x64", "linux-x64", Traits = ["Category", "Long"])]
    [InlineData("linux-arm64", "linux-arm64", Traits = ["Category", "Long"])]
    [InlineData("linux-musl-arm64", "linux-musl-arm64", Traits = ["Category", "Long"])]
    [InlineData("osx-arm64", "osx-arm64", Traits = ["Category", "Long"])]
    [InlineData("osx.13-x64", "osx-x64", Traits = ["Category", "Long"])]
    [InlineData("win-x64", "win-x64")]
    [InlineData("win10-arm64", "win-arm64", Traits = ["Category", "Long"])]
    public async Task Exactly_one_executable_is_published_and_it_is_the_one_for_the_rid(string rid, string expected)
    {
        using var app = new Workspace(packages, dummies: true).WithAsset("Worker");

        // The RID is given to our part only: what runtime packs the feed has is not the point here.
        (await app.DotnetAsync("publish", "-o", "out", $"-p:LitestreamRuntimeIdentifier={rid}")).Succeeded();

        var file = Assert.Single(
            Directory.EnumerateFiles(app.In("out"), "litestream*"),
            file => Path.GetFileName(file) is "litestream" or "litestream.exe"
        );
        Assert.Equal(
            rid.StartsWith("win", StringComparison.Ordinal) ? "litestream.exe" : "litestream",
            Path.GetFileName(file)
        );
        Assert.Contains(expected, File.ReadAllText(file), StringComparison.Ordinal);
        Assert.Contains("0.3.13", File.ReadAllText(file), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Line", "0.3")]
    [Trait("Category", "Long")]
    public async Task Switching_the_rid_and_downgrading_the_package_change_the_executable()
    {
        using var app = new Workspace(packages, dummies: true).WithAsset("Worker");
        app.AddPackage("Worker.csproj", "Litestream.Executable", "0.3.14");
        async Task<string> PublishAsync(string rid)
        {
            (await app.DotnetAsync("publish", "-o", "out", $"-p:LitestreamRuntimeIdentifier={rid}")).Succeeded();
            return File.ReadAllText(app.In("out/litestream"));
        }

        Assert.Contains("0.3.14", await PublishAsync("linux-x64"), StringComparison.Ordinal);
        Assert.Contains("linux-arm64", await PublishAsync("linux-arm64"), StringComparison.Ordinal);
        app.Edit("Worker.csproj", text => text.Replace("0.3.14", "0.3.13", StringComparison.Ordinal));
        Assert.Contains("0.3.13", await PublishAsync("linux-arm64"), StringComparison.Ordinal);
        Assert.Contains("linux-x64", await PublishAsync("linux-x64"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("linux-arm64", Traits = ["Category", "Long"])]
    [InlineData("osx-arm64", Traits = ["Category", "Long"])]
    [InlineData("win-x64")]
    [InlineData("freebsd-x64", Traits = ["Category", "Long"])]
    public async Task Without_an_executable_for_the_rid_a_build_continues_and_a_publish_is_refused(string rid)
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        if (Directory.Exists(Path.Combine(packages.Folder, "litestream.executable", Repository.Version, "tools", rid)))
            Assert.Skip($"this machine could obtain the executable for {rid}");

        (await app.DotnetAsync("build", $"-p:LitestreamRuntimeIdentifier={rid}")).Succeeded();
        (await app.DotnetAsync("publish", "-o", "out", $"-p:LitestreamRuntimeIdentifier={rid}")).FailedWith("LSB2001");
        Assert.False(Directory.Exists(app.In("out")));

        var without = (
            await app.DotnetAsync(
                "publish",
                "-o",
                "out",
                $"-p:LitestreamRuntimeIdentifier={rid}",
                "-p:LitestreamRequireExecutable=false"
            )
        )
            .Succeeded()
            .WarnedWith("LSB1207");
        Assert.False(File.Exists(app.In("out/litestream")));
        Assert.DoesNotContain("starts with the app", without.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task A_tampered_executable_is_not_used()
    {
        using var app = new Workspace(packages, dummies: true).WithAsset("Worker");
        (await app.DotnetAsync("restore")).Succeeded();
        var file = Path.Combine(
            packages.DummyFolder,
            "litestream.executable",
            "0.3.13",
            "tools",
            "linux-x64",
            "litestream"
        );
        var content = File.ReadAllBytes(file);
        try
        {
            File.AppendAllText(file, "tampered");
            (await app.DotnetAsync("build", "--no-restore")).FailedWith("LSB2002");
            Assert.Empty(Directory.EnumerateFiles(app.Folder, "litestream", SearchOption.AllDirectories));

            var manifest = Path.Combine(
                packages.DummyFolder,
                "litestream.executable",
                "0.3.13",
                "tools",
                "litestream.manifest.json"
            );
            var text = File.ReadAllText(manifest);
            File.WriteAllText(manifest, text[..(text.Length / 2)]);
            (await app.DotnetAsync("build", "--no-restore")).FailedWith("LSB2003");
            File.WriteAllText(manifest, text);

            File.Delete(file);
            (await app.DotnetAsync("build", "--no-restore")).FailedWith("LSB2003");
        }
        finally
        {
            File.WriteAllBytes(file, content);
        }

        (await app.DotnetAsync("build", "--no-restore")).Succeeded();
    }

    [Theory]
    [Trait("Line", "0.3")]
    [InlineData("publish", Traits = ["Category", "Long"])]
    [InlineData("publish", "--no-build")]
    public async Task A_staged_executable_that_was_cut_off_is_not_published(params string[] publish)
    {
        using var app = new Workspace(packages, dummies: true).WithAsset("Worker");
        (await app.DotnetAsync("build", "-c", "Release")).Succeeded();
        var staged = app.In("obj/Release/net10.0/litestream/litestream");
        var whole = File.ReadAllText(staged);
        File.WriteAllText(staged, whole[..(whole.Length / 2)]);

        (await app.DotnetAsync([.. publish, "-o", "out"])).Succeeded();

        Assert.Equal(whole, File.ReadAllText(app.In("out/litestream")));
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task A_folder_with_an_executable_of_the_users_own_wins_when_its_version_is_right()
    {
        using var app = new Workspace(packages, dummies: true).WithAsset("Worker");
        Directory.CreateDirectory(app.In("own"));
        var real = Repository.Executable;
        File.Copy(real, app.In("own/litestream"));

        (await app.DotnetAsync("build", "-p:LitestreamInstallDir=own")).Succeeded();
        Assert.Equal(new FileInfo(real).Length, new FileInfo(app.In("bin/Debug/net10.0/litestream")).Length);

        (await app.DotnetAsync("build")).Succeeded();
        Assert.NotEqual(new FileInfo(real).Length, new FileInfo(app.In("bin/Debug/net10.0/litestream")).Length);

        // Another one in its place is taken too, of the other release line as well, and named at a publish.
        File.WriteAllText(app.In("own/litestream"), "#!/bin/sh\necho 0.5.99\n");
        var published = (
            await app.DotnetAsync("publish", "-c", "Debug", "-o", "out", "-p:LitestreamInstallDir=own")
        ).Succeeded();
        Assert.Equal("#!/bin/sh\necho 0.5.99\n", File.ReadAllText(app.In("out/litestream")));
        Assert.Contains(
            $"Litestream: executable {app.In("own/litestream")}",
            published.Output,
            StringComparison.Ordinal
        );

        File.WriteAllText(app.In("own/litestream"), "#!/bin/sh\necho v0.4.0\n");
        var refused = (await app.DotnetAsync("build", "-p:LitestreamInstallDir=own")).FailedWith("LSB2004");
        Assert.Contains("is litestream 0.4.0", refused.Output, StringComparison.Ordinal);
        Assert.Contains("works with 0.3.x and 0.5.x", refused.Output, StringComparison.Ordinal);
    }
}
