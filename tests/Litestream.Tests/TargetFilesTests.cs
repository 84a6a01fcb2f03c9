using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Litestream.Tests;

/// <summary>The files that the build of an app imports.</summary>
public sealed class TargetFilesTests
{
    /// <summary>MSBuild 18.0, which SDK 10.0.100 has, takes an item with a space there for a plain text.</summary>
    [Fact]
    public void No_space_is_before_the_second_arrow_of_an_item()
    {
        var items = Directory
            .EnumerateFiles(Repository.In("buildTransitive"))
            .SelectMany(file => XDocument.Load(file).Descendants())
            .SelectMany(element =>
                element
                    .Attributes()
                    .Select(attribute => attribute.Value)
                    .Concat(element.Nodes().OfType<XText>().Select(text => text.Value))
            )
            .Where(text => text.Contains("->", StringComparison.Ordinal))
            .ToList();

        Assert.NotEmpty(items);
        Assert.DoesNotContain(items, text => Regex.IsMatch(text, @"[)']\s+->"));
    }
}
