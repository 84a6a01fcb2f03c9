using Litestream.Commands;
using Microsoft.Build.Framework;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamLtx: says what to use instead. It reads no LTX files.</summary>
[MSBuildMultiThreadableTask]
public sealed class ListLitestreamLtx : LitestreamVerb
{
    /// <summary>Path as configured, path of the file, or connection string name; empty for the only one.</summary>
    public string Database { get; set; } = "";

    /// <summary>The time limit; empty for the default.</summary>
    public string Timeout { get; set; } = "";

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        var timeout = OptionValue.Duration("LitestreamTimeout", Timeout);
        var config = LoadConfig();
        var path = (OptionValue.Trim(Database) is { } name and not "*" ? config.Choose(name) : config.ChooseMany("*")[0]).ConfiguredPath;
        var client = CreateClient(config, timeout);
        var version = await client.VersionAsync(cancellationToken).ConfigureAwait(false);
        throw new LitestreamException(
            "LSB3009",
            version.StartsWith("0.3.", StringComparison.Ordinal)
                ? $"LTX files are what release line 0.5 keeps; this is litestream {version}, which keeps snapshots and WAL segments: use -t:LitestreamSnapshots and -t:LitestreamWal."
                : $"This version of Litestream.Build does not read LTX files. litestream {version} lists them itself: -t:LitestreamRun -p:LitestreamArguments=\"ltx -level all '{path}'\".");
    }
}
