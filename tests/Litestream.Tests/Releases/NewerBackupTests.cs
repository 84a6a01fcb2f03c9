using Litestream.Configuration;
using Litestream.Releases;

namespace Litestream.Tests.Releases;

/// <summary>When an executable of 0.3 is kept from a replica that also has LTX files: by the times of the files.
/// </summary>
[Trait("Line", "0.3")]
[Trait("Uses", "litestream")]
public sealed class NewerBackupTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("lsb-newer-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("", "", null, false)]
    [InlineData("1", "", null, false)]
    [InlineData("", "1", null, true)]
    [InlineData("1 2", "3 4", null, true)]
    [InlineData("1 5", "3 4", null, false)] // 0.3 has replicated again, and has the newest state.
    [InlineData("1 4", "3 4", null, true)]
    [InlineData("1 2", "3 4", 2, false)] // What 0.3 has is what there was then.
    [InlineData("1 2", "3 4", 3, true)]
    [InlineData("1 5", "3 4", 4, true)]
    [InlineData("", "3", 2, false)] // Nothing has it.
    public void It_is_by_what_the_newer_line_has_and_this_one_has_not(
        string generations,
        string ltx,
        int? moment,
        bool isRefused
    )
    {
        foreach (var day in Days(generations))
        {
            Write(Path.Combine("generations", "0123456789abcdef", "snapshots", "00000000.snapshot.lz4"), 0);
            Write(Path.Combine("generations", "0123456789abcdef", "wal", $"00000000_{day:x8}.wal.lz4"), day);
        }

        foreach (var day in Days(ltx))
            Write(Path.Combine("ltx", "0", $"{day:x16}-{day:x16}.ltx"), day);
        var path = Path.Combine(_folder, "app.db");
        var database = new EffectiveDatabase(
            path,
            path,
            null,
            null,
            [new ConfiguredReplica("file", "file", _folder) { Folder = _folder }]
        );

        var found = NewerBackup.Find(
            LitestreamTool.Executable,
            database,
            moment: moment is { } day2 ? Start.AddDays(day2) : null
        );

        Assert.Equal(isRefused ? "LSB4011" : null, found?.Diagnostic.Code);
    }

    private static IEnumerable<int> Days(string text) =>
        text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(day => int.Parse(day, System.Globalization.CultureInfo.InvariantCulture));

    private void Write(string name, int day)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, new string('x', 100));
        File.SetLastWriteTimeUtc(path, Start.AddDays(day).UtcDateTime);
    }
}
