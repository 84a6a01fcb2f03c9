using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Litestream.Configuration;
using Litestream.Diagnostics;

namespace Litestream.Dashboard.Access;

/// <summary>The name and the password that open the dashboard.</summary>
internal sealed class BasicCredentials
{
    private const string DefaultUsername = "litestream";

    private readonly byte[] _expected;

    private BasicCredentials(string username, string password, bool allowHttp)
    {
        (Username, AllowHttp) = (username, allowHttp);
        _expected = Hash(username, password);
    }

    public string Username { get; }

    /// <summary>Whether the password may be sent without encryption.</summary>
    public bool AllowHttp { get; }

    /// <summary>
    /// Null where no password is set. There is no default one; the name is <c>litestream</c> unless it is set.
    /// </summary>
    /// <exception cref="LitestreamException">LSB1019: AllowHttp is not a flag.</exception>
    public static BasicCredentials? Read(IConfiguration configuration, IReadOnlyDictionary<string, string> environment)
    {
        string? Get(string key) => configuration[key];
        var password =
            SettingValue.Text(Get, "Dashboard:Password") ?? environment.GetValueOrDefault("LITESTREAM_PASSWORD");
        if (string.IsNullOrWhiteSpace(password))
            return null;
        var username =
            SettingValue.Text(Get, "Dashboard:Username") ?? environment.GetValueOrDefault("LITESTREAM_USERNAME");
        return new BasicCredentials(
            string.IsNullOrWhiteSpace(username) ? DefaultUsername : username,
            password,
            SettingValue.Flag(Get, "Dashboard:AllowHttp") ?? false
        );
    }

    /// <summary>Compared in constant time.</summary>
    public bool Matches(string authorization)
    {
        if (
            !AuthenticationHeaderValue.TryParse(authorization, out var header)
            || !header.Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase)
            || header.Parameter is not { Length: > 0 and < 2000 } parameter
        )
        {
            return false;
        }

        var bytes = new byte[parameter.Length];
        if (!Convert.TryFromBase64String(parameter, bytes, out var length))
            return false;
        var text = Encoding.UTF8.GetString(bytes, 0, length);
        return text.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon
            && CryptographicOperations.FixedTimeEquals(Hash(text[..colon], text[(colon + 1)..]), _expected);
    }

    private static byte[] Hash(string username, string password) =>
        SHA256.HashData(Encoding.UTF8.GetBytes($"{username.Length}:{username}:{password}"));
}
