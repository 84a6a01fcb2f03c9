using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Replication;
using Litestream.Sqlite;

namespace Litestream.Hosting;

/// <summary>
/// What is remembered of a database beside it, while the app replicates it: its number, and the lineages that our
/// litestreams wrote. Used by one look at a time.
/// </summary>
internal sealed class RememberedIdentity(LagTracker tracker)
{
    private readonly string _path = tracker.Database.Path;
    private readonly string _metaPath = tracker.Database.MetaPath;
    private DatabaseIdentity? _known = DatabaseIdentity.Read(tracker.Database.MetaPath);
    private FileStamp? _identified;
    private DateTimeOffset _identifyAt;
    private string? _foundLineage;
    private int _foreignLooks;

    /// <summary>
    /// The file as litestream had it when it was last left: our number is in litestream's table, so litestream has had
    /// it, and it is still that database and not another one in its place. Null otherwise.
    /// </summary>
    public FileStamp? ReplicatedFile =>
        _known?.Id is { } id && LiveDatabase.ReadIdentityInFile(_path).Id == id ? _known.File : null;

    /// <summary>
    /// Whether the lineage beside the database is another one than our litestream wrote last: one that we do not know
    /// of has been at work.
    /// </summary>
    public bool HasTraces =>
        tracker.NamesLineages
        && _known is { Lineages.Count: > 0 }
        && tracker.Lineage is { } found
        && !_known.Lineages.Contains(found);

    /// <summary>Whether the file is just as our litestream left it, with a WAL that was kept aside.</summary>
    public bool IsAsLeftWithWal =>
        _known is { WalBoot: { } boot, File: { } left } && boot == BootId() && FileStamp.Of(_path) == left;

    /// <summary>Whether nothing was written to the file since our litestream left it, or none ever had it.</summary>
    public bool IsAsLeft =>
        !Directory.Exists(_metaPath) || (_known?.File is { } left && FileStamp.Of(_path) == left);

    /// <summary>
    /// Takes over what is remembered by now: another app may have replicated the database since this one was started.
    /// </summary>
    public void Read() => _known = DatabaseIdentity.Read(_metaPath);

    /// <summary>It is the database of its replicas, and the file changes from now on.</summary>
    /// <param name="file">The file as it is.</param>
    /// <param name="onOther">Called first where it has another number than was remembered, or none: it was
    /// adopted.</param>
    public void Accept(FileStamp? file, Action onOther)
    {
        if (DatabaseIdentity.Read(_metaPath) is not { } known)
            return;

        var (readable, inFile) = LiveDatabase.ReadIdentityInFile(_path);
        var id = inFile ?? LiveDatabase.ReadIdentity(_path);
        known = known.WithFound(id);
        if (readable && id != known.Id)
        {
            onOther();
            known = new DatabaseIdentity(null, false, null);
        }

        Remember(known.InUse(file));
    }

    /// <summary>
    /// Whether our litestream has written that lineage, or continues one that was there at its start. Its own line in
    /// the log may come a moment later than the lineage.
    /// </summary>
    public bool IsOwnLineage(string lineage)
    {
        _foundLineage ??= lineage;
        if (lineage == _foundLineage || tracker.HasBegun(lineage))
        {
            (_foundLineage, _foreignLooks) = (lineage, 0);
            if (_known?.Lineages.Contains(lineage) == false)
                Remember(_known.With(lineage));

            return true;
        }

        return ++_foreignLooks < Thresholds.LooksUntilForeign;
    }

    /// <summary>
    /// Gives a database that is replicated its number, and sees from time to time that it still has it.
    /// </summary>
    /// <param name="now">The time.</param>
    /// <param name="atOnce">Whether it is looked at once: a litestream that is started again may begin with a snapshot
    /// of whatever is there.</param>
    /// <returns>
    /// False when it has another one, or none: another database was put in the place of this one, or it was
    /// overwritten.
    /// </returns>
    public async Task<bool> IdentifyAsync(DateTimeOffset now, bool atOnce = false)
    {
        if (atOnce)
            (_identified, now) = (null, _identifyAt);

        if (tracker.LastSync is null || tracker.File is not { } file || now < _identifyAt)
            return true;

        if (_known?.Id is not { } known)
        {
            var identity = (_known ?? new DatabaseIdentity(null, false, null)).InUse(file);
            var given = await LiveDatabase
                .IdentifyAsync(_path, id => Remember(identity with { PendingId = id }))
                .ConfigureAwait(false);
            if (given is { } id)
                Remember(identity with { Id = id, PendingId = null });

            return true;
        }

        _identifyAt = now + Thresholds.IdentityPause;
        if (file == _identified)
            return true;

        var (readable, found) = LiveDatabase.ReadIdentityInFile(_path);
        if (!readable)
            return true;

        _identified = file;
        if (found == known && !_known.IsInFile)
            Remember(_known with { IsInFile = true });

        return found == known || !_known.IsInFile;
    }

    /// <summary>
    /// Remembers how the file was left, once nothing writes to it any more. Only of one that was accepted and still is
    /// that one: the next start takes what is remembered for a proof.
    /// </summary>
    /// <param name="file">The file as it is.</param>
    /// <param name="keepsWal">Whether a copy of its WAL was kept, and nothing has been committed since.</param>
    public void Leave(FileStamp file, Func<bool> keepsWal)
    {
        if (!Directory.Exists(_metaPath))
            return;

        var known = _known ?? new DatabaseIdentity(null, false, null);
        var isInFile = known.Id is { } id && LiveDatabase.ReadIdentityInFile(_path).Id == id;
        if (known.IsInFile && !isInFile)
            return;

        if (
            tracker.Lineage is { } lineage
            && (lineage == _foundLineage || tracker.HasBegun(lineage))
        )
        {
            known = known.With(lineage);
        }

        Remember(
            known with
            {
                IsInFile = isInFile,
                File = file,
                WalBoot = keepsWal() ? BootId() : null,
            }
        );
    }

    private static string BootId() => ProcessIdentity.Of(Environment.ProcessId)?.BootId ?? "";

    private void Remember(DatabaseIdentity identity)
    {
        _known = identity;
        identity.Write(_metaPath);
    }
}
