namespace Litestream.FileSystem;

/// <summary>The one rule for whether a process is a litestream that replicates.</summary>
internal static class LitestreamProcess
{
    /// <summary>Of any process: its first argument is <c>replicate</c>, and it or its executable is named after
    /// litestream.</summary>
    public static bool IsReplicator(int id) =>
        CommandLine(id) is { } line && IsReplicate(line, isOurs: false, () => ProcessIdentity.Of(id)?.Executable);

    /// <summary>Of one that an app of ours started: it is exactly that process and still replicates. A user's own
    /// executable may have any name.</summary>
    public static bool Lives(ProcessIdentity replicator) =>
        replicator.IsRunning()
        && CommandLine(replicator.ProcessId) is { } line
        && IsReplicate(line, isOurs: true, () => replicator.Executable);

    /// <summary>What a command line says.</summary>
    /// <param name="commandLine">The arguments, the program first, each followed by a zero.</param>
    /// <param name="isOurs">Whether its identity is known exactly, so that its name says nothing more.</param>
    /// <param name="executable">The file that it runs, null or empty where that is not to be seen.</param>
    internal static bool IsReplicate(string commandLine, bool isOurs, Func<string?> executable) =>
        commandLine.Split('\0') is [var program, "replicate", ..]
        && (isOurs || IsNamedSo(program) || IsNamedSo(executable()));

    private static bool IsNamedSo(string? file) =>
        Path.GetFileName(file)?.StartsWith("litestream", StringComparison.Ordinal) is true;

    /// <summary>Null when it has ended, or where the system does not tell.</summary>
    private static string? CommandLine(int id)
    {
        try
        {
            return NonDatabaseFile.ReadAllText($"/proc/{id}/cmdline");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
