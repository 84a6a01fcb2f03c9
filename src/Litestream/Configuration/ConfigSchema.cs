using System.Globalization;
using static Litestream.Configuration.ConfigPlace;

namespace Litestream.Configuration;

/// <summary>The keys that every release line of Litestream reads alike, and how a table of keys is written.</summary>
internal static class ConfigSchema
{
    /// <summary>
    /// A row: the place, the key, what its value is, and members of <see cref="ConfigKey"/>. A row that begins with an
    /// arrow says what those do instead whose line does not read the key.
    /// </summary>
    private const string Shared = """
        Root       dbs                         Blocks   inside=Database
        Root       addr                        Address
        Root       exec                        Text
        Root       logging                     Block    inside=Logging
        Logging    stderr                      Flag
        Database   path                        Text
        Database   meta-path                   Text
        Database   monitor-interval            Duration above=0 else=Hangs
        Database   checkpoint-interval         Duration
        Database   min-checkpoint-page-count   Count    above=0
        Database   replicas                    Blocks   inside=Replica
        Replica    name                        Text
        Replica    url                         Text
        Replica    path                        Text     for=file,s3,gcs,gs,abs,sftp,webdav,oss
        Replica    bucket                      Text     for=s3,gcs,gs,abs,nats,oss default
        Replica    region                      Text     for=s3,oss default
        Replica    endpoint                    Text     for=s3,abs,oss default
        Replica    access-key-id               Text     for=s3,oss default
        Replica    secret-access-key           Text     for=s3,oss default secret
        Replica    force-path-style            Flag     for=s3 default
        Replica    skip-verify                 Flag     for=s3 default
        Replica    account-name                Text     for=abs default
        Replica    account-key                 Text     for=abs default secret
        Replica    host                        Text     for=sftp default
        Replica    user                        Text     for=sftp default
        Replica    password                    Text     for=sftp,nats default secret
        Replica    key-path                    Text     for=sftp default
        """;

    /// <summary>Where a place is, such as <c>in a replica</c>.</summary>
    public static string In(ConfigPlace place) => place == Root ? "at the top of the file" : $"in {Name(place)}";

    private static string Name(ConfigPlace place) =>
        place switch
        {
            Database => "an entry of `dbs:`",
            Replica => "a replica",
            Logging => "`logging:`",
            Socket => "`socket:`",
            Snapshot => "`snapshot:`",
            Retention => "`retention:`",
            Validation => "`validation:`",
            Level => "an entry of `levels:`",
            _ => "`age:`",
        };

    /// <summary>All keys of a line: those that every line reads, and its own.</summary>
    /// <param name="table">Its own keys, a row each.</param>
    /// <param name="hasDefaults">Whether it takes defaults for all replicas at the top of the file.</param>
    public static IReadOnlyList<ConfigKey> Read(string table, bool hasDefaults)
    {
        var keys = new List<ConfigKey>();
        foreach (var row in $"{Shared}\n{table}".Split('\n', StringSplitOptions.TrimEntries))
        {
            if (row.StartsWith("-> ", StringComparison.Ordinal))
                keys[^1] = keys[^1] with { Instead = row[3..] };
            else
                keys.Add(ReadRow(row.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        }

        return hasDefaults ? [.. keys, .. keys.Where(key => key.Default).Select(AtTheTop)] : keys;
    }

    private static ConfigKey AtTheTop(ConfigKey key) =>
        key with
        {
            Place = Root,
            ReplicaTypes = [],
            Instead = "Write it in each replica.",
        };

    private static ConfigKey ReadRow(string[] columns)
    {
        var members = columns[3..].Select(member => member.Split('=')).ToLookup(pair => pair[0], pair => pair[^1]);
        string[] List(string name) => [.. members[name].SelectMany(value => value.Split(','))];
        double? Number(string name) =>
            members[name].Select(value => (double?)double.Parse(value, CultureInfo.InvariantCulture)).SingleOrDefault();
        return new(Enum.Parse<ConfigPlace>(columns[0]), columns[1], Enum.Parse<ConfigKind>(columns[2]))
        {
            Inside = members["inside"].Select(place => (ConfigPlace?)Enum.Parse<ConfigPlace>(place)).SingleOrDefault(),
            ReplicaTypes = List("for"),
            Default = members.Contains("default"),
            Above = Number("above"),
            Least = Number("least"),
            Otherwise = members["else"].SingleOrDefault() switch
            {
                "Hangs" => "Litestream would run, but never look at the database.",
                "PanicAtSync" => "Litestream would stop with a panic at the first sync.",
                "Panic" => "Litestream would stop with a panic.",
                "Ignored" => "Litestream would ignore it.",
                _ => "Litestream would not start.",
            },
            Words = List("words"),
            Secret = members.Contains("secret"),
        };
    }
}
