using Litestream.Diagnostics;

namespace Litestream.Verbs;

/// <summary>Does what a verb is for.</summary>
/// <exception cref="LitestreamException">It could not be done; what could be is among the host's items.</exception>
internal delegate Task VerbOutcome(VerbHost host, VerbOptions options, CancellationToken cancellationToken);

/// <summary>
/// One operation as it is given on a command line. The task of the targets, the commands of the published app, their
/// help and the table in docs/commands.md are made from it.
/// </summary>
/// <param name="Name">On a command line of the app; the target is named after it.</param>
/// <param name="Help">What it does.</param>
/// <param name="RunAsync">Does it.</param>
/// <param name="Options">What it takes.</param>
internal sealed record Verb(string Name, string Help, VerbOutcome RunAsync, params IReadOnlyList<VerbOption> Options)
{
    /// <summary>All verbs, as the help lists them.</summary>
    public static readonly IReadOnlyList<Verb> All =
    [
        new("databases", "What is replicated and where to, and what is not", ConfigurationVerbs.DatabasesAsync),
        new(
            "config",
            "The configuration that litestream gets, with secrets as ${NAME} only",
            ConfigurationVerbs.ConfigAsync
        ),
        new("env", "The environment variables that are needed, and which are set", ConfigurationVerbs.EnvAsync),
        Listing("generations", "The generations in the replicas", ListingVerbs.GenerationsAsync),
        Listing("snapshots", "The snapshots in the replicas", ListingVerbs.SnapshotsAsync),
        Listing(
            "wal",
            "The WAL segments in the replicas",
            ListingVerbs.WalAsync,
            VerbOption.Text(OptionName.Generation, "id", "Only this generation")
        ),
        Listing("ltx", "The LTX files in the replicas (release line 0.5)", ListingVerbs.LtxAsync),
        new(
            "status",
            "The files on this machine, and what the running app reports; asks no storage",
            StatusVerb.RunAsync,
            VerbOption.Database
        ),
        new(
            "restore",
            "Restores one database, or all: in place if it is missing, else to --output, or with --force",
            RestoreVerb.RestoreAsync,
            VerbOption.Database,
            VerbOption.Text(OptionName.Output, "file", "The file to restore to; default the database's own place"),
            VerbOption.Text(
                OptionName.Timestamp,
                "moment",
                "The moment to go back to: 2026-11-24T10:15:00Z, local \"2026-11-24 10:15\", \"10 minutes ago\""
            ),
            VerbOption.Text(OptionName.Replica, "name", "From this replica"),
            VerbOption.Text(OptionName.Generation, "id", "From this generation"),
            VerbOption.Text(OptionName.Index, "number", "Up to this WAL index"),
            VerbOption.Text(OptionName.TxId, "id", "Up to this transaction (release line 0.5)"),
            VerbOption.Text(OptionName.Parallelism, "number", "How many WAL segments are fetched at once"),
            VerbOption.Flag(OptionName.IfDbNotExists, "An existing file is a success and stays as it is"),
            VerbOption.Flag(OptionName.IfReplicaExists, "No backup is a success"),
            VerbOption.Flag(
                OptionName.Force,
                "An existing database is moved aside, and put back if the restore fails"
            ),
            VerbOption.Flag(
                OptionName.Diff,
                "Restores to a file next to the database (or --output), and shows what putting it in place would undo"
            ),
            VerbOption.Flag(OptionName.DryRun, "Says what would be done, and changes nothing"),
            VerbOption.Text(OptionName.Timeout, "time", "For the whole restore"),
            VerbOption.Text(OptionName.Arguments, "text", "More arguments for litestream restore")
        )
        {
            StartsLitestream = true,
        },
        new(
            "pull",
            "Restores production's newest backup to this machine, as a database that never replicates back",
            RestoreVerb.PullAsync,
            VerbOption.Database,
            VerbOption.Text(OptionName.Output, "file", "The file to write; default the database's own place"),
            VerbOption.Text(OptionName.Timestamp, "moment", "The moment to go back to"),
            VerbOption.Text(OptionName.Replica, "name", "From this replica"),
            VerbOption.Flag(OptionName.Force, "An existing database is moved aside"),
            VerbOption.Flag(OptionName.DryRun, "Says what would be done, and changes nothing"),
            VerbOption.Text(OptionName.Timeout, "time", "For the whole restore")
        )
        {
            StartsLitestream = true,
        },
        new(
            "verify",
            "Proves that commits arrive in the replica and can be restored from it",
            VerifyVerb.RunAsync,
            VerbOption.Database,
            VerbOption.Text(OptionName.Replica, "name", "Only this replica"),
            VerbOption.Text(OptionName.VerifyLevel, "Position|Quick|Full", "How much is proved; default Full"),
            VerbOption.Flag(OptionName.NoWrite, "Write no row into the database"),
            VerbOption.Flag(
                OptionName.StartReplicator,
                "If no replicator runs, start litestream for the time of the verification"
            ),
            VerbOption.Text(OptionName.Timeout, "time", "How long a commit may take to arrive")
        )
        {
            StartsLitestream = true,
        },
        new(
            "sync",
            "Waits until what is committed now is in the replicas; does not use litestream's own sync",
            SyncVerb.RunAsync,
            VerbOption.Database,
            VerbOption.Text(OptionName.Replica, "name", "Only this replica"),
            VerbOption.Text(OptionName.Timeout, "time", "How long it may take; default 30 s")
        )
        {
            StartsLitestream = true,
        },
        new(
            "drill",
            "A fire drill: restores to a temporary file and runs a query on it",
            DrillVerb.RunAsync,
            VerbOption.Database,
            VerbOption.Text(OptionName.Query, "sql", "Must return a row"),
            VerbOption.Text(OptionName.Timestamp, "moment", "The moment to go back to"),
            VerbOption.Text(OptionName.Replica, "name", "From this replica"),
            VerbOption.Text(OptionName.Timeout, "time", "For restore, check and query together")
        )
        {
            StartsLitestream = true,
        },
        new(
            "query",
            "Asks a database as it was: restores to a temporary file and prints what a SELECT returns",
            QueryVerb.RunAsync,
            VerbOption.Database,
            VerbOption.Argument(OptionName.Sql, "sql", "One statement that only reads"),
            VerbOption.Text(OptionName.Timestamp, "moment", "The moment to ask about; default the newest backup"),
            VerbOption.Text(OptionName.Replica, "name", "From this replica"),
            VerbOption.Text(OptionName.Timeout, "time", "For restore and query together")
        )
        {
            StartsLitestream = true,
        },
        new(
            "diff",
            "Compares the content of a database at two moments, or at a moment with the live database",
            DiffVerb.RunAsync,
            VerbOption.Database,
            VerbOption.Text(OptionName.From, "moment", "The earlier moment; default the newest backup"),
            VerbOption.Text(OptionName.To, "moment", "The later moment; default now, the live database"),
            VerbOption.Text(OptionName.Replica, "name", "From this replica"),
            VerbOption.Text(OptionName.Timeout, "time", "For each database")
        )
        {
            StartsLitestream = true,
        },
        new(
            "doctor",
            "Checks everything that you would check by hand, and changes nothing",
            DoctorVerb.RunAsync,
            VerbOption.Text(OptionName.Timeout, "time", "How long one replica may take to answer; default 30 s")
        )
        {
            StartsLitestream = true,
        },
        new(
            "replicate",
            "Replicates as the app would, without the app, until SIGTERM or Ctrl+C",
            (host, options, cancellationToken) => host.ReplicateAsync(options, cancellationToken),
            VerbOption.OfBuild(OptionName.Database),
            VerbOption.OfBuild(OptionName.Exec),
            VerbOption.OfBuild(OptionName.Arguments),
            VerbOption.OfBuild(OptionName.Timeout)
        )
        {
            StartsLitestream = true,
        },
        new("version", "Version and path of the executable", ConfigurationVerbs.VersionAsync)
        {
            StartsLitestream = true,
        },
        new(
            "run",
            "Any other command of the executable: litestream run -- ltx app.db",
            RunVerb.RunAsync,
            VerbOption.Words(OptionName.Arguments, "The command for litestream")
        )
        {
            StartsLitestream = true,
        },
        new("init", "Writes your own litestream.yml to start from", ConfigurationVerbs.InitAsync)
        {
            IsOfBuild = true,
        },
        new(
            "scaffold",
            "Writes a systemd unit, a Dockerfile, a Compose file or a Procfile",
            ScaffoldVerb.RunAsync,
            VerbOption.OfBuild(OptionName.ScaffoldKind),
            VerbOption.OfBuild(OptionName.Output),
            VerbOption.OfBuild(OptionName.Force),
            VerbOption.OfBuild(OptionName.ScaffoldInstallDir)
        )
        {
            IsOfBuild = true,
        },
    ];

    /// <summary>Its target.</summary>
    public string Target => CommandWords.Target(Name);

    /// <summary>Whether it takes a property; case does not matter, as nowhere in MSBuild.</summary>
    public bool Takes(string property) =>
        Options.Any(option => option.Property.Equals(property, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether it is about a project, so that the published app does not have it.</summary>
    public bool IsOfBuild { get; init; }

    /// <summary>Whether it starts the executable.</summary>
    public bool StartsLitestream { get; init; }

    private static Verb Listing(string name, string help, VerbOutcome outcome, params VerbOption[] own) =>
        new(
            name,
            help,
            outcome,
            [
                VerbOption.Database,
                VerbOption.Text(OptionName.Replica, "name", "Only this replica"),
                .. own,
                VerbOption.Text(OptionName.Timeout, "time", "For each database; default 2 minutes"),
                VerbOption.OfBuild(OptionName.Arguments),
            ]
        )
        {
            StartsLitestream = true,
        };
}
