using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Deployment;

/// <summary>How an app is run.</summary>
public enum ScaffoldKind
{
    /// <summary>By systemd: a unit.</summary>
    Systemd,

    /// <summary>In a container: a Dockerfile, and what it leaves out of the build.</summary>
    Dockerfile,

    /// <summary>By Docker Compose.</summary>
    Compose,

    /// <summary>By something that reads a Procfile.</summary>
    Procfile,
}

/// <summary>A file to write.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Text">What is in it, with LF.</param>
public sealed record ScaffoldFile(string Name, string Text);

/// <summary>
/// The files that run an app on a server so that nothing is lost when it is stopped: the signal goes to the app, which
/// stops litestream itself, and there is time for the last commits;
/// the database is where the app may write and where it stays; secrets come from the environment.
/// </summary>
public static class Scaffold
{
    /// <summary>What a host takes by default for its own services, before the last commits are sent.</summary>
    private static readonly TimeSpan HostShutdown = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long a service manager has to wait before it kills, in whole seconds: longer than all that the app may take.
    /// </summary>
    public static int StopSeconds(ScaffoldInputs app)
    {
        ArgumentNullException.ThrowIfNull(app);
        return (int)Math.Ceiling((HostShutdown + app.ShutdownTimeout + Margin).TotalSeconds);
    }

    /// <summary>Makes the files.</summary>
    /// <param name="kind">For what.</param>
    /// <param name="app">The app.</param>
    /// <param name="folder">The folder that they will lie in, absolute.</param>
    public static IReadOnlyList<ScaffoldFile> Create(ScaffoldKind kind, ScaffoldInputs app, string folder)
    {
        ArgumentNullException.ThrowIfNull(app);
        ArgumentNullException.ThrowIfNull(folder);
        return kind switch
        {
            ScaffoldKind.Systemd => [new($"{app.Name}.service", Unit(app))],
            ScaffoldKind.Dockerfile =>
            [
                new("Dockerfile", Dockerfile(app, folder)),
                new("Dockerfile.dockerignore", Ignored),
            ],
            ScaffoldKind.Compose => [new("compose.yaml", Compose(app, folder))],
            _ => [new("Procfile", Procfile(app))],
        };
    }

