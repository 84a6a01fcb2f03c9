using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases.V03;
using Litestream.Sqlite;

namespace Litestream.Restore;

/// <summary>
/// A database restored into a private folder for temporary files, to be looked at and thrown away. What a killed
/// process leaves there, the next one removes.
/// </summary>
internal sealed class ScratchCopy : IDisposable
{
    private readonly LockedFolder _folder;
    private readonly LitestreamExecutable _executable;
    private readonly EffectiveConfig _config;
    private readonly EffectiveDatabase _database;
    private readonly TimeSpan _patience;

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
    }

    /// <summary>What is free where a folder is; null when it cannot be told.</summary>
    internal Func<string, long?> Free { get; init; } = Mounts.Free;

    /// <summary>How many bytes a restored copy has at least, where there is no database here that tells.</summary>
    public long LeastBytes { get; set; }

    public string Path => System.IO.Path.Combine(_folder.Path, "restored.db");

    public long Bytes => new FileInfo(Path).Length;

    public void Dispose() => _folder.Dispose();

    /// <summary>Restores, over what was restored before; null when there is no backup.</summary>
    /// <param name="arguments">Which state: <c>-replica</c>, <c>-timestamp</c> and so on.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    /// <returns>What it took, with empty names where the executable does not say.</returns>
    /// <exception cref="LitestreamException">LSB0003: there is no room for it; LSB3001, LSB4003, LSB4005;
    /// LSB4005 with an <see cref="OperationCanceledException"/> in it: given up, as there was no sign of
    /// life.</exception>
    public async Task<RestoreSource?> RestoreAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        foreach (var file in Directory.GetFiles(_folder.Path, "restored.db*"))
            File.Delete(file);
        RequireRoom();
        var (exitCode, errors, said, source) = await RunAsync(Path, arguments, cancellationToken).ConfigureAwait(false);
        if (exitCode == 0 && File.Exists(Path))
            return source ?? new RestoreSource("", "", 0, 0, null);
        if (
            said.Contains("no matching backup", StringComparison.Ordinal)
            || said.Contains("no snapshots available", StringComparison.Ordinal)
        )
            return null;
        var message = errors.Count > 0 ? string.Join("; ", errors.Distinct()) : said.Trim();
        var code = RestoreCommand.Classify(message);
        if (code == "LSB4009")
            throw ScratchRoom.NoRoom(_folder.Path, "is full", new IOException(message));
        throw new LitestreamException(
            code,
            $"`litestream restore` ended with exit code {NumberText.Of(exitCode)}: "
                + (message.Length == 0 ? "it said nothing" : message)
        );
    }

    /// <summary>
    /// The database as it was at just this place, which restores of release line 0.3 cannot give (they know whole WALs
    /// and times): all WALs before are applied by
    /// the executable, the last one is only fetched, cut and applied here. Null when that did not work.
    /// </summary>
    /// <exception cref="LitestreamException">LSB0003: there is no room for it.</exception>
    public async Task<string?> RestoreUpToAsync(
        ReplicaPosition position,
        string replica,
        CancellationToken cancellationToken
    )
    {
        RequireRoom();
        var output = System.IO.Path.Combine(_folder.Path, "cut.db");
        var restored = output + ".tmp";
        var wal = System.IO.Path.Combine(_folder.Path, "fetched-wal");
        var index = position.Index.ToString("x8", CultureInfo.InvariantCulture);

        // The executable fetches each WAL into a file of this name, then applies it in the place of `-wal`. SQLite
        // follows no link there: it stops with the WAL fetched and all others applied.
        File.CreateSymbolicLink($"{restored}-{index}-wal", wal);
        await RunAsync(
                output,
                ["-replica", replica, "-generation", position.Generation, "-index", index],
                cancellationToken
            )
            .ConfigureAwait(false);
        if (
            !File.Exists(restored)
            || new FileInfo(wal) is not { Exists: true } fetched
            || fetched.Length < position.Offset
            || new FileInfo(restored + "-wal").LinkTarget is null
        )
            return null;

        File.Delete(restored + "-wal");
        File.Delete(restored + "-shm");
        using (var file = PlainFile.OpenHandle(wal, FileMode.Open, FileAccess.ReadWrite))
            RandomAccess.SetLength(file, position.Offset);
        File.Move(wal, restored + "-wal");
        return restored;
    }

    /// <summary>A full folder for temporary files would stop others too: it is asked before.</summary>
    private void RequireRoom() =>
        ScratchRoom.Require(_folder.Path, Free(_folder.Path), Math.Max(ScratchRoom.Needed(_database.Path), LeastBytes));

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
                    source = RestoreCommand.Source(line, source);
                }
            )
            .ConfigureAwait(false);
        return (result.ExitCode, errors, string.Join('\n', said), source);
    }
}
