using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Restore;

/// <summary>
/// A database as it was at a moment: restored to a private folder for temporary files, checked, and gone with this.
/// </summary>
internal sealed class PastCopy : IDisposable
{
    private readonly ScratchCopy _copy;

    private PastCopy(ScratchCopy copy, RestoreSource source, DateTimeOffset? newest) =>
        (_copy, Source, Newest) = (copy, source, newest);

    public string Path => _copy.Path;

    /// <summary>What it was restored from.</summary>
    public RestoreSource Source { get; }

    /// <summary>When the newest part of the backup was made that is not after the moment (whole seconds): what was
    /// committed later had not been sent by then.</summary>
    public DateTimeOffset? Newest { get; }

    /// <summary>Restores it.</summary>
    /// <param name="executable">What restores.</param>
    /// <param name="config">The effective configuration.</param>
    /// <param name="database">One of its databases, which need not exist.</param>
    /// <param name="moment">The moment; null: the newest state in the replica.</param>
    /// <param name="replica">The name of the replica; null: the one that the executable chooses.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <exception cref="LitestreamException">LSB3007: the moment is in the future; LSB3008: no such replica, or no
    /// moment that this release line can restore; LSB4002: there is no backup for it, with what there is; LSB4011: a
    /// newer release line wrote the replica last; LSB0003,
    /// LSB2008, LSB3001, LSB3005, LSB4003, LSB4005 as for a restore; LSB4104: there is no SQLite library.</exception>
    public static async Task<PastCopy> RestoreAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        DateTimeOffset? moment,
        string? replica,
        CancellationToken cancellationToken
    )
    {
        ReplicaNames.Require(database, replica);
        var selection = new RestoreSelection(database) { Timestamp = moment, Replica = replica };
        executable.Line.Restore.Check(selection);
        if (moment is { } asked)
        {
            PointInTime.RequirePast(
                asked,
                asked.ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture),
                DateTimeOffset.UtcNow
            );
        }

        RequireLibrary(database);

        var catalog = executable.Line.Catalog(executable, config, null);
        await NewerBackup
            .RefuseAsync(executable, config, selection, catalog.Timeout, cancellationToken)
            .ConfigureAwait(false);
        var copy = new ScratchCopy(executable, config, database, catalog.Timeout);
        try
        {
            var source = await copy.RequireAsync(catalog, selection, cancellationToken).ConfigureAwait(false);
            await Task.Run(() => Check(copy.Path, database, cancellationToken), cancellationToken)
                .ConfigureAwait(false);
            var newest = await catalog
                .NewestAsync(
                    database,
                    source.Replica.Length > 0 ? source.Replica : replica,
                    moment,
                    cancellationToken
                )
                .ConfigureAwait(false);
            return new PastCopy(copy, source, newest);
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }

    /// <exception cref="LitestreamException">LSB4104: nothing here can open a copy.</exception>
    public static void RequireLibrary(EffectiveDatabase database)
    {
        if (!LiveDatabase.HasLibrary(out var missing))
        {
            throw new LitestreamException(
                "LSB4104",
                $"This app has no SQLite library for Microsoft.Data.Sqlite (such as SQLitePCLRaw.bundle_e_sqlite3), so "
                    + $"a copy of '{database.Path}' cannot be opened. Add that package, or use {VerbName.Restore}.",
                innerException: missing
            );
        }
    }

    /// <summary>Opens it. Nothing writes to it, so SQLite needs no lock and makes no file beside it.</summary>
    public SqliteConnection Open() => SqliteAccess.ReadOnly(Name);

    /// <summary>Opens it for somebody who will not dispose of this: it goes when the connection is closed.</summary>
    public SqliteConnection OpenAndLeave()
    {
        var connection = new OwningConnection(this);
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public void Dispose() => _copy.Dispose();

    private string Name => SqliteAccess.Uri(Path, "immutable=1");

    private static void Check(string path, EffectiveDatabase database, CancellationToken cancellationToken)
    {
        try
        {
            using var connection = ScratchDatabase.Open(path);
            if (ScratchDatabase.Damage(connection, full: false, out _, cancellationToken) is { } damage)
                throw Unsound(damage, null);
        }
        catch (Exception e) when (ScratchError.IsMachineFault(e))
        {
            throw new LitestreamException(
                "LSB0003",
                $"The restored copy of '{database.Path}' cannot be read: {ScratchError.Explain(e)}. Free some space "
                    + "there, or set TMPDIR to another folder.",
                innerException: e
            );
        }
        catch (SqliteException e)
        {
            throw Unsound(e.Message, e);
        }

        LitestreamException Unsound(string why, Exception? e) =>
            new(
                "LSB4003",
                $"The backup of '{database.Path}' does not give a sound database: {why.TrimEnd('.')}.",
                innerException: e
            );
    }

    /// <summary>A connection that takes its database with it.</summary>
    private sealed class OwningConnection(PastCopy copy)
        : SqliteConnection(SqliteAccess.ConnectionString(copy.Name, SqliteOpenMode.ReadOnly))
    {
        private bool _isOver;

        public override void Open()
        {
            if (_isOver)
            {
                throw new InvalidOperationException(
                    "The restored copy was deleted when this connection was closed. Open a new one with OpenAsOfAsync."
                );
            }

            base.Open();
        }

        public override void Close()
        {
            base.Close();
            _isOver = true;
            copy.Dispose();
        }
    }
}