    /// <summary>Writes the files, all or none.</summary>
    /// <param name="files">The files.</param>
    /// <param name="folder">Where to; it is made when it is missing.</param>
    /// <param name="force">Whether files that are there are replaced.</param>
    /// <returns>Their paths.</returns>
    /// <exception cref="LitestreamException">LSB3017: one is there already; LSB0003: one cannot be written.</exception>
    public static IReadOnlyList<string> Write(IReadOnlyList<ScaffoldFile> files, string folder, bool force)
    {
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(folder);
        var paths = files.Select(file => Path.Combine(folder, file.Name)).ToList();
        if (!force && paths.Where(Path.Exists).ToList() is { Count: > 0 } there)
            throw Exists(there);

        try
        {
            FileSet.Write(folder, [.. files.Select(file => (file.Name, file.Text))], force);
            return paths;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB0003",
                $"What was made for '{folder}' cannot be written: {e.Message} Nothing has changed there.",
                innerException: e
            );
        }
    }

    private static LitestreamException Exists(List<string> paths) =>
        new(
            "LSB3017",
            $"{string.Join(", ", paths)} {(paths.Count == 1 ? "is" : "are")} there already and not overwritten; "
                + $"nothing was written. Move away what you do not need, write elsewhere (LitestreamOutput), or set "
                + $"LitestreamForce=true to replace.",
            paths[0]
        );

    private static string Unit(ScaffoldInputs app)
    {
        var (name, data) = (app.Name, DataFolder(app));
        var install = app.InstallDirectory ?? $"/opt/{name}";
        var folders = new Folders(app, data);
        var program = app.IsNative
            ? Word($"{install}/{app.AssemblyName}")
            : $"/usr/bin/dotnet {CommandWord($"{install}/{app.AssemblyName}.dll")}";
        List<string> lines =
        [
            $"# {app.AssemblyName} as a service; the app runs litestream itself. Written by LitestreamScaffold, and "
                + $"yours to change.",
            "#",
            $"#   useradd --system --home-dir {data} --shell /usr/sbin/nologin {name}",
            $"#   publish to {install} (dotnet publish -c Release -o ...); the service only reads it",
            $"#   install -m 0600 /dev/null /etc/{name}.env, with lines NAME=value:",
            .. Variables(app).Select(line => $"#     {line}"),
            $"#   cp {name}.service /etc/systemd/system/ && systemctl daemon-reload && systemctl enable --now {name}",
            "",
            "[Unit]",
            $"Description={app.AssemblyName.Replace("%", "%%", StringComparison.Ordinal)}",
            "Wants=network-online.target",
            "After=network-online.target",
            "",
            "[Service]",
            "Type=exec",
            $"User={name}",
            $"ExecStart={program}",
            "",
            "# Relative database paths begin here; settings are read from the app's folder.",
            $"StateDirectory={string.Join(' ', folders.Inside.Select(folder => Word(folder["/var/lib/".Length..])))}",
            "StateDirectoryMode=0750",
            $"WorkingDirectory={data}",
            $"Environment={Word($"DOTNET_CONTENTROOT={install}")}",
        ];
        if (app is { IsWeb: true, HasOwnUrls: false })
            lines.Add($"Environment=ASPNETCORE_URLS=http://localhost:{Number(app.Port ?? 5000)}");
        lines.AddRange([
            $"EnvironmentFile=-/etc/{name}.env",
            "",
            "# The signal goes to the app only, which stops litestream after its last commit; what is left when the "
                + "time is up is killed.",
            "# control-group, the default, would stop litestream first, and the last commits would have to be sent "
                + "by another run of it.",
            "KillMode=mixed",
            $"# The host's own 30 s, then Litestream:ShutdownTimeout ({Seconds(app.ShutdownTimeout)} s), and a margin.",
            $"TimeoutStopSec={Number(StopSeconds(app))}",
            "Restart=on-failure",
            "RestartSec=2",
            "# Stopped during the restore at start.",
            "SuccessExitStatus=143",
            "",
            "# What neither .NET nor litestream needs. Not here: MemoryDenyWriteExecute (the JIT), PrivateUsers and "
                + "any pid namespace (the lock names processes).",
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
        ]);
        if (folders.Outside.Count > 0)
            lines.AddRange([
                "# These have to be there, and the user has to own them.",
                .. folders.Outside.Select(folder => $"ReadWritePaths={Word(folder)}"),
            ]);
        lines.Add(
            folders
                .Outside.Concat([install])
                .Any(folder =>
                    folder.StartsWith("/home/", StringComparison.Ordinal)
                    || folder.StartsWith("/root", StringComparison.Ordinal)
                )
                ? "ProtectHome=no"
                : "ProtectHome=yes"
        );
        lines.AddRange([
            "PrivateTmp=yes",
            "PrivateDevices=yes",
            "ProtectClock=yes",
            "ProtectControlGroups=yes",
            "ProtectHostname=yes",
            "ProtectKernelLogs=yes",
            "ProtectKernelModules=yes",
            "ProtectKernelTunables=yes",
            "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
            "RestrictNamespaces=yes",
            "RestrictRealtime=yes",
            "RestrictSUIDSGID=yes",
            "LockPersonality=yes",
            "SystemCallArchitectures=native",
        ]);
        lines.AddRange(
            app.Port is > 0 and < 1024
                ? ["CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE"]
                : ["CapabilityBoundingSet="]
        );
        lines.AddRange(["UMask=0027", "", "[Install]", "WantedBy=multi-user.target"]);
        return Text(lines);
    }

    private static string Dockerfile(ScaffoldInputs app, string folder)
    {
        var data = DataFolder(app);
        var folders = new Folders(app, data);
        var isMusl = app.RuntimeIdentifier?.StartsWith("linux-musl", StringComparison.Ordinal) == true;
        var rid =
            app.RuntimeIdentifier is null || app.RuntimeIdentifier.StartsWith("linux", StringComparison.Ordinal)
                ? app.RuntimeIdentifier
                : "linux-x64";
        var tag = app.FrameworkVersion + (isMusl ? "-alpine" : "");
        var image =
            app.IsSelfContained || app.IsAot ? "runtime-deps"
            : app.IsWeb ? "aspnet"
            : "runtime";
        List<string> lines =
        [
            "# syntax=docker/dockerfile:1",
            $"# {app.AssemblyName} in a container; the app runs litestream itself. Written by LitestreamScaffold, "
                + $"and yours to change.",
            "#",
            $"#   docker build -f {Shell(Relative(app.BuildContext, Path.Combine(folder, "Dockerfile")))} "
                + $"-t {app.Name} .      "
                + $"(in "
                + $"{(Relative(folder, app.BuildContext) is var context && context == "." ? "this folder" : context)})",
            $"#   docker run --stop-timeout {Number(StopSeconds(app))} --env-file {app.Name}.env "
                + $"-v {app.Name}-data:{data} "
                + $"{(app.IsWeb ? $"-p {Number(ContainerPort(app))}:{Number(ContainerPort(app))} " : "")}"
                + $"{app.Name}",
            "#",
            $"# One container at a time: SQLite and its replica have one writer. {app.Name}.env has lines NAME=value:",
            .. Variables(app).Select(line => $"#   {line}"),
            "",
            $"FROM mcr.microsoft.com/dotnet/sdk:{tag} AS build",
        ];
        if (app.IsAot)
            lines.Add(
                isMusl
                    ? "RUN apk add --no-cache clang build-base zlib-dev"
                    : "RUN apt-get update && apt-get install -y --no-install-recommends clang zlib1g-dev"
            );
        lines.AddRange([
            "WORKDIR /src",
            "COPY . .",
            $"RUN dotnet publish {Shell(app.ProjectFile)} -c Release{(rid is null ? "" : $" -r {rid}")} -o /app",
            "",
            $"FROM mcr.microsoft.com/dotnet/{image}:{tag}",
            "COPY --from=build /app /app",
            $"RUN mkdir -p {string.Join(' ', folders.All.Select(Shell))} && chown "
                + $"app:app {string.Join(' ', folders.All.Select(Shell))}",
            "",
            "# The databases outlive the container. A folder of the host that is mounted here has to belong to the "
                + "user app (id 1654).",
            $"VOLUME {Json(folders.Volumes)}",
            "# Relative database paths begin here; settings are read from the app's folder.",
            $"WORKDIR {data}",
            "ENV DOTNET_CONTENTROOT=/app",
        ]);
        if (app.IsWeb)
            lines.AddRange([
                $"ENV {UrlsVariable(app)}=http://+:{Number(ContainerPort(app))}",
                $"EXPOSE {Number(ContainerPort(app))}",
            ]);
        lines.AddRange([
            "USER app",
            "# To the app only, which stops litestream after its last commit.",
            "STOPSIGNAL SIGTERM",
            $"ENTRYPOINT "
                + $"{Json(app.IsNative ? [$"/app/{app.AssemblyName}"] : new[] { "dotnet", $"/app/{app.AssemblyName}.dll" })}",
        ]);
        return Text(lines);
    }

    /// <summary>
    /// What a machine has built is not for another one, and a database or a secret of the developer's is for nobody.
    /// </summary>
    private const string Ignored = """
        **/bin/
        **/obj/
        **/.git/
        **/.vs/
        **/*.db
        **/*.db-*
        **/*.sqlite
        **/*.sqlite-*
        **/*.sqlite3
        **/*.sqlite3-*
        **/.*-litestream*
        **/litestream-replicas/
        **/*.env

        """;

    private static string Compose(ScaffoldInputs app, string folder)
    {
        var data = DataFolder(app);
        var volumes = new Folders(app, data).Volumes;
        string Volume(int i) => i == 0 ? $"{app.Name}-data" : $"{app.Name}-data-{Number(i + 1)}";
        List<string> lines =
        [
            $"# docker compose up --build -d      Written by LitestreamScaffold, and yours to change. Needs the "
                + $"Dockerfile (LitestreamScaffoldKind=dockerfile).",
            "services:",
            $"  {app.Name}:",
            "    build:",
            $"      context: {Json(Relative(folder, app.BuildContext))}",
            $"      dockerfile: {Json(Relative(app.BuildContext, Path.Combine(folder, "Dockerfile")))}",
            "    restart: unless-stopped",
            "    # Longer than the app takes to send the last commits. The default of 10 s is not.",
            $"    stop_grace_period: {Number(StopSeconds(app))}s",
            "    # Lines NAME=value:",
            .. Variables(app).Select(line => $"    #   {line}"),
            "    env_file:",
            $"      - path: {app.Name}.env",
            "        required: false",
        ];
        if (app.IsWeb)
            lines.AddRange(["    ports:", $"      - \"{Number(ContainerPort(app))}:{Number(ContainerPort(app))}\""]);
        lines.AddRange([
            "    volumes:",
            .. volumes.Select((path, i) => $"      - {Json($"{Volume(i)}:{path}")}"),
            "    # One at a time: SQLite and its replica have one writer.",
            "    deploy:",
            "      replicas: 1",
            "volumes:",
            .. volumes.Select((_, i) => $"  {Volume(i)}:"),
        ]);
        return Text(lines);
    }

    private static string Procfile(ScaffoldInputs app)
    {
        var program = app.IsNative ? Shell($"./{app.AssemblyName}") : $"dotnet {Shell($"{app.AssemblyName}.dll")}";
        return Text([
            $"# For the publish folder of {app.AssemblyName}; the app runs litestream itself. Written by "
                + $"LitestreamScaffold, and yours to change.",
            $"# Whoever stops it has to wait {Number(StopSeconds(app))} s before it kills (foreman: "
                + $"-t {Number(StopSeconds(app))}). Relative database paths begin in the folder that it is "
                + $"started from.",
            "# exec: so that the signal goes to the app, not to a shell before it.",
            app.IsWeb
                ? $"web: exec env {UrlsVariable(app)}=http://+:${{PORT:-{Number(app.Port ?? 5000)}}} {program}"
                : $"worker: exec {program}",
            "# Instead of the app's own replication (Litestream__Enabled=false), never beside it:",
            $"# litestream: exec {program} litestream replicate",
        ]);
    }

    private static string DataFolder(ScaffoldInputs app) => $"/var/lib/{app.Name}";

    /// <summary>
    /// The image's own port, whatever the developer's machine listens on, unless the app's settings say other.
    /// </summary>
    private static int ContainerPort(ScaffoldInputs app) => app.HasOwnUrls ? app.Port ?? 8080 : 8080;

    /// <summary>Over the setting Urls of a settings file only the variable of that name counts.</summary>
    private static string UrlsVariable(ScaffoldInputs app) => app.HasOwnUrls ? "URLS" : "ASPNETCORE_URLS";

    private static IEnumerable<string> Variables(ScaffoldInputs app)
    {
        var width = app.Variables.Select(variable => variable.Name.Length).DefaultIfEmpty().Max();
        return app.Variables.Count == 0
            ? ["(nothing is needed; Litestream__ReplicaUrl=s3://bucket/path and the keys for it would go here)"]
            : app.Variables.Select(variable =>
                $"{variable.Name.PadRight(width)}  {variable.Purpose}{(variable.Required ? "" : " (if needed)")}"
            );
    }

    private static string Relative(string from, string to) => Path.GetRelativePath(from, to).Replace('\\', '/');

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);

    /// <summary>What JSON, YAML and the exec form of a Dockerfile read alike.</summary>
    private static string Json(string value) =>
        $"\"{JsonEncodedText.Encode(value, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    private static string Json(IEnumerable<string> values) => $"[{string.Join(", ", values.Select(Json))}]";

    private static string Text(IEnumerable<string> lines) => string.Join('\n', lines) + "\n";

    /// <summary>A word of a unit: specifiers escaped, quoted where it has to be.</summary>
    private static string Word(string text)
    {
        var escaped = text.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("%", "%%", StringComparison.Ordinal);
        return escaped.Any(c => char.IsWhiteSpace(c) || c is '\'' or '"' or ';') ? $"\"{escaped}\"" : escaped;
    }

    /// <summary>A word of a command in a unit, where a dollar sign begins a variable.</summary>
    private static string CommandWord(string text) => Word(text).Replace("$", "$$", StringComparison.Ordinal);

    /// <summary>A word for a shell.</summary>
    private static string Shell(string text) =>
        text.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '-' or '_' or '+')
            ? text
            : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>
    /// The folders that the app has to write to: the database's own, for all that lies beside it, and the replicas that
    /// are folders.
    /// </summary>
    private sealed class Folders
    {
        public Folders(ScaffoldInputs app, string data)
        {
            var all = app
                .Databases.Select(database => Up(Resolve(database, data)))
                .Concat(app.ReplicaFolders.Select(folder => Resolve(folder, data)))
                .Where(folder => folder is not "/" && !folder.Contains(':', StringComparison.Ordinal))
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)
                .ToList();
            Inside = [data, .. all.Where(folder => folder.StartsWith(data + "/", StringComparison.Ordinal))];
            Outside =
            [
                .. all.Where(folder => folder != data && !folder.StartsWith(data + "/", StringComparison.Ordinal)),
            ];
            All = [.. Inside, .. Outside];
            Volumes =
            [
                data,
                .. Outside.Where(folder =>
                    !Outside.Any(other => folder.StartsWith(other + "/", StringComparison.Ordinal))
                ),
            ];
        }

        public IReadOnlyList<string> Inside { get; }

        public IReadOnlyList<string> Outside { get; }

        public IReadOnlyList<string> All { get; }

        public IReadOnlyList<string> Volumes { get; }

        private static string Up(string path) => path[..Math.Max(path.LastIndexOf('/'), 1)];

        private static string Resolve(string path, string folder)
        {
            var parts = new List<string>();
            foreach (var part in (path.StartsWith('/') ? path : $"{folder}/{path}").Split('/'))
            {
                if (part == ".." && parts.Count > 0)
                    parts.RemoveAt(parts.Count - 1);
                else if (part is not ("" or "." or ".."))
                    parts.Add(part);
            }

            return "/" + string.Join('/', parts);
        }
    }
}
