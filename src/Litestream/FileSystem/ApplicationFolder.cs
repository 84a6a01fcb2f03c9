namespace Litestream.FileSystem;

/// <summary>The folder that the app was published to.</summary>
internal static class ApplicationFolder
{
    /// <summary>
    /// The base directory. A single file that unpacks itself (<c>IncludeAllContentForSelfExtract</c>) has its base
    /// directory in a cache of the user's, and what does not go into
    /// a single file, such as the executable and litestream.yml, beside itself.
    /// </summary>
    public static string FullName { get; } =
        Path.GetDirectoryName(Environment.ProcessPath) is { } program
        && !HasConfig(AppContext.BaseDirectory)
        && HasConfig(program)
            ? program
            : AppContext.BaseDirectory;

    private static bool HasConfig(string folder) => File.Exists(Path.Combine(folder, "litestream.yml"));
}
