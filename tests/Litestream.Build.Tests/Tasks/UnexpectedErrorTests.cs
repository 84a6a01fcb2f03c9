using System.Collections;
using System.Text;
using Litestream.Build.Tasks;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tests.Tasks;

/// <summary>A task that ends in a way that was not foreseen ends with one error of ours, never with MSB4018.</summary>
public sealed class UnexpectedErrorTests
{
    private static readonly string[] Manifests =
    [
        """{"version":"0.3.13","executables":{"linux-x64":{"file":"linux-x64/litestream","sha256":"HASH"}}}""".Replace(
            "HASH",
            new string('a', 64),
            StringComparison.Ordinal
        ),
        """{"executables":{"linux-x64":{"file":null,"sha256":null}}}""",
        """{"executables":{"linux-x64":{"file":"x","sha256":"abc"}}}""",
        """{"executables":[]}""",
        """{"executables":{"linux-x64":"x"}}""",
        "null",
        "[]",
        "",
    ];

    private static readonly string[] Graphs =
    [
        """
        {"runtimes":{"linux-musl-x64":{"#import":["linux-musl","linux-x64"]},"linux-x64":{"#import":["linux"]},
          "linux":{"#import":["linux-musl-x64"]}}}
        """,
        """{"runtimes":{"linux-musl-x64":{"#import":[null]}}}""",
        """{"runtimes":{"linux-musl-x64":5}}""",
        """{"runtimes":{"linux-musl-x64":{"#import":"linux"}}}""",
        "{}",
        "",
        "[]",
    ];

    public static TheoryData<Type> Exceptions =>
        [
            typeof(InvalidOperationException),
            typeof(NullReferenceException),
            typeof(AggregateException),
            typeof(OperationCanceledException),
            typeof(StackGuard),
            typeof(OutOfMemoryException),
        ];

    [Theory]
    [MemberData(nameof(Exceptions))]
    public void A_task_that_throws_something_ends_with_one_coded_error(Type exception)
    {
        var engine = new Engine();
        using var task = new ThrowingTask(() => throw (Exception)Activator.CreateInstance(exception)!)
        {
            BuildEngine = engine,
            ProjectFile = "/src/Shop.csproj",
        };

        Assert.False(task.Execute());
        var error = Assert.Single(engine.Errors);
        Assert.Equal("LSB0006", error.Code);
        Assert.Equal("/src/Shop.csproj", error.File);
        Assert.Contains(exception.Name, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_task_ends_there()
    {
        var tasks = typeof(LitestreamTask)
            .Assembly.GetTypes()
            .Where(type => typeof(ITask).IsAssignableFrom(type) && !type.IsAbstract)
            .ToList();

        Assert.NotEmpty(tasks);
        Assert.All(
            tasks,
            type => Assert.Equal(typeof(LitestreamTask), type.GetMethod(nameof(ITask.Execute))!.DeclaringType)
        );
    }

    [Fact]
    public void A_damaged_manifest_or_graph_of_runtimes_is_an_error_with_a_code()
    {
        var folder = Directory.CreateTempSubdirectory("litestream-manifest-").FullName;
        try
        {
            var (manifest, graph) = (
                Path.Combine(folder, "litestream.manifest.json"),
                Path.Combine(folder, "graph.json")
            );
            void Find(string manifestText, string graphText)
            {
                File.WriteAllBytes(manifest, Encoding.UTF8.GetBytes(manifestText));
                File.WriteAllBytes(graph, Encoding.UTF8.GetBytes(graphText));
                if (ExecutablePackage.Find(manifest, "linux-musl-x64", graph) is { } package)
                    package.StageTo(Path.Combine(folder, package.Sha256[..16], "litestream"));
            }

            Fuzz.Run(Manifests, Fuzz.Cases(atLength: false), text => Find(text, Graphs[0]));
            Fuzz.Run(Graphs, Fuzz.Cases(atLength: false), text => Find(Manifests[0], text));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private sealed class ThrowingTask(Action run) : LitestreamTask
    {
        protected override Task RunAsync(CancellationToken cancellationToken)
        {
            run();
            return Task.CompletedTask;
        }
    }

    private sealed class StackGuard : Exception;

    private sealed class Engine : IBuildEngine
    {
        public List<BuildErrorEventArgs> Errors { get; } = [];

        public bool ContinueOnError => false;

        public int LineNumberOfTaskNode => 0;

        public int ColumnNumberOfTaskNode => 0;

        public string ProjectFileOfTaskNode => "/src/Shop.csproj";

        public bool BuildProjectFile(
            string projectFileName,
            string[] targetNames,
            IDictionary globalProperties,
            IDictionary targetOutputs
        ) => false;

        public void LogCustomEvent(CustomBuildEventArgs e) { }

        public void LogErrorEvent(BuildErrorEventArgs e) => Errors.Add(e);

        public void LogMessageEvent(BuildMessageEventArgs e) { }

        public void LogWarningEvent(BuildWarningEventArgs e) { }
    }
}
