using Litestream.Build.Tasks;
using Litestream.Diagnostics;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tests.Tasks;

/// <summary>What the tasks print, as MSBuild's loggers get it.</summary>
public sealed class VisibleMessageTests
{
    [Fact]
    public void A_line_is_one_message_that_the_terminal_logger_shows_and_that_others_take_for_one_of_high_importance()
    {
        var message = VisibleMessage.Of("database  name", "/src/Shop.csproj");

        Assert.Equal("TLTESTOUTPUT", message.ExtendedType);
        Assert.Equal(MessageImportance.High, message.Importance);
        Assert.Equal("database  name", message.Message);
        Assert.Null(message.Code);
    }

    [Fact]
    public void A_note_keeps_its_code_and_its_place()
    {
        var message = VisibleMessage.Of(
            new LitestreamDiagnostic("LSB1005", LitestreamSeverity.Message, "in memory", "/src/appsettings.json", 3, 7),
            "/src/Shop.csproj"
        );

        Assert.Equal(
            ("LSB1005", "/src/appsettings.json", 3, 7),
            (message.Code, message.File, message.LineNumber, message.ColumnNumber)
        );
        Assert.Equal(MessageImportance.High, message.Importance);
    }

    [Theory]
    [InlineData("Shop.db -> file: replicas/Shop.db", " Shop.db -> file: replicas/Shop.db")]
    [InlineData("Shop.db is there", "Shop.db is there")]
    [InlineData("app.db -> file: replicas/app.db", "app.db -> file: replicas/app.db")]
    [InlineData("", "")]
    public void A_line_is_not_taken_for_the_path_of_the_projects_output(string line, string printed) =>
        Assert.Equal(printed, VisibleMessage.Guard(line, "/src/Shop.csproj"));

    [Fact]
    public void Of_the_lines_of_a_long_operation_the_first_is_shown_then_one_a_second_and_every_warning()
    {
        var time = new Clock();
        var progress = new ProgressLines(time);

        bool After(int milliseconds, string level = "INFO")
        {
            time.Now += TimeSpan.FromMilliseconds(milliseconds).Ticks;
            return progress.IsShown(level);
        }

        Assert.False(After(0, "ERROR"));
        Assert.True(After(0));
        Assert.True(After(0, "WARN"));
        Assert.False(After(500));
        Assert.False(After(499));
        Assert.True(After(1));
        Assert.False(After(999));
    }

    private sealed class Clock : TimeProvider
    {
        public long Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now;
    }
}
