using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;

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
    /// <summary>An empty `-timestamp` is the newest state to the executable.</summary>
    private static readonly string[] OwnFlags =
    [
        "o",
        "config",
        "if-db-not-exists",
        "if-replica-exists",
        "timestamp",
    ];

    private readonly IRestoreDialect _dialect = executable.Line.Restore;
    private readonly IBackupCatalog _catalog = executable.Line.Catalog(executable, request.Config, request.Timeout);

    /// <exception cref="LitestreamException">LSB3008.</exception>
    public static void CheckOptions(RestoreRequest request, IRestoreDialect dialect)
    {
        ReplicaNames.Require(request.Database, request.Replica);
        if (request.Parallelism is < 1)
            throw Wrong($"The parallelism is {NumberText.Of(request.Parallelism.Value)}; it must be at least 1.");
        if (request.Timeout is { } timeout && timeout <= TimeSpan.Zero)
            throw Wrong($"The timeout is '{timeout}'; it must be longer than zero.");
        if (request.Arguments.FirstOrDefault(IsOwnFlag) is { } flag)
        {
            throw Wrong(
                $"'{flag}' cannot be passed to a restore: the output, the configuration, the moment and the handling "
                    + $"of existing files have their own options."
            );
        }

        bool IsOwnFlag(string argument) =>
            argument.StartsWith('-')
            && OwnFlags.Concat(dialect.ReservedFlags).Contains(argument.TrimStart('-').Split('=')[0]);
        static LitestreamException Wrong(string message) => new("LSB3008", message);
    }

    /// <summary>Null when the replica has no backup.</summary>
    /// <exception cref="LitestreamException">LSB3001, LSB4002, LSB4003, LSB4005, LSB4009, LSB4011.</exception>
    public async Task<RestoreSource?> RunAsync(CancellationToken cancellationToken)
    {
        await NewerBackup
            .RefuseAsync(executable, request.Config, request.Selection, request.Patience, cancellationToken)
            .ConfigureAwait(false);
        var config = request.Config.Write(folder);
        RestoreSource? taken = null;
        return await MomentRestore
            .RunAsync(_catalog, request.Selection, RestoreAsync, cancellationToken)
            .ConfigureAwait(false);

        async Task<RestoreSource?> RestoreAsync(RestoreSelection selection)
        {
            if (taken is not null)
                File.Delete(output);
            return taken = await RunAsync(config, selection, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<RestoreSource?> RunAsync(
        string config,
        RestoreSelection selection,
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
                        .. _dialect.Arguments(selection),
                        .. request.Arguments,
                        request.Database.Path,
                    ],
                    cancellationToken,
                    line =>
                    {
                        noBackup |= _dialect.SaysNoBackup(line.Explanation);
                        if (line.Level == "ERROR")
                            errors.Add(line);
                        source = _dialect.Source(request.Database, line, source);
                        onLine?.Invoke(line);
                    }
                )
                .ConfigureAwait(false);
        }
        catch (LitestreamException e) when (e.Diagnostic.Code == "LSB4005")
        {
            throw new LitestreamException(
                "LSB4005",
                $"'{request.Database.Path}' could not be restored from {request.Places}: {e.Diagnostic.Message}",
                innerException: e
            );
        }

        if (result.ExitCode == 0 && File.Exists(output))
            return source ?? new UnnamedSource();
        if (noBackup)
            return null;

        var message =
            errors.Count > 0
                ? string.Join("; ", errors.Select(e => e.Explanation).Distinct())
                : (result.StandardError + result.StandardOutput).Trim();
        throw new LitestreamException(
            _dialect.Classify(message),
            $"'{request.Database.Path}' could not be restored from {request.Places}: "
                + $"`litestream restore` ended with exit code {NumberText.Of(result.ExitCode)}: "
                + (message.Length == 0 ? "it printed nothing" : message)
        );
    }
}
