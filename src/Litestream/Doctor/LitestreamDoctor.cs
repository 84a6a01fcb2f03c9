using System.Globalization;
using System.Security.Cryptography;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;

namespace Litestream.Doctor;

/// <summary>What the doctor looks at.</summary>
public sealed record DoctorOptions
{
    /// <summary>
    /// The configuration as a command would take it. Its file may be missing or wrong: that is a finding.
    /// </summary>
    public required EffectiveConfigOptions Config { get; init; }

    /// <summary>Finds the executable; a <see cref="LitestreamException"/> is a finding.</summary>
    public required Func<LitestreamExecutable> Executable { get; init; }

    /// <summary>
    /// The SHA-256 that the executable should have, in hexadecimal; null: there is nothing to compare it with.
    /// </summary>
    public string? ExpectedSha256 { get; init; }

    /// <summary>The version of the .NET SDK at work; null: there is none to look at.</summary>
    public string? SdkVersion { get; init; }

    /// <summary>How long one replica may take to answer. Default 30 s.</summary>
    public TimeSpan ReplicaTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>What age is measured with.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>
/// Checks everything that a person would check by hand. Reads only: it writes no file that stays, takes no lock, starts
/// no replicator.
/// </summary>
public static class LitestreamDoctor
{
    private static readonly Version OldestSdk = new(10, 0, 100);

    /// <summary>
    /// All findings, in the order in which things depend on each other. Foreseeable failures are findings, not
    /// exceptions.
    /// </summary>
    public static async Task<IReadOnlyList<Finding>> ExamineAsync(
        DoctorOptions options,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        var findings = new List<Finding>();
        if (options.SdkVersion is { } sdk)
            findings.Add(ExamineSdk(sdk));

        var executable = await ExamineExecutableAsync(options, findings, cancellationToken).ConfigureAwait(false);
        var config = ExamineConfig(options, executable?.Line ?? ReleaseLine.Default, findings);
        foreach (var database in config?.Databases ?? [])
        {
            await new DatabaseExamination(options, executable, config!, database, findings)
                .RunAsync(cancellationToken)
                .ConfigureAwait(false);
        }

        return
        [
            .. findings.Select(f =>
                f with
                {
                    Message = Mask(f.Message),
                    Action = f.Action is null ? null : Mask(f.Action),
                }
            ),
        ];

        string Mask(string text) => config?.Secrets.Mask(text) ?? text;
    }

    private static Finding ExamineSdk(string sdk) =>
        Version.TryParse(sdk.Split('-')[0], out var version) && version < OldestSdk
            ? new(
                FindingLevel.Error,
                "SDK",
                $"The .NET SDK is {sdk}; the targets need 10.0.100 or later.",
                "Install a newer SDK, or allow it in global.json.",
                "LSB0001"
            )
            : new(FindingLevel.Ok, "SDK", sdk);

    private static async Task<LitestreamExecutable?> ExamineExecutableAsync(
        DoctorOptions options,
        List<Finding> findings,
        CancellationToken cancellationToken
    )
    {
        const string Subject = "executable";
        try
        {
            var executable = options.Executable();
            var version = await executable.GetVersionAsync(cancellationToken).ConfigureAwait(false);
            findings.Add(new(FindingLevel.Ok, Subject, $"{version}, {executable.Path}"));
            findings.Add(
                options.ExpectedSha256 is { } expected
                    ? await CompareAsync(executable.Path, expected, cancellationToken).ConfigureAwait(false)
                    : new(
                        FindingLevel.Note,
                        Subject,
                        "Its SHA-256 was not checked: it is not from the package, or this is the published app."
                    )
            );
            if (!OperatingSystem.IsWindows())
                ExamineMode(File.GetUnixFileMode(executable.Path), findings);
            findings.AddRange(KnownProblems.Of(version));
            return executable;
        }
        catch (LitestreamException e)
        {
            findings.Add(Of(e.Diagnostic, Subject));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            findings.Add(new(FindingLevel.Error, Subject, e.Message, "Check its permissions.", "LSB0003"));
        }

        return null;
    }

