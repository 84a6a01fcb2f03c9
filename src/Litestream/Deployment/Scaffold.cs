using Litestream.Diagnostics;
using Litestream.FileSystem;
using static Litestream.Deployment.ScaffoldText;

namespace Litestream.Deployment;

/// <summary>How an app is run.</summary>
public enum ScaffoldKind
{
    /// <summary>By systemd: a unit.</summary>
    Systemd,

    /// <summary>In a container: a Dockerfile, and what it excludes from the build.</summary>
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
        (string Name, string Text)[] files = kind switch
        {
            ScaffoldKind.Systemd => [($"{app.Name}.service", SystemdUnit.Write(app))],
            ScaffoldKind.Dockerfile =>
            [
                ("Dockerfile", ContainerFiles.Dockerfile(app, folder)),
                ("Dockerfile.dockerignore", ContainerFiles.Ignored),
            ],
            ScaffoldKind.Compose => [("compose.yaml", ContainerFiles.Compose(app, folder))],
            _ => [("Procfile", Procfile(app))],
        };
        return [.. files.Select(file => new ScaffoldFile(file.Name, file.Text.ReplaceLineEndings("\n")))];
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
        if (!force && paths.FindAll(Path.Exists) is { Count: > 0 } there)
        {
            throw new LitestreamException(
                "LSB3017",
                $"These files exist and are not overwritten: {string.Join(", ", there.Select(path => $"'{path}'"))}. "
                    + $"Nothing was written. Move them away, write elsewhere ({OptionName.Output}), or set "
                    + $"{OptionName.Force}=true to replace them.",
                there[0]
            );
        }

        try
        {
            FileSet.Write(folder, [.. files.Select(file => (file.Name, file.Text))], force);
            return paths;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB0003",
                $"The files for '{folder}' cannot be written: {e.Message} Nothing has changed there.",
                innerException: e
            );
        }
    }

    private static string Procfile(ScaffoldInputs app)
    {
        var program = app.IsNative ? Shell($"./{app.AssemblyName}") : $"dotnet {Shell($"{app.AssemblyName}.dll")}";
        var stop = NumberText.Of(StopSeconds(app));
        var run = app.IsWeb
            ? $"web: exec env {app.UrlsVariable}=http://+:${{PORT:-{NumberText.Of(app.Port ?? 5000)}}} {program}"
            : $"worker: exec {program}";
        return $"""
            # For the publish folder of {app.AssemblyName}; the app runs litestream itself.
            # Written by LitestreamScaffold. The file is yours: change it as you like.
            # Before it kills the app, the process manager must wait {stop} s (foreman: -t {stop}).
            # Relative database paths start at the folder in which the app is started.
            # exec: so that the signal goes to the app, not to a shell before it.
            {run}
            # Instead of the app's own replication (Litestream__Enabled=false), never together with it:
            # litestream: exec {program} litestream replicate

            """;
    }
}
