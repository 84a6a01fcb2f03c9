using Litestream.Replication;

namespace Litestream.Tests.Replication;

public sealed class CutPolicyTests
{
    private static readonly CutFacts Running = new(
        MayBeOpened: true,
        BringsAnotherLibrary: false,
        IsBeforeApp: false,
        IsOpenAnywhere: true
    );

    [Fact]
    public void An_app_with_one_SQLite_library_has_its_WAL_emptied() =>
        Assert.Equal(CutAction.Truncate, CutPolicy.Decide(Running));

    [Fact]
    public void Where_the_app_has_the_database_open_with_two_libraries_the_next_start_has_to_do_it() =>
        Assert.Equal(CutAction.NewLineageUntilRestart, CutPolicy.Decide(Running with { MayBeOpened = false }));

    [Fact]
    public void A_library_that_the_app_brings_may_open_the_database_at_any_moment() =>
        Assert.Equal(
            CutAction.NewLineageUntilRestart,
            CutPolicy.Decide(Running with { BringsAnotherLibrary = true })
        );

    [Fact]
    public void Before_the_app_opens_the_database_that_library_is_not_an_obstacle() =>
        Assert.Equal(
            CutAction.Truncate,
            CutPolicy.Decide(Running with { BringsAnotherLibrary = true, IsBeforeApp = true })
        );

    [Theory]
    [InlineData(false, CutAction.NewLineage)]
    [InlineData(true, CutAction.NewLineageUntilRestart)]
    [InlineData(null, CutAction.NewLineageUntilRestart)]
    public void Without_a_library_of_ours_a_new_generation_does_it_where_nothing_has_the_database_open(
        bool? isOpen,
        object expected
    )
    {
        var look = Running with { MayBeOpened = false, IsOpenAnywhere = isOpen };
        Assert.Equal((CutAction)expected, CutPolicy.Decide(look));
        Assert.Equal((CutAction)expected, CutPolicy.Decide(look with { IsBeforeApp = true }));
    }
}
