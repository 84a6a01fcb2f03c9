using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>
/// LitestreamVerify: proves for one database, or for all, that what is committed arrives and comes back. Starts a
/// replicator only when asked to.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class VerifyLitestreamDatabase : LitestreamVerb
{
    /// <summary>
    /// Path as configured, path of the file, or connection string name; empty or <c>*</c> for all: a check that leaves
    /// one out is worth less than one too many.
    /// </summary>
    public string Database { get; set; } = "";

    /// <summary>The name of a replica; empty for the database's own choice.</summary>
    public string Replica { get; set; } = "";

    /// <summary>How much is proved; empty for Full, in the folder of a project for Position.</summary>
    public string Level { get; set; } = "";

    /// <summary>False: no row is written into the database.</summary>
    public string Write { get; set; } = "";

    /// <summary>True: where nobody replicates a database, litestream does for the time of the verification.</summary>
    public string StartReplicator { get; set; } = "";

    /// <summary>
    /// How long a commit may take to arrive; empty for what follows from the database's own intervals.
    /// </summary>
    public string Timeout { get; set; } = "";

    private protected override Verb Create() =>
        new VerifyVerb
        {
            Database = Database,
            Replica = Replica,
            Level = Level,
            Write = Write,
            StartReplicator = StartReplicator,
            Timeout = Timeout,
        };
}
