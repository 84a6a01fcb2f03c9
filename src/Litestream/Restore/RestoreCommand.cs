using System.Globalization;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases.V03;

namespace Litestream.Restore;

/// <summary>Runs <c>litestream restore</c> into a file of ours.</summary>
internal sealed class RestoreCommand(
    LitestreamExecutable executable,
    RestoreRequest request,
    string folder,
    string output,
    Action<LogLine>? onLine
)
{
    private static readonly string[] OwnFlags = ["o", "config", "if-db-not-exists", "if-replica-exists"];

    /// <exception cref="LitestreamException">LSB3008.</exception>
    public static void CheckOptions(RestoreRequest request)
    {
        if (request.Replica is { } replica && request.Database.Replicas.All(r => r.Name != replica))
            throw BackupCatalog.NoSuchReplica(request.Database, replica);
        if (request.Timestamp is not null && request.Index is not null)
            throw Wrong("A restore goes to a moment or to a WAL index, not to both.");
        if (request.Index is < 0 or > uint.MaxValue)
            throw Wrong($"The WAL index {NumberText.Of(request.Index.Value)} is not between 0 and {uint.MaxValue}.");
        if (request.Parallelism is < 1)
            throw Wrong($"The parallelism {NumberText.Of(request.Parallelism.Value)} is less than 1.");
        if (request.Timeout is { } timeout && timeout <= TimeSpan.Zero)
            throw Wrong($"The timeout {timeout} is not positive.");
        if (request.Arguments.FirstOrDefault(IsOwnFlag) is { } flag)
            throw Wrong(
                $"{flag} cannot be among the arguments of a restore: the output, the configuration and what happens "
                    + $"when something exists have options of their own."
            );

        static bool IsOwnFlag(string argument) =>
            argument.StartsWith('-') && OwnFlags.Contains(argument.TrimStart('-').Split('=')[0]);
        static LitestreamException Wrong(string message) => new("LSB3008", message);
    }

    /// <summary>Null when the replica has no backup.</summary>
    /// <exception cref="LitestreamException">LSB3001, LSB4002, LSB4003, LSB4005, LSB4009.</exception>
    public async Task<RestoreSource?> RunAsync(CancellationToken cancellationToken)
    {
        var config = request.Config.Write(folder);
        if (await RunAsync(config, request, cancellationToken).ConfigureAwait(false) is { } source)
            return source;
        if (request is { Timestamp: null, Generation: null, Index: null })
            return null;

        while (true)
        {
            var generation = await BackupSelection
                .LastBeforeAsync(executable, request, cancellationToken)
                .ConfigureAwait(false);
            if (generation is null)
                return null;

            source = await RunAsync(
                    config,
                    request with
                    {
                        Timestamp = null,
                        Replica = generation.Replica,
                        Generation = generation.Name,
                    },
                    cancellationToken
                )
                .ConfigureAwait(false);
            var now = await BackupSelection
                .LastBeforeAsync(executable, request, cancellationToken)
                .ConfigureAwait(false);
            if (source is null || (now?.Name, now?.End) == (generation.Name, generation.End))
                return source;

            // Something was sent meanwhile, which is newer than the moment that is wanted; now that lies within the
            // generation.
            File.Delete(output);
            if (await RunAsync(config, request, cancellationToken).ConfigureAwait(false) is { } exact)
                return exact;
        }
    }

    private async Task<RestoreSource?> RunAsync(
        string config,
        RestoreRequest selection,
        CancellationToken cancellationToken
    )
    {
        var errors = new List<LogLine>();
        var noBackup = false;
        RestoreSource? source = null;
        var command = new LitestreamCommand(executable, request.Config.Variables)
        {
            Secrets = request.Config.Secrets,
            Patience = request.Patience,
            WritesTo = folder,
        };
        CommandResult result;
        try
        {
            result = await command
                .RunAsync(
                    [
                        "restore",
                        "-config",
                        config,
                        "-o",
                        output,
                        .. Flags(selection),
                        .. request.Arguments,
                        request.Database.Path,
                    ],
                    cancellationToken,
                    line =>
                    {
                        noBackup |= line.Explanation.Contains("no matching backups found", StringComparison.Ordinal);
                        if (line.Level == "ERROR")
                            errors.Add(line);
                        source = Source(line, source);
                        onLine?.Invoke(line);
                    }
                )
                .ConfigureAwait(false);
        }
        catch (LitestreamException e) when (e.Diagnostic.Code == "LSB4005")
        {
            throw new LitestreamException(
                "LSB4005",
                $"{request.Database.Path} could not be restored from {Places(request)}: {e.Diagnostic.Message}",
                innerException: e
            );
        }

        if (result.ExitCode == 0 && File.Exists(output))
            return source ?? new RestoreSource("", "", 0, 0, null);
        if (noBackup)
            return null;

        var message =
            errors.Count > 0
                ? string.Join("; ", errors.Select(e => e.Explanation).Distinct())
                : (result.StandardError + result.StandardOutput).Trim();
        throw new LitestreamException(
            Classify(message),
            $"{request.Database.Path} could not be restored from {Places(request)}: "
                + $"`litestream restore` ended with exit code {NumberText.Of(result.ExitCode)}: "
                + (message.Length == 0 ? "it said nothing" : message)
        );
    }

    public static string Places(RestoreRequest request) =>
        request.Database.Replicas.Count == 0
            ? "any replica: it has none"
            : string.Join(
                ", ",
                request
                    .Database.Replicas.Where(r => request.Replica is null || r.Name == request.Replica)
                    .Select(r => r.Location)
            );

    private static IEnumerable<string> Flags(RestoreRequest selection)
    {
        if (selection.Replica is { } replica)
        {
            yield return "-replica";
            yield return replica;
        }

        if (selection.Generation is { } generation)
        {
            yield return "-generation";
            yield return generation;
        }

        if (selection.Index is { } index)
        {
            yield return "-index";
            yield return index.ToString("x8", CultureInfo.InvariantCulture);
        }

        if (selection.Timestamp is { } time)
        {
            yield return "-timestamp";
            yield return time.ToUniversalTime()
                .ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);
        }

        if (selection.Parallelism is { } parallelism)
        {
            yield return "-parallelism";
            yield return parallelism.ToString(CultureInfo.InvariantCulture);
        }
    }

    /// <summary>What the executable takes, as far as it has said so.</summary>
    public static RestoreSource? Source(LogLine line, RestoreSource? source)
    {
        long Number(string field) =>
            long.TryParse(
                line.Fields.GetValueOrDefault(field),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var number
            )
                ? number
                : 0;

        return line.Message switch
        {
            "restoring snapshot" => new RestoreSource(
                line.Fields.GetValueOrDefault("replica", ""),
                line.Fields.GetValueOrDefault("generation", ""),
                Number("index"),
                Number("index"),
                null
            ),
            "restoring wal files" when source is not null => source with { Index = Number("index_max") },
            _ => source,
        };
    }

    /// <summary>The code for what the executable said when it failed.</summary>
    public static string Classify(string message)
    {
        bool Says(params string[] words) => words.Any(w => message.Contains(w, StringComparison.OrdinalIgnoreCase));
        if (
            Says(
                "no space left on device",
                "disk quota exceeded",
                "database or disk is full",
                "not enough space on the disk"
            )
        )
            return "LSB4009";
        if (
            Says(
                "database not found in config",
                "cannot read config",
                "yaml:",
                "flag provided but not defined",
                "invalid value",
                "too many arguments"
            )
        )
            return "LSB3001";
        return Says("malformed", "cannot apply wal", "checksum", "lz4", "unexpected EOF", "not a database")
            ? "LSB4003"
            : "LSB4005";
    }
}
