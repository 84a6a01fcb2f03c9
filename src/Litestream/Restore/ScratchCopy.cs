using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Sqlite;

namespace Litestream.Restore;

/// <summary>
/// A database restored into a private folder for temporary files, to be looked at and thrown away. What a killed
/// process leaves there, the next one removes.
/// </summary>
internal sealed class ScratchCopy : IDisposable
{
    private readonly LeasedDirectory _folder;
    private readonly LitestreamExecutable _executable;
    private readonly ReleaseLine _line;
    private readonly EffectiveConfig _config;
    private readonly EffectiveDatabase _database;
    private readonly TimeSpan _patience;

    /// <summary>How many bytes a restored copy has at least, where there is no database here that tells.</summary>
    private long _leastBytes;

    /// <param name="executable">What restores.</param>
    /// <param name="config">The effective configuration.</param>
    /// <param name="database">One of its databases.</param>
    /// <param name="patience">How long a restore may go on without a sign of life.</param>
    public ScratchCopy(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        TimeSpan patience
    )
    {
        _folder = ScratchDatabase.CreateFolder();
        (_executable, _config, _database, _patience) = (executable, config, database, patience);
        _line = executable.Line;
    }

    /// <summary>What is free where a folder is; null when it is unknown.</summary>
    internal Func<string, long?> Free { get; init; } = Mounts.Free;

    public string Path => System.IO.Path.Combine(_folder.Path, "restored.db");

    public long Bytes => new FileInfo(Path).Length;

    public void Dispose() => _folder.Dispose();

    /// <summary>Restores, over what was restored before; null when there is no backup.</summary>
    /// <param name="selection">Which state.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    /// <returns>What it took, with empty names where the executable does not say.</returns>
    /// <exception cref="LitestreamException">LSB0003: there is no room for it; LSB3001, LSB4003, LSB4005;
    /// LSB4005 with an <see cref="OperationCanceledException"/> in it: given up, as there was no sign of
    /// life.</exception>
    public async Task<RestoreSource?> RestoreAsync(RestoreSelection selection, CancellationToken cancellationToken)
    {
        foreach (var file in Directory.GetFiles(_folder.Path, "restored.db*"))
            File.Delete(file);
        RequireRoom();
        var (exitCode, errors, said, source) = await RunAsync(
                Path,
                _line.Restore.Arguments(selection),
                cancellationToken
            )
            .ConfigureAwait(false);
        if (exitCode == 0 && File.Exists(Path))
            return source ?? new UnnamedSource();
        if (_line.Restore.SaysNoBackup(said))
            return null;
        var message = errors.Count > 0 ? string.Join("; ", errors.Distinct()) : said.Trim();
        var code = _line.Restore.Classify(message);
        if (code == "LSB4009")
            throw ScratchRoom.NoRoom(_folder.Path, "is full", new IOException(message));
        throw new LitestreamException(
            code,
            $"`litestream restore` ended with exit code {NumberText.Of(exitCode)}: "
                + (message.Length == 0 ? "it printed nothing" : message)
        );
    }

    /// <summary>Restores as a restore to a file does: a moment after the last change gives the newest state.</summary>
    /// <param name="catalog">Lists what there is.</param>
    /// <param name="selection">Which state.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    /// <exception cref="LitestreamException">LSB4002: there is no backup, or none that fits; and those of
    /// <see cref="RestoreAsync"/>.</exception>
    public async Task<RestoreSource> RequireAsync(
        IBackupCatalog catalog,
        RestoreSelection selection,
        CancellationToken cancellationToken
    )
    {
        if (!File.Exists(_database.Path))
            _leastBytes = await BytesAsync(catalog, selection, cancellationToken).ConfigureAwait(false);
        return await MomentRestore
                .RunAsync(catalog, selection, RestoreOrExplainAsync, cancellationToken)
                .ConfigureAwait(false)
            ?? throw new LitestreamException(
                "LSB4002",
                $"There is no backup of '{_database.Path}'"
                    + $"{(selection.Timestamp is { } then ? $" from {then:u} or earlier" : "")} in "
                    + string.Join(
                        ", ",
                        _database
                            .Replicas.Where(one => selection.Replica is null || one.Name == selection.Replica)
                            .Select(one => one.Location)
                    )
                    + "."
            );

        async Task<RestoreSource?> RestoreOrExplainAsync(RestoreSelection which)
        {
            try
            {
                return await RestoreAsync(which, cancellationToken).ConfigureAwait(false);
            }
            catch (LitestreamException e)
            {
                throw new LitestreamException(
                    e.Diagnostic.Code,
                    $"'{_database.Path}' could not be restored: {e.Diagnostic.Message}",
                    innerException: e
                );
            }
        }
    }

    /// <summary>How many (compressed) bytes a restore of a lost database fetches; zero where the replica does not tell.
    /// </summary>
    private static async Task<long> BytesAsync(
        IBackupCatalog catalog,
        RestoreSelection selection,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return (await catalog.PlanAsync(selection, cancellationToken).ConfigureAwait(false))?.Bytes ?? 0;
        }
        catch (LitestreamException)
        {
            // The restore says it.
            return 0;
        }
    }

    /// <summary>
    /// The database as it was at just this place; null when that did not work.
    /// </summary>
    /// <exception cref="LitestreamException">LSB0003: there is no room for it.</exception>
    public async Task<string?> RestoreUpToAsync(
        ReplicaPosition position,
        string replica,
        CancellationToken cancellationToken
    )
    {
        RequireRoom();
        return await _line
            .Restore.RestoreUpToAsync(
                _folder.Path,
                position,
                replica,
                (output, arguments) => RunAsync(output, arguments, cancellationToken)
            )
            .ConfigureAwait(false);
    }

    /// <summary>A full folder for temporary files would stop others too: it is asked before.</summary>
    private void RequireRoom() =>
        ScratchRoom.Require(
            _folder.Path,
            Free(_folder.Path),
            Math.Max(ScratchRoom.Needed(_database.Path), _leastBytes)
        );

    /// <exception cref="LitestreamException">LSB4005: there was no sign of life for as long as the patience
    /// lasts.</exception>
    private async Task<(int ExitCode, List<string> Errors, string Said, RestoreSource? Source)> RunAsync(
        string output,
        IReadOnlyList<string> arguments,
        CancellationToken cancellationToken
    )
    {
        var errors = new List<string>();
        var said = new List<string>();
        RestoreSource? source = null;
        var command = new LitestreamCommand(_executable, _config.Variables)
        {
            Secrets = _config.Secrets,
            Patience = _patience,
            WritesTo = _folder.Path,
        };
        var result = await command
            .RunAsync(
                [
                    "restore",
                    "-config",
                    _config.WriteWithInfoLogging(_folder.Path),
                    .. arguments,
                    "-o",
                    output,
                    _database.Path,
                ],
                cancellationToken,
                line =>
                {
                    said.Add(line.Text);
                    if (line.Level == "ERROR")
                        errors.Add(line.Explanation);
                    source = _line.Restore.Source(_database, line, source);
                }
            )
            .ConfigureAwait(false);
        return (result.ExitCode, errors, string.Join('\n', said), source);
    }
}
