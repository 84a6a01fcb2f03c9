using Litestream.Diagnostics;

namespace Litestream.FileSystem;

/// <summary>
/// The locks of several databases, all or none: with some of them, litestream would run with databases that are another
/// process's.
/// </summary>
internal sealed class DatabaseLocks : IDisposable
{
    private readonly List<DatabaseLock> _locks = [];

    private DatabaseLocks() { }

    /// <summary>What the holders before us left behind, for each database.</summary>
    public IEnumerable<(string Path, LockRecord Record)> Found =>
        _locks.Select(held => (held.DatabasePath, held.Found));

    /// <summary>The databases whose chain to the replica may be broken when the locks are released: the next holder has
    /// to know.</summary>
    public IReadOnlySet<string> Broken { get; set; } = new HashSet<string>();

    /// <summary>Takes all locks, or none and names one that another process holds.</summary>
    /// <exception cref="LitestreamException">LSB0003: a lock file cannot be created or written.</exception>
    public static DatabaseLocks? TryAcquire(IEnumerable<string> paths, out string heldPath, out LockRecord holder)
    {
        (heldPath, holder) = ("", LockRecord.Empty);
        var locks = new DatabaseLocks();
        try
        {
            // In one order everywhere, so that two processes cannot each have what the other one waits for.
            foreach (var path in paths.Order(StringComparer.Ordinal))
            {
                if (DatabaseLock.TryAcquire(path, out holder) is not { } held)
                {
                    heldPath = path;
                    locks.Release();
                    return null;
                }

                locks._locks.Add(held);
            }
        }
        catch
        {
            locks.Release();
            throw;
        }

        // Until somebody says otherwise, what was unclean stays so.
        locks.Broken = locks
            .Found.Where(found => found.Record.IsUnclean)
            .Select(found => found.Path)
            .ToHashSet(StringComparer.Ordinal);
        return locks;
    }

    /// <summary>Takes the lock of one database more.</summary>
    /// <returns>What the holder before left behind; null when another process holds it.</returns>
    /// <exception cref="LitestreamException">LSB0003: the lock file cannot be created or written.</exception>
    public LockRecord? TryAdd(string path, out LockRecord holder)
    {
        if (DatabaseLock.TryAcquire(path, out holder) is not { } held)
            return null;
        _locks.Add(held);
        return held.Found;
    }

    /// <summary>Tells other processes who replicates one of the databases.</summary>
    public void Write(string path, LockRecord record) =>
        _locks.Single(held => held.DatabasePath == path).Write(record);

    /// <summary>Releases the lock of one database.</summary>
    /// <param name="path">The database.</param>
    /// <param name="isBroken">Whether its chain to the replica may be broken: the next holder has to know.</param>
    public void Remove(string path, bool isBroken)
    {
        foreach (var held in _locks.Where(held => held.DatabasePath == path).ToList())
        {
            Release(held, isBroken);
            _locks.Remove(held);
        }
    }

    /// <summary>Tells other processes who replicates.</summary>
    public void Write(LockRecord record) => _locks.ForEach(held => held.Write(record));

    /// <summary>Empties the records, but for those in <see cref="Broken"/>, and releases the locks.</summary>
    public void Dispose()
    {
        _locks.ForEach(held => Release(held, Broken.Contains(held.DatabasePath)));
        _locks.Clear();
    }

    private static void Release(DatabaseLock held, bool isBroken)
    {
        try
        {
            if (!isBroken)
                held.Write(LockRecord.Empty);
        }
        catch (IOException)
        {
            // A full disk: a record of a process that has ended means nothing.
        }

        held.Dispose();
    }

    private void Release()
    {
        _locks.ForEach(held => held.Dispose());
        _locks.Clear();
    }
}
