using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Litestream.Acquire;

const string Usage = """
    Fetches the litestream executables in a lock file, checks their hashes, and writes them to a folder as
    <version>/<rid>/litestream.

      --version V       a version of the lock file (default: the lock file's)
      --rid R           only this runtime identifier; may be repeated (default: all in the lock file)
      --lock-file F     default: runtimes/litestream.lock.json of this repository
      --output DIR      default: the folder of the lock file
      --manifest F      write a manifest of the executables: version, and file, SHA-256 and size of each
      --list F          write the paths of the executables, one a line, and '!rid' for each excluded one
      --require-all     an executable that cannot be obtained is an error (default: one warning if there is another)

    If no source has a file, it is taken from the folder that LITESTREAM_DOWNLOADS names, under the name that its source
    has for it. Fetched files are kept in LITESTREAM_CACHE_DIR (default: Litestream.Build/cache in the user's local
    application data).
    """;

string? version = null,
    lockPath = null,
    output = null,
    manifest = null,
    list = null;
var rids = new List<string>();
var requireAll = false;
for (var i = 0; i < args.Length; i++)
{
    string Value() => i + 1 < args.Length ? args[++i] : "";

    switch (args[i])
    {
        case "--version":
            version = Value();
            break;
        case "--rid":
            rids.Add(Value());
            break;
        case "--lock-file":
            lockPath = Value();
            break;
        case "--output":
            output = Value();
            break;
        case "--manifest":
            manifest = Value();
            break;
        case "--list":
            list = Value();
            break;
        case "--require-all":
            requireAll = true;
            break;
        case "--help" or "-h":
            Console.WriteLine(Usage);
            return 0;
        default:
            Console.Error.WriteLine($"Unknown option '{args[i]}'.\n\n{Usage}");
            return 2;
    }
}

lockPath = Path.GetFullPath(lockPath is null or "" ? FindLockFile() : lockPath);
using var cancellation = new CancellationTokenSource();
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
try
{
    await RunAsync(cancellation.Token);
    return 0;
}
catch (AcquisitionException e)
{
    return Report("error", e.Code, e.Message);
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    return Report("error", "LSB0003", $"A file or folder cannot be written: {e.Message}");
}
catch (OperationCanceledException)
{
    return Report("error", "LSB2005", "Fetching the executables was cancelled.");
}

void Cancel(PosixSignalContext signal)
{
    signal.Cancel = true;
    cancellation.Cancel();
}

async Task RunAsync(CancellationToken cancellationToken)
{
    var lockFile = LockFile.Read(lockPath);
    version ??= lockFile.DefaultVersion;
    if (!lockFile.Versions.TryGetValue(version, out var executables))
    {
        throw new AcquisitionException(
            "LSB2005",
            $"The lock file has no version '{version}'. It has {string.Join(", ", lockFile.Versions.Keys)}."
        );
    }

    if (rids.Find(rid => executables.All(executable => executable.RuntimeIdentifier != rid)) is { } unknown)
    {
        throw new AcquisitionException(
            "LSB2005",
            $"The lock file has no executable of litestream {version} for '{unknown}'. It has "
                + $"{string.Join(", ", executables.Select(executable => executable.RuntimeIdentifier))}."
        );
    }

    using var downloader = new Downloader();
    var acquisition = new Acquisition(
        lockFile,
        Path.GetFullPath(output ?? Path.GetDirectoryName(lockPath)!),
        CacheFolder(),
        Environment.GetEnvironmentVariable("LITESTREAM_DOWNLOADS") is { Length: > 0 } downloads
            ? Path.GetFullPath(downloads)
            : null,
        downloader,
        message => Console.WriteLine($"  {message}")
    );
    var acquired = new List<AcquiredExecutable>();
    var excluded = new List<(string Rid, string Reason)>();
    foreach (
        var executable in executables.Where(executable =>
            rids.Count == 0 || rids.Contains(executable.RuntimeIdentifier)
        )
    )
    {
        try
        {
            acquired.Add(await acquisition.GetAsync(version, executable, cancellationToken));
        }
        catch (SourceUnavailableException e)
        {
            excluded.Add((executable.RuntimeIdentifier, e.Message));
        }
    }

    var missing = string.Join(", ", excluded.Select(left => left.Rid));
    var tried = string.Join("; ", excluded.Select(left => $"{left.Rid}: {left.Reason}"));
    if (acquired.Count == 0)
    {
        throw new AcquisitionException(
            "LSB2005",
            $"No executable of litestream {version} can be obtained. Tried: {tried}"
        );
    }

    if (excluded.Count > 0 && requireAll)
    {
        throw new AcquisitionException(
            "LSB2007",
            $"Executables of litestream {version} cannot be obtained for {missing}, and all are required. "
                + $"Tried: {tried}"
        );
    }

    if (excluded.Count > 0)
    {
        Report(
            "warning",
            "LSB2007",
            $"Executables of litestream {version} cannot be obtained for {missing}; they are excluded. Tried: {tried}"
        );
    }

    foreach (var executable in acquired)
        Console.WriteLine($"  {version} {executable.RuntimeIdentifier}: {executable.Path}");
    if (manifest is not null)
        Write(manifest, Manifest(version, acquired));
    if (list is not null)
    {
        Write(
            list,
            string.Concat(
                acquired.Select(executable => $"{executable.Path}\n").Concat(excluded.Select(left => $"!{left.Rid}\n"))
            )
        );
    }
}

static string Manifest(string version, IReadOnlyList<AcquiredExecutable> acquired)
{
    using var stream = new MemoryStream();
    using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
    {
        json.WriteStartObject();
        json.WriteString("version", version);
        json.WriteStartObject("executables");
        foreach (var executable in acquired.OrderBy(executable => executable.RuntimeIdentifier, StringComparer.Ordinal))
        {
            json.WriteStartObject(executable.RuntimeIdentifier);
            json.WriteString("file", $"{executable.RuntimeIdentifier}/{Path.GetFileName(executable.Path)}");
            json.WriteString("sha256", executable.Sha256);
            json.WriteNumber("size", executable.Size);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
}

static void Write(string path, string text)
{
    path = Path.GetFullPath(path);
    Directory.CreateDirectory(Path.GetDirectoryName(path)!);
    var temporary = $"{path}.{Guid.NewGuid():N}";
    File.WriteAllText(temporary, text);
    File.Move(temporary, path, overwrite: true);
}

// The form that MSBuild recognises in a program's output, so that the message keeps its code and its file.
int Report(string severity, string code, string message)
{
    Console.WriteLine($"{lockPath} : {severity} {code}: {message.ReplaceLineEndings(" ")}");
    return 1;
}

static string FindLockFile()
{
    foreach (var start in new[] { Environment.CurrentDirectory, AppContext.BaseDirectory })
    {
        for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Litestream.Build.sln")))
                return Path.Combine(folder.FullName, "runtimes", "litestream.lock.json");
        }
    }

    return Path.Combine("runtimes", "litestream.lock.json");
}

static string CacheFolder()
{
    if (Environment.GetEnvironmentVariable("LITESTREAM_CACHE_DIR") is { Length: > 0 } set)
        return Path.GetFullPath(set);
    var local = Environment.GetFolderPath(
        Environment.SpecialFolder.LocalApplicationData,
        Environment.SpecialFolderOption.DoNotVerify
    );
    return Path.Combine(local.Length > 0 ? local : Path.GetTempPath(), "Litestream.Build", "cache");
}