    /// <summary>
    /// Only where there is a manifest, on a machine with the SDK: without OpenSSL in the image, .NET's cryptography
    /// ends the whole app.
    /// </summary>
    private static async Task<Finding> CompareAsync(string path, string expected, CancellationToken cancellationToken)
    {
        string hash;
        var file = NonDatabaseFile.OpenRead(path);
        await using (file.ConfigureAwait(false))
        {
            hash = Convert
                .ToHexString(await SHA256.HashDataAsync(file, cancellationToken).ConfigureAwait(false))
                .ToLowerInvariant();
        }

        return string.Equals(expected, hash, StringComparison.OrdinalIgnoreCase)
            ? new(FindingLevel.Ok, "executable", "Its SHA-256 is the one in the package's manifest.")
            : new(
                FindingLevel.Error,
                "executable",
                $"Its SHA-256 is {hash}, but the package's manifest has {expected}.",
                "Delete the folder obj/litestream and the package's folder in the NuGet cache, and restore again.",
                "LSB2002"
            );
    }

    private static void ExamineMode(UnixFileMode mode, List<Finding> findings)
    {
        var octal = Convert.ToString((int)mode, 8).PadLeft(4, '0');
        if ((mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
        {
            findings.Add(
                new(
                    FindingLevel.Warning,
                    "executable",
                    $"Its mode is {octal}: other users can replace it, and it runs with your replica's secrets.",
                    "Run `chmod go-w` on it."
                )
            );
        }
        else if ((mode & UnixFileMode.OtherExecute) == 0)
        {
            findings.Add(
                new(
                    FindingLevel.Note,
                    "executable",
                    $"Its mode is {octal}: a container's `USER app` could not run it.",
                    "Run `chmod 755` on it if another user must run it."
                )
            );
        }
    }

    private static EffectiveConfig? ExamineConfig(DoctorOptions options, ReleaseLine line, List<Finding> findings)
    {
        const string Subject = "litestream.yml";
        var path = options.Config.ConfigPath;
        if (!File.Exists(path))
        {
            findings.Add(
                new(
                    FindingLevel.Error,
                    Subject,
                    $"'{path}' does not exist.",
                    "Add a connection string, a <LitestreamDatabase Include=\"...\" /> item or your own litestream.yml "
                        + "to the project.",
                    "LSB3004"
                )
            );
            return null;
        }

        EffectiveConfig? config = null;
        try
        {
            foreach (var missing in ConfigVariables.Read(options.Config).Where(v => v.IsMissing))
            {
                findings.Add(
                    new(
                        FindingLevel.Error,
                        "variables",
                        $"{missing.Name} is not set "
                            + $"({missing.Purpose}"
                            + $"{(missing.Line > 0 ? $"; {path}({missing.Line},{missing.Column})" : "")}).",
                        missing.Setting is { } setting
                            ? $"Set it where the app runs, or the setting {setting}."
                            : "Set it where the app runs.",
                        "LSB1018"
                    )
                );
            }

            config = EffectiveConfig.Create(options.Config with { AllowUnknown = true }, line.Dialects);
            foreach (var diagnostic in config.Diagnostics.Where(d => d.Code != "LSB1018"))
                findings.Add(Of(diagnostic, Subject));
            findings.Add(
                config.Databases.Count == 0
                    ? new(
                        FindingLevel.Error,
                        Subject,
                        $"'{path}' has no database to replicate here.",
                        "Add one.",
                        "LSB3004"
                    )
                    : new(
                        FindingLevel.Ok,
                        Subject,
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"{path}, {config.Databases.Count} "
                                + $"{(config.Databases.Count == 1 ? "database" : "databases")}."
                        )
                    )
            );
        }
        catch (LitestreamException e) when (e.Diagnostic.Code == "LSB1018")
        {
            // Reported above, variable by variable.
        }
        catch (LitestreamException e)
        {
            findings.AddRange(e.Diagnostics.Select(d => Of(d, Subject)));
        }

        return config;
    }

    private static Finding Of(LitestreamDiagnostic diagnostic, string subject) =>
        Finding.Of(
            Finding.LevelOf(diagnostic.Severity),
            subject,
            diagnostic.File is null ? diagnostic.Text : MessageText.Join(": ", [Place(diagnostic), diagnostic.Text]),
            code: diagnostic.Code
        );

    private static string Place(LitestreamDiagnostic diagnostic) =>
        diagnostic.Line > 0
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{diagnostic.File}({diagnostic.Line},{Math.Max(diagnostic.Column, 1)})"
            )
            : diagnostic.File!;
}
