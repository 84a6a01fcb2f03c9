using System.Globalization;
using System.Text.RegularExpressions;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Microsoft.Win32.SafeHandles;

namespace Litestream.Restore;

/// <summary>
/// The private folder beside the output in which a restore works: on the same volume, so that the last step is a
/// rename.
/// </summary>
internal sealed class RestoreFolder : IDisposable
{
    private readonly LeasedDirectory _folder;

    private RestoreFolder(LeasedDirectory folder) => _folder = folder;

    public string Path => _folder.Path;

    public DirectoryHandle Held => _folder.Held;

    /// <summary>The file that is to become the output, by the name that other processes and SQLite know.</summary>
    public string Restored => RestoredIn(Path);

    /// <summary>Makes the folder, and removes what a killed restore to this place left.</summary>
    /// <exception cref="LitestreamException">LSB0003; LSB4008.</exception>
    public static RestoreFolder Create(string output)
    {
        RemoveLeftovers(output, onLine: null);
        try
        {
            var folder = LeasedDirectory.Create(Parent(output), Name(output));

            // The app's user, whom root leaves it to when it is killed, has to see whether files were being moved;
            // nothing more.
            if (Environment.IsPrivilegedProcess)
                folder.Held.Allow(UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
            return new RestoreFolder(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB0003",
                $"A restore cannot write to '{Parent(output)}': {e.Message}",
                innerException: e
            );
        }
    }

    /// <summary>Whether a restore to this place is under way, or was killed.</summary>
    public static bool AnyFor(string output) => LeasedDirectory.All(Parent(output), Name(output)).Count > 0;

    /// <summary>Whether a living process restores to this place.</summary>
    /// <param name="output">The place.</param>
    /// <param name="holder">Who holds the lock of the place: what cannot be seen of a folder is taken for the work of
    /// that process, if it may live.</param>
    public static bool IsAtWork(string output, ProcessIdentity? holder) =>
        LeasedDirectory
            .All(Parent(output), Name(output))
            .Any(folder =>
                holder?.IsElsewhere == true || (LeasedDirectory.IsInUse(folder) ?? holder?.IsRunning() == true)
            );

    /// <summary>Whether a restore to this place was killed while it moved files.</summary>
    public static bool AnyInterrupted(string output) =>
        LeasedDirectory.All(Parent(output), Name(output)).Any(ReplaceTransaction.IsRecorded);

    /// <summary>
    /// Finishes or takes back what a killed restore to this place had begun, and removes what it left. What a living
    /// one uses stays.
    /// </summary>
    /// <exception cref="LitestreamException">LSB4008: it can be neither finished nor taken back.</exception>
    public static void RemoveLeftovers(string output, Action<LogLine>? onLine) =>
        LeasedDirectory.RemoveLeftovers(
            Parent(output),
            Name(output),
            folder => ReplaceTransaction.Recover(folder, onLine)
        );

    /// <summary>
    /// Whatever a killed restore of another user to this place had begun, such as root's, only that user takes back:
    /// what stands in a folder of his is not obeyed, as he may have written it for that.
    /// One that had moved nothing yet blocks nothing. The caller holds the lock of the place, so it does not live.
    /// </summary>
    /// <exception cref="LitestreamException">LSB4008.</exception>
    public static void RefuseForeign(string output)
    {
        if (OperatingSystem.IsWindows())
            return;
        if (LeasedDirectory.All(Parent(output), Name(output)).FirstOrDefault(IsForeign) is not { } foreign)
            return;

        var user = UnixCalls.Status(foreign, followLinks: false)?.User switch
        {
            null => "that user (probably root)",
            0 => "root",
            { } id => string.Create(CultureInfo.InvariantCulture, $"the user with id {id}"),
        };
        throw new LitestreamException(
            "LSB4008",
            $"A restore of '{output}' by another user was interrupted, and its record in '{foreign}' belongs to "
                + $"that user. Run the restore again as {user}: that finishes or undoes it."
        );

        static bool IsForeign(string folder) =>
            Directory.Exists(folder)
            && (!UnixCalls.CanBeEntered(folder) || (ReplaceTransaction.IsRecorded(folder) && !UnixCalls.IsOwn(folder)));
    }

    /// <summary>
    /// Removes what killed restores of this database to files of their own beside it left; each of them had another
    /// name. Those that had begun to put the file in place wait for a restore to that name.
    /// </summary>
    public static void RemoveSideLeftovers(string databasePath)
    {
        var name = Regex.Escape(System.IO.Path.GetFileNameWithoutExtension(databasePath));
        var extension = Regex.Escape(System.IO.Path.GetExtension(databasePath));
        var own = new Regex(
            $@"^\.({name}-[0-9]{{8}}T[0-9]{{6}}Z(-[0-9]+)?{extension})\.litestream-restore-",
            RegexOptions.CultureInvariant
        );
        var outputs = LeasedDirectory
            .All(Parent(databasePath), "." + System.IO.Path.GetFileNameWithoutExtension(databasePath))
            .Select(folder => own.Match(System.IO.Path.GetFileName(folder)))
            .Where(match => match.Success)
            .Select(match => System.IO.Path.Combine(Parent(databasePath), match.Groups[1].Value));
        foreach (var output in outputs.Distinct(StringComparer.Ordinal).Where(output => !AnyInterrupted(output)))
            RemoveLeftovers(output, onLine: null);
    }

    /// <summary>Opens the restored file, and nothing that was put in its place.</summary>
    /// <exception cref="IOException">It is not the one that was made here.</exception>
    public SafeFileHandle OpenRestored()
    {
        if (OperatingSystem.IsWindows())
            return NonDatabaseFile.OpenHandle(Restored, FileMode.Open, FileAccess.ReadWrite);

        var file = Held.IsAt(Path) ? UnixCalls.OpenWithoutLink(RestoredIn(Held.Inside)) : null;
        if (
            file is not null
            && (
                UnixCalls.Status(file) is not { } status
                || (status is { IsFile: true, Names: 1 } && status.User == Held.Status?.User)
            )
        )
        {
            return file;
        }

        file?.Dispose();
        throw new IOException($"Another process has replaced '{Restored}'.");
    }

    public static string RestoredIn(string folder) => System.IO.Path.Combine(folder, "restored.db");

    public void Dispose()
    {
        // A record that is still here was neither finished nor taken back: the next run needs all of it.
        if (ReplaceTransaction.IsRecorded(Held.Inside))
            _folder.Leave();
        else
            _folder.Dispose();
    }

    private static string Parent(string output) => System.IO.Path.GetDirectoryName(output)!;

    private static string Name(string output) => $".{System.IO.Path.GetFileName(output)}.litestream-restore";
}
