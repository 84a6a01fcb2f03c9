namespace Litestream.Testing;

/// <summary>The repository that the tests run in.</summary>
public static class Repository
{
    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The version of the executable that is tested: 0.3.13, or what LITESTREAM_TEST_VERSION says.</summary>
    public static string Version { get; } =
        Environment.GetEnvironmentVariable("LITESTREAM_TEST_VERSION") is { Length: > 0 } version ? version : "0.3.13";

    /// <summary>Whether that is one of release line 0.5.</summary>
    public static bool IsLine05 => Version.StartsWith("0.5.", StringComparison.Ordinal);

    /// <summary>The real executable. Only tests with the trait Uses=litestream may have it: test.sh runs them with each
    /// release line, and no others.</summary>
    public static string Executable
    {
        get
        {
            var context = TestContext.Current;
            var traits = context.TestCase?.Traits ?? context.TestClass?.Traits;
            Assert.True(
                traits is null || (traits.TryGetValue("Uses", out var used) && used.Contains("litestream")),
                "A test that uses the executable bears [Trait(\"Uses\", \"litestream\")]: ./test.sh would not run it "
                    + "with each release line."
            );

            // Release line 0.5 refuses S3 where it is set.
            Environment.SetEnvironmentVariable("AWS_CA_BUNDLE", null);
            var path = In("runtimes", Version, "linux-x64", "litestream");
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
