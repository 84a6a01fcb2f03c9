using Litestream.Releases.V03;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Releases;

/// <summary>How much a WAL segment unpacks to. Frames of the executable itself: see PositionTests.</summary>
public sealed class Lz4FrameTests : IDisposable
{
    private const int Stored = unchecked((int)0x80000000);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_stored_block_counts_its_bytes() =>
        Assert.Equal(5, Length(Header(0x60), Block([1, 2, 3, 4, 5], isStored: true), End));

    [Fact]
    public void A_block_of_literals_alone_counts_them() =>
        Assert.Equal(3, Length(Header(0x60), Block([0x30, 1, 2, 3]), End));

    [Fact]
    public void A_match_counts_four_bytes_more_than_its_length_says() =>
        // One literal, a match of 4 + 2 at distance 1, then two literals without a match.
        Assert.Equal(1 + 6 + 2, Length(Header(0x60), Block([0x12, 9, 1, 0, 0x20, 7, 8]), End));

    [Fact]
    public void A_length_of_15_continues_in_the_next_bytes_until_one_is_not_255()
    {
        var literals = new byte[15 + 255 + 3];
        Assert.Equal(
            literals.Length + 4 + 15 + 7 + 1,
            Length(Header(0x60), Block([0xFF, 255, 3, .. literals, 1, 0, 7, 0x10, 9]), End)
        );
    }

    [Fact]
    public void Blocks_are_added_up() =>
        Assert.Equal(5, Length(Header(0x60), Block([1, 2], isStored: true), Block([0x30, 1, 2, 3]), End));

    [Theory]
    [InlineData(0x60, 0, 0)]
    [InlineData(0x68, 8, 0)]
    [InlineData(0x61, 4, 0)]
    [InlineData(0x69, 12, 0)]
    [InlineData(0x70, 0, 4)]
    [InlineData(0x7D, 12, 4)]
    public void The_flags_say_what_stands_in_between(int flags, int descriptor, int checksum)
    {
        byte[] block = [.. Block([1, 2, 3], isStored: true), .. new byte[checksum]];

        Assert.Equal(6, Length(Header(flags, descriptor), block, block, End));
    }

    [Fact]
    public void A_frame_that_is_still_being_written_counts_its_whole_blocks()
    {
        byte[][] frame = [Header(0x60), Block([1, 2, 3], isStored: true), Block([4, 5], isStored: true), End];
        byte[] all = [.. frame.SelectMany(part => part)];
        var whole = frame[0].Length + frame[1].Length;

        for (var length = whole; length < whole + frame[2].Length; length++)
            Assert.Equal(3, Length(all[..length]));
        Assert.Equal(5, Length(all[..^4]));
        Assert.Equal(0, Length(frame[0]));
    }

    [Fact]
    public void A_block_that_is_longer_than_any_can_be_ends_the_count() =>
        Assert.Equal(
            2,
            Length(Header(0x60), Block([1, 2], isStored: true), BitConverter.GetBytes(4 * 1024 * 1024 + 1))
        );

    [Theory]
    [InlineData("")]
    [InlineData("04")]
    [InlineData("04224D18")]
    [InlineData("6167652D656E6372797074696F6E2E6F7267")]
    public void What_is_not_a_frame_has_no_length(string hex) => Assert.Null(Length(Convert.FromHexString(hex)));

    private static byte[] End => [0, 0, 0, 0];

    private static byte[] Header(int flags, int descriptor = 0) =>
        [0x04, 0x22, 0x4D, 0x18, (byte)flags, 0x40, .. new byte[descriptor], 0];

    private static byte[] Block(byte[] content, bool isStored = false) =>
        [.. BitConverter.GetBytes(content.Length | (isStored ? Stored : 0)), .. content];

    private long? Length(params byte[][] parts)
    {
        var path = Path.Combine(_folder.Path, "segment.lz4");
        File.WriteAllBytes(path, [.. parts.SelectMany(part => part)]);
        return Lz4Frame.UnpackedLength(path);
    }
}
