using Litestream.Diagnostics;
using Litestream.Execution;

namespace Litestream.Tests.Execution;

public sealed class LogLineTests
{
    [Fact]
    public void A_text_line_gives_its_level_message_and_fields()
    {
        var line = LogLine.Parse(
            """time=2026-11-23T05:29:15.797Z level=INFO msg="sync: new \"gen\"" db="/a b/ä\u00e9\n.db" generation=1f """
                + """reason="no generation exists" empty="""
        );

        Assert.Equal(("INFO", "sync: new \"gen\""), (line.Level, line.Message));
        Assert.Equal(
            new Dictionary<string, string>
            {
                ["db"] = "/a b/äé\n.db",
                ["generation"] = "1f",
                ["reason"] = "no generation exists",
                ["empty"] = "",
            },
            line.Fields
        );
    }

    [Fact]
    public void A_json_line_gives_the_same()
    {
        var line = LogLine.Parse(
            """{"time":"2026-11-23T05:29:15.797Z","level":"ERROR","msg":"monitor error","sync-interval":1000000000"""
                + ""","error":"no \"such\" bucket"}"""
        );

        Assert.Equal(("ERROR", "monitor error"), (line.Level, line.Message));
        Assert.Equal(
            new Dictionary<string, string> { ["sync-interval"] = "1000000000", ["error"] = "no \"such\" bucket" },
            line.Fields
        );
    }

    [Fact]
    public void A_line_from_before_the_configuration_was_read_has_its_level_too()
    {
        var line = LogLine.Parse("2026/11/23 05:28:49 ERROR failed to run error=\"config file not found: \\\"x\\\"\"");

        Assert.Equal(
            ("ERROR", "failed to run", "config file not found: \"x\""),
            (line.Level, line.Message, line.Fields["error"])
        );
    }

    [Fact]
    public void An_error_of_several_lines_is_reported_in_one()
    {
        var line = LogLine.Parse(
            """time=1 level=ERROR msg="monitor error" replica=s3 error="RequestError: send request failed\n"""
                + """caused by: Get \"x\":\r\n\tdial tcp" """
        );

        Assert.Equal(
            "monitor error: RequestError: send request failed caused by: Get \"x\": dial tcp",
            line.Explanation
        );
        Assert.Equal(
            "monitor error replica=s3 error=\"RequestError: send request failed caused by: Get \"x\": dial tcp\"",
            line.Display
        );
        Assert.Contains("\n", line.Fields["error"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("path  replicas")]
    [InlineData("{not json")]
    [InlineData("[1]")]
    [InlineData("{\"a\":1}")]
    [InlineData("time=1 level=INFO")]
    [InlineData("time=1 level=INFO msg=\"open")]
    [InlineData("goroutine 1 [running]:")]
    public void Anything_else_is_its_own_message(string text)
    {
        var line = LogLine.Parse(text);

        Assert.Equal(("", text, text), (line.Level, line.Message, line.Text));
        Assert.Empty(line.Fields);
    }

    /// <summary>As 0.5.17 prints it: the lines of its log may come before.</summary>
    [Fact]
    public void The_result_of_a_restore_is_not_a_line_for_people()
    {
        string[] log =
        [
            """{"time":"2026-11-23T05:29:15.797Z","level":"INFO","msg":"post-restore integrity check passed"}""",
            "time=2026-11-23T05:29:15.797Z level=WARN msg=\"sftp host key not verified\"",
            "Error: no matching backup files available",
            "",
        ];
        string[] result =
        [
            "{",
            "  \"db_path\": \"/data/app.db\",",
            "  \"replica\": \"file\",",
            "  \"txid\": \"0000000000000009\",",
            "  \"duration_ms\": 8,",
            "  \"integrity_check\": \"none\"",
            "}",
        ];

        Assert.DoesNotContain(log, text => LogLine.Parse(text).IsResult);
        Assert.All(result, text => Assert.True(LogLine.Parse(text).IsResult, text));
    }

    [Theory]
    [InlineData("warn", "INFO", false)]
    [InlineData("WARN", "WARN", true)]
    [InlineData("error", "WARN", false)]
    [InlineData("", "INFO", true)]
    [InlineData("", "DEBUG", false)]
    [InlineData("debug", "DEBUG", true)]
    [InlineData("error", "", true)]
    public void A_level_lets_through_what_is_at_least_as_grave(string level, string ofLine, bool expected) =>
        Assert.Equal(expected, LogLevels.Shows(level, ofLine));
}
