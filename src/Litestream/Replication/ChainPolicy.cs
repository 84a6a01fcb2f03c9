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
internal sealed record ChainFacts(
    MarkState Mark,
    bool HasSynced,
    bool WasSeen,
    int AbsentLooks,
    TimeSpan? ReaderAge,
    long WalGrowth
);

/// <summary>Decides what a look at the mark calls for; nothing here looks or acts.</summary>
internal static class ChainPolicy
{
    public static ChainAction Decide(ChainFacts look)
    {
        var isHeld = look.Mark == MarkState.Held || (look.Mark == MarkState.Unknown && look.HasSynced);
        if (look.ReaderAge is { } age)
        {
            return isHeld ? ChainAction.EndReader
                : age >= Thresholds.LongestReader || look.WalGrowth >= Thresholds.LargestGrowth
                    ? ChainAction.GiveUpReader
                : ChainAction.None;
        }

        return look is { Mark: MarkState.Absent, WasSeen: true } && look.AbsentLooks >= Thresholds.LooksUntilLost
            ? ChainAction.Break
            : ChainAction.None;
    }
}
