using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;
using Litestream.Restore;
using Microsoft.Data.Sqlite;

// open <database> <text>: opens it, inserts a row and keeps it open until standard input ends.
// find <executable>: makes it executable for this user, and says which one is run and its version.
// restore <yml> <executable> <lines> <microseconds>: restores the first database by force and kills itself (SIGKILL) so
// long after so many lines; -1 lines: not at all.
// The same with a last argument: after so many lines the system calls behave as on file systems that know less.
// "no-links": no hard links. "no-free-names": also no renames to a free name only. "killed": also, it is killed
// (SIGSYS) when it has taken a name with an empty file; so it is with "no-links", where there is no need for that.
if (args[0] == "open")
{
    using var connection = new SqliteConnection($"Data Source={args[1]}");
    connection.Open();
    using var command = connection.CreateCommand();
    command.CommandText = "PRAGMA journal_mode = wal; INSERT INTO t VALUES ($text)";
    command.Parameters.AddWithValue("$text", args[2]);
    command.ExecuteNonQuery();
    Console.WriteLine("open");
    Console.In.ReadToEnd();
    return 0;
}

if (args[0] == "find")
{
    try
    {
        var search = new ExecutableSearch { ExecutablePath = args[1], ApplicationDirectory = "/", BaseDirectory = "/" };
        var found = LitestreamExecutable.Find(search);
        Console.WriteLine($"{found.Path} {await found.GetVersionAsync(CancellationToken.None)}");
        return 0;
    }
    catch (LitestreamException e)
    {
        Console.WriteLine(e.Message);
        return 1;
    }
}

var config = EffectiveConfig.Create(new EffectiveConfigOptions
{
    ConfigPath = args[1],
    BaseDirectory = Path.GetDirectoryName(args[1])!,
    GetSetting = _ => null,
    Environment = new Dictionary<string, string>(),
}, new LitestreamExecutable(args[2]).Line.Dialects);
var left = int.Parse(args[3], CultureInfo.InvariantCulture);
var pause = TimeSpan.FromMicroseconds(int.Parse(args[4], CultureInfo.InvariantCulture));
if (left == 0)
    KillSoon();

try
{
    var result = await DatabaseRestore.RunAsync(
        new LitestreamExecutable(args[2]),
        new RestoreRequest(config, config.Databases[0]) { Force = true },
        line =>
        {
            Console.WriteLine(line.Message);
            if (--left == 0)
                KillSoon();
        },
        CancellationToken.None);
    Console.WriteLine(result.Outcome);
    return 0;
}
catch (LitestreamException e)
{
    Console.WriteLine(e.Message);
    return 1;
}

void KillSoon()
{
    if (args.Length > 5)
    {
        SystemCalls.Restrict(renames: args[5] != "no-links", placeholder: args[5] != "no-free-names");
        return;
    }

    if (pause == TimeSpan.Zero)
        Process.GetCurrentProcess().Kill();

    new Thread(() =>
    {
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < pause)
            Thread.SpinWait(20);

        Process.GetCurrentProcess().Kill();
    }).Start();
}

/// <summary>A filter of the kernel (seccomp) for all threads of this process; x64 only.</summary>
internal static unsafe partial class SystemCalls
{
    private const uint Allow = 0x7fff0000;
    private const uint NotPermitted = 0x00050001;
    private const uint Kill = 0x80000000;

    public static void Restrict(bool renames, bool placeholder)
    {
        // The number of the call: link, linkat, renameat2, and flock with LOCK_EX | LOCK_NB, which .NET takes on a file
        // that it opens for nobody else.
        Instruction[] program =
        [
            new(0x20, 0, 0, 0),
            new(0x15, 6, 0, 86),
            new(0x15, 5, 0, 265),
            new(0x15, renames ? (byte)4 : (byte)0, 0, 316),
            new(0x15, 0, 2, 73),
            new(0x20, 0, 0, 24),
            new(0x15, placeholder ? (byte)2 : (byte)0, 0, 6),
            new(0x06, 0, 0, Allow),
            new(0x06, 0, 0, NotPermitted),
            new(0x06, 0, 0, Kill),
        ];
        fixed (Instruction* first = program)
        {
            var filter = new Filter((ushort)program.Length, first);
            if (Control(38, 1, 0, 0, 0) != 0 || SystemCall(317, 1, 1, &filter) != 0)
                throw new InvalidOperationException("The kernel takes no filter.");
        }
    }

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int Control(int option, ulong value, ulong third, ulong fourth, ulong fifth);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long SystemCall(long number, ulong operation, ulong flags, Filter* filter);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Instruction(ushort Code, byte Then, byte Else, uint Value);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Filter(ushort length, Instruction* first)
    {
        public readonly ushort Length = length;
        public readonly Instruction* First = first;
    }
}
