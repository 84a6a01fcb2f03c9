using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Configuration;

[Trait("Uses", "litestream")]
public sealed class DatabaseChoiceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("data/shop.db")]
    [InlineData("./data/../data/shop.db")]
    [InlineData("{folder}/data/shop.db")]
    [InlineData("Shop")]
    [InlineData("shop")]
    [InlineData("ConnectionStrings:Shop")]
    public void A_database_is_chosen_by_any_of_its_names(string choice)
    {
        var config = Config(null, ("data/shop.db", "Shop"), ("data/users.db", "Users"));

        Assert.Same(
            config.Databases[0],
            config.Choose(choice.Replace("{folder}", _folder.Path, StringComparison.Ordinal))
        );
        Assert.Same(
            config.Databases[0],
            Assert.Single(config.ChooseMany(choice.Replace("{folder}", _folder.Path, StringComparison.Ordinal)))
        );
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    public void The_only_one_need_not_be_named_but_one_of_several_must(string? choice)
    {
        var one = Config(null, ("shop.db", "Shop"));
        Assert.Same(one.Databases[0], one.Choose(choice));
        Assert.Same(one.Databases[0], Assert.Single(one.ChooseMany(choice)));

        var two = Config(null, ("shop.db", "Shop"), ("users.db", null));
        foreach (
            var error in new[]
            {
                Assert.Throws<LitestreamException>(() => two.Choose(choice)),
                Assert.Throws<LitestreamException>(() => two.ChooseMany(choice)),
            }
        )
        {
            Assert.Equal("LSB3002", error.Diagnostic.Code);
            Assert.Contains("There are 2 databases.", error.Message, StringComparison.Ordinal);
            Assert.EndsWith("'shop.db' (Shop), 'users.db'.", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_star_is_all_of_them()
    {
        var config = Config(null, ("shop.db", "Shop"), ("users.db", null));

        Assert.Equal(config.Databases, config.ChooseMany("*"));
        Assert.Equal("LSB3003", Assert.Throws<LitestreamException>(() => config.Choose("*")).Diagnostic.Code);
    }

    [Theory]
    [InlineData("Shpo", "Shop")]
    [InlineData("data/shp.db", "data/shop.db")]
    [InlineData("shop.db", "data/shop.db")]
    [InlineData("{folder}/data/shop.sb", "data/shop.db")]
    [InlineData("customers", null)]
    public void A_wrong_one_is_reported_with_the_nearest_and_with_all(string choice, string? nearest)
    {
        var config = Config(null, ("data/shop.db", "Shop"), ("data/users.db", "Users"));

        var error = Assert.Throws<LitestreamException>(() =>
            config.Choose(choice.Replace("{folder}", _folder.Path, StringComparison.Ordinal))
        );

        Assert.Equal("LSB3003", error.Diagnostic.Code);
        Assert.EndsWith(
            "Databases: 'data/shop.db' (Shop), 'data/users.db' (Users).",
            error.Message,
            StringComparison.Ordinal
        );
        if (nearest is null)
            Assert.DoesNotContain("Did you mean", error.Message, StringComparison.Ordinal);
        else
            Assert.Contains($"Did you mean '{nearest}'?", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_database_there_is_nothing_to_choose()
    {
        var config = Config(null);

        Assert.All(
            new[] { null, "shop.db", "*" },
            choice =>
                Assert.Equal(
                    "LSB3004",
                    Assert.Throws<LitestreamException>(() => config.ChooseMany(choice)).Diagnostic.Code
                )
        );
    }

    [Fact]
    public void What_fits_two_is_refused_until_the_path_of_the_file_decides()
    {
        // The live setting moves the first database to the path that the second was built with, and that one elsewhere.
        var config = Config(
            new() { ["ConnectionStrings:A"] = "Data Source=b.db", ["ConnectionStrings:B"] = "Data Source=c.db" },
            ("a.db", "A"),
            ("b.db", "B")
        );

        var error = Assert.Throws<LitestreamException>(() => config.Choose("b.db"));

        Assert.Equal("LSB3002", error.Diagnostic.Code);
        Assert.EndsWith($"'{In("b.db")}', '{In("c.db")}'.", error.Message, StringComparison.Ordinal);
        Assert.Equal("A", config.Choose(In("b.db")).Name);
        Assert.Equal("B", config.Choose("B").Name);
        Assert.Equal("A", config.Choose("a.db").Name);
    }

    [Fact]
    public void Relative_paths_are_relative_to_what_the_apps_own_are()
    {
        var yml = _folder.Write(
            "litestream.yml",
            GeneratedConfig
                .Create([new("shop.db", null, null), new("users.db", null, null)], new GeneratedConfigOptions())
                .Text
        );
        var config = LitestreamTool.Effective(yml, _folder.Path, dataDirectory: In("app data"));

        Assert.Equal(In("app data/shop.db"), config.Choose("./shop.db").Path);
        Assert.Equal("LSB3003", Assert.Throws<LitestreamException>(() => config.Choose(In("shop.db"))).Diagnostic.Code);
    }

    private EffectiveConfig Config(Dictionary<string, string>? settings, params (string Path, string? Name)[] databases)
    {
        var text = GeneratedConfig
            .Create(
                [
                    .. databases.Select(d => new FoundDatabase(
                        d.Path,
                        d.Name,
                        d.Name is null ? null : $"ConnectionStrings:{d.Name}"
                    )),
                ],
                new GeneratedConfigOptions()
            )
            .Text;
        return LitestreamTool.Effective(_folder.Write("litestream.yml", text), _folder.Path, settings);
    }

    private string In(string path) => Path.Combine(_folder.Path, path);
}
