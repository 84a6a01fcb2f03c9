using System.CommandLine;
using System.CommandLine.Help;
using Litestream.Verbs;

namespace Litestream.Hosting.CommandLine;

/// <summary>The commands of the published app, made from the definitions of the verbs.</summary>
internal static class CommandDefinitions
{
    public const string AllDatabases = "--all";

    public static readonly Option<bool> Json = new("--json")
    {
        Description = "The answer as one JSON document on standard output",
        Recursive = true,
    };

    public static readonly Option<string> RunDirectory = new(CommandProcess.DirectoryOption)
    {
        Description =
            "The directory that the app runs in, with its settings and relative database paths; default: this one "
            + "if it has an appsettings.json, else the app's own folder",
        HelpName = "path",
        Recursive = true,
    };

    public static (Command Root, List<CommandVerb> Verbs) Create()
    {
        var root = new Command(
            CommandProcess.Word,
            "The backups of this app's SQLite databases. Exit codes: 0 done, 1 failed, 2 wrong usage."
        )
        {
            Json,
            RunDirectory,
            new HelpOption(),
        };
        var verbs = Verb.All.Where(verb => !verb.IsOfBuild).Select(verb => new CommandVerb(verb)).ToList();
        verbs.ForEach(verb => root.Add(verb.Command));
        return (root, verbs);
    }
}

/// <summary>A verb as a command of the parser, and what was typed for its options.</summary>
internal sealed class CommandVerb
{
    private readonly Dictionary<string, Func<ParseResult, string?>> _texts = [];
    private Argument<string[]>? _words;
    private Argument<string?>? _database;

    /// <summary>Whether a single argument is not the database, but what comes after it.</summary>
    private Func<ParseResult, bool> _isLast = _ => false;

    public CommandVerb(Verb verb)
    {
        Verb = verb;
        Command = new Command(verb.Name, verb.Help);
        foreach (var option in verb.Options)
            Add(option);

        Command.SetAction(_ => 0);
    }

    public Verb Verb { get; }

    public Command Command { get; }

    /// <exception cref="Diagnostics.LitestreamException">LSB3014: the database was said twice.</exception>
    public VerbOptions Read(ParseResult result) =>
        new(
            _texts.ToDictionary(text => text.Key, text => text.Value(result)),
            _words is null ? null : result.GetValue(_words) ?? []
        );

    private void Add(VerbOption option)
    {
        switch (option.Kind)
        {
            case VerbOptionKind.Text:
                var text = Text(option.Name, option.Form, option.Help);
                _texts[option.Property] = result => result.GetValue(text);
                break;
            case VerbOptionKind.Flag:
                var flag = Flag(option.Name, option.Help);
                _texts[option.Property] = result => result.GetValue(flag) ? option.SetTo : null;
                break;
            case VerbOptionKind.Database:
                AddDatabase(option);
                break;
            case VerbOptionKind.Argument:
                AddArgument(option);
                break;
            case VerbOptionKind.Words:
                _words = new(option.Form) { Description = option.Help, Arity = ArgumentArity.ZeroOrMore };
                Command.Add(_words);
                break;
            default:
                break;
        }
    }

    /// <summary>Which database, said in one of three ways.</summary>
    private void AddDatabase(VerbOption option)
    {
        var argument = new Argument<string?>(option.Form)
        {
            Description = option.Help,
            Arity = ArgumentArity.ZeroOrOne,
        };
        var text = Text(option.Name, option.Form, "The same as the argument");
        var all = Flag(CommandDefinitions.AllDatabases, "All databases");
        Command.Add(_database = argument);
        _texts[option.Property] = result =>
            (
                _isLast(result) ? null : result.GetValue(argument),
                result.GetValue(text),
                result.GetValue(all)
            ) switch
            {
                (null, var named, false) => named,
                (var named, null, false) => named,
                (null, null, true) => "*",
                _ => throw LitestreamCommandLine.Wrong(
                    "Choose the database only once: by its name, with --database, or with --all."
                ),
            };
    }

    /// <summary>What comes after the database, which may be left out.</summary>
    private void AddArgument(VerbOption option)
    {
        var argument = new Argument<string?>(option.Form)
        {
            Description = option.Help,
            Arity = ArgumentArity.ZeroOrOne,
        };
        var text = Text(option.Name, option.Form, "The same as the argument");
        Command.Add(argument);
        _isLast = result => result.GetValue(argument) is null && result.GetValue(text) is null;
        _texts[option.Property] = result =>
            (result.GetValue(argument), result.GetValue(text)) switch
            {
                (null, null) => _database is null ? null : result.GetValue(_database),
                (var given, null) => given,
                (null, var named) => named,
                _ => throw LitestreamCommandLine.Wrong(
                    $"Write the {option.Form} only once: as the last argument, or with {option.Name}."
                ),
            };
    }

    private Option<string> Text(string name, string form, string description)
    {
        var option = new Option<string>(name) { Description = description, HelpName = form };
        Command.Add(option);
        return option;
    }

    private Option<bool> Flag(string name, string description)
    {
        var option = new Option<bool>(name) { Description = description };
        Command.Add(option);
        return option;
    }
}
