using Litestream.Testing;

namespace Litestream.Hosting.Tests;

/// <summary>Whether a bare restore gives what the database of an app holds.</summary>
internal static class AppFolderContent
{
    /// <param name="folder">The app's folder. Its database may be in use, but is not written to.</param>
    /// <param name="expected">What the restore is compared with, such as a file of <see cref="RestoredContent.Save"/>;
    /// null: the database as it is now.</param>
    public static async Task AssertRestoredAsync(this AppFolder folder, string? expected = null) =>
        await RestoredContent.AssertSameAsync(expected ?? folder.Database, await folder.RestoreAsync(folder.Database));
}
