using Litestream.Diagnostics;
using static Litestream.Deployment.ScaffoldText;

namespace Litestream.Deployment;

/// <summary>What runs an app in a container.</summary>
internal static class ContainerFiles
{
    /// <summary>
    /// What a machine has built is not for another one, and a database or a secret of the developer's stays
    /// there.
    /// </summary>
    public const string Ignored = """
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

    public static string Dockerfile(ScaffoldInputs app, string folder)
    {
        var folders = new ScaffoldFolders(app);
        var isMusl = app.RuntimeIdentifier?.StartsWith("linux-musl", StringComparison.Ordinal) == true;
        var rid =
            app.RuntimeIdentifier?.StartsWith("linux", StringComparison.Ordinal) == false
                ? "linux-x64"
                : app.RuntimeIdentifier;
        var tag = app.FrameworkVersion + (isMusl ? "-alpine" : "");
        var image =
            app.IsSelfContained || app.IsAot ? "runtime-deps"
            : app.IsWeb ? "aspnet"
            : "runtime";
        var port = Port(app);
        var context = Relative(folder, app.BuildContext) is var path && path == "." ? "this folder" : path;
        var run =
            $"docker run --stop-timeout {NumberText.Of(Scaffold.StopSeconds(app))} --env-file {app.Name}.env "
            + $"-v {app.Name}-data:{folders.Data} {(app.IsWeb ? $"-p {port}:{port} " : "")}{app.Name}";
        var all = string.Join(' ', folders.Inside.Concat(folders.Outside).Select(Shell));
        var program = app.IsNative
            ? Json([$"/app/{app.AssemblyName}"])
            : Json(["dotnet", $"/app/{app.AssemblyName}.dll"]);
        return $"""
            # syntax=docker/dockerfile:1
            # {app.AssemblyName} in a container; the app runs litestream itself.
            # Written by LitestreamScaffold. The file is yours: change it as you like.
            #
            #   docker build -f {Shell(FileIn(app, folder))} -t {app.Name} .      (in {context})
            #   {run}
            #
            # One container at a time: SQLite and its replica have one writer. {app.Name}.env has lines NAME=value:
            {Variables(app, "#   ")}
            FROM mcr.microsoft.com/dotnet/sdk:{tag} AS build
            {If(
                app.IsAot,
                isMusl
                    ? "RUN apk add --no-cache clang build-base zlib-dev"
                    : "RUN apt-get update && apt-get install -y --no-install-recommends clang zlib1g-dev"
            )}WORKDIR /src
            COPY . .
            RUN dotnet publish {Shell(app.ProjectFile)} -c Release{(rid is null ? "" : $" -r {rid}")} -o /app

            FROM mcr.microsoft.com/dotnet/{image}:{tag}
            COPY --from=build /app /app
            RUN mkdir -p {all} && chown app:app {all}

            # The databases outlive the container. A folder of the host that is mounted here must belong to the user app
            # (id 1654).
            VOLUME {Json(folders.Volumes)}
            # Relative database paths start here; settings are read from the app's folder.
            WORKDIR {folders.Data}
            ENV DOTNET_CONTENTROOT=/app
            {If(app.IsWeb, $"ENV {app.UrlsVariable}=http://+:{port}", $"EXPOSE {port}")}USER app
            # The signal goes to the app only, which stops litestream after its last commit.
            STOPSIGNAL SIGTERM
            ENTRYPOINT {program}

            """;
    }

    public static string Compose(ScaffoldInputs app, string folder)
    {
        var volumes = new ScaffoldFolders(app).Volumes;
        string Volume(int i) => i == 0 ? $"{app.Name}-data" : $"{app.Name}-data-{NumberText.Of(i + 1)}";
        var mounts = Lines(volumes.Select((path, i) => $"      - {Json($"{Volume(i)}:{path}")}"));
        return $"""
            # docker compose up --build -d
            # Written by LitestreamScaffold. The file is yours: change it as you like.
            # Needs the Dockerfile (LitestreamScaffoldKind=dockerfile).
            services:
              {app.Name}:
                build:
                  context: {Json(Relative(folder, app.BuildContext))}
                  dockerfile: {Json(FileIn(app, folder))}
                restart: unless-stopped
                # Longer than the app takes to send the last commits. The default of 10 s is too short.
                stop_grace_period: {NumberText.Of(Scaffold.StopSeconds(app))}s
                # Lines NAME=value:
            {Variables(app, "    #   ")}    env_file:
                  - path: {app.Name}.env
                    required: false
            {If(app.IsWeb, "    ports:", $"      - \"{Port(app)}:{Port(app)}\"")}    volumes:
            {mounts}    # One at a time: SQLite and its replica have one writer.
                deploy:
                  replicas: 1
            volumes:
            {Lines(volumes.Select((_, i) => $"  {Volume(i)}:"))}
            """;
    }

    private static string FileIn(ScaffoldInputs app, string folder) =>
        Relative(app.BuildContext, Path.Combine(folder, "Dockerfile"));

    /// <summary>
    /// The image's own port, whatever the developer's machine listens on, unless the app's settings say other.
    /// </summary>
    private static string Port(ScaffoldInputs app) => NumberText.Of(app.HasOwnUrls ? app.Port ?? 8080 : 8080);
}
