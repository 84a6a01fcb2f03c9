using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>Copies the one executable for the target RID into obj/, verified and executable.</summary>
[MSBuildMultiThreadableTask]
public sealed class StageLitestreamExecutable : LitestreamTask
{
    /// <summary>The manifest of the Litestream.Executable package.</summary>
    public string ManifestFile { get; set; } = "";

    /// <summary>The RID that the app is built for.</summary>
    [Required]
    public string RuntimeIdentifier { get; set; } = "";

    /// <summary>The RID of this machine: only an executable for it can be asked for its version.</summary>
    public string HostRuntimeIdentifier { get; set; } = "";

    /// <summary>The SDK's bundled RID graph.</summary>
    public string RuntimeIdentifierGraph { get; set; } = "";

    /// <summary>A folder with an executable of the user's own; empty for the package's.</summary>
    public string InstallDirectory { get; set; } = "";

    /// <summary>The staged file.</summary>
    [Required]
    public string Destination { get; set; } = "";

    /// <summary>What stands for this choice of executable; written to <see cref="KeyFile"/> last.</summary>
    [Required]
    public string Key { get; set; } = "";

    /// <summary>Where the key is kept.</summary>
    [Required]
    public string KeyFile { get; set; } = "";

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(KeyFile)!);
        File.Delete(KeyFile);
        if (InstallDirectory.Length > 0)
        {
            var own = Path.Combine(
                Path.GetFullPath(InstallDirectory, Path.GetDirectoryName(ProjectFile)!),
                Path.GetFileName(Destination)
            );
            if (!File.Exists(own))
            {
                throw new LitestreamException(
                    "LSB2004",
                    $"LitestreamInstallDir is '{InstallDirectory}', but '{own}' does not exist. Put the executable "
                        + $"for {RuntimeIdentifier} there, or unset LitestreamInstallDir (and LITESTREAM_INSTALL_DIR)."
                );
            }

            ExecutablePackage.Place(
                await File.ReadAllBytesAsync(own, cancellationToken).ConfigureAwait(false),
                Destination
            );
            if (RuntimeIdentifier == HostRuntimeIdentifier)
                await CheckVersionAsync(own, cancellationToken).ConfigureAwait(false);
            await File.WriteAllTextAsync(KeyFile, Key, cancellationToken).ConfigureAwait(false);
            return;
        }

        var executable = ExecutablePackage.Find(ManifestFile, RuntimeIdentifier, RuntimeIdentifierGraph);
        if (executable is null)
        {
            File.Delete(Destination);
            await File.WriteAllTextAsync(KeyFile, Key + ".none", cancellationToken).ConfigureAwait(false);
            Report(
                new(
                    "LSB2001",
                    LitestreamSeverity.Message,
                    $"The referenced Litestream.Executable has no litestream executable for '{RuntimeIdentifier}': the "
                        + $"output will not replicate."
                )
            );
            return;
        }

        executable.StageTo(Destination);
        await File.WriteAllTextAsync(KeyFile, Key, cancellationToken).ConfigureAwait(false);
        Log.LogMessage(
            MessageImportance.Normal,
            "litestream: {0} ({1}) -> {2}",
            executable.RuntimeIdentifier,
            RuntimeIdentifier,
            Destination
        );
    }

    /// <summary>
    /// A release line that is not known reads parts of the yml silently, so what the executable says of itself counts.
    /// </summary>
    private async Task CheckVersionAsync(string own, CancellationToken cancellationToken)
    {
        try
        {
            var version = await new LitestreamExecutable(Destination)
                .GetVersionAsync(cancellationToken)
                .ConfigureAwait(false);
            if (ReleaseLine.All.Contains(ReleaseLine.Of(version)))
                return;
            var lines = string.Join(" and ", ReleaseLine.All.Select(line => line.Name + ".x"));
            throw new LitestreamException(
                "LSB2004",
                $"'{own}' is litestream {version}; this release of Litestream.Build works with {lines}. Put an "
                    + $"executable of one of them there, or unset LitestreamInstallDir (and LITESTREAM_INSTALL_DIR)."
            );
        }
        catch (LitestreamException)
        {
            File.Delete(Destination);
            throw;
        }
    }
}
