namespace Litestream.Deployment;

/// <summary>
/// The folders that the app has to write to: the database's own, for all that is beside it, and the replicas that
/// are folders.
/// </summary>
internal sealed class ScaffoldFolders
{
    public ScaffoldFolders(ScaffoldInputs app)
    {
        Data = $"/var/lib/{app.Name}";
        var all = app
            .Databases.Select(database => Up(Resolve(database)))
            .Concat(app.ReplicaFolders.Select(Resolve))
            .Where(folder => folder is not "/" && folder != Data && !folder.Contains(':'))
            .Distinct()
            .Order(StringComparer.Ordinal)
            .ToLookup(folder => IsIn(folder, Data));
        Inside = [Data, .. all[true]];
        Outside = [.. all[false]];
        Volumes = [Data, .. Outside.Where(folder => !Outside.Any(other => IsIn(folder, other)))];
    }

    /// <summary>Where relative paths begin.</summary>
    public string Data { get; }

    public IReadOnlyList<string> Inside { get; }

    public IReadOnlyList<string> Outside { get; }

    public IReadOnlyList<string> Volumes { get; }

    private static bool IsIn(string folder, string other) => folder.StartsWith(other + "/", StringComparison.Ordinal);

    private static string Up(string path) => path[..Math.Max(path.LastIndexOf('/'), 1)];

    private string Resolve(string path)
    {
        var parts = new List<string>();
        foreach (var part in (path.StartsWith('/') ? path : $"{Data}/{path}").Split('/'))
        {
            if (part == ".." && parts.Count > 0)
                parts.RemoveAt(parts.Count - 1);
            else if (part is not ("" or "." or ".."))
                parts.Add(part);
        }

        return "/" + string.Join('/', parts);
    }
}
