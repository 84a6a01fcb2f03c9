using System.Reflection;

namespace Litestream.Dashboard.Pages;

/// <summary>The pages of docs/diagnostics, which are in this assembly.</summary>
internal sealed class CodePages
{
    private static readonly Assembly Assembly = typeof(CodePages).Assembly;

    private readonly HashSet<string> _codes =
    [
        .. Assembly
            .GetManifestResourceNames()
            .Where(name =>
                name.StartsWith("LSB", StringComparison.Ordinal) && name.EndsWith(".md", StringComparison.Ordinal)
            )
            .Select(name => name[..^3]),
    ];

    /// <summary>Whether there is a page of this code.</summary>
    public bool Has(string code) => _codes.Contains(code);

    /// <summary>The page; null when there is none.</summary>
    public string? Read(string code)
    {
        if (!Has(code))
            return null;
        using var reader = new StreamReader(Assembly.GetManifestResourceStream($"{code}.md")!);
        return reader.ReadToEnd();
    }
}
