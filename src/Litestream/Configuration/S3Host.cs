using System.Text.RegularExpressions;

namespace Litestream.Configuration;

/// <summary>What the host of an s3 URL says, in the forms that the executable itself knows.</summary>
internal sealed record S3Host(string Bucket, string Region, string Endpoint, string PathStyle)
{
    /// <summary><c>$2</c> is the second group of the form.</summary>
    private static readonly (string Form, string Region, string Endpoint, string PathStyle)[] Forms =
    [
        (@"localhost(:\d+)?", "us-east-1", "http://localhost$2", "true"),
        (@"s3\.([^.]+)\.backblazeb2\.com", "$2", "https://s3.$2.backblazeb2.com", "true"),
        (@"s3\.filebase\.com", "us-east-1", "https://s3.filebase.com", "false"),
        (@"([^.]+)\.digitaloceanspaces\.com", "$2", "https://$2.digitaloceanspaces.com", "false"),
        (@"s3\.([^.]+)\.scw\.cloud", "$2", "https://s3.$2.scw.cloud", "false"),
        (@"([^.]+)\.linodeobjects\.com", "$2", "https://$2.linodeobjects.com", "false"),
    ];

    /// <summary>Null when the host is of none of these forms, and so the name of a bucket.</summary>
    public static S3Host? Read(string host)
    {
        foreach (var (form, region, endpoint, pathStyle) in Forms)
        {
            if (Regex.Match(host, $@"^(?:(.+)\.)?{form}$") is { Success: true } match)
                return new(match.Groups[1].Value, match.Result(region), match.Result(endpoint), pathStyle);
        }

        return null;
    }
}
