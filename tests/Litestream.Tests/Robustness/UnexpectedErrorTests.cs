using Litestream.Diagnostics;

namespace Litestream.Tests.Robustness;

public sealed class UnexpectedErrorTests
{
    [Fact]
    public void It_is_one_line_with_the_type_the_message_and_what_follows()
    {
        var diagnostic = UnexpectedError.Diagnostic(
            new AggregateException(new InvalidOperationException("first\nsecond.")),
            "Nothing was done.",
            _ => null
        );

        Assert.Equal("LSB0006", diagnostic.Code);
        Assert.Equal(LitestreamSeverity.Error, diagnostic.Severity);
        Assert.Equal(
            "Unexpected error, please report it: InvalidOperationException: first second. Nothing was done. "
                + "LITESTREAM_STACKTRACE=1 adds the stack trace.",
            diagnostic.Message
        );
    }

    [Fact]
    public void The_stack_trace_is_there_when_a_variable_asks_for_it()
    {
        Exception? thrown = null;
        try
        {
            _ = string.Concat("a", null).Substring(5);
        }
        catch (ArgumentOutOfRangeException e)
        {
            thrown = e;
        }

        var message = UnexpectedError
            .Diagnostic(thrown!, "Nothing was done.", name => name == "LITESTREAM_STACKTRACE" ? "1" : null)
            .Message;

        Assert.Contains(
            nameof(The_stack_trace_is_there_when_a_variable_asks_for_it),
            message,
            StringComparison.Ordinal
        );
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("Data Source=a.db;Password=hunter2;Mode=ReadOnly")]
    [InlineData("sftp://user:hunter2@host/x is wrong")]
    [InlineData("{ \"SecretAccessKey\": \"hunter2\" }")]
    [InlineData("secret-access-key: hunter2")]
    [InlineData("access_key = hunter2")]
    [InlineData("token='hunter2'")]
    public void It_shows_no_secret(string text) =>
        Assert.DoesNotContain(
            "hunter2",
            UnexpectedError.Diagnostic(new FormatException(text), "Nothing was done.", _ => "1").Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void What_is_long_is_cut() =>
        Assert.True(
            UnexpectedError
                .Diagnostic(new FormatException(new string('x', 100_000)), "Nothing was done.", _ => null)
                .Message.Length < 1000
        );
}
