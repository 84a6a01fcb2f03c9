using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using CliWrap.Buffered;

namespace Litestream.Build.Tests.Acquisition;

public sealed partial class AcquisitionTests : IDisposable
{
    private readonly AcquireRun _run = new();
    private readonly Upstream _upstream = new();

    public void Dispose()
    {
        _upstream.Dispose();
        _run.Dispose();
    }

    [Fact]
    public async Task The_executable_of_a_tar_gz_and_of_a_zip_appears_with_its_mode_and_in_the_manifest()
    {
        var tar = AcquireRun.TarGz(
            ("README.md", "read"),
            ("etc/litestream.yml", "dbs:"),
            ("bin/litestream", "for linux")
        );
        var zip = AcquireRun.Zip(("LICENSE", "licence"), ("litestream.exe", "for windows"));
        _run.Lock(
            ("linux-x64", [Source(_upstream.Serve("a.tar.gz", tar), tar, "for linux")]),
            ("win-x64", [Source(_upstream.Serve("a.zip", zip), zip)])
        );

        var result = await _run.RunAsync(null, "--manifest", Path.Combine(_run.Root, "manifest.json"));

        Assert.Equal(0, result.ExitCode);
        Assert.Equal("for linux", await File.ReadAllTextAsync(_run.Executable("linux-x64"), Cancellation));
        Assert.Equal(
            "for windows",
            await File.ReadAllTextAsync(_run.Executable("win-x64", "litestream.exe"), Cancellation)
        );
        if (!OperatingSystem.IsWindows())
            Assert.Equal(AcquireRun.Mode755, File.GetUnixFileMode(_run.Executable("linux-x64")));
        using var manifest = JsonDocument.Parse(
            await File.ReadAllTextAsync(Path.Combine(_run.Root, "manifest.json"), Cancellation)
        );
        var windows = manifest.RootElement.GetProperty("executables").GetProperty("win-x64");
        Assert.Equal("win-x64/litestream.exe", windows.GetProperty("file").GetString());
        Assert.Equal(AcquireRun.Sha256("for windows"), windows.GetProperty("sha256").GetString());
        Assert.Equal("for windows".Length, windows.GetProperty("size").GetInt64());
    }

    [Fact]
    public async Task An_archive_with_a_wrong_hash_is_deleted_and_nothing_else_is_tried()
    {
        var right = AcquireRun.TarGz(("litestream", "right"));
        var url = _upstream.Serve("a.tar.gz", AcquireRun.TarGz(("litestream", "somebody else's")));
        _run.Lock(("linux-x64", [Source(url, right), Source(_upstream.Serve("b.tar.gz", right), right)]));

        var result = await _run.RunAsync();

        Assert.Equal(1, result.ExitCode);
        var (severity, code, text) = Assert.Single(Messages(result));
        Assert.Equal(("error", "LSB2006"), (severity, code));
        Assert.Contains(url, text, StringComparison.Ordinal);
        Assert.Empty(_run.Files);
    }

