using System.Text;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Restore;
using Litestream.Sqlite;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Robustness;

/// <summary>What other versions of this package and other programs read, byte for byte.</summary>
public sealed class JsonShapeTests
{
    [Fact]
    public void A_difference_is_what_the_docs_say()
    {
        var difference = new DatabaseDifference("/data/über.db", "/tmp/copy.db")
        {
            Tables =
            [
                new("same"),
                new("orders")
                {
                    Added = 1,
                    Missing = 2,
                    Changed = 3,
                    Key = "id",
                    AddedExamples = ["id=7"],
                    MissingExamples = ["id=\"8\""],
                    ChangedExamples = ["id=9"],
                    ChangedColumns = ["a, b"],
                    Note = "n",
                },
            ],
            Schema =
            [
                new("table", "t", DifferenceKind.Added, ""),
                new("index", "i", DifferenceKind.Missing, ""),
                new("setting", "user_version", DifferenceKind.Changed, "1 -> 2"),
            ],
            Skipped = [new("fts", "virtual") { IsVirtual = true }],
        };

        Assert.Equal(
            """{"live":"/data/\u00FCber.db","copy":"/tmp/copy.db","same":false,"tables":["""
                + """{"name":"same","added":0,"missing":0,"changed":0,"key":"","addedExamples":[]"""
                + ""","missingExamples":[],"changedExamples":[],"changedColumns":[],"note":""},"""
                + """{"name":"orders","added":1,"missing":2,"changed":3,"key":"id","addedExamples":["id=7"]"""
                + ""","missingExamples":["id=\u00228\u0022"],"changedExamples":["id=9"],"changedColumns":["a, b"]"""
                + ""","note":"n"}],"schema":"""
                + """[{"type":"table","name":"t","kind":"added","detail":""}"""
                + """,{"type":"index","name":"i","kind":"missing","detail":""}"""
                + """,{"type":"setting","name":"user_version","kind":"changed","detail":"1 -\u003E 2"}],"skipped":"""
                + """[{"name":"fts","reason":"virtual"}]}""",
            JsonText.Of(difference.WriteTo)
        );
    }

    [Fact]
    public void What_is_remembered_of_a_database_omits_what_is_not_known()
    {
        using var folder = new TemporaryFolder();
        Check(new DatabaseIdentity(null, false, null), """{"inFile":false}""");
        Check(new DatabaseIdentity(null, false, null) { PendingId = 9 }, """{"pendingId":9,"inFile":false}""");
        Check(
            new DatabaseIdentity(7, true, new FileStamp(new FileIdentity(8, 1, ulong.MaxValue), 4096, 5))
            {
                WalBoot = "b",
                Lineages = ["0123456789abcdef"],
            },
            """{"id":7,"inFile":true,"walBoot":"b","generations":["0123456789abcdef"],"major":8,"minor":1"""
                + ""","inode":18446744073709551615,"size":4096,"modified":5}"""
        );
        Check(
            new DatabaseIdentity(-1, true, new FileStamp(null, 0, -1)),
            """{"id":-1,"inFile":true,"size":0,"modified":-1}"""
        );

        void Check(DatabaseIdentity history, string expected)
        {
            history.Write(folder.Path);
            Assert.Equal(expected, File.ReadAllText(Path.Combine(folder.Path, "history.json")));
            var read = DatabaseIdentity.Read(folder.Path)!;
            Assert.Equal(history, read with { Lineages = history.Lineages });
            Assert.Equal(history.Lineages, read.Lineages);
        }
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("""{"id":"7"}""")]
    [InlineData("""{"size":1}""")]
    [InlineData("""{"size":1,"modified":2,"inode":3}""")]
    [InlineData("""{"size":1,"modified":2,"inode":-3,"major":1,"minor":1}""")]
    public void What_is_not_complete_is_not_remembered(string text)
    {
        using var folder = new TemporaryFolder();
        folder.Write("history.json", text);

        Assert.Null(DatabaseIdentity.Read(folder.Path));
    }

    [Fact]
    public void The_record_of_a_restore_names_every_move()
    {
        Assert.Equal(
            """{"output":"/data/a.db","folder":null,"moves":[{"from":"/data/a.db","to":"/data/b.db"}]}""",
            Encoding.UTF8.GetString(
                System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(
                    new SwapForm("/data/a.db", null, [new MovedFile("/data/a.db", "/data/b.db")]),
                    SwapJson.Default.SwapForm
                )
            )
        );
    }
}
