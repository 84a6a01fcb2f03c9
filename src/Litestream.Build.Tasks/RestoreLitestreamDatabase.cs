using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>
/// LitestreamRestore and LitestreamPull: one database from its replica, or all; an existing file is replaced only when
/// that is asked for, and then kept aside.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class RestoreLitestreamDatabase : LitestreamVerb
{
    /// <summary>
    /// Path as configured, path of the file, connection string name, or <c>*</c>; empty for the only one.
    /// </summary>
    public string Database { get; set; } = "";

    /// <summary>The file to restore to, relative to the content root; empty for the database's own place.</summary>
    public string Output { get; set; } = "";

    /// <summary>The moment to go back to; empty for the newest.</summary>
    public string Timestamp { get; set; } = "";

    /// <summary>The name of a replica; empty for the executable's own choice.</summary>
    public string Replica { get; set; } = "";

    /// <summary>A generation; empty for the newest.</summary>
    public string Generation { get; set; } = "";

    /// <summary>The last WAL index that is applied; empty for all.</summary>
    public string Index { get; set; } = "";

    /// <summary>The transaction to go back to: release line 0.5.</summary>
    public string TxId { get; set; } = "";

    /// <summary>How many WAL segments are fetched at once; empty for the executable's default.</summary>
    public string Parallelism { get; set; } = "";

    /// <summary>An existing file is a success and is left alone.</summary>
    public string IfDbNotExists { get; set; } = "";

    /// <summary>A replica without a backup is a success.</summary>
    public string IfReplicaExists { get; set; } = "";

    /// <summary>An existing database is moved aside.</summary>
    public string Force { get; set; } = "";

    /// <summary>The file becomes a database of its own: production's data for development.</summary>
    public bool Detach { get; set; }

    /// <summary>Restores to a file of its own, and shows what putting it in place would undo.</summary>
    public string Diff { get; set; } = "";

    /// <summary>Only says what would be done.</summary>
    public string DryRun { get; set; } = "";

    /// <summary>How long it may take; empty for no limit.</summary>
    public string Timeout { get; set; } = "";

    /// <summary>More arguments for the executable's <c>restore</c>.</summary>
    public string Arguments { get; set; } = "";

    private protected override Verb Create() =>
        new RestoreVerb
        {
            Database = Database,
            Output = Output,
            Timestamp = Timestamp,
            Replica = Replica,
            Generation = Generation,
            Index = Index,
            TxId = TxId,
            Parallelism = Parallelism,
            IfDbNotExists = IfDbNotExists,
            IfReplicaExists = IfReplicaExists,
            Force = Force,
            Detach = Detach,
            Diff = Diff,
            DryRun = DryRun,
            Timeout = Timeout,
            Arguments = RunVerb.Split(Arguments),
        };
}
