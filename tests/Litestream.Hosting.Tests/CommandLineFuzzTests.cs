using System.Globalization;
using CsCheck;
using Litestream.Hosting.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Litestream.Hosting.Tests;

/// <summary>
/// Whatever is typed after <c>litestream</c>, and whatever a verb throws: an answer and an exit code.
/// </summary>
[Collection(nameof(CommandLineFuzzTests))]
[CollectionDefinition(nameof(CommandLineFuzzTests), DisableParallelization = true)]
public sealed class CommandLineFuzzTests
{
    private static readonly string[] Words =
    [
        "databases",
        "restore",
        "verify",
        "status",
        "generations",
        "snapshots",
        "wal",
        "ltx",
        "drill",
        "query",
        "diff",
        "--sql",
        "SELECT 1",
        "--from",
        "now",
        "run",
        "doctor",
        "config",
        "env",
        "version",
        "help",
        "pull",
        "--json",
        "--help",
        "-h",
        "-?",
        "--version",
        "--database",
        "app.db",
        "--database=app.db",
        "--timestamp",
        "2026-01-01T00:00:00Z",
        "--generation",
        "0123456789abcdef",
        "--index=1",
        "--replica",
        "file",
        "--output",
        "copy.db",
        "--force",
        "--force=true",
        "--timeout",
        "1s",
        "--level",
        "Full",
        "--write=false",
        "--",
        "-v",
        "--directory",
        ".",
        "@file",
        "[suggest]",
        "[diagram]",
        "[suggest:5]",
        "--database:app.db",
        "/force",
        "",
        " ",
        "-",
        "--=",
        "replicat",
    ];

    [Fact]
    public void Any_command_line_is_answered_and_nothing_unexpected_comes_of_it()
    {
        var folder = Directory.CreateTempSubdirectory("litestream-words-").FullName;
        var builder = Host.CreateApplicationBuilder(
            new HostApplicationBuilderSettings { ContentRootPath = folder, DisableDefaults = true }
        );
        builder.Services.AddLitestream();
        using var host = builder.Build();
        var replicator = host.Services.GetRequiredService<LitestreamReplicator>();
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        var standardError = Console.Error;
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        Console.SetError(TextWriter.Synchronized(error));
        try
        {
            Fuzz.Run(
                Fuzz.Damaged(Words).Array[0, 5],
                Fuzz.Cases(atLength: false),
                arguments =>
                {
                    error.GetStringBuilder().Clear();
                    using var output = new StringWriter(CultureInfo.InvariantCulture);
                    var exitCode = LitestreamCommandLine
                        .RunAsync(replicator, arguments, output, () => 0, cancelled.Token)
                        .GetAwaiter()
                        .GetResult();

                    Assert.InRange(exitCode, 0, 2);
                    Assert.DoesNotContain("LSB0006", error.ToString() + output, StringComparison.Ordinal);
                },
                arguments => string.Join(" | ", arguments)
            );
        }
        finally
        {
            Console.SetError(standardError);
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("status")]
    [InlineData("databases --json")]
    [InlineData("verify")]
    [InlineData("restore --force")]
    public async Task What_a_verb_throws_unexpectedly_is_one_error_and_an_exit_code(string command)
    {
        var standardError = Console.Error;
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        Console.SetError(TextWriter.Synchronized(error));
        try
        {
            // Without an app every verb fails at the first thing that it asks it.
            using var output = new StringWriter(CultureInfo.InvariantCulture);
            var exitCode = await LitestreamCommandLine.RunAsync(
                null!,
                command.Split(' '),
                output,
                () => 0,
                CancellationToken.None
            );

            Assert.Equal(1, exitCode);
            Assert.Contains("LSB0006", error.ToString() + output, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", error.ToString() + output, StringComparison.Ordinal);
        }
        finally
        {
            Console.SetError(standardError);
        }
    }
}
