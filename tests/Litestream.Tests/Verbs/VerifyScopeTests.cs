using Litestream.Verbs;
using Litestream.Verification;

namespace Litestream.Tests.Verbs;

/// <summary>
/// What a verification writes where it was not asked to: nothing into a database that a project ships.
/// </summary>
public sealed class VerifyScopeTests
{
    private const string Project = "/src/Shop";
    private static readonly string[] Template =
    [
        "/src/Shop/..data/app.db",
        "/src/Shop/app.db",
        "/var/lib/shop/other.db",
    ];

    [Fact]
    public void In_the_folder_of_a_project_nothing_is_written_and_what_is_not_shown_is_reported()
    {
        var scope = VerifyScope.Of(null, null, startsReplicator: false, Project, Template);

        Assert.Equal((VerificationLevel.Position, false), (scope.Level, scope.Write));
        Assert.Null(scope.Notice);
        Assert.Contains("LitestreamContentRoot", scope.Limit?.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("/src/Sho")]
    [InlineData("/src/Other")]
    public void Elsewhere_everything_is_proved(string? projectFolder)
    {
        var scope = VerifyScope.Of(null, null, startsReplicator: false, projectFolder, Template);

        Assert.Equal(new VerifyScope(VerificationLevel.Full, true, null, null), scope);
    }

    [Theory]
    [InlineData(VerificationLevel.Full, null, false, "_litestream_verification")]
    [InlineData(VerificationLevel.Quick, true, false, "_litestream_verification")]
    [InlineData(null, true, false, "_litestream_verification")]
    [InlineData(null, null, true, "_litestream_verification, _litestream_seq, _litestream_lock")]
    [InlineData(VerificationLevel.Position, null, true, "_litestream_seq, _litestream_lock")]
    [InlineData(VerificationLevel.Full, false, false, null)]
    [InlineData(VerificationLevel.Position, null, false, null)]
    [InlineData(VerificationLevel.Position, true, false, null)]
    [InlineData(null, false, false, null)]
    public void What_is_asked_for_is_done_and_what_it_writes_is_reported_before(
        VerificationLevel? level,
        bool? write,
        bool startsReplicator,
        string? tables
    )
    {
        var scope = VerifyScope.Of(level, write, startsReplicator, Project, Template);

        Assert.Equal((level ?? VerificationLevel.Full, write ?? true), (scope.Level, scope.Write));
        Assert.Null(scope.Limit);
        Assert.Equal(tables is null ? null : "LSB3021", scope.Notice?.Code);
        if (tables is not null)
        {
            Assert.Contains(
                $" {tables} to '/src/Shop/..data/app.db', '/src/Shop/app.db', ",
                scope.Notice!.Message,
                StringComparison.Ordinal
            );
            Assert.DoesNotContain("other.db", scope.Notice.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_replicator_in_the_folder_of_a_project_says_what_litestream_writes()
    {
        Assert.Contains(
            "_litestream_seq, _litestream_lock to '/src/Shop/..data/app.db', '/src/Shop/app.db'",
            VerifyScope.OfReplicate(Project, Template)!.Message,
            StringComparison.Ordinal
        );
        Assert.Null(VerifyScope.OfReplicate(null, Template));
        Assert.Null(VerifyScope.OfReplicate("/elsewhere", Template));
    }
}
