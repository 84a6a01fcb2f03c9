using Litestream.Configuration;

namespace Litestream.Hosting;

/// <summary>A database that is to be replicated from now on.</summary>
/// <param name="Added">What the configuration gets.</param>
/// <param name="Config">A configuration that has it.</param>
/// <param name="Database">It, in that configuration.</param>
/// <param name="WasRestored">Whether it was restored just now.</param>
internal sealed record Addition(
    AddedDatabase Added,
    EffectiveConfig Config,
    EffectiveDatabase Database,
    bool WasRestored
);

/// <summary>A database that is no longer to be replicated, once all of it has arrived.</summary>
/// <param name="path">The database.</param>
/// <param name="since">When that was asked for.</param>
internal sealed class Removal(string path, DateTimeOffset since)
{
    public string Path { get; } = path;

    public DateTimeOffset Since { get; } = since;

    /// <summary>Whether litestream was ended for it.</summary>
    public bool Ends { get; set; }

    public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
