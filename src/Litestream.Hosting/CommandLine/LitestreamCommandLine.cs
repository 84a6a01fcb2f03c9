using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Litestream.Diagnostics;
using Litestream.Verbs;

namespace Litestream.Hosting.CommandLine;

/// <summary>
/// The commands of the published app: the verbs of the targets, with the same names and codes, and exit codes that a
/// script can react to.
/// </summary>
internal static class LitestreamCommandLine
{
    private const int Failed = CommandProcess.Failed;
    private const int WrongUsage = CommandProcess.WrongUsage;

    private static readonly Option<bool> Json = new("--json")
    {
        Description = "The answer as one JSON document on standard output",
        Recursive = true,
    };

    private static readonly Option<string> RunDirectory = new(CommandProcess.DirectoryOption)
    {
        Description =
            "The directory that the app runs in, where its settings and relative databases are; default: this one "
            + "if it has an appsettings.json, else the app's own folder",
        HelpName = "path",
        Recursive = true,
    };

    /// <summary>Runs one command to its end. Errors are told, not thrown.</summary>
    /// <param name="replicator">Of the app's host; not started.</param>
    /// <param name="arguments">What was typed after <c>litestream</c>.</param>
    /// <param name="output">Standard output.</param>
    /// <param name="signal">The exit code of the signal that cancelled it; 0 where none did.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <returns>
    /// 0: done; 1: a check or an operation failed; 2: it was asked for in a wrong way, nothing was done.
    /// </returns>
    public static async Task<int> RunAsync(
        LitestreamReplicator replicator,
        IReadOnlyList<string> arguments,
        TextWriter output,
        Func<int> signal,
        CancellationToken cancellationToken
    )
    {
        var host = new CommandVerbHost(replicator, output, IsJson(arguments));
        CommandVerb? verb = null;
        int exitCode;
        try
        {
            var (root, verbs) = Define();
            var result = CommandLineParser.Parse(
                root,
                [.. arguments],
                new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false }
            );
            verb = verbs.Find(verb => verb.Command == result.CommandResult.Command);
            if (result.Action is HelpAction help)
            {
                return await result
                    .InvokeAsync(
                        new InvocationConfiguration
                        {
                            Output = output,
                            Error = Console.Error,
                            EnableDefaultExceptionHandler = false,
                        },
                        cancellationToken
                    )
                    .ConfigureAwait(false);
            }

            Refuse(result, root, verb?.Command);
            await verb!.RunAsync(host, result, cancellationToken).ConfigureAwait(false);
            if (verb.Command.Name == "databases")
            {
                host.ReportNotReplicated();
            }

            exitCode = host.HasErrors ? Failed : 0;
        }
        catch (LitestreamException exception)
        {
            foreach (var diagnostic in exception.Diagnostics)
            {
                host.Report(diagnostic);
            }

            exitCode = IsWrongUsage(exception.Diagnostic.Code) ? WrongUsage : Failed;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            host.Report(
                new(
                    "LSB0004",
                    LitestreamSeverity.Error,
                    "Cancelled before it was done. What had been started has ended; run it again."
                )
            );
            exitCode = signal() is > 0 and var code ? code : Failed;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            host.Report(NoRoom(exception));
            exitCode = Failed;
        }
        catch (Exception exception)
        {
            host.Report(UnexpectedError.Diagnostic(exception, "The command was not done."));
            exitCode = Failed;
        }

