namespace Litestream.Commands;

/// <summary>Where to look for the executable, in this order.</summary>
public sealed record ExecutableSearch
{
    /// <summary>The file itself (<c>Litestream:ExecutablePath</c>).</summary>
    public string? ExecutablePath { get; init; }

    /// <summary>A folder with the user's own executable (<c>LITESTREAM_INSTALL_DIR</c>); relative to <see cref="BaseDirectory"/>.</summary>
    public string? InstallDirectory { get; init; }

    /// <summary>The folder of the app, where publishing puts it.</summary>
    public required string ApplicationDirectory { get; init; }

    /// <summary>What relative paths are relative to.</summary>
    public required string BaseDirectory { get; init; }
}

/// <summary>An executable that is there and can be run.</summary>
/// <param name="Path">Its absolute path.</param>
public sealed record LitestreamExecutable(string Path)
{
    /// <summary>Finds it. An execute bit lost on the way is set again; where that is not allowed, a private copy (mode 0700) is used.</summary>
    /// <exception cref="LitestreamException">LSB2003, LSB2004, LSB2008.</exception>
    public static LitestreamExecutable Find(ExecutableSearch search) => throw new NotSupportedException();

    /// <summary>Its version without the leading <c>v</c>, such as <c>0.3.13</c>.</summary>
    /// <exception cref="LitestreamException">LSB2008: it cannot be run; LSB3001: it failed.</exception>
    public Task<string> GetVersionAsync(CancellationToken cancellationToken) => throw new NotSupportedException();
}
