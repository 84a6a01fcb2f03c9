using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>What a build does for an app in which it finds no database.</summary>
/// <param name="Acts">Whether hook, executable and an empty litestream.yml are added.</param>
/// <param name="Finding">What is said about it; null for nothing.</param>
internal sealed record NoDatabasePolicy(bool Acts, LitestreamDiagnostic? Finding)
{
    /// <summary>Begins the names of the packages that say that an app uses SQLite.</summary>
    private static readonly string[] SqlitePackages =
    [
        "SQLitePCLRaw.bundle",
        "SQLitePCLRaw.lib",
        "Microsoft.Data.Sqlite",
        "Microsoft.EntityFrameworkCore.Sqlite",
        "System.Data.SQLite",
        "sqlite-net",
    ];

    /// <summary>Decides.</summary>
    /// <param name="isReferenced">Whether the project has a reference to the package; else a library brings it.</param>
    /// <param name="isOwn">Whether the project asked for it itself.</param>
    /// <param name="packages">The packages of the project, without those that only this one brings.</param>
    /// <param name="replicaUrl">Where databases go; null for the folder beside each.</param>
    public static NoDatabasePolicy Decide(
        bool isReferenced,
        bool isOwn,
        IReadOnlyCollection<string> packages,
        string? replicaUrl
    )
    {
        const string Found =
            "No SQLite database is named in appsettings.json, appsettings.{environment}.json, app.config or the "
            + "project.";
        const string Name =
            "If only code names a database, add <LitestreamDatabase Include=\"data/app.db\" />; if a setting names it, "
            + "add <LitestreamConnectionStrings>Name</LitestreamConnectionStrings>.";
        if (isOwn)
        {
            var place = replicaUrl ?? $"a folder '{ReplicaPath.DefaultFolder}' next to each";
            return new(
                true,
                new(
                    "LSB1003",
                    LitestreamSeverity.Message,
                    $"{Found} At run time, the databases that the app's configuration names (environment variables, "
                        + $"secrets, command line) are replicated to {place}, unless Litestream:ReplicaUrl says "
                        + $"otherwise. {Name}"
                )
            );
        }

        if (!isReferenced)
            return new(false, null);

        // For tools without a database that is all; an app with SQLite seems to be meant.
        var usesSqlite = packages.Any(package =>
            SqlitePackages.Any(prefix => package.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
        );
        return new(
            false,
            new(
                "LSB1003",
                usesSqlite ? LitestreamSeverity.Warning : LitestreamSeverity.Message,
                $"{Found} Every project gets the reference to Litestream.Build, so nothing is added to this one, and "
                    + "nothing will be replicated. If its databases are named at run time, reference Litestream.Build "
                    + $"in the project file itself. {Name}"
            )
        );
    }
}
