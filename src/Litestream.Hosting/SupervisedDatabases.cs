using System.Collections;

namespace Litestream.Hosting;

/// <summary>
/// The databases of a session. Only the loop of the session changes them; they are read on any thread, each time as
/// they are at that moment.
/// </summary>
internal sealed class SupervisedDatabases(IEnumerable<DatabaseSupervisor> first) : IReadOnlyList<DatabaseSupervisor>
{
    private volatile DatabaseSupervisor[] _all = [.. first];

    public int Count => _all.Length;

    public DatabaseSupervisor this[int index] => _all[index];

    public void Add(DatabaseSupervisor database) => _all = [.. _all, database];

    public void Remove(DatabaseSupervisor database) => _all = [.. _all.Where(one => one != database)];

    public IEnumerator<DatabaseSupervisor> GetEnumerator() => _all.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
