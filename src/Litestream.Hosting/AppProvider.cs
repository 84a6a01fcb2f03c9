using System.Globalization;
using System.Reflection;
using Litestream.FileSystem;

namespace Litestream.Hosting;

/// <summary>Which SQLite provider the app has, as far as paths depend on it.</summary>
internal static class AppProvider
{
    /// <summary>
    /// This package brings Microsoft.Data.Sqlite itself, so that one is always there: another provider, or a framework
    /// that replaces the token before any provider sees it, decides.
    /// </summary>
    private static readonly string[] Replacing = ["System.Data.SQLite", "Umbraco.Core", "Devart.Data.SQLite"];

    public static DataDirectoryToken DataDirectoryToken => TokenOf(Assemblies());

    /// <summary>What becomes of the token in an app with these assemblies. Pure.</summary>
    public static DataDirectoryToken TokenOf(IEnumerable<string> assemblies) =>
        assemblies.Any(assembly => Replacing.Contains(assembly, StringComparer.OrdinalIgnoreCase))
            ? DataDirectoryToken.Replaced
            : DataDirectoryToken.Combined;

    /// <summary>All that the app was published with; where they are in one file, those that are loaded.</summary>
    private static IEnumerable<string> Assemblies() =>
        ((AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") as string) ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(file => Path.GetFileNameWithoutExtension(file))
            .Concat(AppDomain.CurrentDomain.GetAssemblies().Select(NameOf));

    private static string NameOf(Assembly assembly)
    {
        try
        {
            return assembly.GetName().Name ?? "";
        }
        catch (CultureNotFoundException)
        {
            // A satellite assembly, in a native app that has the invariant culture only.
            return "";
        }
    }
}
