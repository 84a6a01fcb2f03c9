using System.Globalization;
using System.Text.Json.Serialization;

namespace Litestream.FileSystem;

/// <summary>
/// Names one process for good. A process id alone is used again, and means another process in another container:
/// together with the start time,
/// the machine's boot and the pid namespace it does not.
/// </summary>
internal sealed record ProcessIdentity(
    [property: JsonPropertyName("pid"), JsonRequired] int ProcessId,
    [property: JsonRequired] long StartTicks,
    [property: JsonRequired] string BootId,
    [property: JsonRequired] string PidNamespace,
    [property: JsonRequired] string Executable
)
{
    private const string Deleted = " (deleted)";

    /// <summary>
    /// The identity of a running process, without executable and namespace where it is another user's; null when it has
    /// ended or the system does not tell (anything but Linux).
    /// </summary>
    public static ProcessIdentity? Of(int processId)
    {
        if (!OperatingSystem.IsLinux() || processId <= 0)
            return null;

        try
        {
            // Field 2 is the program's name in parentheses, which may hold spaces and parentheses itself: count from
            // the last one.
            var stat = NonDatabaseFile.ReadAllText($"/proc/{processId}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            if (fields[0] is "Z" or "X")
                return null;

            var executable = Link($"/proc/{processId}/exe");
            return new ProcessIdentity(
                processId,
                long.Parse(fields[19], CultureInfo.InvariantCulture),
                NonDatabaseFile.ReadAllText("/proc/sys/kernel/random/boot_id").Trim(),
                Link($"/proc/{processId}/ns/pid"),
                executable.EndsWith(Deleted, StringComparison.Ordinal) ? executable[..^Deleted.Length] : executable
            );
        }
        catch (Exception exception)
            when (exception
                    is IOException
                        or UnauthorizedAccessException
                        or FormatException
                        or IndexOutOfRangeException
                        or ArgumentException
            )
        {
            return null;
        }
    }

    /// <summary>
    /// True while exactly this process runs. Of another user's process, executable and namespace are not to be seen;
    /// its id and its start tell it.
    /// </summary>
    public bool IsRunning() =>
        Executable is { Length: > 0 }
        && PidNamespace is { Length: > 0 }
        && Of(ProcessId) is { } running
        && (
            running is { Executable: "", PidNamespace: "" }
                ? running with
                {
                    Executable = Executable,
                    PidNamespace = PidNamespace,
                }
                : running
        ) == this;

    /// <summary>
    /// Whether a process was stopped by a signal (SIGSTOP) or a debugger, so that it does nothing. False where the
    /// system does not tell.
    /// </summary>
    public static bool IsStopped(int processId)
    {
        try
        {
            var stat = NonDatabaseFile.ReadAllText($"/proc/{processId}/stat");
            var state = stat[(stat.LastIndexOf(')') + 1)..].TrimStart();
            return state.StartsWith("T ", StringComparison.OrdinalIgnoreCase);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// True when it is one of another container or machine: from here it can be neither seen nor signalled, and whether
    /// it still runs is known only by the lock that it holds.
    /// </summary>
    [JsonIgnore]
    public bool IsElsewhere =>
        PidNamespace is { Length: > 0 }
        && Of(Environment.ProcessId) is { PidNamespace.Length: > 0 } here
        && (here.BootId != BootId || here.PidNamespace != PidNamespace);

    private static string Link(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget ?? "";
        }
        catch (UnauthorizedAccessException)
        {
            return "";
        }
    }
}
