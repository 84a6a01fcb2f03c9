namespace Litestream.Testing;

/// <summary>The repository that the tests run in.</summary>
public static class Repository
{
    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The real executable.</summary>
    public static string Executable
    {
        get
        {
            var path = In("runtimes", "0.3.13", "linux-x64", "litestream");
            return File.Exists(path)
                ? path
                : throw new FileNotFoundException($"The real executable is missing: {path}. ./test.sh puts it there.");
        }
    }

    /// <summary>The path of a file or folder of the repository.</summary>
    public static string In(params string[] relative) => Path.Combine([Root, .. relative]);

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Litestream.Build.sln")))
                return folder.FullName;
        }

        throw new DirectoryNotFoundException("Litestream.Build.sln is in no folder above the tests.");
    }
}
