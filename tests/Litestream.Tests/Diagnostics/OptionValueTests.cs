using Litestream.Diagnostics;

namespace Litestream.Tests.Diagnostics;

public sealed class OptionValueTests
{
    [Theory]
    [InlineData("0", 0L)]
    [InlineData("12", 12L)]
    [InlineData("0x0c", 12L)]
    [InlineData("0000000c", null)]
    [InlineData("-1", null)]
    [InlineData("4294967296", null)]
    [InlineData("0x", null)]
    public void An_index_is_decimal_as_the_tables_have_it_or_hexadecimal_after_0x(string text, long? index) =>
        Check(() => OptionValue.Index(OptionName.Index, text), index, "LitestreamIndex", text);

    [Theory]
    [InlineData("1", 1)]
    [InlineData("0", null)]
    [InlineData("8.0", null)]
    public void A_count_begins_at_1(string text, int? count) =>
        Check(() => OptionValue.Count(OptionName.Parallelism, text), count, "LitestreamParallelism", text);

    [Fact]
    public void A_generation_is_16_hexadecimal_digits()
    {
        Assert.Equal("0123456789abcdef", OptionValue.Generation(OptionName.Generation, "0123456789abcdef"));
        Check(
            () => OptionValue.Generation(OptionName.Generation, "../../etc"),
            null,
            "LitestreamGeneration",
            "../../etc"
        );
    }

    [Fact]
    public void A_word_is_one_of_a_list_and_never_its_number()
    {
        Assert.Equal(DayOfWeek.Friday, OptionValue.Word<DayOfWeek>(new("--day", "Day"), "friday"));
        Check(() => OptionValue.Word<DayOfWeek>(new("--day", "Day"), "5"), null, "Day", "5");
    }

    [Fact]
    public void Nothing_typed_is_nothing_said()
    {
        Assert.Null(OptionValue.Duration(new("--x", "x"), ""));
        Assert.Null(OptionValue.Flag(new("--x", "x"), " "));
        Assert.Null(OptionValue.Index(new("--x", "x"), null));
        Assert.Null(OptionValue.Count(new("--x", "x"), null));
        Assert.Null(OptionValue.Generation(new("--x", "x"), ""));
        Assert.Null(OptionValue.Word<DayOfWeek>(new("--x", "x"), ""));
    }

    private static void Check<T>(Func<T?> parse, T? expected, string option, string text)
    {
        if (expected is not null)
        {
            Assert.Equal(expected, parse());
            return;
        }

        var exception = Assert.Throws<LitestreamException>(() => parse());
        Assert.Equal("LSB3008", exception.Diagnostic.Code);
        Assert.Contains($"{option} is '{text}'", exception.Message, StringComparison.Ordinal);
    }
}
