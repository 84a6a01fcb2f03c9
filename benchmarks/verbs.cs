#!/usr/bin/env dotnet
#:property PublishAot=false
#:property GenerateDocumentationFile=true

// `dotnet run benchmarks/verbs.cs`: what a verb costs on top of MSBuild itself.
//
// Packs this repository, adds the package to a copy of testassets/Worker that has an empty target as well, and runs
// that target and each verb by turns, so that whatever else the
// machine does meets all of them. Prints the median of each and its ratio to the empty target.
//
//   --runs N     rounds, 10 by default

using System.Diagnostics;
using System.Globalization;

const string Empty = "EmptyTarget";
string[] targets =
[
    Empty,
    "LitestreamDatabases",
    "LitestreamConfig",
    "LitestreamEnv",
    "LitestreamStatus",
    "LitestreamVersion",
];

var runs = args is ["--runs", var number] ? int.Parse(number, CultureInfo.InvariantCulture) : 10;
var repository = Path.GetDirectoryName((string)AppContext.GetData("EntryPointFileDirectoryPath")!)!;
var folder = Directory.CreateTempSubdirectory("litestream-benchmark-").FullName;
try
{
    // A version and a package folder of its own: what is in the user's is left alone.
    const string Version = "0.0.0-benchmark";
    Run(
        repository,
        "pack",
        "Litestream.Build.sln",
        "-c",
        "Release",
        "-v",
        "q",
        $"-p:Version={Version}",
        $"-p:PackageOutputPath={folder}/feed/"
    );
    var app = Directory.CreateDirectory(Path.Combine(folder, "app")).FullName;
    foreach (var file in Directory.GetFiles(Path.Combine(repository, "testassets", "Worker")))
        File.Copy(file, Path.Combine(app, Path.GetFileName(file)));
    var project = Path.Combine(app, "Worker.csproj");
    File.WriteAllText(
        project,
        File.ReadAllText(project)
            .Replace(
                "</Project>",
                $"<ItemGroup><PackageReference Include=\"Litestream.Build\" Version=\"{Version}\" /></ItemGroup>"
                    + $"<Target Name=\"{Empty}\" /></Project>",
                StringComparison.Ordinal
            )
    );
    Run(
        app,
        "restore",
        "-v",
        "q",
        $"-p:RestoreAdditionalProjectSources={folder}/feed",
        $"-p:RestorePackagesPath={folder}/packages"
    );

    var times = targets.ToDictionary(target => target, _ => new List<double>());
    for (var round = 0; round <= runs; round++)
    {
        foreach (var target in targets)
        {
            var start = Stopwatch.GetTimestamp();
            Run(app, "msbuild", $"-t:{target}");

            // The first one writes what the others find.
            if (round > 0)
                times[target].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
    }

    Console.WriteLine($"{"target",-22}{"median",10}{"fastest",10}{"ratio",8}");
    foreach (var target in targets)
    {
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{target,-22}{Median(times[target]),7:0} ms{times[target].Min(),7:0} ms"
                    + $"{Median(times[target]) / Median(times[Empty]),8:0.00}"
            )
        );
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

static void Run(string folder, params string[] arguments)
{
    var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true };

    // Each run on its own: no node that an earlier one left, and nothing of the `dotnet run` around this.
    foreach (
        var name in start
            .Environment.Keys.Where(name =>
                name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase) || name == "DOTNET_HOST_PATH"
            )
            .ToList()
    )
    {
        start.Environment.Remove(name);
    }

    start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
    start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
    start.Environment["DOTNET_NOLOGO"] = "1";

    using var process = Process.Start(start)!;
    var output = process.StandardOutput.ReadToEnd();
    process.WaitForExit();
    if (process.ExitCode != 0)
        throw new InvalidOperationException($"dotnet {string.Join(' ', arguments)} failed:\n{output}");
}
