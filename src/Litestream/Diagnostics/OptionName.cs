namespace Litestream.Diagnostics;

/// <summary>
/// An option of a verb, to be referred to in a <see cref="MessageText"/>. A ref struct, so that it does not compile
/// in an ordinary string, which would fix its words.
/// </summary>
/// <param name="name">On a command line of the app.</param>
/// <param name="property">In a build.</param>
/// <param name="value">The value that is meant; null for the option alone.</param>
internal readonly ref struct OptionName(string name, string property, string? value = null)
{
    public string Name => name;

    public string Property => property;

    public string? Value => value;

    /// <summary>The option with this value.</summary>
    public OptionName Set(string to) => new(name, property, to);

    /// <summary>The flag, set.</summary>
    public OptionName On => Set("true");

    public static OptionName Database => new("--database", "LitestreamDatabase");

    /// <summary>All databases.</summary>
    public static OptionName All => Database.Set("*");

    public static OptionName Output => new("--output", "LitestreamOutput");

    public static OptionName Timestamp => new("--timestamp", "LitestreamTimestamp");

    public static OptionName Replica => new("--replica", "LitestreamReplica");

    public static OptionName Generation => new("--generation", "LitestreamGeneration");

    public static OptionName Index => new("--index", "LitestreamIndex");

    public static OptionName TxId => new("--txid", "LitestreamTxId");

    public static OptionName Parallelism => new("--parallelism", "LitestreamParallelism");

    public static OptionName IfDbNotExists => new("--if-db-not-exists", "LitestreamIfDbNotExists");

    public static OptionName IfReplicaExists => new("--if-replica-exists", "LitestreamIfReplicaExists");

    public static OptionName Force => new("--force", "LitestreamForce");

    public static OptionName Diff => new("--diff", "LitestreamDiff");

    public static OptionName DryRun => new("--dry-run", "LitestreamDryRun");

    public static OptionName Timeout => new("--timeout", "LitestreamTimeout");

    public static OptionName Arguments => new("--arguments", "LitestreamArguments");

    public static OptionName VerifyLevel => new("--level", "LitestreamVerifyLevel");

    public static OptionName NoWrite => new("--no-write", "LitestreamVerifyWrite", "false");

    public static OptionName StartReplicator => new("--start-replicator", "LitestreamStartReplicator");

    public static OptionName Query => new("--query", "LitestreamDrillQuery");

    public static OptionName Sql => new("--sql", "LitestreamSql");

    public static OptionName From => new("--from", "LitestreamFrom");

    public static OptionName To => new("--to", "LitestreamTo");

    public static OptionName Exec => new("--exec", "LitestreamExec");

    public static OptionName ScaffoldKind => new("--kind", "LitestreamScaffoldKind");

    public static OptionName ScaffoldInstallDir => new("--install-dir", "LitestreamScaffoldInstallDir");

    public static OptionName NoExpandEnv => new("--no-expand-env", "LitestreamNoExpandEnv");
}

/// <summary>A verb, to be referred to in a <see cref="MessageText"/>.</summary>
/// <param name="name">Its name.</param>
/// <param name="arguments">What it is to run; null for the verb alone.</param>
internal readonly ref struct VerbName(string name, string? arguments = null)
{
    public string Name => name;

    public string? Arguments => arguments;

    public static VerbName Databases => new("databases");

    public static VerbName Status => new("status");

    public static VerbName Generations => new("generations");

    public static VerbName Snapshots => new("snapshots");

    public static VerbName Wal => new("wal");

    public static VerbName Ltx => new("ltx");

    public static VerbName Env => new("env");

    public static VerbName Restore => new("restore");

    public static VerbName Verify => new("verify");

    public static VerbName Sync => new("sync");

    public static VerbName Drill => new("drill");

    public static VerbName Run => new("run");

    public static VerbName Replicate => new("replicate");

    /// <summary>The command line that runs a command of the executable.</summary>
    public static VerbName Running(string arguments) => new("run", arguments);
}
