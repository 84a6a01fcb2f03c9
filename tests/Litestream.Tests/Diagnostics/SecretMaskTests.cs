using Litestream.Diagnostics;

namespace Litestream.Tests.Diagnostics;

public sealed class SecretMaskTests
{
    [Theory]
    [InlineData("LITESTREAM_SECRET_ACCESS_KEY", "abcd")]
    [InlineData("LITESTREAM_ACCESS_KEY_ID", "AKIAEXAMPLE")]
    [InlineData("LITESTREAM_AZURE_ACCOUNT_KEY", "a2V5a2V5")]
    [InlineData("Litestream__SecretAccessKey", "abcd")]
    [InlineData("Litestream__AccessKeyId", "AKIAEXAMPLE")]
    [InlineData("APIKEY", "12345678")]
    [InlineData("STORAGE_KEY_1", "12345678")]
    [InlineData("STORAGE_KEYS", "12345678")]
    [InlineData("apiKeyProduction", "12345678")]
    [InlineData("GITHUB_TOKEN", "ghs_1234")]
    [InlineData("MYSQL_PASSWD", "root")]
    [InlineData("Dashboard__Password", "1234")]
    public void What_the_name_calls_a_secret_is_masked(string name, string value) =>
        Assert.Equal("x *** y", Mask(name, value, $"x {value} y"));

    [Theory]
    [InlineData("KEYCLOAK_PORT", "8080")]
    [InlineData("KEYCLOAK_URL", "http://keycloak:8080")]
    [InlineData("API_KEY", "8080")]
    [InlineData("KEYBOARD_LAYOUT", "qwertz-de-nodeadkeys")]
    [InlineData("SSH_KEY_PATH", "/home/app/.ssh/id_ed25519")]
    [InlineData("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/token")]
    [InlineData("PWD", "/srv/app/current")]
    [InlineData("DB_PASSWORD", "abc")]
    public void What_is_none_stays_readable(string name, string value) =>
        Assert.Equal($"x {value} y", Mask(name, value, $"x {value} y"));

    private static string Mask(string name, string value, string text) => new SecretMask([new(name, value)]).Mask(text);
}
