using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Litestream.Configuration;
using Litestream.Dashboard.Actions;
using Litestream.Dashboard.Monitoring;
using Litestream.Doctor;
using Litestream.Hosting;
using Litestream.Replication;

namespace Litestream.Dashboard.Pages;

/// <summary>Makes the page's model from what is known already: it starts no process, asks no storage and opens no file.
/// </summary>
internal sealed class ModelBuilder(
    LitestreamReplicator replicator,
    DashboardMonitor monitor,
    ActionRunner actions,
    CodePages codes,
    string contentRoot,
    string commandLine
)
{
    /// <summary>With so many databases each one is shown in full on a page of its own.</summary>
    private const int MostDetails = 4;

    private const int MostLogged = 10;

    /// <summary>From then on a list of backups is shown with its age in the row.</summary>
    private static readonly TimeSpan OldListing = TimeSpan.FromMinutes(2);

    private volatile Tuple<EffectiveConfig?, List<string>, ShownText>? _text;

    /// <summary>The name of a database in URLs.</summary>
    public static string IdOf(string path) =>
        Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(path)), 0, 6).ToLowerInvariant();

    /// <summary>The replicated database of a name; null when there is none.</summary>
    public string? Find(string? id) =>
        string.IsNullOrEmpty(id)
            ? null
            : replicator.Status.Databases.FirstOrDefault(database => IdOf(database.Path) == id)?.Path;

    /// <summary>Fills in what the status says.</summary>
    /// <param name="page">What the request says.</param>
    /// <param name="view">The name of the database that is shown alone; empty for all.</param>
    /// <returns>Null when there is no database of this name.</returns>
    public DashboardModel? Build(DashboardModel page, string view)
    {
        var (status, health) = replicator.Look();
        var plan = replicator.CurrentPlan;
        var configured = plan?.Databases.ToDictionary(database => database.Path, StringComparer.Ordinal) ?? [];
        var text = TextOf(status, plan, configured);
        var now = page.Now;
        var databases = status
            .Databases.Select(database =>
                DatabaseOf(status, database, configured.GetValueOrDefault(database.Path), plan, text, now)
            )
            .Concat(Others(status, plan, text, now))
            .OrderBy(database => database.Row.Verdict.Kind)
            .ThenBy(database => database.Row.Name, StringComparer.Ordinal)
            .ToList();
        var single = databases.FirstOrDefault(database => database.Row.Id == view);
        if (view.Length > 0 && single is null)
            return null;
        List<WarningModel> warnings = [.. health.Problems.Select(problem => WarningOf(problem, text))];
        List<DatabaseModel> details =
            single is not null ? [single]
            : databases.Count <= MostDetails ? databases
            : [];
        return page with
        {
            Databases = databases,
            Details = [.. details.Select(database => WithDetails(database, status, text, now))],
            View = view,
            Warnings = warnings,
            LoggedWarnings = Logged(warnings, text),
            Process = ProcessOf(status, text),
            Log =
            [
                .. replicator.RecentLog.Lines.Reverse().Take(100)
                    .Select(line => new LogModel(line.Time, line.Level.ToString(), text.Of(line.Text))),
            ],
            Configuration = plan?.Config is { } config ? text.Of(config.Text) : "There is none.",
            Actions =
            [
                .. actions.Actions.Select(action =>
                    ActionModels.Of(
                        action,
                        text,
                        moment =>
                            configured.GetValueOrDefault(action.Database) is { } database
                                ? CommandOf(database.Path, database, plan, text, moment)
                                : ""
                    )
                ),
            ],
        };
    }

    /// <summary>Calls each database by a name of its own: the same as before, as long as they are the same.</summary>
    private ShownText TextOf(
        LitestreamStatus status,
        ReplicationPlan? plan,
        Dictionary<string, EffectiveDatabase> configured
    )
    {
        List<string> databases =
        [
            .. status.Databases.Select(database => database.Path),
            .. status.NotReplicated,
            .. status.OpenNotReplicated,
            .. replicator.BeingAdded,
            .. configured.Keys,
        ];
        var config = plan?.Config;
        if (
            _text is (var before, var named, var known)
            && ReferenceEquals(before, config)
            && named.SequenceEqual(databases, StringComparer.Ordinal)
        )
        {
            return known;
        }

        var paths = new ShownText(contentRoot, []);
        var text = new ShownText(
            contentRoot,
            plan?.Databases.SelectMany(database =>
                database.Replicas.Select(replica => replica.Folder).OfType<string>().Append(database.MetaPath)
            ) ?? [],
            DatabaseNames.Of(databases, path => NameOf(path, configured.GetValueOrDefault(path), paths))
        );
        _text = new(config, databases, text);
        return text;
    }

    private DatabaseModel DatabaseOf(
        LitestreamStatus status,
        LitestreamDatabaseStatus database,
        EffectiveDatabase? configured,
        ReplicationPlan? plan,
        ShownText text,
        DateTimeOffset now
    )
    {
        var known = monitor.Read(
            database.Path,
            record =>
                (
                    record.ProofAt,
                    record.ProofBy,
                    Disproof: record.DisproofAt is { } at ? (at, record.Disproof) : ((DateTimeOffset, string)?)null,
                    record.NotArrived,
                    record.ArrivedAt,
                    record.Listing?.From,
                    record.Listing?.To,
                    record.Listing?.ListedAt,
                    HasSteps: record.Listing is { Moments.Count: > 0 }
                )
        );
        var verdict = replicator.BeingAdded.Contains(database.Path)
            ? new Verdict(VerdictKind.Restoring, "restoring", "")
            : Verdict.Of(
                status,
                database,
                known.ProofAt,
                known.Disproof,
                known.NotArrived,
                plan?.Settings.VerificationInterval,
                now
            );
        return new DatabaseModel(
            new DatabaseRow(
                IdOf(database.Path),
                text.NameOf(database.Path),
                verdict with
                {
                    Reason = text.Of(verdict.Reason),
                },
                known.ProofAt,
                known.ArrivedAt,
                known.From,
                known.To,
                known.HasSteps
            )
            {
                ListedAt = known.ListedAt < now - OldListing ? known.ListedAt : null,
            }
        )
        {
            ListedAt = known.ListedAt,
            Health = database.Health.ToString(),
            Committed = database.Committed?.ToString() ?? "",
            Replicated = database.Replicated?.ToString() ?? "",
            Lag = database.Lag,
            LagBytes = database.LagBytes,
            ProofBy = known.ProofBy,
            Verification = database.Verification is { } verification ? text.Of(verification.Message) : null,
            VerificationOutcome = database.Verification?.Outcome,
            VerifiedAt = database.VerifiedAt,
            Replicas =
            [
                .. configured?.Replicas.Select(replica =>
                    replica.Folder is { } folder ? $"folder {text.PathOf(folder)}" : text.Of(replica.Describe())
                ) ?? [],
            ],
            RestoreCommand = CommandOf(database.Path, configured, plan, text),
        };
    }

    /// <summary>What is only needed where the database is shown in full.</summary>
    private DatabaseModel WithDetails(
        DatabaseModel model,
        LitestreamStatus status,
        ShownText text,
        DateTimeOffset now
    ) =>
        status.Databases.FirstOrDefault(database => IdOf(database.Path) == model.Row.Id) is not { } database
            ? model
            : monitor.Read(
                database.Path,
                record =>
                    model with
                    {
                        Size = record.Size,
                        WalSize = record.WalSize,
                        Samples = record.Samples.Read(now),
                        Moments = record.Listing?.Moments ?? [],
                        OlderTo = record.Listing?.OlderTo,
                        Backups = record.Listing?.Rows ?? [],
                        BackupCount = record.Listing?.Count ?? 0,
                        ListingError = record.Listing?.Error is { } error ? text.Of(error) : null,
                    }
            );

    /// <summary>Databases that are not replicated, those that are being added, and patterns without one.</summary>
    private IEnumerable<DatabaseModel> Others(
        LitestreamStatus status,
        ReplicationPlan? plan,
        ShownText text,
        DateTimeOffset now
    )
    {
        var known = status.Databases.Select(database => database.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var path in replicator.BeingAdded.Where(known.Add))
            yield return Other(path, new Verdict(VerdictKind.Restoring, "restoring", ""), text);
        foreach (var path in status.NotReplicated.Where(known.Add))
        {
            yield return Other(
                path,
                new Verdict(
                    VerdictKind.NotReplicated,
                    "not replicated",
                    "LSB5010: the app's configuration names it, but it is not replicated."
                ),
                text
            );
        }

        foreach (var path in status.OpenNotReplicated.Where(known.Add))
        {
            yield return Other(
                path,
                new Verdict(
                    VerdictKind.NotReplicated,
                    "not replicated",
                    "LSB5018: the app has it open for writing, but neither litestream.yml nor a setting names it."
                ),
                text
            );
        }

        // What it stands for may be missing, and nothing says so.
        foreach (var pattern in status.EmptyPatterns.Where(known.Add))
        {
            const string Reason = "LSB5031: no database matches this pattern.";
            yield return Other(pattern, pattern, new Verdict(VerdictKind.Unknown, "no database", Reason));
        }

        // Without an executable, for example, there is no session that would put them into the status.
        foreach (var path in (plan?.Databases ?? []).Select(database => database.Path).Where(known.Add))
        {
            var verdict = Verdict.Of(status, new LitestreamDatabaseStatus(path), null, null, null, null, now);
            yield return Other(path, verdict with { Reason = text.Of(verdict.Reason) }, text);
        }
    }

    private static DatabaseModel Other(string path, Verdict verdict, ShownText text) =>
        Other(path, text.NameOf(path), verdict);

    private static DatabaseModel Other(string path, string name, Verdict verdict) =>
        new(new DatabaseRow(IdOf(path), name, verdict, null, null, null, null, false));

    private List<LoggedWarningModel> Logged(List<WarningModel> warnings, ShownText text) =>
        [
            .. replicator
                .RecentLog.Warnings.Where(line => warnings.All(warning => warning.Code != line.Code))
                .OrderByDescending(line => line.Time)
                .Take(MostLogged)
                .Select(line => new LoggedWarningModel(line.Time, WarningOf(line.Text, text))),
        ];

    private WarningModel WarningOf(string problem, ShownText text)
    {
        var code = RecentLog.CodeIn(problem);
        var message = text.Of(problem);
        return new WarningModel(
            code,
            code.Length > 0 && message.StartsWith($"{code}: ", StringComparison.Ordinal)
                ? message[(code.Length + 2)..]
                : message,
            codes.Has(code)
        );
    }

    /// <summary>What is known against a version, and what to do.</summary>
    internal static IReadOnlyList<string> KnownOf(string version) =>
        version.Length == 0
            ? []
            :
            [
                .. KnownProblems
                    .Of(version)
                    .Where(finding => finding.Level >= FindingLevel.Warning)
                    .Select(finding => $"{finding.Message} {finding.Action}".TrimEnd()),
            ];

    private ProcessModel ProcessOf(LitestreamStatus status, ShownText text)
    {
        var version = replicator.Version ?? "";
        return new ProcessModel(status.State.ToString(), status.Since)
        {
            ProcessId = status.ProcessId,
            Version = version,
            KnownProblems = KnownOf(version),
            StartedAt = status.StartedAt,
            Restarts = status.Restarts,
            LastRestartReason = status.LastRestartReason is { } reason ? text.Of(reason) : null,
            LastRestarts =
            [
                .. status.LastRestarts.Reverse().Select(one => new RestartModel(one.At, text.Of(one.Reason ?? ""))),
            ],
        };
    }

    /// <summary>Below the content root its path, elsewhere what the app calls it.</summary>
    private static string NameOf(string path, EffectiveDatabase? configured, ShownText text)
    {
        var shown = text.PathOf(path);
        return !shown.StartsWith('…') || configured is null ? shown
            : configured.Name is { Length: > 0 } name ? $"{name} ({shown})"
            : !Path.IsPathRooted(configured.ConfiguredPath) ? configured.ConfiguredPath
            : shown;
    }

    /// <summary>What puts a backup in the place of the database, the newest one or that of a moment; empty where it
    /// cannot be named here.</summary>
    private string CommandOf(
        string path,
        EffectiveDatabase? configured,
        ReplicationPlan? plan,
        ShownText text,
        DateTimeOffset? moment = null
    )
    {
        var shown = text.PathOf(path);
        var argument =
            plan is { Databases.Count: 1 } ? ""
            : !shown.StartsWith('…') ? $" {Quote(shown)}"
            : configured?.Name is { Length: > 0 } name ? $" {Quote(name)}"
            : null;
        var time = moment is { } then
            ? " --timestamp "
                + Quote(then.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture))
            : "";
        return argument is null ? "" : $"{commandLine} restore{argument}{time} --force";
    }

    /// <summary>As a shell takes it.</summary>
    private static string Quote(string name) =>
        name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '/' or '-' or '_' or ':')
            ? name
            : $"'{name.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
