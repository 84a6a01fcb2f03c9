using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using CliWrap;
using CliWrap.Buffered;
using Microsoft.Build.Logging.StructuredLogger;
using Microsoft.Data.Sqlite;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tests;

/// <summary>LitestreamInit, LitestreamEnv, LitestreamDoctor and LitestreamReplicate on a project.</summary>
public sealed class SetupVerbTests(Packages packages)
{
    private const string Secret = "pa55-of-the-bucket";

    [Fact]
    public async Task A_file_of_ones_own_replaces_the_generated_one_and_env_and_doctor_say_what_it_lacks()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Write("appsettings.Production.json", $$"""{ "Litestream": { "SecretAccessKey": "{{Secret}}" } }""");
        app.Edit(
            "Worker.csproj",
            text =>
                text.Replace(
                    "</Project>",
                    "<PropertyGroup><LitestreamReplicaUrl>s3://bucket/shop?endpoint=http://127.0.0.1:1"
                        + "</LitestreamReplicaUrl></PropertyGroup></Project>",
                    StringComparison.Ordinal
                )
        );
        (await app.DotnetAsync("restore")).Succeeded();
        var generated = (await app.DotnetAsync("msbuild", "-t:LitestreamConfig")).Succeeded().Output;

        var init = (await app.DotnetAsync("msbuild", "-t:LitestreamInit")).Succeeded();
        Assert.Contains(
            "dotnet user-secrets set \"Litestream:SecretAccessKey\"",
            init.Output,
            StringComparison.Ordinal
        );
        Assert.Equal(
            Effective(generated),
            Effective((await app.DotnetAsync("msbuild", "-t:LitestreamConfig")).Succeeded().Output)
        );
        (await app.DotnetAsync("msbuild", "-t:LitestreamInit")).FailedWith("LSB3010");

        // The secret comes from a setting; the key is nowhere.
        var env = (await app.DotnetAsync("msbuild", "-t:LitestreamEnv")).FailedWith("LSB1018");
        Assert.Contains("LITESTREAM_ACCESS_KEY_ID", env.Errors[0].Text, StringComparison.Ordinal);
        Assert.Matches(@"LITESTREAM_SECRET_ACCESS_KEY +yes +setting Litestream:SecretAccessKey +\*\*\*", env.Output);

