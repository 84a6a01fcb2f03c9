using Litestream.Diagnostics;

namespace Litestream.Hosting.CommandLine;

/// <summary>Verbs and options as they are typed for the app.</summary>
internal sealed class AppWords : CommandWords
{
    public static readonly AppWords Instance = new();

    public override string Verb(string name, string? arguments) =>
        $"{CommandProcess.Word} {name}{(arguments is null ? "" : $" -- {arguments}")}";

    public override string Option(string name, string property, string? value) =>
        property == OptionName.Database.Property && value == OptionName.All.Value ? CommandDefinitions.AllDatabases
        : value is null or "true" or "false" ? name
        : $"{name}={value}";
}
