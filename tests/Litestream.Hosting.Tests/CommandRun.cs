using System.Diagnostics;
using System.Text.Json;
using Litestream.FileSystem;

namespace Litestream.Hosting.Tests;

/// <summary>A command of Litestream's that was given to the app, run to its end.</summary>
public sealed record CommandRun(int ExitCode, string Output, string Error)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);

    /// <summary>Standard output as one document; nothing else may be in it.</summary>
    public JsonElement Json
    {
        get
        {
            using var document = JsonDocument.Parse(Output);
            return document.RootElement.Clone();
        }
    }

    public JsonElement OnlyItem => Assert.Single(Json.GetProperty("Items").EnumerateArray());

    public string? OnlyCode =>
        Json.GetProperty("Diagnostics")
            .EnumerateArray()
            .Select(diagnostic => diagnostic.GetProperty("Code").GetString())
            .SingleOrDefault();

    /// <param name="folder">The app.</param>
    /// <param name="arguments">What comes after <c>litestream</c>.</param>
    /// <param name="directory">Where it is given; null: where the app works.</param>
    /// <param name="before">A program, with its arguments, that starts the app.</param>
    public static async Task<CommandRun> OfAsync(
        AppFolder folder,
        string[] arguments,
        string? directory = null,
        params string[] before
    )
    {
        string[] command = [.. before, Path.Combine(folder.App, "HostedApp"), "litestream", .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = directory ?? folder.Work,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("DOTNET_ENVIRONMENT");
        start.Environment.Remove("ASPNETCORE_ENVIRONMENT");
        foreach (var (name, value) in folder.Environment)
            start.Environment[name] = value;

        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var source = new CancellationTokenSource(Deadline);
        try
        {
            await process.WaitForExitAsync(source.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"It did not end. It said:\n{await output}\n{await error}");
        }

        return new CommandRun(process.ExitCode, await output, await error);
    }

    /// <summary>Ended as it should: with what it said, where it did not.</summary>
    public CommandRun Succeeded()
    {
        Assert.True(ExitCode == 0, $"Exit code {ExitCode}\n{Output}\n{Error}");
        return this;
    }

    /// <summary>
    /// Ended with an exit code and one line on standard error that begins with the code, and not with a crash.
    /// </summary>
    public CommandRun FailedWith(int exitCode, string code)
    {
        Assert.True(ExitCode == exitCode, $"Exit code {ExitCode}\n{Output}\n{Error}");
        Assert.Single(Error.Split('\n'), line => line.StartsWith($"error {code}: ", StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled", Error, StringComparison.Ordinal);
        return this;
    }

    /// <summary>
    /// An app that has run and ended, with its rows in the replica; its working directory has settings, as a project's
    /// or a container's has.
    /// </summary>
    public static async Task<AppFolder> BackedUpAsync(bool inAppFolder = false)
    {
        var folder = new AppFolder();
        await File.WriteAllTextAsync(
            Path.Combine(inAppFolder ? folder.App : folder.Work, "appsettings.json"),
            "{}",
            TestContext.Current.CancellationToken
        );
        using var app = new AppProcess(folder, [], inAppFolder ? folder.App : folder.Work);
        await app.SaysAsync("started ");
        await app.TellAsync("stop");
        Assert.Equal(0, await app.EndedAsync());
        return folder;
    }

    /// <summary>Nothing of the app itself ran.</summary>
    public void OfNothingElse(AppFolder folder)
    {
        var said = Output + Error;
        Assert.DoesNotContain("built ", said, StringComparison.Ordinal);
        Assert.DoesNotContain("started ", said, StringComparison.Ordinal);
        Assert.DoesNotContain("wrote ", said, StringComparison.Ordinal);
        Assert.Empty(folder.Replicators());
        Assert.True(DatabaseLock.Peek(folder.Database).App is not { } app || !app.IsRunning());
    }
}
