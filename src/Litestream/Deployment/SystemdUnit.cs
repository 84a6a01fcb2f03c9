using Litestream.Diagnostics;
using static Litestream.Deployment.ScaffoldText;

namespace Litestream.Deployment;

/// <summary>A unit that runs an app as a service.</summary>
internal static class SystemdUnit
{
    public static string Write(ScaffoldInputs app)
    {
        var (name, folders) = (app.Name, new ScaffoldFolders(app));
        var install = app.InstallDirectory ?? $"/opt/{name}";

        // In a command a dollar sign begins a variable.
        var program = app.IsNative
            ? Word($"{install}/{app.AssemblyName}")
            : "/usr/bin/dotnet " + Word($"{install}/{app.AssemblyName}.dll").Replace("$", "$$");
        var state = string.Join(' ', folders.Inside.Select(folder => Word(folder["/var/lib/".Length..])));
        var isInHome = folders
            .Outside.Append(install)
            .Any(folder =>
                folder.StartsWith("/home/", StringComparison.Ordinal)
                || folder.StartsWith("/root", StringComparison.Ordinal)
            );
        var shutdown = NumberText.Seconds(app.ShutdownTimeout);
        var bind = app.Port is > 0 and < 1024 ? "CAP_NET_BIND_SERVICE" : "";
        return $"""
            # {app.AssemblyName} as a service; the app runs litestream itself.
            # Written by LitestreamScaffold. The file is yours: change it as you like.
            #
            #   useradd --system --home-dir {folders.Data} --shell /usr/sbin/nologin {name}
            #   publish to {install} (dotnet publish -c Release -o ...); the service only reads it
            #   install -m 0600 /dev/null /etc/{name}.env, with lines NAME=value:
            {Variables(app, "#     ")}#   cp {name}.service /etc/systemd/system/
            #   systemctl daemon-reload && systemctl enable --now {name}

            [Unit]
            Description={app.AssemblyName.Replace("%", "%%")}
            Wants=network-online.target
            After=network-online.target

            [Service]
            Type=exec
            User={name}
            ExecStart={program}

            # Relative database paths start here; settings are read from the app's folder.
            StateDirectory={state}
            StateDirectoryMode=0750
            WorkingDirectory={folders.Data}
            Environment={Word($"DOTNET_CONTENTROOT={install}")}
            {If(
                app is { IsWeb: true, HasOwnUrls: false },
                $"Environment=ASPNETCORE_URLS=http://localhost:{NumberText.Of(app.Port ?? 5000)}"
            )}EnvironmentFile=-/etc/{name}.env

            # The signal goes to the app only, which stops litestream after its last commit. Processes that still run at
            # the end of the time are killed. The default, control-group, would stop litestream first, and another run
            # of it would have to send the last commits.
            KillMode=mixed
            # The host's own 30 s, then Litestream:ShutdownTimeout ({shutdown} s), and a margin.
            TimeoutStopSec={NumberText.Of(Scaffold.StopSeconds(app))}
            Restart=on-failure
            RestartSec=2
            # Stopped during the restore at start.
            SuccessExitStatus=143

            # Restricts what neither .NET nor litestream needs. Not possible here: MemoryDenyWriteExecute (the JIT),
            # PrivateUsers and any pid namespace (the lock names processes).
            NoNewPrivileges=yes
            ProtectSystem=strict
            {If(
                folders.Outside.Count > 0,
                folders
                    .Outside.Select(folder => $"ReadWritePaths={Word(folder)}")
                    .Prepend("# These folders must exist and belong to the user.")
            )}ProtectHome={(isInHome ? "no" : "yes")}
            PrivateTmp=yes
            PrivateDevices=yes
            ProtectClock=yes
            ProtectControlGroups=yes
            ProtectHostname=yes
            ProtectKernelLogs=yes
            ProtectKernelModules=yes
            ProtectKernelTunables=yes
            RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
            RestrictNamespaces=yes
            RestrictRealtime=yes
            RestrictSUIDSGID=yes
            LockPersonality=yes
            SystemCallArchitectures=native
            CapabilityBoundingSet={bind}
            {If(bind.Length > 0, $"AmbientCapabilities={bind}")}UMask=0027

            [Install]
            WantedBy=multi-user.target

            """;
    }

    /// <summary>A word of a unit: specifiers escaped, quoted where it has to be.</summary>
    private static string Word(string text)
    {
        var escaped = text.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("%", "%%");
        return escaped.Any(c => char.IsWhiteSpace(c) || c is '\'' or '"' or ';') ? $"\"{escaped}\"" : escaped;
    }
}
