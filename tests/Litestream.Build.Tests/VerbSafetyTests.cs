using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using static Litestream.Build.Tests.VerbProject;

namespace Litestream.Build.Tests;

/// <summary>
/// What the verbs refuse, what they do not start, and what they never leave behind: a process, a file, a secret.
/// </summary>
public sealed class VerbSafetyTests(Packages packages)
{
    private static readonly Dictionary<string, string?> Keys = new() { ["LITESTREAM_ACCESS_KEY_ID"] = "key" };

    [Theory]
    [InlineData("INT", Traits = ["Category", "Long"])]
    [InlineData("TERM")]
    public async Task A_verification_with_a_litestream_of_its_own_that_is_stopped_leaves_no_process(string signal)
    {
        using var app = await RestoredAsync(packages, "app");

        // Nothing is sent before the hour is over, so it waits.
        app.Edit(Yml, text => text.Replace("sync-interval: 20ms", "sync-interval: 1h", StringComparison.Ordinal));
        using var verb = RunningApp.Start(
            "dotnet",
            [
                "msbuild",
                "-t:LitestreamVerify",
                $"-p:LitestreamConfigFile={Yml}",
                $"-p:LitestreamDatabase={One}",
                "-p:LitestreamStartReplicator=true",
            ],
            app.Folder,
            app.EnvironmentVariables
        );
        WaitUntil(
            () =>
                Directory.Exists(app.In("obj"))
                && Directory
                    .EnumerateFiles(app.In("obj"), "litestream", SearchOption.AllDirectories)
                    .SelectMany(RunningApp.ProcessesOf)
                    .Any(IsReplicating)
                // It has begun with the database.
                && Directory.Exists(app.In($"data/.one.db-litestream/{AppFolder.ContentFolder}")),
            () => verb.Output
        );

        verb.Signal(signal);
        await verb.WaitForExitAsync();

        Assert.Empty(
            Directory
                .EnumerateFiles(app.In("obj"), "litestream", SearchOption.AllDirectories)
                .SelectMany(RunningApp.ProcessesOf)
        );
        Assert.True(
            ReplicaFiles.Starts(app.In("replicas/one")).Count > 0,
            "what was committed was sent"
        );

        static bool IsReplicating(int id)
        {
            try
            {
                return File.ReadAllText($"/proc/{id}/cmdline").Contains("replicate", StringComparison.Ordinal);
            }
            catch (IOException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task Every_wrong_value_is_one_error_that_names_the_property_before_anything_is_started()
    {
        using var app = await RestoredAsync(packages, "app");
        var started = DummyExecutable(app, "0.3.13");
        (string Target, string Properties, string Named)[] cases =
        [
            ("LitestreamGenerations", "LitestreamTimeout=0", "LitestreamTimeout"),
            ("LitestreamSnapshots", "LitestreamNoExpandEnv=perhaps", "LitestreamNoExpandEnv"),
            ("LitestreamWal", "LitestreamGeneration=newest", "LitestreamGeneration"),
            ("LitestreamWal", "LitestreamArguments=-v", "LitestreamArguments"),
            ("LitestreamRestore", "LitestreamForce=maybe", "LitestreamForce"),
            ("LitestreamRestore", "LitestreamDryRun=2", "LitestreamDryRun"),
            ("LitestreamRestore", "LitestreamIndex=ten", "LitestreamIndex"),
            ("LitestreamRestore", "LitestreamParallelism=0", "LitestreamParallelism"),
            ("LitestreamRestore", "LitestreamIfDbNotExists=x", "LitestreamIfDbNotExists"),
            ("LitestreamRestore", "LitestreamIfReplicaExists=x", "LitestreamIfReplicaExists"),
            ("LitestreamRestore", "LitestreamDatabase=*;LitestreamOutput=x.db", "LitestreamOutput"),
            ("LitestreamVerify", "LitestreamVerifyLevel=Half", "LitestreamVerifyLevel"),
            ("LitestreamVerify", "LitestreamVerifyWrite=never", "LitestreamVerifyWrite"),
            ("LitestreamVerify", "LitestreamStartReplicator=maybe", "LitestreamStartReplicator"),
            ("LitestreamDrill", "LitestreamTimeout=a while", "LitestreamTimeout"),
            ("LitestreamReplicate", $"LitestreamDatabase={One}", "LitestreamDatabase"),
        ];
        var calls = cases.Select(c =>
            $"    <MSBuild Projects=\"../Worker.csproj\" Targets=\"{c.Target}\" Properties=\"{c.Properties}\" "
            + $"ContinueOnError=\"true\" />"
        );
        app.Write(
            "calls/all.proj",
            $"<Project>\n  <Target Name=\"All\">\n{string.Join('\n', calls)}\n  </Target>\n</Project>\n"
        );

        var result = (
            await app.DotnetAsync(
                "msbuild",
                "calls/all.proj",
                $"-p:LitestreamConfigFile={Yml}",
                $"-p:LitestreamInstallDir={app.In("own")}"
            )
        ).FailedWith("LSB3008");

        Assert.Equal(cases.Length, result.Errors.Count(error => error.Code == "LSB3008"));
        Assert.All(
            cases.Zip(result.Errors.Where(error => error.Code == "LSB3008")),
            pair => Assert.Contains(pair.First.Named, pair.Second.Text, StringComparison.Ordinal)
        );
        Assert.False(File.Exists(started), "the executable was started");
        (
            await VerbAsync(app, "LitestreamRestore", $"-p:LitestreamDatabase={One}", "-p:LitestreamTimestamp=soon")
        ).FailedWith("LSB3007");
    }

    [Fact]
    public async Task Nothing_but_the_version_is_asked_where_that_is_enough_and_a_command_of_the_other_line_is_named()
    {
        using var app = await RestoredAsync(packages, "app");
        var started = DummyExecutable(app, "0.5.17");
        var own = $"-p:LitestreamInstallDir={app.In("own")}";

        (await VerbAsync(app, "LitestreamDatabases", own)).Succeeded();
        (await VerbAsync(app, "LitestreamConfig", own)).Succeeded();
        var status = Items(
            (await VerbAsync(app, "LitestreamStatus", own, "-getTargetResult:LitestreamStatus")).FailedWith("LSB5020"),
            "LitestreamStatus"
        );
        Assert.All(status, item => Assert.Equal("Unknown", item["Health"]));
        Assert.Equal(
            [(One, "not initialized", ""), (Two, "not initialized", "")],
            status.Select(item => (item["Identity"], item["Status"], item["Replicator"]))
        );
        // What reads a yml of the user's own says which keys are right in it.
        Assert.Equal(["version"], File.ReadLines(started).Distinct());

        var other = (await VerbAsync(app, "LitestreamGenerations", $"-p:LitestreamDatabase={One}", own)).FailedWith(
            "LSB3009"
        );
        Assert.Contains(
            "LitestreamLtx",
            Assert.Single(other.Errors, error => error.Code == "LSB3009").Text,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_storage_that_never_answers_ends_at_the_time_limit_and_at_ctrl_c_and_leaves_no_process()
    {
        using var app = await RestoredAsync(packages, "app");
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        app.Write("s3.yml", S3(((IPEndPoint)silent.LocalEndpoint).Port));
        (
            await app.DotnetAsync(
                Keys,
                "msbuild",
                $"-t:{Listing}",
                "-p:LitestreamConfigFile=s3.yml",
                "-p:LitestreamTimeout=500ms"
            )
        ).FailedWith("LSB3005");
        var executable = Assert.Single(
            Directory.EnumerateFiles(app.In("obj"), "litestream", SearchOption.AllDirectories)
        );
        Assert.Empty(RunningApp.ProcessesOf(executable));

        using var verb = RunningApp.Start(
            "dotnet",
            ["msbuild", "-t:LitestreamRestore", "-p:LitestreamConfigFile=s3.yml", "-p:LitestreamOutput=back.db"],
            app.Folder,
            app.EnvironmentVariables.Concat(Keys).ToDictionary()
        );
        WaitUntil(() => RunningApp.ProcessesOf(executable).Count == 1, () => verb.Output);
        verb.Signal("INT");
        Assert.NotEqual(0, await verb.WaitForExitAsync());
        Assert.Empty(RunningApp.ProcessesOf(executable));
        Assert.Empty(Directory.EnumerateFileSystemEntries(app.Folder, "*back*"));
    }

    [Fact]
    public async Task A_secret_is_in_no_output_and_in_no_binary_log()
    {
        const string FromVariable = "s3cr3t-from-a-variable";
        const string FromSetting = "s3cr3t-from-a-setting";
        const string FromYml = "s3cr3t-from-the-yml";
        const string FromList = "AGE-SECRET-KEY-1Y70S9E56WNUT2DTPDLLQ2EECAV6ZJVPVDEHGYHG3K7KU5K3LC5SQGLX328";
        using var app = await RestoredAsync(packages, "app");
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var port = ((IPEndPoint)silent.LocalEndpoint).Port;
        silent.Stop();

        // Release line 0.5 has no encryption, and thus no key in a list.
        const string Encryption =
            $"        age:\n          identities:\n            - {FromList}\n          recipients:\n            - "
            + "age15lpfp533az5cezspd3mey2gsckj2he72cmqlyverp8kd5phr53kqz4f4a7\n";
        app.Write("s3.yml", S3(port, FromYml) + (Repository.IsLine05 ? "" : Encryption));
        app.Edit(
            "appsettings.json",
            text =>
                text.Replace(
                    "\"Logging\"",
                    $"\"Litestream\": {{ \"AccessKeyId\": \"{FromSetting}\" }},\n  \"Logging\"",
                    StringComparison.Ordinal
                )
        );
        var variables = new Dictionary<string, string?> { ["LITESTREAM_SECRET_ACCESS_KEY"] = FromVariable };

        var seen = new StringBuilder();
        foreach (
            var verb in new[]
            {
                "LitestreamConfig",
                Listing,
                "LitestreamRestore",
                "LitestreamVerify",
                "LitestreamDrill",
            }
        )
        {
            var result = await app.DotnetAsync(
                variables,
                "msbuild",
                $"-t:{verb}",
                "-p:LitestreamConfigFile=s3.yml",
                "-p:LitestreamOutput=back.db",
                "-p:LitestreamTimeout=20",
                "-v:diag"
            );
            Assert.Equal(verb == "LitestreamConfig", result.ExitCode == 0);
            using var log = new GZipStream(File.OpenRead(result.BinaryLog), CompressionMode.Decompress);
            using var bytes = new MemoryStream();
            await log.CopyToAsync(bytes, TestContext.Current.CancellationToken);
            seen.Append(result.Output).Append(result.ErrorOutput).Append(Encoding.UTF8.GetString(bytes.ToArray()));
        }

        var everything = seen.ToString();
        Assert.Contains("LitestreamVerify", everything, StringComparison.Ordinal);
        foreach (var secret in new[] { FromVariable, FromSetting, FromYml, FromList })
            Assert.DoesNotContain(secret, everything, StringComparison.Ordinal);
    }

    /// <summary>What lists the full copies in a replica.</summary>
    private static string Listing => Repository.IsLine05 ? "LitestreamLtx" : "LitestreamSnapshots";

    private static string S3(int port, string secret = "0123456789") =>
        $"dbs:\n  - path: {One}\n    replicas:\n      - type: s3\n        bucket: bucket\n        path: one\n       "
        + $" region: eu-west-1\n        endpoint: http://127.0.0.1:{port}\n        access-key-id: "
        + $"${{LITESTREAM_ACCESS_KEY_ID}}\n        secret-access-key: {secret}\n";

    /// <summary>
    /// Stands in for an executable that must not be started, or for another release line; it leaves a mark when it is
    /// run.
    /// </summary>
    private static string DummyExecutable(Workspace app, string version)
    {
        var started = app.In("started");
        app.Write(
            "own/litestream",
            $"#!/bin/sh\necho \"$1\" >> '{started}'\nif [ \"$1\" = version ]; then echo {version}; exit 0; fi\necho "
                + $"\"unknown command: $1\" >&2\nexit 1\n"
        );
        File.SetUnixFileMode(
            app.In("own/litestream"),
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
        return started;
    }
}
