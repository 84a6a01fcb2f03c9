using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>
/// The configuration that the executable is really started with: absolute paths, live settings, no secrets.
/// </summary>
public sealed class EffectiveConfig
{
    /// <summary>
    /// Settings that are handed to the executable as variables, each only where the variable is not set.
    /// </summary>
    internal static readonly IReadOnlyList<(string Setting, string Variable)> SettingVariables =
    [
        .. from setting in SettingNames.All
        where setting.Variable is not null
        select ($"{SettingNames.Section}:{setting.Name}", setting.Variable),
    ];

    private readonly EffectiveConfigOptions _options;
    private readonly Lazy<YamlMap> _read;

    internal EffectiveConfig(EffectiveConfigOptions options, YamlMap root, string header, string level)
    {
        _options = options;
        _read = new Lazy<YamlMap>(Read);
        Text = InfoLoggingText = YamlWriter.Write(root, header);
        LogLevel = level;
        if (LogLevels.Shows(level, "INFO"))
            return;
        ((YamlMap)root["logging"]!)["level"] = "info";
        InfoLoggingText = YamlWriter.Write(root, header);
    }

    /// <summary>The file's text.</summary>
    public string Text { get; }

    /// <summary>What <see cref="Text"/> says, read once; not to be changed.</summary>
    internal YamlMap Root => _read.Value;

    /// <summary>
    /// <see cref="Text"/> with the log level <c>info</c>, where the file wants less: at it a restore logs what it
    /// takes, and a replicator what it does.
    /// </summary>
    internal string InfoLoggingText { get; }

    /// <summary>The log level of the file.</summary>
    internal string LogLevel { get; }

    /// <summary>The databases in it, in the file's order.</summary>
    public IReadOnlyList<EffectiveDatabase> Databases { get; internal init; } = [];

    /// <summary>Databases of the file that cannot be replicated, as the live settings have them encrypted.</summary>
    internal IReadOnlyList<EffectiveDatabase> Encrypted { get; init; } = [];

    /// <summary>What the child gets on top of the inherited environment. Holds secrets.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; internal init; } = new Dictionary<string, string>();

    /// <summary>What the user should know.</summary>
    public IReadOnlyList<LitestreamDiagnostic> Diagnostics { get; internal init; } = [];

    /// <summary>Whether it is made from a generated file, and not from the user's own.</summary>
    internal bool IsGenerated { get; init; }

    /// <summary>What no message may show.</summary>
    internal SecretMask Secrets { get; init; } = new([]);

    /// <summary>
    /// Where the executable serves its metrics (<c>host:port</c>), null where the file names no address with a port.
    /// </summary>
    internal string? MetricsAddress { get; init; }

    /// <inheritdoc cref="EffectiveConfigOptions.SocketPath" />
    internal string? SocketPath { get; init; }

    /// <summary>
    /// Makes the configuration. A generated file takes its databases' paths from the live settings they came from, and
    /// its replica from
    /// <c>Litestream:ReplicaUrl</c> or a bucket in <c>Litestream:ReplicaBucket</c> or <c>LITESTREAM_REPLICA_BUCKET</c>,
    /// when they say something else than at build time.
    /// A file of the user's own keeps everything but what has to be absolute.
    /// </summary>
    /// <param name="o">What it is made from.</param>
    /// <param name="dialects">That of the executable which will read it, then those of the other release lines. A file
    /// of the user's own is checked against the first.</param>
    /// <exception cref="LitestreamException">
    /// LSB1010 to LSB1015, LSB1017; LSB1018 when a database's path depends on a missing variable, LSB1045 when a
    /// replica's place does, LSB1046 when a replica names no folder;
    /// LSB1030 to LSB1043 for a file of the user's own, with all findings of
    /// <see cref="ConfigCheck"/>.
    /// </exception>
    internal static EffectiveConfig Create(EffectiveConfigOptions o, IReadOnlyList<ConfigDialect> dialects)
    {
        ArgumentNullException.ThrowIfNull(o);
        var raw = o.ConfigText ?? LitestreamConfigFile.ReadText(o.ConfigPath);
        IReadOnlyList<LitestreamDiagnostic> findings = LitestreamConfigFile.IsGeneratedText(raw)
            ? []
            : ConfigCheck.Run(o.ConfigPath, raw, dialects, o.Variable, o.ExpandVariables);
        if (findings.Any(f => f.Severity == LitestreamSeverity.Error))
            throw new LitestreamException(findings);
        var file = LitestreamConfigFile.Parse(o.ConfigPath, raw, o.ExpandVariables);
        return new EffectiveConfigBuilder(new(o, dialects, file, findings)).Build();
    }

    /// <summary>The database that somebody means.</summary>
    /// <param name="choice">
    /// The path as configured, the path of the file (absolute, or relative to the app's folder), the connection
    /// string's name or its configuration key (in any case).
    /// Null or empty: the only database there is.
    /// </param>
    /// <exception cref="LitestreamException">
    /// LSB3002: nothing was said and there are several, or what was said fits several; LSB3003: there is no such
    /// database (the message names the nearest); LSB3004: there is none at all.
    /// </exception>
    public EffectiveDatabase Choose(string? choice) => DatabaseChoice.One(Databases, choice, Resolve);

