using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;

namespace Litestream.Build.Tests;

/// <summary>
/// A command in a terminal that has a size: the terminal logger of MSBuild is on there, and not in a pipe. Linux only;
/// no shell and no other program in between.
/// </summary>
internal static partial class PseudoTerminal
{
    private const int ReadWrite = 2;
    private const int NoControllingTerminal = 0x100;
    private const nuint SetWindowSize = 0x5414;
    private const short NewSession = 0x80;

    /// <summary>Runs a program to its end.</summary>
    /// <param name="program">Its name, looked up in PATH.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="folder">Where it runs.</param>
    /// <param name="variables">Changes of the environment; null takes one away.</param>
    /// <param name="columns">The width of the terminal.</param>
    /// <param name="cancellationToken">Kills it.</param>
    /// <returns>What a person sees: the lines that were written, without the control sequences that colour and move;
    /// and the exit code.</returns>
    public static async Task<(string Screen, int ExitCode)> RunAsync(
        string program,
        IReadOnlyList<string> arguments,
        string folder,
        IEnumerable<KeyValuePair<string, string?>> variables,
        ushort columns = 120,
        CancellationToken cancellationToken = default
    )
    {
        var master = OpenTerminal(ReadWrite | NoControllingTerminal);
        Check(master < 0 ? Marshal.GetLastPInvokeError() : 0);
        using var handle = new SafeFileHandle(master, ownsHandle: true);
        Check(Grant(master));
        Check(Unlock(master));
        var name = new byte[128];
        Check(NameOf(master, name, (nuint)name.Length));
        var size = new WindowSize { Rows = 40, Columns = columns };
        Check(Control(master, SetWindowSize, ref size));

        var process = Start(program, arguments, folder, Environment(variables), name);
        await using var kill = cancellationToken.Register(() => Kill(process, 9));
        var output = await Task.Run(() => ReadToEnd(handle), CancellationToken.None);
        Check(WaitFor(process, out var status, 0) < 0 ? Marshal.GetLastPInvokeError() : 0);
        cancellationToken.ThrowIfCancellationRequested();
        return (
            ControlSequence().Replace(output, "").Replace("\r", "", StringComparison.Ordinal),
            (status & 0x7f) == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f)
        );
    }

    private static string ReadToEnd(SafeFileHandle master)
    {
        var output = new MemoryStream();
        var buffer = new byte[4096];
        while (true)
        {
            var read = Read(master, buffer, (nuint)buffer.Length);
            if (read <= 0)
            {
                // EIO: the last process that had the terminal has ended.
                return Encoding.UTF8.GetString(output.ToArray());
            }

            output.Write(buffer, 0, (int)read);
        }
    }

    private static int Start(
        string program,
        IReadOnlyList<string> arguments,
        string folder,
        IReadOnlyList<string> environment,
        byte[] terminal
    )
    {
        // Larger than either structure is in any C library for Linux.
        var actions = Marshal.AllocHGlobal(1024);
        var attributes = Marshal.AllocHGlobal(1024);
        try
        {
            Check(InitActions(actions));
            Check(InitAttributes(attributes));
            Check(SetFlags(attributes, NewSession));
            Check(AddDirectory(actions, folder));
            for (var descriptor = 0; descriptor < 3; descriptor++)
                Check(AddOpen(actions, descriptor, terminal, ReadWrite, 0));
            Check(
                Spawn(
                    out var process,
                    program,
                    actions,
                    attributes,
                    [program, .. arguments, null],
                    [.. environment, null]
                )
            );
            return process;
        }
        finally
        {
            Marshal.FreeHGlobal(actions);
            Marshal.FreeHGlobal(attributes);
        }
    }

    private static List<string> Environment(IEnumerable<KeyValuePair<string, string?>> changes)
    {
        var variables = System
            .Environment.GetEnvironmentVariables()
            .Cast<System.Collections.DictionaryEntry>()
            .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value, StringComparer.Ordinal);
        variables["TERM"] = "xterm-256color";
        foreach (var (name, value) in changes)
            variables[name] = value;
        return
        [
            .. variables
                .Where(variable => variable.Value is not null)
                .Select(variable => $"{variable.Key}={variable.Value}"),
        ];
    }

    private static void Check(int error)
    {
        if (error != 0)
        {
            throw new InvalidOperationException(
                $"The terminal cannot be had: "
                    + $"error {error}, "
                    + $"{Marshal.GetPInvokeErrorMessage(error < 0 ? Marshal.GetLastPInvokeError() : error)}."
            );
        }
    }

    [GeneratedRegex(@"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]", RegexOptions.CultureInvariant)]
    private static partial Regex ControlSequence();

    [LibraryImport("libc", EntryPoint = "posix_openpt", SetLastError = true)]
    private static partial int OpenTerminal(int flags);

    [LibraryImport("libc", EntryPoint = "grantpt", SetLastError = true)]
    private static partial int Grant(int descriptor);

    [LibraryImport("libc", EntryPoint = "unlockpt", SetLastError = true)]
    private static partial int Unlock(int descriptor);

    [LibraryImport("libc", EntryPoint = "ptsname_r")]
    private static partial int NameOf(int descriptor, [Out] byte[] name, nuint length);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int descriptor, nuint request, ref WindowSize size);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(SafeFileHandle descriptor, [Out] byte[] buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static partial int WaitFor(int process, out int status, int options);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int InitActions(nint actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addopen")]
    private static partial int AddOpen(nint actions, int descriptor, byte[] path, int flags, uint mode);

    [LibraryImport(
        "libc",
        EntryPoint = "posix_spawn_file_actions_addchdir_np",
        StringMarshalling = StringMarshalling.Utf8
    )]
    private static partial int AddDirectory(nint actions, string path);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int InitAttributes(nint attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int SetFlags(nint attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnp", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Spawn(
        out int process,
        string file,
        nint actions,
        nint attributes,
        string?[] arguments,
        string?[] environment
    );

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort Width;
        public ushort Height;
    }
}
