using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Restore;

namespace Litestream.Tests.Restore;

public sealed class MomentRestoreTests
{
    private static readonly RestoreSelection Newest = new(new EffectiveDatabase("a.db", "/a.db", null, null, []));

    /// <summary>"No backup" lets an app start empty: only where the list has none either.</summary>
    [Theory]
    [InlineData(false, 1, null)]
    [InlineData(true, 2, "LSB4003")]
    public async Task A_backup_that_is_listed_and_not_found_is_never_called_no_backup(
        bool isListed,
        int tries,
        string? code
    )
    {
        var tried = 0;
        Task<RestoreSource?> RunAsync() =>
            MomentRestore.RunAsync(
                new ListedCatalog(isListed),
                Newest,
                _ =>
                {
                    tried++;
                    return Task.FromResult<RestoreSource?>(null);
                },
                TestContext.Current.CancellationToken
            );

        if (code is null)
            Assert.Null(await RunAsync());
        else
            Assert.Equal(code, (await Assert.ThrowsAsync<LitestreamException>(RunAsync)).Diagnostic.Code);
        Assert.Equal(tries, tried);
    }

    /// <summary>It is asked whether there is a backup, and nothing else.</summary>
    private sealed class ListedCatalog(bool hasBackup) : IBackupCatalog
    {
        public TimeSpan Timeout => TimeSpan.FromMinutes(2);

        public Task<bool> HasBackupAsync(RestoreSelection selection, CancellationToken cancellationToken) =>
            Task.FromResult(hasBackup);

        public Task<string> VersionAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<DatabaseEntry>> DatabasesAsync(CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<LineageRange>> LineagesAsync(
            EffectiveDatabase database,
            string? replica,
            CancellationToken cancellationToken
        ) => throw new NotSupportedException();

        public Task<IReadOnlyList<FullCopy>> FullCopiesAsync(
            EffectiveDatabase database,
            string? replica,
            CancellationToken cancellationToken
        ) => throw new NotSupportedException();

        public Task<IReadOnlyDictionary<string, string>> SignaturesAsync(
            EffectiveDatabase database,
            CancellationToken cancellationToken
        ) => throw new NotSupportedException();

        public Task<DateTimeOffset?> NewestAsync(
            EffectiveDatabase database,
            string? replica,
            DateTimeOffset? moment,
            CancellationToken cancellationToken
        ) => throw new NotSupportedException();

        public Task<ReplicaProgress> ProgressAsync(
            EffectiveDatabase database,
            string replica,
            string lineage,
            CancellationToken cancellationToken
        ) => throw new NotSupportedException();

        public Task<RestorePlan?> PlanAsync(RestoreSelection selection, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<LineageRange?> LastBeforeAsync(RestoreSelection selection, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
