using System.Security.Cryptography;
using System.Text.Json;
using Litestream.Diagnostics;

namespace Litestream.Build.Tasks;

/// <summary>The executables of the referenced Litestream.Executable package, as its manifest lists them.</summary>
/// <param name="File">The executable.</param>
/// <param name="Sha256">What its content must hash to, in lower case.</param>
/// <param name="RuntimeIdentifier">The RID it was built for.</param>
internal sealed record ExecutablePackage(string File, string Sha256, string RuntimeIdentifier)
{
    private const UnixFileMode Executable =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherExecute;

    /// <summary>
    /// The executable that runs on <paramref name="runtimeIdentifier"/>, or null when the package has none.
    /// </summary>
    public static ExecutablePackage? Find(string manifestFile, string runtimeIdentifier, string runtimeIdentifierGraph)
    {
        if (!System.IO.File.Exists(manifestFile))
        {
            throw new LitestreamException(
                "LSB2003",
                "The package Litestream.Executable is missing, or has no manifest. Litestream.Build depends on it: "
                    + "restore the project again, and do not exclude its build assets."
            );
        }

        var rids = Compatible(runtimeIdentifier, runtimeIdentifierGraph);
        try
        {
            using var manifest = JsonDocument.Parse(System.IO.File.ReadAllBytes(manifestFile));
            var executables = manifest.RootElement.GetProperty("executables");
            foreach (var rid in rids)
            {
                if (executables.TryGetProperty(rid, out var entry))
                {
                    var (file, hash) = (entry.GetProperty("file").GetString(), entry.GetProperty("sha256").GetString());
                    return
                        file is { Length: > 0 }
                        && !file.Contains('\0', StringComparison.Ordinal)
                        && hash is { Length: 64 }
                        && hash.All(char.IsAsciiHexDigitLower)
                        ? new ExecutablePackage(Path.Combine(Path.GetDirectoryName(manifestFile)!, file), hash, rid)
                        : throw new InvalidOperationException($"'{rid}' has no file, or no SHA-256.");
                }
            }

            return null;
        }
        catch (Exception exception)
            when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new LitestreamException(
                "LSB2003",
                $"'{manifestFile}' is damaged: {exception.Message} Delete that package folder from the NuGet cache "
                    + $"and restore again.",
                innerException: exception
            );
        }
    }

    /// <summary>
    /// Copies the verified executable with mode 0755 and a fresh time stamp; never leaves a part of it. A copy that is
    /// there and whole is kept.
    /// </summary>
    public void StageTo(string destination)
    {
        if (System.IO.File.Exists(destination) && Hash(System.IO.File.ReadAllBytes(destination)) == Sha256)
        {
            MakeExecutable(destination);
            return;
        }

        if (!System.IO.File.Exists(File))
        {
            throw new LitestreamException(
                "LSB2003",
                $"'{File}' is missing. Delete that package folder from the NuGet cache and restore again."
            );
        }

        var content = System.IO.File.ReadAllBytes(File);
        if (Hash(content) != Sha256)
        {
            throw new LitestreamException(
                "LSB2002",
                $"'{File}' is not the executable that its package was made with: its SHA-256 differs from the "
                    + $"manifest. It is not used. Delete that package folder from the NuGet cache and restore again."
            );
        }

        Place(content, destination);
    }

    /// <summary>Writes an executable: temporary name, mode, rename. One with this content is kept.</summary>
    public static void Place(byte[] content, string destination)
    {
        if (
            System.IO.File.Exists(destination)
            && System.IO.File.ReadAllBytes(destination).AsSpan().SequenceEqual(content)
        )
        {
            MakeExecutable(destination);
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(destination)!);
        var temporary = $"{destination}.{Guid.NewGuid():N}";
        try
        {
            System.IO.File.WriteAllBytes(temporary, content);
            MakeExecutable(temporary);
            System.IO.File.Move(temporary, destination, overwrite: true);
        }
        finally
        {
            System.IO.File.Delete(temporary);
        }
    }

    private static string Hash(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    private static void MakeExecutable(string file)
    {
        if (!OperatingSystem.IsWindows() && System.IO.File.GetUnixFileMode(file) != Executable)
            System.IO.File.SetUnixFileMode(file, Executable);
    }

    /// <summary>
    /// The RID and what it falls back to, nearest first: linux-musl-x64 runs the static linux-x64 build,
    /// ubuntu.22.04-x64 is a linux-x64.
    /// </summary>
    private static List<string> Compatible(string runtimeIdentifier, string graphFile)
    {
        var found = new List<string> { runtimeIdentifier };
        if (!System.IO.File.Exists(graphFile))
            return found;
        try
        {
            using var graph = JsonDocument.Parse(System.IO.File.ReadAllBytes(graphFile));
            var runtimes = graph.RootElement.GetProperty("runtimes");
            for (var i = 0; i < found.Count; i++)
            {
                if (
                    !runtimes.TryGetProperty(found[i], out var runtime)
                    || !runtime.TryGetProperty("#import", out var imports)
                )
                {
                    continue;
                }

                found.AddRange(
                    imports
                        .EnumerateArray()
                        .Select(import => import.GetString() ?? "")
                        .Where(rid => !found.Contains(rid))
                );
            }

            return found;
        }
        catch (Exception exception)
            when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new LitestreamException(
                "LSB2003",
                $"'{graphFile}' is damaged: {exception.Message} It belongs to the .NET SDK, or "
                    + $"RuntimeIdentifierGraphPath names it. Repair the SDK, or correct the property.",
                innerException: exception
            );
        }
    }
}
