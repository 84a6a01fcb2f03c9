using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Sqlite;

namespace Litestream.Restore;

/// <summary>Compares the content of a database at two moments.</summary>
internal static class PastDiff
{
    private const int Examples = 3;

    /// <summary>Restores one or both to private folders for temporary files, compares them and removes them.</summary>
    /// <param name="executable">What restores.</param>
    /// <param name="config">The effective configuration.</param>
    /// <param name="database">One of its databases.</param>
    /// <param name="from">The earlier moment; null: the newest state in the replica.</param>
    /// <param name="to">The later moment; null: the live database.</param>
    /// <param name="replica">The name of the replica; null: the one that the executable chooses.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <exception cref="LitestreamException">LSB3008: the moments are not in their order; LSB4010: the live database
    /// does not exist, or they cannot be compared; LSB4104: it cannot be opened in this process; and those of
    /// <see cref="PastCopy.RestoreAsync"/>.</exception>
    public static async Task<DatabaseChanges> RunAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        DateTimeOffset? from,
        DateTimeOffset? to,
        string? replica,
        CancellationToken cancellationToken
    )
    {
        if (to is not null && from is null)
        {
            throw new LitestreamException(
                "LSB3008",
                $"{OptionName.To} is set, but {OptionName.From} is not. Set the earlier moment too. Nothing was "
                    + $"started."
            );
        }

        if (from > to)
        {
            throw new LitestreamException(
                "LSB3008",
                $"{OptionName.From} is {Text(from.Value)}, which is later than {OptionName.To}, {Text(to.Value)}. Swap "
                    + $"them. Nothing was started."
            );
        }

        if (to is null && !File.Exists(database.Path))
        {
            throw new LitestreamException(
                "LSB4010",
                $"'{database.Path}' does not exist, so nothing was compared. To compare two moments in the backup, "
                    + $"set {OptionName.To}."
            );
        }

        using var before = await PastCopy
            .RestoreAsync(executable, config, database, from, replica, cancellationToken)
            .ConfigureAwait(false);
        using var after = to is null
            ? null
            : await PastCopy
                .RestoreAsync(executable, config, database, to, replica, cancellationToken)
                .ConfigureAwait(false);
        var difference = await DatabaseDiff
            .CompareAsync(
                new DiffSide(before.Path, $"The restored copy of '{database.Path}'", IsLive: false),
                after is null
                    ? new DiffSide(database.Path, $"'{database.Path}'", IsLive: true)
                    : new DiffSide(after.Path, "the later one", IsLive: false),
                Examples,
                cancellationToken
            )
            .ConfigureAwait(false);
        return new DatabaseChanges(database.Path, difference)
        {
            From = from,
            To = to,
            FromBackupTime = before.Newest,
            ToBackupTime = after?.Newest,
        };
    }

    private static string Text(DateTimeOffset moment) => PointInTime.Describe(moment, TimeProvider.System);
}
