using System.Diagnostics;
using System.Text.Json;
using Litestream.Configuration;
using Litestream.FileSystem;

namespace Litestream.Replication;

/// <summary>
/// What an app tells other processes about the replication of one database: a file beside the database, readable for
/// its owner only. It names its process, because a killed one leaves it behind.
/// </summary>
/// <param name="App">The process that wrote it.</param>
/// <param name="AppStartedAt">When that process was started; null where the system does not tell.</param>
/// <param name="WrittenAt">When it was written. It is written when something changes.</param>
/// <param name="Status">The status, with this database only.</param>
internal sealed record StatusFile(
    ProcessIdentity App,
    DateTimeOffset? AppStartedAt,
    DateTimeOffset WrittenAt,
    LitestreamStatus Status
)
{
    private const int Version = 1;

    /// <summary>Whether exactly the process that wrote it still runs.</summary>
    public bool IsOfRunningApp => OperatingSystem.IsLinux() ? App.IsRunning() : IdentityOf(App.ProcessId) == App;

    public static string PathFor(string databasePath) =>
        Path.Combine(Path.GetDirectoryName(databasePath)!, $".{Path.GetFileName(databasePath)}-litestream.status");

    /// <summary>
    /// The identity of a running process; other systems than Linux tell only when it was started. Null when it has
    /// ended.
    /// </summary>
    public static ProcessIdentity? IdentityOf(int processId) =>
        OperatingSystem.IsLinux() ? ProcessIdentity.Of(processId)
        : StartOf(processId) is { } start ? new ProcessIdentity(processId, start.UtcTicks, "", "", "")
        : null;

    /// <summary>
    /// The status of a database as it stands in the file; null when there is none, or none that can be read.
    /// </summary>
    public static StatusFile? Read(EffectiveDatabase database)
    {
        try
        {
            var form = JsonSerializer.Deserialize(
                NonDatabaseFile.ReadAllBytes(PathFor(database.Path)),
                StatusJson.Default.StatusFileForm
            );
            return form is { Version: Version, App: { } app }
                ? new StatusFile(app, form.AppStartedAt, form.WrittenAt, form.ToStatus(database))
                : null;
        }
        catch (Exception e)
            when (e
                    is IOException
                        or UnauthorizedAccessException
                        or JsonException
                        or FormatException
                        or ArgumentException
                        or OverflowException
            )
        {
            return null;
        }
    }

    /// <summary>
    /// Replaces the file in one step. A folder that cannot be written to must not stop anything else:
    /// the file is deleted then, as far as that is possible, for what it says is no longer so.
    /// </summary>
    /// <returns>Whether it was written.</returns>
    public bool Write(string databasePath)
    {
        var path = PathFor(databasePath);
        var begun = path + ".new";
        try
        {
            // A new file, so that a link that somebody put there is not followed.
            File.Delete(begun);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var stream = NonDatabaseFile.Open(begun, options))
            {
                if (!OperatingSystem.IsWindows())
                    DatabaseOwner.TryGive(stream.SafeFileHandle, databasePath);
                var form = new StatusFileForm(Status)
                {
                    Version = Version,
                    App = App,
                    AppStartedAt = AppStartedAt,
                    WrittenAt = WrittenAt,
                };
                JsonSerializer.Serialize(stream, form, StatusJson.Default.StatusFileForm);
            }

            File.Move(begun, path, overwrite: true);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryDelete(begun);
            TryDelete(path);
            return false;
        }

        static void TryDelete(string file)
        {
            try
            {
                File.Delete(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
        }
    }

    /// <summary>Removes what this process has written; what another one has written since stays.</summary>
    public static void Remove(EffectiveDatabase database)
    {
        try
        {
            if (Read(database) is { } own && own.App == IdentityOf(Environment.ProcessId))
                File.Delete(PathFor(database.Path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }

    /// <summary>When a process was started; null when it has ended.</summary>
    public static DateTimeOffset? StartOf(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            return process.StartTime;
        }
        catch (Exception e)
            when (e is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