        try
        {
            host.Finish(verb?.Command.Name ?? "", exitCode);
            return exitCode;
        }
        catch (IOException exception)
        {
            host.Report(NoRoom(exception));
            return Failed;
        }
        catch (Exception exception)
        {
            host.Report(UnexpectedError.Diagnostic(exception, "The answer could not be written."));
            return Failed;
        }
    }

    /// <summary>Answers a command that is refused before there is a host.</summary>
    public static void Refuse(
        LitestreamDiagnostic problem,
        IReadOnlyList<string> arguments,
        TextWriter output,
        int exitCode
    )
    {
        var host = new CommandVerbHost(null!, output, IsJson(arguments));
        host.Report(problem);
        try
        {
            host.Finish("", exitCode);
        }
        catch (IOException exception)
        {
            host.Report(NoRoom(exception));
        }
    }

    private static bool IsJson(IReadOnlyList<string> arguments) =>
        arguments.TakeWhile(argument => argument != "--").Contains(Json.Name);

    private static LitestreamDiagnostic NoRoom(Exception exception) =>
        new(
            "LSB0003",
            LitestreamSeverity.Error,
            $"{exception.Message.TrimEnd('.')}. Check the permissions and the free space of that folder."
        );

    /// <summary>The codes of what somebody typed and can type differently.</summary>
    private static bool IsWrongUsage(string code) =>
        code is "LSB3002" or "LSB3003" or "LSB3006" or "LSB3007" or "LSB3008" or "LSB3009" or "LSB3014" or "LSB3015";

    private static void Refuse(ParseResult result, Command root, Command? verb)
    {
        if (verb is null && result.UnmatchedTokens is [var wrong, ..] && !wrong.StartsWith('-'))
        {
            var names = root.Subcommands.Select(command => command.Name).ToList();
            throw Wrong(
                $"Unknown command '{wrong}'.{NearestName.DidYouMean(wrong, names)} "
                    + $"Commands: {string.Join(", ", names)}."
            );
        }

        // A word too many in the place of a name is no name.
        var words = verb is null or { Name: "run" }
            ? result.UnmatchedTokens
            : result.UnmatchedTokens.Concat(result.CommandResult.Tokens.Select(token => token.Value));
        if (words.FirstOrDefault(word => word.StartsWith('-')) is { } unknown)
        {
            var name = unknown.Split('=')[0];
            var options = root
                .Options.Where(option => option.Recursive)
                .Concat(verb?.Options ?? [])
                .Select(option => option.Name)
                .Distinct()
                .ToList();
            throw Wrong(
                $"{(verb is null ? "litestream" : $"litestream {verb.Name}")} has no option "
                    + $"'{name}'.{NearestName.DidYouMean(name, options)}"
                    + $"{(verb?.Name == "run" ? " What litestream itself is to get comes after '--'." : "")} "
                    + $"--help lists them."
            );
        }

        if (verb is null)
        {
            throw Wrong(
                $"Say what to do: {string.Join(", ", root.Subcommands.Select(command => command.Name))}. --help "
                    + $"says more."
            );
        }

        if (result.UnmatchedTokens is [var extra, ..])
        {
            throw Wrong($"litestream {verb.Name} takes no '{extra}'. --help lists what it takes.");
        }

        if (result.Errors is [var error, ..])
        {
            throw Wrong($"{error.Message} --help lists what litestream {verb.Name} takes.");
        }

        // What a script says whose variable is not set. Taken for "not given", it would be the live database's own
        // place, or all databases.
        if (
            verb.Name != "run"
            && result.CommandResult.Children.FirstOrDefault(given => given.Tokens.Any(token => token.Value.Length == 0))
                is { } empty
        )
        {
            throw new LitestreamException(
                "LSB3008",
                $"{(empty is OptionResult option ? option.Option.Name : "The database")} is empty. Nothing was started."
            );
        }

        if (result.GetValue(RunDirectory) is { } directory && CommandProcess.DirectoryProblem(directory) is { } problem)
        {
            throw new LitestreamException(problem);
        }
    }

    private static LitestreamException Wrong(string message) => new("LSB3014", message);

    private static (Command Root, List<CommandVerb> Verbs) Define()
    {
        var verbs = new List<CommandVerb>();
        var root = new Command(
            CommandProcess.Word,
            "The backups of this app's SQLite databases. Exit codes: 0 done, 1 failed, 2 wrong usage."
        )
        {
            Json,
            RunDirectory,
            new HelpOption(),
        };

        Verb("databases", "What is replicated and where to, and what is not", _ => _ => new DatabasesVerb());
        Verb(
            "config",
            "The configuration that litestream gets; secrets stand in it as ${NAME} only",
            _ => _ => new ConfigVerb()
        );
        Verb("env", "The environment variables that are needed, and which are set", _ => _ => new EnvVerb());
        Listing(
            "generations",
            "The generations in the replicas",
            (database, replica, timeout, _) =>
                new GenerationsVerb
                {
                    Database = database,
                    Replica = replica,
                    Timeout = timeout,
                }
        );
        Listing(
            "snapshots",
            "The snapshots in the replicas",
            (database, replica, timeout, _) =>
                new SnapshotsVerb
                {
                    Database = database,
                    Replica = replica,
                    Timeout = timeout,
                }
        );
        Listing(
            "wal",
            "The WAL segments in the replicas",
            (database, replica, timeout, generation) =>
                new WalVerb
                {
                    Database = database,
                    Replica = replica,
                    Timeout = timeout,
                    Generation = generation,
                }
        );
        Verb(
            "ltx",
            "Says what to use instead",
            command =>
            {
                var (database, timeout) = (Database(command), Text(command, "--timeout", "time", "Time limit"));
                return result => new LtxVerb { Database = database(result), Timeout = result.GetValue(timeout) };
            }
        );
        Verb(
            "status",
            "What can be seen on this machine, and what the running app tells; asks no storage",
            command =>
            {
                var database = Database(command);
                return result => new StatusVerb { Database = database(result) };
            }
        );
        Verb(
            "restore",
            "Restores one database, or all: in place if it is missing, else to --output, or with --force",
            DefineRestore
        );
        Verb(
            "pull",
            "Production's newest backup as a database of this machine, which never replicates back",
            DefinePull
        );
        Verb(
            "verify",
            "Proves that what is committed arrives in the replica and comes back from it",
            command =>
            {
                var database = Database(command);
                var replica = Text(command, "--replica", "name", "Only this replica");
                var level = Text(command, "--level", "Position|Quick|Full", "How much is proved; default Full");
                var noWrite = Flag(command, "--no-write", "Write no row into the database");
                var start = Flag(
                    command,
                    "--start-replicator",
                    "Where nobody replicates, let litestream do so for the time of the verification"
                );
                var timeout = Text(command, "--timeout", "time", "How long a commit may take to arrive");
                return result => new VerifyVerb
                {
                    Database = database(result),
                    Replica = result.GetValue(replica),
                    Level = result.GetValue(level),
                    Write = result.GetValue(noWrite) ? "false" : null,
                    StartReplicator = On(result, start),
                    Timeout = result.GetValue(timeout),
                };
            }
        );
        Verb(
            "drill",
            "The fire drill: restores to a scratch file and asks it a question",
            command =>
            {
                var database = Database(command);
                var query = Text(command, "--query", "sql", "Has to return a row");
                var timestamp = Text(command, "--timestamp", "moment", "The moment to go back to");
                var replica = Text(command, "--replica", "name", "From this replica");
                var timeout = Text(command, "--timeout", "time", "For restore, check and query together");
                return result => new DrillVerb
                {
                    Database = database(result),
                    Query = result.GetValue(query),
                    Timestamp = result.GetValue(timestamp),
                    Replica = result.GetValue(replica),
                    Timeout = result.GetValue(timeout),
                };
            }
        );
        Verb(
            "doctor",
            "Checks everything that one would check by hand, and changes nothing",
            command =>
            {
                var timeout = Text(
                    command,
                    "--timeout",
                    "time",
                    "How long one replica may take to answer; default 30 s"
                );
                return result => new DoctorVerb { Timeout = result.GetValue(timeout) };
            }
        );
        Verb(
            "replicate",
            "Replicates as the app would, without the app, until SIGTERM or Ctrl+C",
            _ => _ => new ReplicateVerb()
        );
        Verb("version", "Version and path of the executable", _ => _ => new VersionVerb());
        Verb(
            "run",
            "Any other command of the executable: litestream run -- generations app.db",
            command =>
            {
                var arguments = new Argument<string[]>("arguments")
                {
                    Description = "What litestream gets",
                    Arity = ArgumentArity.ZeroOrMore,
                };
                command.Add(arguments);
                return result => new RunVerb { Arguments = result.GetValue(arguments) ?? [] };
            }
        );
        return (root, verbs);

        void Verb(string name, string description, Func<Command, Func<ParseResult, Verb>> define)
        {
            var command = new Command(name, description);
            verbs.Add(new CommandVerb(command, define(command)));
            command.SetAction(_ => 0);
            root.Add(command);
        }

        void Listing(string name, string description, Func<string?, string?, string?, string?, Verb> create) =>
            Verb(
                name,
                description,
                command =>
                {
                    var database = Database(command);
                    var replica = Text(command, "--replica", "name", "Only this replica");
                    var generation = name == "wal" ? Text(command, "--generation", "id", "Only this generation") : null;
                    var timeout = Text(command, "--timeout", "time", "For each database; default 2 minutes");
                    return result =>
                        create(
                            database(result),
                            result.GetValue(replica),
                            result.GetValue(timeout),
                            generation is null ? null : result.GetValue(generation)
                        );
                }
            );
    }

    private static Func<ParseResult, Verb> DefineRestore(Command command)
    {
        var database = Database(command);
        var output = Text(command, "--output", "file", "The file to restore to; default the database's own place");
        var timestamp = Text(
            command,
            "--timestamp",
            "moment",
            "The moment to go back to: 2026-11-24T10:15:00Z, local \"2026-11-24 10:15\", \"10 minutes ago\""
        );
        var replica = Text(command, "--replica", "name", "From this replica");
        var generation = Text(command, "--generation", "id", "From this generation");
        var index = Text(command, "--index", "number", "Up to this WAL index");
        var transaction = Text(command, "--txid", "id", "Up to this transaction (release line 0.5)");
        var parallelism = Text(command, "--parallelism", "number", "How many WAL segments are fetched at once");
        var ifDbNotExists = Flag(command, "--if-db-not-exists", "An existing file is a success and stays as it is");
        var ifReplicaExists = Flag(command, "--if-replica-exists", "No backup is a success");
        var force = Flag(command, "--force", "An existing database is moved aside, and put back if the restore fails");
        var diff = Flag(
            command,
            "--diff",
            "Restores to a file beside the database (or --output), and shows what putting it in place would undo"
        );
        var dryRun = Flag(command, "--dry-run", "Says what would be done, and changes nothing");
        var timeout = Text(command, "--timeout", "time", "For the whole restore");
        var arguments = Text(command, "--arguments", "text", "More arguments for litestream restore");
        return result => new RestoreVerb
        {
            Database = database(result),
            Output = result.GetValue(output),
            Timestamp = result.GetValue(timestamp),
            Replica = result.GetValue(replica),
            Generation = result.GetValue(generation),
            Index = result.GetValue(index),
            TxId = result.GetValue(transaction),
            Parallelism = result.GetValue(parallelism),
            IfDbNotExists = On(result, ifDbNotExists),
            IfReplicaExists = On(result, ifReplicaExists),
            Force = On(result, force),
            Diff = On(result, diff),
            DryRun = On(result, dryRun),
            Timeout = result.GetValue(timeout),
            Arguments = RunVerb.Split(result.GetValue(arguments) ?? ""),
        };
    }

    private static Func<ParseResult, Verb> DefinePull(Command command)
    {
        var database = Database(command);
        var output = Text(command, "--output", "file", "The file to write; default the database's own place");
        var timestamp = Text(command, "--timestamp", "moment", "The moment to go back to");
        var replica = Text(command, "--replica", "name", "From this replica");
        var force = Flag(command, "--force", "An existing database is moved aside");
        var dryRun = Flag(command, "--dry-run", "Says what would be done, and changes nothing");
        var timeout = Text(command, "--timeout", "time", "For the whole of it");
        return result => new RestoreVerb
        {
            Detach = true,
            Database = database(result),
            Output = result.GetValue(output),
            Timestamp = result.GetValue(timestamp),
            Replica = result.GetValue(replica),
            Force = On(result, force),
            DryRun = On(result, dryRun),
            Timeout = result.GetValue(timeout),
        };
    }

    /// <summary>Which database, said in one of three ways.</summary>
    private static Func<ParseResult, string?> Database(Command command)
    {
        var argument = new Argument<string?>("database")
        {
            Description = "Its path as configured, the path of its file, or the name of its connection string",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var option = Text(command, "--database", "database", "The same");
        var all = Flag(command, "--all", "All databases");
        command.Add(argument);
        return result =>
            (result.GetValue(argument), result.GetValue(option), result.GetValue(all)) switch
            {
                (null, var named, false) => named,
                (var named, null, false) => named,
                (null, null, true) => "*",
                _ => throw Wrong("Say once which database is meant: by its name, with --database, or --all."),
            };
    }

    private static Option<string> Text(Command command, string name, string form, string description)
    {
        var option = new Option<string>(name) { Description = description, HelpName = form };
        command.Add(option);
        return option;
    }

    private static Option<bool> Flag(Command command, string name, string description)
    {
        var option = new Option<bool>(name) { Description = description };
        command.Add(option);
        return option;
    }

    private static string? On(ParseResult result, Option<bool> flag) => result.GetValue(flag) ? "true" : null;

    /// <summary>A verb with how it is made from what was typed.</summary>
    private sealed record CommandVerb(Command Command, Func<ParseResult, Verb> Create)
    {
        public Task RunAsync(CommandVerbHost host, ParseResult result, CancellationToken cancellationToken) =>
            Create(result).RunAsync(host, cancellationToken);
    }
}
