using System.Reflection;
using System.Security.Cryptography;

namespace Litestream.Dashboard.Pages;

/// <summary>The style sheet or the script, under a name with a hash of its content: it can be kept for ever.</summary>
internal sealed class Asset
{
    private Asset(string name, string contentType)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        Content = memory.ToArray();
        ContentType = contentType;
        var hash = Convert.ToHexString(SHA256.HashData(Content), 0, 6).ToLowerInvariant();
        Name = $"{Path.GetFileNameWithoutExtension(name)}.{hash}{Path.GetExtension(name)}";
    }

    public static Asset Style { get; } = new("dashboard.css", "text/css; charset=utf-8");

    public static Asset Script { get; } = new("dashboard.js", "text/javascript; charset=utf-8");

    public string Name { get; }

    public string ContentType { get; }

    public byte[] Content { get; }
}