    [Fact]
    public async Task An_executable_with_a_wrong_hash_in_a_right_archive_is_never_put_in_place()
    {
        var archive = AcquireRun.TarGz(("litestream", "not what was locked"));
        _run.Lock(("linux-x64", [Source(_upstream.Serve("a.tar.gz", archive), archive, "what was locked")]));

        var result = await _run.RunAsync();

        Assert.Equal(1, result.ExitCode);
        Assert.Equal("LSB2006", Assert.Single(Messages(result)).Code);
        Assert.DoesNotContain(_run.Files, file => file.StartsWith("out put", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_archive_without_the_executable_is_LSB2006()
    {
        var archive = AcquireRun.Zip(("etc/litestream.yml", "dbs:"));
        _run.Lock(("linux-x64", [Source(_upstream.Serve("a.zip", archive), archive)]));

        var result = await _run.RunAsync();

        Assert.Equal(1, result.ExitCode);
        Assert.Equal("LSB2006", Assert.Single(Messages(result)).Code);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_a_download_that_breaks_off_the_next_source_is_taken(bool reset)
    {
        var archive = AcquireRun.TarGz(("litestream", new string('x', 500_000)));
        _run.Lock(
            (
                "linux-x64",
                [
                    Source(_upstream.Serve("a.tar.gz", archive, archive.Length / 2, reset), archive),
                    Source(_upstream.Serve("b.tar.gz", archive), archive),
                ]
            )
        );

        var result = await _run.RunAsync();

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(500_000, new FileInfo(_run.Executable("linux-x64")).Length);
        Assert.Equal(2, _run.Files.Count);
    }

    [Fact]
    public async Task When_nothing_can_be_had_one_message_names_what_was_tried()
    {
        // Nothing listens there, and nothing else gets the port.
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var dead = $"http://{silent.LocalEndPoint}/litestream-dead.tar.gz";
        var archive = AcquireRun.TarGz(("litestream", "x"));
        _run.Lock(
            (
                "linux-x64",
                [
                    Source(dead, archive),
                    Source(_upstream.Serve("litestream-short.tar.gz", archive, 10), archive),
                    Source(_upstream.Url("litestream-404.tar.gz"), archive),
                ]
            ),
            ("linux-arm", [new { url = "http://127.0.0.1/litestream-unlocked.tar.gz" }])
        );

        var result = await _run.RunAsync();

        Assert.Equal(1, result.ExitCode);
        var (severity, code, text) = Assert.Single(Messages(result));
        Assert.Equal(("error", "LSB2005"), (severity, code));
        Assert.Matches(
            "litestream-dead.tar.gz: .* cannot be reached.*litestream-short.tar.gz: .* broke "
                + "off.*litestream-404.tar.gz: .* 404.*litestream-unlocked.tar.gz: the lock file has no hash",
            text
        );
        Assert.Empty(_run.Files);
    }

    [Fact]
    public async Task What_cannot_be_had_is_excluded_with_one_warning_and_an_error_when_all_are_required()
    {
        var archive = AcquireRun.TarGz(("litestream", "x"));
        _run.Lock(
            ("linux-x64", [Source(_upstream.Serve("a.tar.gz", archive), archive)]),
            ("linux-arm64", [Source(_upstream.Url("none.tar.gz"), archive)]),
            ("osx-arm64", [Source(_upstream.Url("none.zip"), archive)])
        );

        var left = await _run.RunAsync(null, "--list", Path.Combine(_run.Root, "list"));
        var required = await _run.RunAsync(null, "--require-all");

        Assert.Equal(0, left.ExitCode);
        Assert.Equal(("warning", "LSB2007"), (Assert.Single(Messages(left)).Severity, Messages(left)[0].Code));
        Assert.Contains(
            "for linux-arm64, osx-arm64; they are excluded",
            Messages(left)[0].Text,
            StringComparison.Ordinal
        );
        Assert.Equal(
            [_run.Executable("linux-x64"), "!linux-arm64", "!osx-arm64"],
            await File.ReadAllLinesAsync(Path.Combine(_run.Root, "list"), Cancellation)
        );
        Assert.Equal(1, required.ExitCode);
        Assert.Equal(("error", "LSB2007"), (Assert.Single(Messages(required)).Severity, Messages(required)[0].Code));
    }

    [Fact]
    public async Task Four_at_once_give_one_right_file_and_leave_nothing_else()
    {
        var archive = AcquireRun.TarGz(("litestream", string.Concat(Enumerable.Range(0, 300_000))));
        _run.Lock(("linux-x64", [Source(_upstream.Serve("a.tar.gz", archive), archive)]));

        var results = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _run.RunAsync()));

        Assert.All(results, result => Assert.Equal(0, result.ExitCode));
        Assert.Equal(
            [
                Path.Combine("cache", $"{AcquireRun.Sha256(archive)}-a.tar.gz"),
                Path.Combine("out put", "1.0", "linux-x64", "litestream"),
            ],
            _run.Files
        );
        Assert.Equal(
            string.Concat(Enumerable.Range(0, 300_000)),
            await File.ReadAllTextAsync(_run.Executable("linux-x64"), Cancellation)
        );
    }

    [Fact]
    public async Task What_is_in_the_cache_is_used_without_asking_anybody_and_replaced_when_it_was_changed()
    {
        var archive = AcquireRun.TarGz(("litestream", "right"));
        _run.Lock(("linux-x64", [Source(_upstream.Serve("a.tar.gz", archive), archive)]));
        Assert.Equal(0, (await _run.RunAsync()).ExitCode);
        var cached = Assert.Single(Directory.GetFiles(_run.Cache));

        Directory.Delete(_run.Output, recursive: true);
        Assert.Equal(0, (await _run.RunAsync()).ExitCode);
        Assert.Equal(1, _upstream.Requests);

        Directory.Delete(_run.Output, recursive: true);
        await File.WriteAllBytesAsync(cached, AcquireRun.TarGz(("litestream", "tampered")), Cancellation);
        Assert.Equal(0, (await _run.RunAsync()).ExitCode);
        Assert.Equal(2, _upstream.Requests);
        Assert.Equal("right", await File.ReadAllTextAsync(_run.Executable("linux-x64"), Cancellation));
        Assert.Equal(archive, await File.ReadAllBytesAsync(cached, Cancellation));
    }

    [Fact]
    public async Task A_changed_executable_is_replaced_and_a_right_one_is_left_as_it_is()
    {
        var archive = AcquireRun.TarGz(("litestream", "right"));
        _run.Lock(("linux-x64", [Source(_upstream.Serve("a.tar.gz", archive), archive)]));
        Assert.Equal(0, (await _run.RunAsync()).ExitCode);
        var long_ago = new DateTime(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(_run.Executable("linux-x64"), long_ago);

        Assert.Equal(0, (await _run.RunAsync()).ExitCode);
        Assert.Equal(long_ago, File.GetLastWriteTimeUtc(_run.Executable("linux-x64")));

        await File.AppendAllTextAsync(_run.Executable("linux-x64"), "and more", Cancellation);
        Assert.Equal(0, (await _run.RunAsync()).ExitCode);
        Assert.Equal("right", await File.ReadAllTextAsync(_run.Executable("linux-x64"), Cancellation));
    }

    [Fact]
    public async Task What_a_killed_run_left_is_removed_later_and_what_another_run_is_writing_is_not()
    {
        var archive = AcquireRun.TarGz(("litestream", "right"));
        _run.Lock(("linux-x64", [Source(_upstream.Serve("a.tar.gz", archive), archive)]));
        Directory.CreateDirectory(_run.Cache);
        var left = Path.Combine(_run.Cache, ".acquiring-left");
        var current = Path.Combine(_run.Cache, ".acquiring-current");
        await File.WriteAllTextAsync(left, "half", Cancellation);
        await File.WriteAllTextAsync(current, "half", Cancellation);
        File.SetLastWriteTimeUtc(left, DateTime.UtcNow.AddHours(-2));

        Assert.Equal(0, (await _run.RunAsync()).ExitCode);

        Assert.False(File.Exists(left));
        Assert.True(File.Exists(current));
    }

    [Fact]
    public async Task The_real_executable_comes_from_npm_with_the_hashes_of_the_lock_file()
    {
        var source = NpmSource();
        _run.Lock(("linux-x64", [source]));

        var result = await _run.RunAsync();

        Assert.True(result.ExitCode == 0, result.StandardOutput);
        var version = await CliWrap
            .Cli.Wrap(_run.Executable("linux-x64"))
            .WithArguments("version")
            .ExecuteBufferedAsync(Cancellation);
        Assert.Equal("v0.3.13", version.StandardOutput.Trim());
        Assert.Equal(
            source.GetProperty("executableSha256").GetString(),
            AcquireRun.Sha256(await File.ReadAllBytesAsync(_run.Executable("linux-x64"), Cancellation))
        );
    }

    [Fact]
    public async Task An_npm_package_with_another_integrity_than_the_locked_one_is_deleted()
    {
        var source = NpmSource()
            .EnumerateObject()
            .ToDictionary(property => property.Name, property => property.Value.GetString());
        source["integrity"] = "sha512-AAAA";
        _run.Lock(("linux-x64", [source]));

        var result = await _run.RunAsync();

        Assert.Equal(1, result.ExitCode);
        Assert.Equal("LSB2006", Assert.Single(Messages(result)).Code);
        Assert.Empty(_run.Files);
    }

    [Fact]
    public async Task A_wheel_comes_through_pip()
    {
        Assert.SkipUnless(HasPip(), "There is no pip here.");
        var wheel = Wheel("from a wheel");
        await File.WriteAllBytesAsync(Path.Combine(_run.Root, WheelName), wheel, Cancellation);
        _run.Lock(("linux-x64", [PipSource(wheel, "from a wheel")]));

        var result = await _run.RunAsync(
            new Dictionary<string, string?>
            {
                ["PIP_NO_INDEX"] = "1",
                ["PIP_FIND_LINKS"] = new Uri(_run.Root).AbsoluteUri,
            }
        );

        Assert.True(result.ExitCode == 0, result.StandardOutput);
        Assert.Equal("from a wheel", await File.ReadAllTextAsync(_run.Executable("linux-x64"), Cancellation));
    }

    [Theory]
    [InlineData("pip")]
    [InlineData("url")]
    public async Task What_no_source_gives_is_taken_from_the_folder_of_downloads(string kind)
    {
        var content = Wheel("by hand");
        var downloads = Directory.CreateDirectory(Path.Combine(_run.Root, "down loads")).FullName;
        var name = kind == "pip" ? WheelName : "litestream-x.whl";
        await File.WriteAllBytesAsync(Path.Combine(downloads, name), content, Cancellation);
        _run.Lock(
            (
                "linux-x64",
                [kind == "pip" ? PipSource(content, "by hand") : Source(_upstream.Url(name), content, "by hand")]
            )
        );
        var environment = new Dictionary<string, string?> { ["PATH"] = _run.Root };

        var without = await _run.RunAsync(environment);
        environment["LITESTREAM_DOWNLOADS"] = downloads;
        var with = await _run.RunAsync(environment);

        Assert.Equal("LSB2005", Assert.Single(Messages(without)).Code);
        Assert.True(with.ExitCode == 0, with.StandardOutput);
        Assert.Equal("by hand", await File.ReadAllTextAsync(_run.Executable("linux-x64"), Cancellation));
    }

    [Fact]
    public async Task A_download_with_a_wrong_hash_is_not_used_and_stays()
    {
        var downloads = Directory.CreateDirectory(Path.Combine(_run.Root, "downloads")).FullName;
        var file = Path.Combine(downloads, "a.tar.gz");
        await File.WriteAllTextAsync(file, "something else", Cancellation);
        var archive = AcquireRun.TarGz(("litestream", "right"));
        _run.Lock(("linux-x64", [Source(_upstream.Url("a.tar.gz"), archive)]));

        var result = await _run.RunAsync(new Dictionary<string, string?> { ["LITESTREAM_DOWNLOADS"] = downloads });

        Assert.Equal(1, result.ExitCode);
        var (severity, code, text) = Assert.Single(Messages(result));
        Assert.Equal(("error", "LSB2006"), (severity, code));
        Assert.Contains(file, text, StringComparison.Ordinal);
        Assert.True(File.Exists(file));
    }

    [Fact]
    public async Task The_executable_of_the_0_5_line_comes_from_the_folder_of_downloads_where_there_is_one()
    {
        var downloads = Environment.GetEnvironmentVariable("LITESTREAM_DOWNLOADS");
        Assert.SkipWhen(string.IsNullOrEmpty(downloads), "LITESTREAM_DOWNLOADS names no folder.");
        var source = LockedSource("0.5.17", "pip");
        _run.Lock(("linux-x64", [source]));

        var result = await _run.RunAsync(
            new Dictionary<string, string?> { ["PATH"] = _run.Root, ["LITESTREAM_DOWNLOADS"] = downloads }
        );

        Assert.True(result.ExitCode == 0, result.StandardOutput);
        var version = await CliWrap
            .Cli.Wrap(_run.Executable("linux-x64"))
            .WithArguments("version")
            .ExecuteBufferedAsync(Cancellation);
        Assert.Equal("0.5.17", version.StandardOutput.Trim());
    }

    [Fact]
    public async Task Without_npm_the_message_says_so()
    {
        _run.Lock(("linux-x64", [NpmSource()]));

        var result = await _run.RunAsync(new Dictionary<string, string?> { ["PATH"] = _run.Root });

        Assert.Equal(1, result.ExitCode);
        Assert.Equal("LSB2005", Assert.Single(Messages(result)).Code);
        Assert.Contains("npm is not installed", Messages(result)[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_folder_that_cannot_be_made_is_LSB0003()
    {
        var archive = AcquireRun.TarGz(("litestream", "x"));
        _run.Lock(("linux-x64", [Source(_upstream.Serve("a.tar.gz", archive), archive)]));

        var result = await _run.RunAsync(
            new Dictionary<string, string?> { ["LITESTREAM_CACHE_DIR"] = Path.Combine(_run.LockFile, "cache") }
        );

        Assert.Equal(1, result.ExitCode);
        Assert.Equal("LSB0003", Assert.Single(Messages(result)).Code);
    }

    [Theory]
    [InlineData("{", "not valid JSON")]
    [InlineData(
        """{ "versions": { "1.0": { "linux-x64": { "executable": "../../litestream", "sources": [] } } } }""",
        "'../../litestream' is not a plain name"
    )]
    [InlineData(
        """{ "versions": { "1.0": { "..": { "executable": "litestream", "sources": [] } } } }""",
        "'..' is not a plain name"
    )]
    [InlineData(
        """{ "versions": { "1.0": { "linux-x64": { "executable": "litestream", "sources": [ {} ] } } } }""",
        "exactly one of url, npm, pip and file"
    )]
    [InlineData("""{ "versions": { "2.0": {}, "2.1": {} } }""", "It has 2.0, 2.1.")]
    public async Task A_lock_file_that_cannot_be_used_is_LSB2005(string text, string message)
    {
        await File.WriteAllTextAsync(_run.LockFile, text, Cancellation);

        var result = await _run.RunAsync(null, "--version", "1.0");

        Assert.Equal(1, result.ExitCode);
        Assert.Equal("LSB2005", Assert.Single(Messages(result)).Code);
        Assert.Contains(message, Messages(result)[0].Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.3.13")]
    [InlineData("0.3.14")]
    public async Task The_dummies_have_the_hashes_of_their_lock_file(string version)
    {
        File.Copy(Repository.In("testassets", "runtimes", "litestream.lock.json"), _run.LockFile);
        var link = Path.Combine(_run.Root, "dummies");
        Directory.CreateSymbolicLink(link, Repository.In("testassets", "runtimes", "dummies"));

        var result = await _run.RunAsync(null, "--version", version, "--require-all");

        Assert.True(result.ExitCode == 0, result.StandardOutput);
        Assert.Equal(8, Directory.GetDirectories(Path.Combine(_run.Output, version)).Length);
        foreach (var file in Directory.EnumerateFiles(_run.Output, "*", SearchOption.AllDirectories))
        {
            Assert.Contains(
                $"dummy {version} {Path.GetFileName(Path.GetDirectoryName(file))}'",
                await File.ReadAllTextAsync(file, Cancellation),
                StringComparison.Ordinal
            );
        }
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static object Source(string url, byte[] archive, string? executable = null) =>
        new
        {
            url,
            sha256 = AcquireRun.Sha256(archive),
            executableSha256 = executable is null ? null : AcquireRun.Sha256(executable),
        };

    private const string WheelName = "litestream_test-1.0-py3-none-manylinux2014_x86_64.whl";

    private static object PipSource(byte[] wheel, string executable) =>
        new
        {
            pip = "litestream-test==1.0",
            platform = "manylinux2014_x86_64",
            sha256 = AcquireRun.Sha256(wheel),
            executableSha256 = AcquireRun.Sha256(executable),
        };

    private static byte[] Wheel(string executable) =>
        AcquireRun.Zip(
            ("litestream_test-1.0.data/scripts/litestream", executable),
            ("litestream_test-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: litestream-test\nVersion: 1.0\n"),
            (
                "litestream_test-1.0.dist-info/WHEEL",
                "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-manylinux2014_x86_64\n"
            ),
            ("litestream_test-1.0.dist-info/RECORD", "")
        );

    private static bool HasPip() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, "pip")));

    private static JsonElement NpmSource() => LockedSource("0.3.13", "npm");

    private static JsonElement LockedSource(string version, string kind)
    {
        using var document = JsonDocument.Parse(
            File.ReadAllBytes(Repository.In("runtimes", "litestream.lock.json"))
        );
        return document
            .RootElement.GetProperty("versions")
            .GetProperty(version)
            .GetProperty("linux-x64")
            .GetProperty("sources")
            .EnumerateArray()
            .Single(source => source.TryGetProperty(kind, out _))
            .Clone();
    }

    /// <summary>What MSBuild would make an error or a warning of, always about the lock file.</summary>
    private List<(string Severity, string Code, string Text)> Messages(BufferedCommandResult result)
    {
        Assert.Empty(result.StandardError);
        return
        [
            .. result
                .StandardOutput.Split('\n')
                .Where(line => Message().IsMatch(line))
                .Select(line =>
                {
                    Assert.StartsWith($"{_run.LockFile} : ", line, StringComparison.Ordinal);
                    var match = Message().Match(line);
                    return (match.Groups[1].Value, match.Groups[2].Value, match.Groups[3].Value);
                }),
        ];
    }

    [GeneratedRegex(@" : (error|warning) (\w+): (.*)")]
    private static partial Regex Message();
}
