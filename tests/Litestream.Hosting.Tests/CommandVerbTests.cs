using System.Text.Json;
using Litestream.Diagnostics;
using Litestream.Hosting.CommandLine;

namespace Litestream.Hosting.Tests;

/// <summary>
/// An app that has run and ended, with its rows in the replica. It is noisy: it writes to standard output in every way
/// before its host is built.
/// </summary>
public sealed class NoisyApp : IAsyncLifetime
{
    public AppFolder Folder { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Folder = await CommandRun.BackedUpAsync();
        Folder.Environment["HOSTED_APP_Noise"] = "true";
        Folder.Environment["LITESTREAM_SECRET_ACCESS_KEY"] = "hunter2-and-more";
    }

    public ValueTask DisposeAsync()
    {
        Folder.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>
/// What every verb of <c>App litestream &lt;verb&gt;</c> prints, and what it says to what it does not understand.
/// </summary>
public sealed class CommandVerbTests(NoisyApp app) : IClassFixture<NoisyApp>
{
    public static IEnumerable<TheoryDataRow<string, int>> EveryVerb =>
        [
            new("databases", 1),
            new("config", 1),
            new("env", 3),
            Line03("generations", 1),
            Line03("generations orders.db --replica file --timeout 2m", 1),
            Line03("snapshots --all", 1),
            Line03("wal --database orders.db", 0),
            Line05("ltx --database orders.db", 0),
            new("restore orders.db --output copy-of-a-verb.db", 1),
            new("restore --dry-run --force", 1),
            new("restore --all --if-db-not-exists", 1),
            new("drill --query SELECT*FROM/**/orders", 1),
            new("query SELECT*FROM/**/orders", 2),
            new("query orders.db SELECT*FROM/**/orders --timestamp now", 2),
            new("query --database orders.db --sql SELECT*FROM/**/orders", 2),
            new("diff orders.db", 1),
            new("verify --start-replicator --level Quick --timeout 2m", 1),
            new("doctor --timeout 120", -1),
            new("version", 1),
            new("run -- version", 1),
            Line03("run -- generations orders.db", -1),
            Line05("run -- ltx orders.db", 0),
        ];

    [Theory]
    [MemberData(nameof(EveryVerb))]
    public async Task Every_verb_answers_with_one_JSON_document_whatever_the_app_and_its_loggers_write(
        string command,
        int items
    )
    {
        var words = command.Split(' ');

        var run = (await CommandRun.OfAsync(app.Folder, ["--json", .. words])).Succeeded();

        Assert.Equal(words[0], run.Json.GetProperty("Verb").GetString());
        Assert.Equal("Success", run.Json.GetProperty("Result").GetString());
        Assert.Equal(0, run.Json.GetProperty("ExitCode").GetInt32());
        var identities = run
            .Json.GetProperty("Items")
            .EnumerateArray()
            .Select(item => item.GetProperty("Identity").GetString())
            .ToList();
        Assert.True(
            items switch
            {
                < 0 => identities.Count > 1,
                0 => identities.Count > 0,
                _ => identities.Count == items || (words[0] == "env" && identities.Count > 0),
            },
            run.Output
        );
        foreach (var noise in new[] { "Console.WriteLine", "a stream", "a device", "a child", "a logger" })
            Assert.Contains($"noise of {noise}", run.Error, StringComparison.Ordinal);

        run.OfNothingElse(app.Folder);
        Assert.DoesNotContain("hunter2", run.Output + run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Items_have_the_names_of_the_targets_items_and_values_of_their_kind()
    {
        var database = (await CommandRun.OfAsync(app.Folder, ["databases", "--json"])).Succeeded().OnlyItem;
        Assert.Equal(
            ["Identity", "Name", "Key", "Path", "Exists", "ReplicaType", "Replica"],
            database.EnumerateObject().Select(property => property.Name)
        );
        Assert.Equal(
            ("orders.db", app.Folder.Database, true),
            (
                database.GetProperty("Identity").GetString(),
                database.GetProperty("Path").GetString(),
                database.GetProperty("Exists").GetBoolean()
            )
        );

        var restored = (await CommandRun.OfAsync(app.Folder, ["restore", "--output", "copy.db", "--json"]))
            .Succeeded()
            .OnlyItem;
        Assert.Equal("Restored", restored.GetProperty("Outcome").GetString());
        Assert.Equal(
            new FileInfo(Path.Combine(app.Folder.Work, "copy.db")).Length,
            restored.GetProperty("Bytes").GetInt64()
        );
        Assert.Equal(JsonValueKind.Null, restored.GetProperty("Code").ValueKind);
        Assert.Equal(app.Folder.DatabaseRows(), AppFolder.Rows(Path.Combine(app.Folder.Work, "copy.db")));
    }

    /// <summary>
    /// With each release line, the first command with a verb, a code and an exit code is given with <c>--json</c> too.
    /// </summary>
    public static IEnumerable<TheoryDataRow<string, int, string, string, bool>> EveryWrongCommand =>
        WrongCommands.Select(
            (wrong, index) =>
            {
                var isFirst = !WrongCommands
                    .Take(index)
                    .Any(earlier =>
                        (earlier.Verb, earlier.Code, earlier.ExitCode) == (wrong.Verb, wrong.Code, wrong.ExitCode)
                        && (earlier.Line is null || earlier.Line == wrong.Line)
                    );
                var row = new TheoryDataRow<string, int, string, string, bool>(
                    wrong.Command,
                    wrong.ExitCode,
                    wrong.Code,
                    wrong.Hint,
                    isFirst
                );
                return wrong.Line is { } line ? row.WithTrait("Line", line) : row;
            }
        );

    private static readonly WrongCommand[] WrongCommands =
    [
        new("", 2, "LSB3014", "Name a command: databases, "),
        new("restor", 2, "LSB3014", "Did you mean 'restore'?"),
        new("verfiy", 2, "LSB3014", "Did you mean 'verify'?"),
        new("restore --forse", 2, "LSB3014", "Did you mean '--force'?"),
        new("restore --outptu=x", 2, "LSB3014", "no option '--outptu'. Did you mean '--output'?"),
        new("--jsn databases", 2, "LSB3014", "Did you mean '--json'?"),
        new("restore --output", 2, "LSB3014", "'--output'"),
        new("restore orders.db more", 2, "LSB3014", "does not accept 'more'"),
        new("restore orders.db --all", 2, "LSB3014", "only once"),
        new("databases orders.db", 2, "LSB3014", "does not accept 'orders.db'"),
        new("restore order.db", 2, "LSB3003", "Did you mean 'orders.db'?"),
        new("restore --timestamp soon", 2, "LSB3007", "10 minutes ago"),
        new("restore --index -5", 2, "LSB3008", "--index is '-5'"),
        new("restore --all --output x.db", 2, "LSB3008", "--output names one file, but --all may be several"),
        new(
            "restore --force --if-db-not-exists",
            2,
            "LSB3008",
            "--force replaces an existing database, and --if-db-not-exists keeps it"
        ),
        new("verify --level All", 2, "LSB3008", "--level is 'All'"),
        new("verify --timeout never", 2, "LSB3008", "--timeout is 'never'"),
        new("wal --generation 1", 2, "LSB3008", "litestream generations prints them"),
        new("generations --replica none", 1, "LSB3008", "has no replica 'none'", Line: "0.3"),
        new("run", 2, "LSB3006", "litestream run -- ltx app.db"),
        new("run replicate", 2, "LSB3006", "use litestream replicate"),
        new("run -- wal -replica=file orders.db", 2, "LSB3006", "Write '--replica=file'", Line: "0.3"),
        new("run -- nonsense", 1, "LSB3001", "nonsense"),
        new("run -- sync orders.db", 2, "LSB3022", "Use litestream sync"),
        new("run -- stop orders.db", 2, "LSB3022", "Stop the app instead"),
        new("run -- restore -force orders.db", 2, "LSB3022", "run only with -o"),
        new("run -- restore --force=true -o copy.db orders.db", 2, "LSB3022", "run only with -o"),
        new("run -- restore orders.db", 2, "LSB3022", "Use litestream restore"),
        new("stop orders.db", 2, "LSB3022", "Stop the app instead"),
        new("start orders.db", 2, "LSB3022", "use litestream replicate"),
        new("reset orders.db", 2, "LSB3022", "repairs nothing"),
        new("register orders.db", 2, "LSB3022", "AddDatabaseAsync"),
        new("run -- unregister orders.db", 2, "LSB3022", "RemoveDatabaseAsync"),
        new("info", 2, "LSB3022", "litestream status says what runs"),
        new("list", 2, "LSB3022", "litestream databases lists"),
        new("sync order.db", 2, "LSB3003", "Did you mean 'orders.db'?"),
        new("sync --timeout never", 2, "LSB3008", "--timeout is 'never'"),
        new("ltx", 2, "LSB3009", "Use litestream snapshots and litestream wal", Line: "0.3"),
        new("snapshots", 2, "LSB3009", "Use litestream ltx", Line: "0.5"),
        new("ltx --replica none", 1, "LSB3008", "has no replica 'none'", Line: "0.5"),
        new("restore --force --txid 7fffffff", 1, "LSB4002", "TXID 000000007fffffff", Line: "0.5"),
        new("restore --force --txid 0", 2, "LSB3008", "The TXID is zero", Line: "0.5"),
        new("restore --force --txid x", 2, "LSB3008", "--txid is 'x'", Line: "0.5"),
        new("restore --force --generation 0123456789abcdef", 2, "LSB3008", "0.3", Line: "0.5"),
        new("databases --directory nowhere", 2, "LSB3008", "'nowhere'"),
        new("databases --directory ''", 2, "LSB3008", "--directory is empty"),
        new("restore --force --output ''", 2, "LSB3008", "--output is empty"),
        new("restore --force --timestamp=", 2, "LSB3014", "'--timestamp'"),
        new("restore --force --timestamp '_'", 2, "LSB3008", "--timestamp is empty"),
        new("pull --force ''", 2, "LSB3008", "The database is empty"),
        new("restore", 1, "LSB4001", "Force it (--force)"),
        new("drill --query SELECT/**/1/**/WHERE/**/0", 1, "LSB4111", "no row"),
        new("query", 2, "LSB3008", "--sql is missing"),
        new("query ''", 2, "LSB3008", "The sql is empty"),
        new("query '' SELECT/**/1", 2, "LSB3008", "The database is empty"),
        new("query --all SELECT/**/1", 2, "LSB3008", "Choose it with --database"),
        new("query orders.db SELECT/**/1 more", 2, "LSB3014", "does not accept 'more'"),
        new("query SELECT/**/1 --sql SELECT/**/2 x", 2, "LSB3014", "Write the sql only once"),
        new("query DELETE/**/FROM/**/orders", 2, "LSB3024", "it writes"),
        new("query ATTACH/**/'x.db'/**/AS/**/x", 2, "LSB3024", "it uses ATTACH"),
        new("query SELEC", 1, "LSB4112", "syntax error"),
        new("query SELECT*FROM/**/nowhere", 1, "LSB4112", "no such table: nowhere"),
        new("query --timestamp soon SELECT/**/1", 2, "LSB3007", "10 minutes ago"),
        new("query --timestamp 2020-01-01T00:00Z SELECT/**/1", 1, "LSB4002", "Existing backups: "),
        new("query --replica none SELECT/**/1", 2, "LSB3008", "has no replica 'none'"),
        new("diff --to 2020-01-01T00:00Z", 2, "LSB3008", "--to is set, but --from is not"),
        new("diff --from now --to 2020-01-01T00:00Z", 2, "LSB3008", "which is later than --to"),
        new("diff --from 2020-01-01T00:00Z", 1, "LSB4002", "Existing backups: "),
    ];

    [Theory]
    [MemberData(nameof(EveryWrongCommand))]
    public async Task What_is_wrong_is_one_line_with_a_code_and_an_exit_code(
        string command,
        int exitCode,
        string code,
        string hint,
        bool isInJsonToo
    )
    {
        string[] words =
        [
            .. command
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(word => word switch { "''" => "", "'_'" => " ", _ => word }),
        ];

        var run = (await CommandRun.OfAsync(app.Folder, words)).FailedWith(exitCode, code);

        Assert.Contains(hint, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("LitestreamForce", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("-t:", run.Error, StringComparison.Ordinal);
        run.OfNothingElse(app.Folder);
        if (isInJsonToo)
        {
            var json = (await CommandRun.OfAsync(app.Folder, ["--json", .. words])).FailedWith(exitCode, code);
            Assert.Equal(
                (code, "Failure", exitCode),
                (
                    json.OnlyCode,
                    json.Json.GetProperty("Result").GetString(),
                    json.Json.GetProperty("ExitCode").GetInt32()
                )
            );
        }
    }

    [Theory]
    [InlineData("--help", "restore", "doctor")]
    [InlineData("restore --help", "--if-replica-exists", "--dry-run")]
    [InlineData("run -h", "run -- ltx app.db", "--json")]
    public async Task Help_is_there_at_every_level(string command, string one, string other)
    {
        var run = (await CommandRun.OfAsync(app.Folder, command.Split(' '))).Succeeded();

        Assert.Contains(one, run.Output, StringComparison.Ordinal);
        Assert.Contains(other, run.Output, StringComparison.Ordinal);
        run.OfNothingElse(app.Folder);
    }

    [Theory]
    [InlineData("databases")]
    [InlineData("databases --json")]
    [InlineData("restore --help")]
    public async Task An_answer_that_there_is_no_room_for_is_one_line_with_a_code(string command)
    {
        var run = await CommandRun.OfAsync(
            app.Folder,
            command.Split(' '),
            before: ["sh", "-c", "exec \"$@\" >/dev/full", "sh"]
        );

        Assert.Contains("No space left on device.", run.FailedWith(1, "LSB0003").Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_path_with_the_name_of_a_target_or_of_a_property_is_printed_as_it_is()
    {
        var directory = Path.Combine(app.Folder.Work, "LitestreamStatus", "LitestreamForce=true");
        Directory.CreateDirectory(directory);
        var run = (await CommandRun.OfAsync(app.Folder, ["config", "--directory", directory])).Succeeded();

        Assert.Contains($"{directory}/orders.db", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_message_names_verbs_and_options_as_they_are_typed_and_nothing_else()
    {
        const string Path = "LitestreamForce=true/LitestreamStatus.db";
        MessageText text =
            $"{VerbName.Restore} {OptionName.Force.On}, {OptionName.IfDbNotExists}, {OptionName.NoWrite}, "
            + $"{OptionName.All}, {OptionName.VerifyLevel.Set("Full")}, {VerbName.Running("ltx 'a b.db'")}: '{Path}'";

        Assert.Equal(
            $"litestream restore --force, --if-db-not-exists, --no-write, --all, --level=Full, "
                + $"litestream run -- ltx 'a b.db': '{Path}'",
            text.In(AppWords.Instance)
        );
        Assert.Equal(
            $"LitestreamRestore LitestreamForce=true, LitestreamIfDbNotExists, LitestreamVerifyWrite=false, "
                + $"LitestreamDatabase=*, LitestreamVerifyLevel=Full, "
                + $"-t:LitestreamRun -p:LitestreamArguments=\"ltx 'a b.db'\": '{Path}'",
            text.In(new CommandWords())
        );
    }

    private static TheoryDataRow<string, int> Line03(string command, int items) =>
        new TheoryDataRow<string, int>(command, items).WithTrait("Line", "0.3");

    private static TheoryDataRow<string, int> Line05(string command, int items) =>
        new TheoryDataRow<string, int>(command, items).WithTrait("Line", "0.5");

    /// <param name="Command">What comes after <c>litestream</c>.</param>
    /// <param name="ExitCode">How it ends.</param>
    /// <param name="Code">What the line on standard error begins with.</param>
    /// <param name="Hint">A part of that line.</param>
    /// <param name="Line">The release line that it is for; null: for each.</param>
    private sealed record WrongCommand(string Command, int ExitCode, string Code, string Hint, string? Line = null)
    {
        public string Verb => Command.Split(' ')[0];
    }
}
