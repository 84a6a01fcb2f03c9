using Microsoft.Playwright;

namespace Litestream.Dashboard.Tests;

/// <summary>Debian's Chromium, started once.</summary>
public sealed class BrowserFixture : IAsyncLifetime
{
    private IPlaywright? _playwright;

    /// <summary>How long anything in the browser may take, in milliseconds.</summary>
    public const float Patience = 180_000;

    /// <summary>Where the browser is; ./test.sh installs it.</summary>
    public const string Executable = "/usr/bin/chromium";

    public IBrowser Browser { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Assert.True(File.Exists(Executable), $"The browser {Executable} is missing: ./test.sh installs it.");

        // The defaults, 30 s for the start and 5 s for what is expected, are too short for a slow machine.
        Assertions.SetDefaultExpectTimeout(Patience);
        _playwright = await Playwright.CreateAsync();
        Browser = await _playwright.Chromium.LaunchAsync(
            new()
            {
                ExecutablePath = Executable,
                Headless = true,
                Timeout = Patience,
                Args =
                [
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--no-first-run",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                ],
            }
        );
    }

    public async ValueTask DisposeAsync()
    {
        if (Browser is not null)
            await Browser.CloseAsync();
        _playwright?.Dispose();
    }
}
