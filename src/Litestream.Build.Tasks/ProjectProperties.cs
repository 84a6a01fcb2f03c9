using Litestream.Diagnostics;
using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>What a task can see of the names that a build was given.</summary>
internal static class ProjectProperties
{
    /// <summary>
    /// The project's files with their text; what cannot be read is left to MSBuild, which has read it.
    /// </summary>
    public static IReadOnlyList<(string File, string Text)> Read(IEnumerable<string> files)
    {
        var texts = new List<(string File, string Text)>();
        foreach (var file in files.Where(file => file.Length > 0))
        {
            try
            {
                if (File.Exists(file))
                    texts.Add((file, File.ReadAllText(file)));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException) { }
        }

        return texts;
    }

    /// <summary>What the build was given from outside its files.</summary>
    public static ExternalProperties Given(IBuildEngine engine, IReadOnlyList<(string File, string Text)> files)
    {
        List<KeyValuePair<string, string>> given = engine is IBuildEngine6 build
            ? [.. build.GetGlobalProperties()]
            : [];
        return new(
            [.. given.Select(property => property.Key)],
            [.. ProcessVariables.Read().Keys],
            string.Join('\n', files.Select(file => file.Text))
        )
        {
            Empty =
            [
                .. given.Where(property => string.IsNullOrWhiteSpace(property.Value)).Select(property => property.Key),
            ],
        };
    }

    /// <summary>True once for each project in a build: a publish looks at the names after the build has.</summary>
    public static bool IsFirstLook(IBuildEngine engine, string project)
    {
        if (engine is not IBuildEngine4 build)
            return true;
        var key = $"Litestream names of {project}";
        if (build.GetRegisteredTaskObject(key, RegisteredTaskObjectLifetime.Build) is not null)
            return false;
        build.RegisterTaskObject(key, new object(), RegisteredTaskObjectLifetime.Build, allowEarlyCollection: false);
        return true;
    }
}
