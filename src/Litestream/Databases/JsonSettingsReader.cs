using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Databases;

/// <summary>
/// One key of a JSON settings file; the setting is null where the file says <c>null</c>, which hides what an earlier
/// file says.
/// </summary>
internal readonly record struct JsonSetting(string Key, Setting? Setting);

/// <summary>
/// Flattens a JSON settings file exactly as Microsoft.Extensions.Configuration.Json does, and keeps the place of every
/// value.
/// </summary>
internal static class JsonSettingsReader
{
    private const string Code = "LSB1001";

    /// <summary>Reads a file; empty when it is not there.</summary>
    /// <exception cref="LitestreamException">LSB1001: the file is not what the configuration system
    /// accepts.</exception>
    public static IReadOnlyList<JsonSetting> Read(string file)
    {
        byte[] json;
        try
        {
            if (!File.Exists(file))
                return [];

            // Like the configuration system: the encoding comes from the byte order mark, UTF-8 without one.
            using var text = new StreamReader(NonDatabaseFile.OpenRead(file));
            json = Encoding.UTF8.GetBytes(text.ReadToEnd());
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

        return Parse(json, file);
    }

    private static List<JsonSetting> Parse(byte[] json, string file)
    {
        var settings = new List<JsonSetting>();
        var keys = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var containers = new Stack<Container>();
        var place = new Place(json);
        var propertyKey = string.Empty;
        var reader = new Utf8JsonReader(
            json,
            new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }
        );

        try
        {
            while (reader.Read())
            {
                switch (reader.TokenType)
                {
                    case JsonTokenType.PropertyName:
                        propertyKey =
                            containers.Count == 1
                                ? reader.GetString()!
                                : $"{containers.Peek().Key}:{reader.GetString()}";
                        break;
                    case JsonTokenType.StartObject or JsonTokenType.StartArray:
                        var key = containers.Count == 0 ? string.Empty : KeyOfValue();
                        if (containers.Count == 0 && reader.TokenType == JsonTokenType.StartArray)
                            throw NotAnObject(reader.TokenStartIndex);
                        containers.Push(new Container(key, reader.TokenType == JsonTokenType.StartArray));
                        break;
                    case JsonTokenType.EndObject or JsonTokenType.EndArray:
                        containers.Pop();
                        break;
                    default:
                        if (containers.Count == 0)
                            throw NotAnObject(reader.TokenStartIndex);
                        Add(KeyOfValue(), ref reader);
                        break;
                }
            }
        }
        catch (JsonException e)
        {
            var (line, column) = place.Of(e);
            throw new LitestreamException(
                Code,
                $"The settings file is not valid JSON: {Reason(e)}",
                file,
                line,
                column,
                e
            );
        }
        catch (InvalidOperationException e)
        {
            // An escape such as \ud800 alone is not a text.
            var (line, column) = place.At(reader.TokenStartIndex);
            throw new LitestreamException(
                Code,
                "The settings file is not valid JSON: a string has an escape that is not a character.",
                file,
                line,
                column,
                e
            );
        }

        return settings;

        string KeyOfValue()
        {
            var container = containers.Peek();
            return container.IsArray ? $"{container.Key}:{container.NextIndex()}" : propertyKey;
        }

        void Add(string key, ref Utf8JsonReader value)
        {
            var (line, column) = place.At(value.TokenStartIndex);
            if (!keys.Add(key))
            {
                throw new LitestreamException(
                    Code,
                    $"The key '{key}' is there twice (letter case and ':' inside a key make no difference), which the "
                        + $"configuration system does not accept. Remove one of them.",
                    file,
                    line,
                    column
                );
            }

            var text = value.TokenType switch
            {
                JsonTokenType.String => value.GetString(),
                JsonTokenType.True => bool.TrueString,
                JsonTokenType.False => bool.FalseString,
                JsonTokenType.Number => Encoding.UTF8.GetString(
                    value.HasValueSequence ? value.ValueSequence.ToArray() : value.ValueSpan
                ),
                _ => null,
            };
            settings.Add(new JsonSetting(key, text is null ? null : new Setting(key, text, file, line, column)));
        }

        LitestreamException NotAnObject(long index)
        {
            var (line, column) = place.At(index);
            return new LitestreamException(
                Code,
                "The settings file is not a JSON object: it must begin with '{'.",
                file,
                line,
                column
            );
        }
    }

    // The parser's own words, but never a piece of a value: it quotes literals, and an unquoted secret would be one.
    private static string Reason(JsonException e)
    {
        var message = e.Message;
        if (message.Contains("literal"))
            return "a value is neither quoted nor a number, true, false or null.";
        var end = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return end < 0 ? message : message[..end];
    }

    private sealed class Container(string key, bool isArray)
    {
        private int _index;

        public string Key => key;

        public bool IsArray => isArray;

        public string NextIndex() => _index++.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Byte offsets to lines and columns; columns in UTF-16 units, as editors count.</summary>
    private sealed class Place(byte[] json)
    {
        private readonly int[] _starts =
        [
            0,
            .. Enumerable.Range(1, json.Length).Where(end => json[end - 1] == (byte)'\n'),
        ];

        public (int Line, int Column) At(long index)
        {
            var line = Array.BinarySearch(_starts, (int)index);
            line = line < 0 ? ~line - 1 : line;
            return (line + 1, Column(line, index - _starts[line]));
        }

        public (int Line, int Column) Of(JsonException e)
        {
            var line = (int)(e.LineNumber ?? 0);
            return (line + 1, Column(Math.Min(line, _starts.Length - 1), e.BytePositionInLine ?? 0));
        }

        private int Column(int line, long bytes) =>
            Encoding.UTF8.GetCharCount(json.AsSpan(_starts[line], (int)Math.Min(bytes, json.Length - _starts[line])))
            + 1;
    }
}
