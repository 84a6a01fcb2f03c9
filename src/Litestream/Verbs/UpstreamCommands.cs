using Litestream.Diagnostics;

namespace Litestream.Verbs;

/// <summary>Commands of the executable that are not verbs here, with the reason and what replaces them.</summary>
internal static class UpstreamCommands
{
    /// <summary>LSB3022 for a command that is replaced; null for any other.</summary>
    /// <param name="command">What was typed.</param>
    /// <param name="isRun">Whether it would be passed on to the executable.</param>
    /// <param name="options">What follows it there.</param>
    public static LitestreamException? Refuse(
        string command,
        bool isRun = false,
        IReadOnlyList<string>? options = null
    ) =>
        command switch
        {
            "stop" => Error(
                $"litestream stop is not offered: what the app commits until litestream runs again can be missing "
                    + $"in the backup. Stop the app instead: it sends the last commits and ends litestream."
            ),
            "start" => Error(
                $"litestream start is not offered: the app starts litestream itself, in the order that keeps the "
                    + $"backup whole. Start the app, or use {VerbName.Replicate} without it."
            ),
            "reset" => Error(
                $"litestream reset is not offered: it repairs nothing. Litestream continues from the newest file of "
                    + $"the replica and sends no full copy. Restart the app, which sends one where it is needed; for a "
                    + $"damaged replica, choose a new replica path."
            ),
            "sync" when isRun => Error(
                $"litestream sync is not run: while the app writes, it can make litestream miss commits. Use "
                    + $"{VerbName.Sync}, which waits until what is committed has arrived."
            ),
            "restore" when isRun && (Has(options!, "force") || !Has(options!, "o")) => Error(
                $"litestream restore is run only with -o, and without -force: litestream 0.5 deletes the database that "
                    + $"is there before it knows whether there is a backup. Use {VerbName.Restore}, which restores to "
                    + $"a private folder first; with {OptionName.Force} it keeps what it replaces."
            ),
            "register" or "unregister" => Error(
                $"litestream {command} is not offered: it does not check that the replica belongs to the database. Use "
                    + $"AddDatabaseAsync and RemoveDatabaseAsync of LitestreamReplicator, or the setting "
                    + $"Litestream:DatabasePatterns."
            ),
            "info" or "list" when !isRun => Error(
                $"litestream {command} is not offered: it needs litestream's control socket, which is the app's own. "
                    + $"{VerbName.Status} says what runs, and {VerbName.Databases} lists the databases."
            ),
            _ => null,
        };

    private static bool Has(IReadOnlyList<string> options, string name) =>
        options.Any(option => option.TrimStart('-').Split('=')[0] == name && option.StartsWith('-'));

    private static LitestreamException Error(MessageText message) => new("LSB3022", message);
}
