using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CliWrap;
using CliWrap.Buffered;

namespace Litestream.Build.Tests.Acquisition;

/// <summary>
/// Runs the acquisition as packing does: as a process, with a lock file, an output folder and a cache of its own.
/// </summary>
public sealed class AcquireRun : IDisposable
{
    public const UnixFileMode Mode755 =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherExecute;

    public string Root { get; } = Directory.CreateTempSubdirectory("lsb-acquire ").FullName;

    public string Output => Path.Combine(Root, "out put");

    public string Cache => Path.Combine(Root, "cache");

    public string LockFile => Path.Combine(Root, "litestream.lock.json");

    public string Executable(string rid, string name = "litestream") => Path.Combine(Output, "1.0", rid, name);

    /// <summary>Every file below output and cache, to prove that nothing was left.</summary>
    public IReadOnlyList<string> Files =>
        [
            .. new[] { Output, Cache }
                .Where(Directory.Exists)
                .SelectMany(folder => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
                .Select(file => Path.GetRelativePath(Root, file))
                .Order(StringComparer.Ordinal),
        ];

    public void Lock(params (string Rid, object[] Sources)[] executables) =>
        File.WriteAllText(
            LockFile,
            JsonSerializer.Serialize(
                new
                {
                    versions = new Dictionary<string, object>
                    {
                        ["1.0"] = executables.ToDictionary(
                            executable => executable.Rid,
                            executable => new
                            {
                                executable = executable.Rid.StartsWith("win", StringComparison.Ordinal)
                                    ? "litestream.exe"
                                    : "litestream",
                                sources = executable.Sources,
                            }
                        ),
                    },
                }
            )
        );

    public async Task<BufferedCommandResult> RunAsync(
        IReadOnlyDictionary<string, string?>? environment = null,
        params string[] arguments
    ) =>
        await Cli.Wrap(
                Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet"
                    ? host
                    : Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet"
            )
            .WithArguments([
                Path.Combine(AppContext.BaseDirectory, "Litestream.Acquire.dll"),
                "--lock-file",
                LockFile,
                "--output",
                Output,
                .. arguments,
            ])
            .WithWorkingDirectory(Root)
            .WithEnvironmentVariables(
                new Dictionary<string, string?> { ["LITESTREAM_CACHE_DIR"] = Cache, ["NO_PROXY"] = "127.0.0.1" }
                    .Concat(environment ?? new Dictionary<string, string?>())
                    .GroupBy(pair => pair.Key)
                    .ToDictionary(group => group.Key, group => group.Last().Value)
            )
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);

    public static byte[] TarGz(params (string Name, string Text)[] files)
    {
        using var stream = new MemoryStream();
        using (var zipped = new GZipStream(stream, CompressionLevel.Fastest))
        using (var tar = new TarWriter(zipped))
        {
            foreach (var (name, text) in files)
            {
                tar.WriteEntry(
                    new PaxTarEntry(TarEntryType.RegularFile, name)
                    {
                        DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)),
                    }
                );
            }
        }

        return stream.ToArray();
    }

    public static byte[] Zip(params (string Name, string Text)[] files)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create))
        {
            foreach (var (name, text) in files)
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(Encoding.UTF8.GetBytes(text));
            }
        }

        return stream.ToArray();
    }

    public static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    public static string Sha256(string text) => Sha256(Encoding.UTF8.GetBytes(text));

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
