using System.Globalization;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;
using Litestream.Restore;
using Litestream.Sqlite;
using Litestream.Tests.Databases;
using Litestream.Tests.Verification;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace Litestream.Tests;

/// <summary>What is said, and what is asked of a database, is the same in every culture.</summary>
[Trait("Uses", "litestream")]
public sealed class MessageCultureTests : IDisposable
{
    /// <summary>What a culture writes in its own way, whatever its value.</summary>
    private static readonly string[] s_cultural =
    [
        "Double",
        "Single",
        "Decimal",
        "DateTime",
        "DateTimeOffset",
        "DateOnly",
        "TimeOnly",
    ];

    private readonly CultureInfo _before = CultureInfo.CurrentCulture;

    public MessageCultureTests()
    {
        // Whatever cultures this machine knows: one with a comma and a minus sign of its own.
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        culture.NumberFormat.NumberDecimalSeparator = ",";
        culture.NumberFormat.NegativeSign = "\u2212";
        culture.DateTimeFormat.TimeSeparator = ".";
        CultureInfo.CurrentCulture = culture;
    }

    public void Dispose() => CultureInfo.CurrentCulture = _before;

    [Fact]
    public void Numbers_have_a_point_and_a_minus_sign()
    {
        Assert.Equal("1.5 KiB", ByteSize.Text(1536));
        Assert.Equal("1.5", NumberText.Seconds(TimeSpan.FromSeconds(1.5)));
        Assert.Equal("-1", NumberText.Of(-1));
    }

    [Fact]
    public async Task A_message_about_a_timeout_has_a_point()
    {
        using var folder = new ReplicatedFolder();
        var request = new RestoreRequest(folder.Config, folder.Config.Databases[0])
        {
            Output = Path.Combine(folder.Root, "out.db"),
            Timeout = TimeSpan.FromMilliseconds(1.5),
        };

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            DatabaseRestore.RunAsync(
                LitestreamTool.Executable,
                request,
                onLine: null,
                TestContext.Current.CancellationToken
            )
        );

        Assert.Equal("LSB3005", error.Diagnostic.Code);
        Assert.Contains(" 0.002 s", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-5, null, "-5")]
    [InlineData(null, -7, "-7")]
    public void A_message_about_a_number_has_a_minus_sign(int? index, int? parallelism, string expected)
    {
        using var folder = new ReplicatedFolder();
        var request = new RestoreRequest(folder.Config, folder.Config.Databases[0])
        {
            Index = index,
            Parallelism = parallelism,
        };

        var error = Assert.Throws<LitestreamException>(() =>
        {
            RestoreCommand.CheckOptions(request, ReleaseLine.All[0].Restore);
            ReleaseLine.All[0].Restore.Check(request.Selection);
        });
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_of_a_table_without_a_key_are_compared()
    {
        using var folder = new TemporaryFolder();
        var (one, other) = (Path.Combine(folder.Path, "one.db"), Path.Combine(folder.Path, "other.db"));
        LitestreamTool.Sql(one, "CREATE TABLE t(x, y PRIMARY KEY); INSERT INTO t VALUES (1.5, 1), (-2, 2)");
        LitestreamTool.Sql(other, "CREATE TABLE t(x, y); INSERT INTO t VALUES (1.5, 1), (-3, 2)");

        var cancel = TestContext.Current.CancellationToken;
        var difference = await DatabaseDiff.CompareAsync(one, other, cancellationToken: cancel);

        var table = Assert.Single(difference.Tables, table => table.Name == "t");
        Assert.Equal((1, 1), (table.Added, table.Missing));
    }

    [Fact]
    public void No_text_of_the_library_is_made_by_the_culture()
    {
        using var library = AssemblyDefinition.ReadAssembly(typeof(LitestreamExecutable).Assembly.Location);

        var found = library
            .MainModule.GetTypes()
            .SelectMany(type => type.Methods)
            .Where(method => method.HasBody)
            .SelectMany(Cultural)
            .Distinct()
            .ToList();
        Assert.True(found.Count == 0, string.Join('\n', found));
    }

    /// <summary>Interpolated strings without a culture that hold what depends on one.</summary>
    private static IEnumerable<string> Cultural(MethodDefinition method)
    {
        const string Handler = "DefaultInterpolatedStringHandler";

        // They may be nested.
        var cultures = new Stack<bool>();
        foreach (var instruction in method.Body.Instructions)
        {
            if (instruction.Operand is not MethodReference called)
                continue;
            if (called.DeclaringType.Name == Handler && called.Name == ".ctor")
            {
                cultures.Push(called.Parameters.Count > 2);
            }
            else if (
                (called.DeclaringType.Name == Handler && called.Name == "ToStringAndClear")
                || (called.DeclaringType.Name == "String" && called.Name == "Create" && cultures.Count > 0)
            )
            {
                cultures.TryPop(out _);
            }
            else if (
                called is GenericInstanceMethod { Name: "AppendFormatted" } appended
                && called.DeclaringType.Name == Handler
                && cultures.TryPeek(out var hasCulture)
                && !hasCulture
                && s_cultural.Contains(Bare(appended.GenericArguments[0]).Name)
                && instruction.Previous is not { OpCode.Code: Code.Ldstr, Operand: "u" }
            )
            {
                yield return $"{method.FullName}: {appended.GenericArguments[0].FullName}";
            }
        }
    }

    private static TypeReference Bare(TypeReference type) =>
        type is GenericInstanceType { Name: "Nullable`1" } nullable ? nullable.GenericArguments[0] : type;
}
