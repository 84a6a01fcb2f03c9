namespace Litestream.Replication;

/// <summary>What a look at the mark of a database calls for.</summary>
internal enum ChainAction
{
    None,

    /// <summary>Litestream holds its mark: our reader has done its work.</summary>
    EndReader,

    /// <summary>The mark does not come, and our reader must not stand for ever: the WAL grows under it.</summary>
    GiveUpReader,

    /// <summary>The mark is lost: the WAL may have been restarted before litestream had read it.</summary>
    Break,
}

/// <summary>What is known of a database's mark at a look, while litestream runs on it.</summary>
/// <param name="Mark">What the system says.</param>
/// <param name="HasSynced">Whether this litestream has looked at the database once, by its own counters: where the
/// system does not tell, that stands for the mark.</param>
/// <param name="WasSeen">Whether this litestream has held its mark before.</param>
/// <param name="AbsentLooks">How many looks in a row, with this one, the mark was absent without a checkpoint of
/// litestream's.</param>
/// <param name="ReaderAge">How long our reader has stood; null when none stands.</param>
/// <param name="WalGrowth">By how many bytes the WAL has grown since it began.</param>
/// <param name="FileSize">The bytes of the database, which a full copy takes its time for.</param>
internal sealed record ChainFacts(
    MarkState Mark,
    bool HasSynced,
    bool WasSeen,
    int AbsentLooks,
    TimeSpan? ReaderAge,
    long WalGrowth,
    long FileSize = 0
);

/// <summary>What is known of a database when litestream is about to end for the last time.</summary>
/// <param name="HasReader">Whether a reader of ours stands.</param>
/// <param name="MayBeOpened">Whether this process may open the database at all.</param>
/// <param name="HasWal">Whether there is something in the WAL that others could take from it.</param>
/// <param name="IsRead">Whether litestream has ever read from it: if not, it begins with a full copy anyway.</param>
internal sealed record UnreadFacts(bool HasReader, bool MayBeOpened, bool HasWal, bool IsRead);

/// <summary>Decides what a look at the mark calls for; nothing here looks or acts.</summary>
internal static class ChainPolicy
{
    /// <summary>Whether the WAL may be restarted before it is read, though a reader of ours should stand. Where this
    /// process must not open the database, what is read next tells.</summary>
    public static bool IsUnread(UnreadFacts end) =>
        end is { HasReader: false, MayBeOpened: true, HasWal: true, IsRead: true };

    public static ChainAction Decide(ChainFacts look)
    {
        // A mark alone is not enough: while litestream opens the database it holds one for a moment. And one that
        // stands for "all of the WAL is in the database file" lets others restart the WAL once before it is read.
        var isHeld = look.HasSynced && look.Mark is (MarkState.Held or MarkState.Unknown);
        if (look.ReaderAge is { } age)
        {
            return isHeld ? ChainAction.EndReader
                : age >= Thresholds.LongestReader + TimeSpan.FromSeconds(look.FileSize / Thresholds.SlowestCopy)
                || look.WalGrowth >= Math.Max(Thresholds.LargestGrowth, look.FileSize)
                    ? ChainAction.GiveUpReader
                : ChainAction.None;
        }

        return look is { Mark: MarkState.Absent, WasSeen: true } && look.AbsentLooks >= Thresholds.LooksUntilLost
            ? ChainAction.Break
            : ChainAction.None;
    }
}