        app.Edit(
            "litestream.yml",
            text => text.Replace("${LITESTREAM_ACCESS_KEY_ID}", "AKIA", StringComparison.Ordinal)
        );
        app.Write("data/orders.db-wal", "");
        var doctor = (await app.DotnetAsync("msbuild", "-t:LitestreamDoctor", "-p:LitestreamTimeout=20s")).FailedWith(
            "LSB3011"
        );
        Assert.Contains("LSB4004", doctor.Output, StringComparison.Ordinal);
        Assert.Matches($@"ok +executable +{Regex.Escape(Repository.Version)}, ", doctor.Output);
        Assert.Matches(@"ok +executable +Its SHA-256 is the one in the package's", doctor.Output);
        Assert.Matches("error +data/orders.db +Its replica .* cannot be listed", doctor.Output);
        Assert.All([init, env, doctor], HasNoSecret);
    }

    [Fact]
    public async Task The_doctor_passes_a_new_project_and_returns_its_findings()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        (await app.DotnetAsync("restore")).Succeeded();

        var items = Items(
            (await app.DotnetAsync("msbuild", "-getTargetResult:LitestreamDoctor")).Succeeded(),
            "LitestreamDoctor"
        );

        Assert.Contains(
            items,
            item => item.GetProperty("Identity").GetString() == "SDK" && item.GetProperty("Level").GetString() == "Ok"
        );
        Assert.DoesNotContain(items, item => item.GetProperty("Level").GetString() == "Error");
    }

    [Fact]
    public async Task Env_and_doctor_fail_and_still_return_what_they_found_and_what_comes_after_them_runs()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Write(
            "litestream.yml",
            "dbs:\n  - path: data/orders.db\n    replicas:\n      - type: sftp\n        host: ${HOST}\n        "
                + "user: ${USER_THERE}\n        path: /shop\n"
        );
        app.Edit(
            "Worker.csproj",
            text =>
                text.Replace(
                    "</Project>",
                    "<Target Name=\"GoOn\" AfterTargets=\"LitestreamEnv;LitestreamDoctor\"><Message Text=\"went "
                        + "on\" /></Target></Project>",
                    StringComparison.Ordinal
                )
        );
        (await app.DotnetAsync("restore")).Succeeded();
        var variables = new Dictionary<string, string?> { ["HOST"] = "127.0.0.1:1" };

        var env = (await app.DotnetAsync(variables, "msbuild", "-getTargetResult:LitestreamEnv")).FailedWith("LSB1018");
        var doctor = (await app.DotnetAsync(variables, "msbuild", "-getTargetResult:LitestreamDoctor")).FailedWith(
            "LSB3011"
        );

        Assert.Equal((1, 1), (env.ExitCode, doctor.ExitCode));
        Assert.All(
            [env, doctor],
            result => Assert.Contains(result.Log.FindChildrenRecursive<Message>(), message => message.Text == "went on")
        );
        Assert.Equal(
            [("HOST", "true"), ("USER_THERE", "false")],
            Items(env, "LitestreamEnv")
                .Where(item => item.GetProperty("Required").GetString() == "true")
                .Select(item => (item.GetProperty("Identity").GetString(), item.GetProperty("IsSet").GetString()))
        );
        Assert.Contains(
            Items(doctor, "LitestreamDoctor"),
            item =>
                item.GetProperty("Level").GetString() == "Error" && item.GetProperty("Code").GetString() == "LSB1018"
        );
        Assert.Contains(Items(doctor, "LitestreamDoctor"), item => item.GetProperty("Level").GetString() == "Ok");
    }

    [Theory]
    [InlineData("Ctrl+C", 1, Traits = ["Category", "Long"])]
    [InlineData("SIGTERM", 0)]
    public async Task Replicate_gets_the_secrets_by_environment_and_sends_the_last_row_when_it_is_stopped(
        string how,
        int exitCode
    )
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Write("appsettings.Production.json", $$"""{ "Litestream": { "SecretAccessKey": "{{Secret}}" } }""");
        app.Write(
            "litestream.yml",
            "dbs:\n  - path: data/orders.db\n    monitor-interval: 50ms\n    replicas:\n      - path: replica\n     "
                + "   sync-interval: 50ms\n"
        );
        (await app.DotnetAsync("restore")).Succeeded();
        Directory.CreateDirectory(app.In("data"));
        Insert(app, "first");
        var log = Path.Combine(app.Root, "replicate.binlog");
        string executable;

        using (
            var replicate = RunningApp.Start(
                "dotnet",
                ["msbuild", "-t:LitestreamReplicate", $"-bl:{log}", "-tl:off"],
                app.Folder,
                app.EnvironmentVariables
            )
        )
        {
            await replicate.SendsToAsync(app.In("replica"));
            executable = Assert.Single(
                Directory.EnumerateFiles(app.In("obj"), "litestream", SearchOption.AllDirectories)
            );
            var id = Assert.Single(RunningApp.ProcessesOf(executable));
            Assert.Contains(Secret, File.ReadAllText($"/proc/{id}/environ"), StringComparison.Ordinal);
            Assert.DoesNotContain(Secret, File.ReadAllText($"/proc/{id}/cmdline"), StringComparison.Ordinal);

            (await app.DotnetAsync("msbuild", "-t:LitestreamReplicate")).FailedWith("LSB3012");

            Insert(app, "last");
            if (how == "Ctrl+C")
                replicate.SignalGroup("INT");
            else
                replicate.Signal("TERM");
            Assert.True(await replicate.WaitForExitAsync() == exitCode, replicate.Output);
            Assert.DoesNotContain(Secret, replicate.Output, StringComparison.Ordinal);
        }

        Assert.Empty(RunningApp.ProcessesOf(executable));

        // After SIGTERM the dotnet command exits without completing its log.
        if (how == "Ctrl+C")
            Assert.False(Contains(log, Secret));
        var restore = await Cli.Wrap(executable)
            .WithArguments([
                "restore",
                "-config",
                app.In("litestream.yml"),
                "-o",
                app.In("restored.db"),
                app.In("data/orders.db"),
            ])
            .WithWorkingDirectory(app.Folder)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);
        Assert.True(restore.ExitCode == 0, restore.StandardOutput + restore.StandardError);
        Assert.Equal(["first", "last"], PublishedAppTests.Rows(app.In("restored.db")));
    }

    private static List<JsonElement> Items(BuildResult result, string target) =>
        [
            .. JsonDocument
                .Parse(result.Output)
                .RootElement.GetProperty("TargetResults")
                .GetProperty(target)
                .GetProperty("Items")
                .EnumerateArray(),
        ];

    private static void Insert(Workspace app, string text)
    {
        using var connection = new SqliteConnection($"Data Source={app.In("data/orders.db")};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText =
            "CREATE TABLE IF NOT EXISTS rows(id INTEGER PRIMARY KEY, text TEXT NOT NULL); INSERT INTO rows(text) "
            + "VALUES ($text)";
        command.Parameters.AddWithValue("$text", text);
        command.ExecuteNonQuery();
    }

    /// <summary>From the first key on: the line before names the file.</summary>
    private static string Effective(string output) => output[output.IndexOf("dbs:", StringComparison.Ordinal)..];

    private static void HasNoSecret(BuildResult result)
    {
        Assert.DoesNotContain(Secret, result.Output + result.ErrorOutput, StringComparison.Ordinal);
        Assert.False(Contains(result.BinaryLog, Secret));
    }

    private static bool Contains(string binaryLog, string text)
    {
        using var content = new MemoryStream();
        using (var file = new GZipStream(File.OpenRead(binaryLog), CompressionMode.Decompress))
            file.CopyTo(content);
        Assert.True(
            content.GetBuffer().AsSpan(0, (int)content.Length).IndexOf(Encoding.UTF8.GetBytes("LitestreamCheckHost"))
                > 0
        );
        return content.GetBuffer().AsSpan(0, (int)content.Length).IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;
    }
}