    /// <summary>
    /// The databases that somebody means: all of them for <c>*</c>, else the one that <see cref="Choose"/> gives.
    /// </summary>
    /// <exception cref="LitestreamException">LSB3002, LSB3003, LSB3004.</exception>
    public IReadOnlyList<EffectiveDatabase> ChooseMany(string? choice) =>
        DatabaseChoice.Many(Databases, choice, Resolve);

    /// <summary>The same with one of its databases only, for a litestream of its own.</summary>
    /// <param name="database">One of <see cref="Databases"/>.</param>
    /// <param name="metricsAddress">Where that one serves its metrics; null: nowhere.</param>
    /// <param name="monitorInterval">See <see cref="EffectiveConfigOptions.MonitorInterval"/>.</param>
    internal EffectiveConfig With(EffectiveDatabase database, string? metricsAddress, TimeSpan? monitorInterval)
    {
        var root = Read();
        var node = root.Maps("dbs").Where(map => !map.Has("dir")).ElementAt(Databases.ToList().IndexOf(database));
        root["dbs"] = new YamlList { Items = [node] };

        // Those are served once, and a heartbeat is the app's to send.
        foreach (var key in (string[])["addr", "socket", "mcp-addr", "heartbeat-url"])
            root.Remove(key);
        if (metricsAddress is not null)
            root["addr"] = metricsAddress;
        if (monitorInterval is { } interval)
            SetInterval(node, interval);
        return new EffectiveConfig(_options, root, "", LogLevel)
        {
            Databases = [database],
            Variables = Variables,
            Diagnostics = Diagnostics,
            Secrets = Secrets,
            IsGenerated = IsGenerated,
            MetricsAddress = metricsAddress,
        };
    }

    /// <summary>The same for another file in the place of one of its databases, with replicas in folders below
    /// theirs.</summary>
    /// <param name="database">One of <see cref="Databases"/>.</param>
    /// <param name="file">The other file.</param>
    /// <param name="below">What comes after the places of the replicas: no slash at its begin; empty: nothing.</param>
    internal EffectiveConfig Elsewhere(EffectiveDatabase database, string file, string below)
    {
        var config = With(database, metricsAddress: null, monitorInterval: null);
        var root = config.Read();
        foreach (var node in root.Maps("dbs"))
        {
            node["path"] = file;
            node.Remove("meta-path");
            foreach (var replica in node.Maps("replicas").Where(_ => below.Length > 0))
            {
                var (url, query) = ReplicaUrl.SplitQuery(replica.Text("url"));
                if (url.Length > 0)
                    replica["url"] = $"{url.TrimEnd('/')}/{below}{query}";
                else if (replica.Text("path") is { Length: > 0 } path)
                    replica["path"] = $"{path.TrimEnd('/')}/{below}";
                else
                    replica["path"] = below;
            }
        }

        var other = database with { Path = file, MetaPath = EffectiveDatabase.MetaPathOf(file) };
        return new EffectiveConfig(_options, root, "", LogLevel)
        {
            Databases = [other],
            Variables = Variables,
            Secrets = Secrets,
            IsGenerated = IsGenerated,
        };
    }

    /// <summary>Sets how often a database is looked at and its replicas are sent to.</summary>
    internal static void SetInterval(YamlMap database, TimeSpan interval)
    {
        var text = new YamlScalar(GoDuration.Format(interval), YamlStyle.Plain);
        database["monitor-interval"] = text;
        foreach (var replica in database.Maps("replicas"))
            replica["sync-interval"] = text;
    }

    internal string Resolve(string path) => _options.Resolve(path);

    /// <summary>The value that a variable has for the executable; null when it has none.</summary>
    internal string? Variable(string name) =>
        Variables.GetValueOrDefault(name) ?? _options.Environment.GetValueOrDefault(name);

    /// <summary>Calls with the path of a file that holds <see cref="Text"/>, which no other user can read and which is
    /// deleted afterwards. It is in the folder for temporary files, else beside a database, else in the app's folder.
    /// </summary>
    /// <exception cref="LitestreamException">LSB0003: it can be written nowhere.</exception>
    internal Task<T> WithFileAsync<T>(Func<string, Task<T>> use) => WithFileAsync(Path.GetTempPath(), use);

    /// <param name="temp">The folder for temporary files.</param>
    /// <param name="use">What is called.</param>
    /// <inheritdoc cref="WithFileAsync{T}(Func{string, Task{T}})" />
    internal async Task<T> WithFileAsync<T>(string temp, Func<string, Task<T>> use)
    {
        using var folder = ConfigFolder.Create(
            temp,
            [.. Databases.Select(database => database.Path)],
            Path.GetFullPath(_options.BaseDirectory),
            Write,
            out var file
        );
        return await use(file).ConfigureAwait(false);
    }

    /// <summary>
    /// Writes <c>litestream.yml</c>, mode 0600, into the directory, which is created with mode 0700 when it is missing.
    /// </summary>
    /// <returns>The path of the file.</returns>
    /// <exception cref="LitestreamException">LSB0003: it cannot be written.</exception>
    public string Write(string directory) => ConfigFolder.Write(directory, Text);

    /// <summary>Writes <see cref="InfoLoggingText"/> instead.</summary>
    /// <inheritdoc cref="Write(string)" />
    internal string WriteWithInfoLogging(string directory) => ConfigFolder.Write(directory, InfoLoggingText);

    private YamlMap Read() => YamlReader.Read("litestream.yml", Text);
}
