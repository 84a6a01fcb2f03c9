using Litestream.Dashboard.Tests;

[assembly: LongestFirst(typeof(BrowserTests))]
