namespace Litestream.Tests;

/// <summary>The width of the lines that people write: code, project files and scripts.</summary>
public sealed class LineWidthTests
{
    private const int Widest = 120;

    [Fact]
    public void No_line_is_wider_than_120_columns()
    {
        var files = Files(Repository.Root).Append(Repository.In(".ci", "run")).ToList();
        Assert.True(files.Count > 600, $"{files.Count} files");

        var wide = files.SelectMany(TooWide).ToList();

        Assert.True(wide.Count == 0, string.Join('\n', wide));
    }

    private static IEnumerable<string> TooWide(string file) =>
        File.ReadLines(file)
            .Select((line, index) => (line.Length, Number: index + 1))
            .Where(line => line.Length > Widest)
            .Select(line =>
                $"{Path.GetRelativePath(Repository.Root, file)}:{line.Number} is {line.Length} columns wide"
            );

    /// <summary>The files of a folder and of those in it, without what a build or a download puts there.</summary>
    private static IEnumerable<string> Files(string folder) =>
        Directory
            .EnumerateFiles(folder)
            .Where(IsWritten)
            .Concat(
                Directory
                    .EnumerateDirectories(folder)
                    .Where(child =>
                        Path.GetFileName(child) is not (".git" or "artifacts" or "bin" or "node_modules" or "obj")
                    )
                    .SelectMany(Files)
            );

    private static bool IsWritten(string file) =>
        Path.GetExtension(file)
            is ".cs"
                or ".css"
                or ".csproj"
                or ".fs"
                or ".js"
                or ".props"
                or ".py"
                or ".razor"
                or ".sh"
                or ".targets"
                or ".tsx"
                or ".vb"
                or ".yml";
}
