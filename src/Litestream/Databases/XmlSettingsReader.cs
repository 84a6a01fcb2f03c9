using System.Globalization;
using System.Xml;
using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Databases;

/// <summary>
/// Flattens app.config, web.config and other XML settings. <c>connectionStrings/add</c> becomes
/// <c>connectionStrings:Name</c> and
/// <c>connectionStrings:Name_ProviderName</c>, <c>appSettings/add</c> becomes <c>appSettings:Key</c>; any other
/// attribute or text has the path of its
/// elements below the root, with the element's <c>name</c> as a segment of its own.
/// </summary>
internal static class XmlSettingsReader
{
    private const string Code = "LSB1002";

    /// <summary>Keys name all elements around them: what is nested without end makes them so.</summary>
    private const int DeepestElement = 200;

    /// <summary>Reads a file; empty when it is not there.</summary>
    /// <exception cref="LitestreamException">LSB1002: the file is not well-formed XML.</exception>
    public static IReadOnlyList<Setting> Read(string file)
    {
        try
        {
            if (!File.Exists(file))
                return [];
            using var stream = NonDatabaseFile.OpenRead(file);
            using var reader = XmlReader.Create(
                stream,
                new XmlReaderSettings
                {
                    DtdProcessing = DtdProcessing.Ignore,
                    XmlResolver = null,
                    IgnoreComments = true,
                    IgnoreProcessingInstructions = true,
                    IgnoreWhitespace = true,
                }
            );
            return Read(reader, file);
        }
        catch (XmlException e)
        {
            // Not the parser's own words: it quotes what it stumbles over, which may be a piece of a password.
            throw new LitestreamException(
                Code,
                "The settings file is not well-formed XML here. In a value, write '&' as '&amp;', '<' as '&lt;' and a "
                    + "quote as '&quot;'. Close every element.",
                file,
                e.LineNumber,
                e.LinePosition,
                e
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                Code,
                $"The settings file cannot be read: {e.Message}",
                file,
                innerException: e
            );
        }
    }

    private static List<Setting> Read(XmlReader reader, string file)
    {
        var settings = new List<Setting>();
        var elements = new Stack<Element>();
        while (reader.Read())
        {
            switch (reader.NodeType)
            {
                case XmlNodeType.Element when elements.Count >= DeepestElement:
                    throw new LitestreamException(
                        Code,
                        $"The elements of the settings file are nested more than {DeepestElement} deep.",
                        file,
                        ((IXmlLineInfo)reader).LineNumber,
                        ((IXmlLineInfo)reader).LinePosition
                    );
                case XmlNodeType.Element:
                    var isEmpty = reader.IsEmptyElement;
                    elements.Push(Open(reader, file, elements.Count == 0 ? null : elements.Peek(), settings));
                    if (isEmpty)
                        elements.Pop();
                    break;
                case XmlNodeType.EndElement:
                    elements.Pop();
                    break;
                case XmlNodeType.Text or XmlNodeType.CDATA:
                    var place = (IXmlLineInfo)reader;
                    settings.Add(
                        new Setting(
                            elements.Peek().Key,
                            reader.Value.Trim(),
                            file,
                            place.LineNumber,
                            place.LinePosition
                        )
                    );
                    break;
            }
        }

        return settings;
    }

    private static Element Open(XmlReader reader, string file, Element? parent, List<Setting> settings)
    {
        // The root ("configuration", "nlog", ...) says nothing about a value.
        if (parent is null && !IsSection(reader.LocalName))
            return new Element(string.Empty);

        var attributes = Attributes(reader, file);
        var name = attributes.Find(a => Is(a.Key, "name")) ?? attributes.Find(a => Is(a.Key, "key"));
        var value = attributes.Find(a => Is(a.Key, "connectionString")) ?? attributes.Find(a => Is(a.Key, "value"));
        var parentKey = parent?.Key ?? string.Empty;

        if (name is not null && Is(reader.LocalName, "add") && value is not null)
        {
            var key = Combine(parentKey, name.Value);
            settings.Add(value with { Key = key });
            settings.AddRange(
                attributes.Where(a => a != name && a != value).Select(a => a with { Key = $"{key}_{a.Key}" })
            );
            return new Element(key);
        }

        // <property name="connection.connection_string"> is named by its attribute, <target name="db"> by both.
        var isProperty =
            name is not null
            && (Is(reader.LocalName, "property") || Is(reader.LocalName, "setting") || Is(reader.LocalName, "param"));
        var elementKey = isProperty ? Combine(parentKey, name!.Value) : Combine(parentKey, reader.LocalName);
        if (!isProperty && name is not null)
            elementKey = Combine(elementKey, name.Value);
        elementKey = parent?.Unique(elementKey) ?? elementKey;
        foreach (var attribute in attributes)
        {
            if (isProperty && attribute == name)
                continue;
            settings.Add(
                attribute with
                {
                    Key = Is(attribute.Key, "value") ? elementKey : Combine(elementKey, attribute.Key),
                }
            );
        }

        return new Element(elementKey);
    }

    private static List<Setting> Attributes(XmlReader reader, string file)
    {
        var attributes = new List<Setting>();
        var place = (IXmlLineInfo)reader;
        while (reader.MoveToNextAttribute())
        {
            if (reader.Prefix == "xmlns" || reader.Name == "xmlns")
                continue;
            var (name, value, line, column) = (reader.LocalName, reader.Value, place.LineNumber, place.LinePosition);

            // The attribute's place is its name; its value's is one past the opening quote.
            if (reader.ReadAttributeValue())
                (line, column) = (place.LineNumber, place.LinePosition - 1);

            attributes.Add(new Setting(name, value, file, line, column));
        }

        reader.MoveToElement();
        return attributes;
    }

    private static bool IsSection(string name) => Is(name, "connectionStrings") || Is(name, "appSettings");

    private static bool Is(string name, string expected) => name.Equals(expected, StringComparison.OrdinalIgnoreCase);

    private static string Combine(string parent, string name) => parent.Length == 0 ? name : $"{parent}:{name}";

    private sealed class Element(string key)
    {
        private readonly Dictionary<string, int> _children = new(StringComparer.OrdinalIgnoreCase);

        public string Key => key;

        // Elements that repeat must not pass for siblings of each other's attributes.
        public string Unique(string childKey)
        {
            var count = _children.GetValueOrDefault(childKey);
            _children[childKey] = count + 1;
            return count == 0 ? childKey : string.Create(CultureInfo.InvariantCulture, $"{childKey}:{count}");
        }
    }
}
