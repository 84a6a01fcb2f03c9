#!/usr/bin/env dotnet
#:property PublishAot=false
#:property AllowUnsafeBlocks=true
#:property GenerateDocumentationFile=true

// `dotnet run demo.cs`: the main job, from nothing to a proven restore.
//
// Packs this repository, makes an app from the SDK's own template, adds the package and nothing else, publishes and
// runs it, registers users through its own pages, ends it, loses the database, and gets it back: first by the verb,
// then by starting the app. Both times every row is compared. The exit code is 1 if anything differs.
//
//   --keep       leaves the temporary folder, to look around
//   --verbose    shows everything that the commands and the app print

using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

var keep = args.Contains("--keep");
using var cancellation = new CancellationTokenSource();
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);

if (OperatingSystem.IsWindows())
{
    Console.Error.WriteLine("The demo ends the app by SIGTERM, as a service manager does; it runs on Linux and macOS.");
    return 1;
}

var demo = new Demo(
    Repository(),
    Directory.CreateTempSubdirectory("litestream-demo-").FullName,
    args.Contains("--verbose"),
    cancellation.Token
);
try
{
    await demo.RunAsync();
    return 0;
}
catch (DemoException e)
{
    Console.WriteLine($"\nFAILED: {e.Message}");
    return 1;
}
catch (OperationCanceledException)
{
    Console.WriteLine("\nFAILED: cancelled, or something took far too long");
    return 1;
}
finally
{
    if (keep)
        Console.WriteLine($"Kept: {demo.Folder}");
    else
        Directory.Delete(demo.Folder, recursive: true);
}

void Cancel(PosixSignalContext signal)
{
    signal.Cancel = true;
    cancellation.Cancel();
}

static string Repository()
{
    var folder = (string)AppContext.GetData("EntryPointFileDirectoryPath")!;
    return File.Exists(Path.Combine(folder, "Litestream.Build.sln"))
        ? folder
        : throw new InvalidOperationException("demo.cs must be in the root of the repository.");
}

internal sealed class DemoException(string message) : Exception(message);

/// <summary>The steps, in order. Whatever does not go as it should is a <see cref="DemoException"/>.</summary>
internal sealed partial class Demo(string repository, string folder, bool verbose, CancellationToken cancellationToken)
{
    private const int Users = 12;
    private const string Password = "Correct-Horse-7";

    private readonly string _packages = Path.Combine(folder, "packages");
    private readonly string _app = Path.Combine(folder, "Shop");
    private readonly string _published = Path.Combine(folder, "Shop", "bin", "Release", "net10.0", "publish");
    private readonly string _truth = Path.Combine(folder, "truth");
    private int _step;

    public string Folder => folder;

    public async Task RunAsync()
    {
        var clock = Stopwatch.StartNew();
        var version = $"0.1.0-demo.{DateTime.UtcNow.Ticks.ToString(CultureInfo.InvariantCulture)}";
        Console.WriteLine(
            $"Everything happens in {folder}, which is deleted at the end. NuGet's packages go to a folder there, too."
        );
        Console.WriteLine(
            "RestoreAdditionalProjectSources lets NuGet find the packages made here, as if they were published."
        );

        await StepAsync(
            "Pack this repository",
            async () =>
            {
                var output = await DotnetAsync(
                    repository,
                    "pack",
                    "Litestream.Build.sln",
                    "-c",
                    "Release",
                    $"-p:Version={version}",
                    $"-p:PackageOutputPath={_packages}"
                );
                Show(
                    output
                        .Where(line => line.Contains("LSB", StringComparison.Ordinal))
                        .Select(line =>
                            line[line.IndexOf("LSB", StringComparison.Ordinal)..].Split("; they are excluded")[0]
                        )
                        .Distinct()
                );
                Show(Directory.GetFiles(_packages).Select(Path.GetFileName).Order(StringComparer.Ordinal)!);
            }
        );

        await StepAsync(
            "Make an app from the SDK's own template",
            () => DotnetAsync(folder, "new", "mvc", "-au", "Individual", "-o", "Shop")
        );

        await StepAsync(
            "Add the package, and nothing else",
            () => DotnetAsync(_app, "add", "package", "Litestream.Build", "--version", version)
        );

        await StepAsync(
            "Publish",
            async () =>
            {
                var output = await DotnetAsync(_app, "publish", "-tl:off");
                // Only what is about Litestream, without the paths of the temporary folder, which has its name too.
                Show(
                    output
                        .Select(line =>
                            line.Split($" [{folder}")[0]
                                .Replace($"{folder}{Path.DirectorySeparatorChar}", "", StringComparison.Ordinal)
                                .Trim()
                        )
                        .Where(line =>
                            line.Contains("LSB", StringComparison.Ordinal)
                            || line.Contains("litestream", StringComparison.OrdinalIgnoreCase)
                        )
                        .Distinct()
                );
                Expect(
                    File.Exists(Path.Combine(_published, "litestream")),
                    "there is no executable in the publish folder"
                );
                Expect(
                    File.Exists(Path.Combine(_published, "litestream.yml")),
                    "there is no litestream.yml in the publish folder"
                );
            }
        );

        await StepAsync(
            $"Run it, register {Users} users through its own pages, end it by SIGTERM",
            async () =>
            {
                await using var app = await RunningApp.StartAsync(
                    _published,
                    Path.Combine(folder, "home"),
                    verbose,
                    cancellationToken
                );
                using var browser = Browser(app);
                for (var user = 1; user <= Users; user++)
                    await RegisterAsync(browser, Email(user), confirm: user == 1);
                await app.StopAsync();
                Show(app.LitestreamLines);
            }
        );

        await StepAsync(
            "Keep a copy to compare with, then lose the database",
            () =>
            {
                Directory.CreateDirectory(_truth);
                foreach (var file in DatabaseFiles())
                    File.Copy(file, Path.Combine(_truth, Path.GetFileName(file)));
                Lose();
                return Task.CompletedTask;
            }
        );

        await StepAsync(
            "Restore it into the publish folder",
            async () =>
            {
                var output = await DotnetAsync(
                    _app,
                    "msbuild",
                    "-t:LitestreamRestore",
                    "-p:LitestreamDatabase=app.db",
                    $"-p:LitestreamContentRoot={Path.GetRelativePath(_app, _published)}"
                );
                Show(output.Select(line => line.Trim()).Where(line => line.Length > 0));
                Compare();
            }
        );

        await StepAsync(
            "Lose it again, and just start the app: it restores before it serves",
            async () =>
            {
                Lose();
                await using var app = await RunningApp.StartAsync(
                    _published,
                    Path.Combine(folder, "home"),
                    verbose,
                    cancellationToken
                );
                using var browser = Browser(app);
                await LogInAsync(browser, Email(1));
                await app.StopAsync();
                Show(app.LitestreamLines);
                Compare();
            }
        );

        Console.WriteLine(
            $"\nThe data survived, twice ({clock.Elapsed.TotalSeconds:0} s). What this leaves behind: bin/, obj/ and "
                + "runtimes/ of this repository, git-ignored, and the archives that were fetched, in the user's cache."
        );
    }

    private static string Email(int user) => $"user{user}@example.com";

    private async Task StepAsync(string title, Func<Task> step)
    {
        Console.WriteLine($"\n{++_step}. {title}");
        var clock = Stopwatch.StartNew();
        await step();
        Console.WriteLine($"   ({clock.Elapsed.TotalSeconds:0.0} s)");
    }

    private static void Show(IEnumerable<string> lines)
    {
        foreach (var line in lines)
            Console.WriteLine($"   {line}");
    }

    private static void Expect(bool holds, string otherwise)
    {
        if (!holds)
            throw new DemoException(otherwise);
    }

    /// <summary>Runs a command as a user would, shows it, and returns the lines that it printed.</summary>
    private async Task<IReadOnlyList<string>> DotnetAsync(string workingDirectory, params string[] arguments)
    {
        Console.WriteLine($"   {Path.GetFileName(workingDirectory)}$ dotnet {string.Join(' ', arguments)}");
        var start = Commands.Start(workingDirectory, arguments);
        start.Environment["NUGET_PACKAGES"] = Path.Combine(folder, "restored");
        start.Environment["RestoreAdditionalProjectSources"] = _packages;
        // No build server or node stays behind.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["UseSharedCompilation"] = "false";
        Directory.CreateDirectory(_packages);

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(10));
        using var process = Process.Start(start)!;
        var lines = new List<string>();
        var reading = Task.WhenAll(
            Commands.ReadAsync(process.StandardOutput, Add),
            Commands.ReadAsync(process.StandardError, Add)
        );
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        await reading;
        if (process.ExitCode == 0)
            return lines;
        if (!verbose)
            Show(lines);
        throw new DemoException($"dotnet {arguments[0]} ended with exit code {process.ExitCode}");

        void Add(string line)
        {
            if (verbose)
                Console.WriteLine($"   | {line}");
            lock (lines)
                lines.Add(line);
        }
    }

    private IEnumerable<string> DatabaseFiles() =>
        Directory
            .EnumerateFiles(_published, "app.db*")
            .Where(file => Path.GetFileName(file) is "app.db" or "app.db-wal" or "app.db-shm");

    private void Lose()
    {
        var files = DatabaseFiles().ToList();
        Expect(files.Count > 0, "there is no database to lose");
        var names = files.Select(file => Path.GetRelativePath(_app, file));
        Console.WriteLine($"   {Path.GetFileName(_app)}$ rm {string.Join(' ', names)}");
        files.ForEach(File.Delete);
    }

    private void Compare()
    {
        // The app's own SQLite reads both files.
        Sqlite.Use(
            Directory
                .EnumerateFiles(
                    _published,
                    OperatingSystem.IsMacOS() ? "libe_sqlite3.dylib" : "libe_sqlite3.so",
                    SearchOption.AllDirectories
                )
                .OrderByDescending(file =>
                    file.Split(Path.DirectorySeparatorChar).Contains(RuntimeInformation.RuntimeIdentifier)
                )
                .First()
        );
        var truth = Content(Path.Combine(_truth, "app.db"));
        var restored = Content(Path.Combine(_published, "app.db"));

        foreach (var table in truth.Keys.Union(restored.Keys).Order(StringComparer.Ordinal))
        {
            Expect(
                truth.TryGetValue(table, out var expected)
                    && restored.TryGetValue(table, out var actual)
                    && expected.SequenceEqual(actual),
                $"{table} differs: {truth.GetValueOrDefault(table)?.Count} rows before, "
                    + $"{restored.GetValueOrDefault(table)?.Count} after"
            );
        }

        Expect(truth["AspNetUsers"].Count == Users, $"{truth["AspNetUsers"].Count} users instead of {Users}");
        Console.WriteLine(
            $"   equal: {truth["schema"].Count} schema objects, {truth.Count - 1} tables, "
                + $"{truth.Where(table => table.Key != "schema").Sum(table => table.Value.Count)} rows, "
                + $"{truth["AspNetUsers"].Count} of them users"
        );
    }

    /// <summary>The schema and every row of every table, but Litestream's own tables, in an order that does not depend
    /// on how they are stored.</summary>
    private static Dictionary<string, IReadOnlyList<string>> Content(string path)
    {
        Expect(File.Exists(path), $"{path} is not there");
        using var database = new Sqlite(path);
        var check = database.Query("PRAGMA quick_check");
        Expect(check is ["ok"], $"{path} is damaged: {string.Join("; ", check)}");
        const string NotLitestreams = @"tbl_name NOT LIKE '\_litestream\_%' ESCAPE '\'";
        var content = new Dictionary<string, IReadOnlyList<string>>
        {
            ["schema"] = database.Query(
                "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema "
                    + $"WHERE {NotLitestreams} ORDER BY 1"
            ),
        };
        foreach (
            var table in database.Query($"SELECT name FROM sqlite_schema WHERE type = 'table' AND {NotLitestreams}")
        )
        {
            var columns = database.Query(
                $"SELECT name FROM pragma_table_xinfo('{table.Replace("'", "''", StringComparison.Ordinal)}')"
            );
            var row = string.Join(" || ', ' || ", columns.Select(column => $"quote({Quoted(column)})"));
            content[table] = database.Query($"SELECT {row} FROM {Quoted(table)} ORDER BY 1");
        }

        return content;
    }

    private static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static HttpClient Browser(RunningApp app) =>
        new(new SocketsHttpHandler { UseProxy = false, CookieContainer = new CookieContainer() })
        {
            BaseAddress = app.Address,
            Timeout = TimeSpan.FromSeconds(60),
        };

    private async Task RegisterAsync(HttpClient browser, string email, bool confirm)
    {
        var page = await SubmitAsync(
            browser,
            "Identity/Account/Register",
            new()
            {
                ["Input.Email"] = email,
                ["Input.Password"] = Password,
                ["Input.ConfirmPassword"] = Password,
            }
        );
        var link = ConfirmLink().Match(page);
        Expect(link.Success, $"{email} could not be registered");
        if (confirm)
            await browser.GetStringAsync(new Uri(WebUtility.HtmlDecode(link.Groups[1].Value)), cancellationToken);
    }

    private async Task LogInAsync(HttpClient browser, string email)
    {
        var page = await SubmitAsync(
            browser,
            "Identity/Account/Login",
            new()
            {
                ["Input.Email"] = email,
                ["Input.Password"] = Password,
                ["Input.RememberMe"] = "false",
            }
        );
        Expect(
            page.Contains($"Hello {email}!", StringComparison.Ordinal),
            $"{email} cannot log in to the restored app"
        );
        Console.WriteLine($"   {email} logs in");
    }

    /// <summary>Fetches a page and sends its form as a browser does: with the cookie and the token that came with it.
    /// </summary>
    private async Task<string> SubmitAsync(HttpClient browser, string path, Dictionary<string, string> fields)
    {
        var form = await browser.GetStringAsync(new Uri(path, UriKind.Relative), cancellationToken);
        fields["__RequestVerificationToken"] = Token().Match(form).Groups[1].Value;
        using var content = new FormUrlEncodedContent(fields);
        using var response = await browser.PostAsync(new Uri(path, UriKind.Relative), content, cancellationToken);
        var page = await response.Content.ReadAsStringAsync(cancellationToken);
        Expect(response.IsSuccessStatusCode, $"{path} answers {(int)response.StatusCode}");
        return page;
    }

    [GeneratedRegex("""name="__RequestVerificationToken" type="hidden" value="([^"]+)""")]
    private static partial Regex Token();

    [GeneratedRegex("""id="confirm-link" href="([^"]+)""")]
    private static partial Regex ConfirmLink();
}

internal static class Commands
{
    /// <summary>A command as it would run in a user's shell: without what `dotnet run` and MSBuild put into the
    /// environment, and outside Development.</summary>
    public static ProcessStartInfo Start(string workingDirectory, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", arguments)
        {
            WorkingDirectory = workingDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.ToList())
        {
            if (
                name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase)
                || (
                    name.StartsWith("LITESTREAM", StringComparison.OrdinalIgnoreCase)
                    && name is not ("LITESTREAM_CACHE_DIR" or "LITESTREAM_DOWNLOADS")
                )
                || name is "ASPNETCORE_ENVIRONMENT" or "DOTNET_ENVIRONMENT" or "ASPNETCORE_URLS" or "DOTNET_HOST_PATH"
            )
            {
                start.Environment.Remove(name);
            }
        }

        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        return start;
    }

    public static async Task ReadAsync(StreamReader reader, Action<string> add)
    {
        while (await reader.ReadLineAsync() is { } line)
            add(line);
    }
}

/// <summary>The published app, on a port that the system chose.</summary>
internal sealed partial class RunningApp : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly bool _verbose;
    private readonly Task _reading;

    private RunningApp(Process process, bool verbose)
    {
        _process = process;
        _verbose = verbose;
        _reading = Task.WhenAll(
            Commands.ReadAsync(process.StandardOutput, Add),
            Commands.ReadAsync(process.StandardError, Add)
        );
    }

    public Uri Address => _address.Task.Result;

    /// <summary>What the app's log says about Litestream: without the categories, and without the executable's own
    /// reports of every segment.</summary>
    public IEnumerable<string> LitestreamLines
    {
        get
        {
            lock (_lines)
            {
                return
                [
                    .. _lines
                        .Zip(_lines.Skip(1))
                        .Where(pair => pair.First.Contains(": Litestream", StringComparison.Ordinal))
                        .Select(pair =>
                            pair.Second.Replace(
                                    $"{_process.StartInfo.WorkingDirectory}{Path.DirectorySeparatorChar}",
                                    "",
                                    StringComparison.Ordinal
                                )
                                .Trim()
                        )
                        .Where(line => !line.Contains(" db=", StringComparison.Ordinal)),
                ];
            }
        }
    }

    public static async Task<RunningApp> StartAsync(
        string published,
        string home,
        bool verbose,
        CancellationToken cancellationToken
    )
    {
        string[] command = ["Shop.dll", "--urls", "http://127.0.0.1:0"];
        Console.WriteLine($"   {Path.GetFileName(published)}$ dotnet {string.Join(' ', command)}");
        var start = Commands.Start(published, command);
        // ASP.NET Core keeps keys below the home folder.
        start.Environment["HOME"] = Directory.CreateDirectory(home).FullName;
        var app = new RunningApp(Process.Start(start)!, verbose);
        try
        {
            await Task.WhenAny(app._address.Task, app._process.WaitForExitAsync(cancellationToken))
                .WaitAsync(Patience, cancellationToken);
            if (app._address.Task.IsCompleted)
                return app;
            throw new DemoException($"the app ended with exit code {app._process.ExitCode} before it listened");
        }
        catch (Exception e)
        {
            await app.DisposeAsync();
            if (!verbose)
                app._lines.ForEach(line => Console.WriteLine($"   | {line}"));
            if (e is TimeoutException)
                throw new DemoException("the app does not listen");
            throw;
        }
    }

    public async Task StopAsync()
    {
        Console.WriteLine($"   kill -TERM {_process.Id}");
        _ = Kill(_process.Id, 15);
        try
        {
            await _process.WaitForExitAsync().WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            throw new DemoException("the app does not end after SIGTERM");
        }

        await _reading.WaitAsync(Patience);
        if (_process.ExitCode != 0)
            throw new DemoException($"the app ended with exit code {_process.ExitCode} after SIGTERM");
        if (Process.GetProcessesByName("litestream").FirstOrDefault(IsOurs) is { } left)
            throw new DemoException($"the app has ended and left litestream (process {left.Id}) behind");

        bool IsOurs(Process process)
        {
            try
            {
                return process.MainModule?.FileName == Path.Combine(_process.StartInfo.WorkingDirectory, "litestream");
            }
            catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                // It has ended, or it is somebody else's.
                return false;
            }
        }
    }

    /// <summary>Ends the app in any case, and gives it the chance to end its own child.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _ = Kill(_process.Id, 15);
            await Task.WhenAny(_process.WaitForExitAsync(), Task.Delay(TimeSpan.FromSeconds(20)));
            if (!_process.HasExited)
                _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private void Add(string line)
    {
        if (_verbose)
            Console.WriteLine($"   | {line}");
        lock (_lines)
            _lines.Add(line);
        if (Listening().Match(line) is { Success: true } match)
            _address.TrySetResult(new Uri(match.Groups[1].Value));
    }

    [GeneratedRegex(@"Now listening on: (http://\S+)")]
    private static partial Regex Listening();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}

/// <summary>Just enough of SQLite to read: the published app's own native library.</summary>
internal sealed partial class Sqlite : IDisposable
{
    private const int Row = 100;
    private const int Done = 101;
    private readonly nint _database;

    public Sqlite(string path)
    {
        const int ReadWrite = 2;
        var result = Open(path, out _database, ReadWrite, 0);
        if (result != 0)
            throw new DemoException($"{path} cannot be opened ({result})");
    }

    /// <summary>Says which library it is; the first call counts.</summary>
    public static void Use(string library)
    {
        if (s_library == 0)
        {
            s_library = NativeLibrary.Load(library);
            NativeLibrary.SetDllImportResolver(
                typeof(Sqlite).Assembly,
                (name, _, _) => name == "e_sqlite3" ? s_library : 0
            );
        }
    }

    /// <summary>The first column of every row.</summary>
    public IReadOnlyList<string> Query(string sql)
    {
        var rows = new List<string>();
        var result = Prepare(_database, sql, -1, out var statement, 0);
        while (result == 0 && (result = Step(statement)) == Row)
        {
            rows.Add(Marshal.PtrToStringUTF8(ColumnText(statement, 0)) ?? "");
            result = 0;
        }

        _ = FinalizeStatement(statement);
        return result == Done
            ? rows
            : throw new DemoException($"{sql}: {Marshal.PtrToStringUTF8(ErrorMessage(_database))}");
    }

    public void Dispose() => _ = Close(_database);

    private static nint s_library;

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_open_v2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, out nint database, int flags, nint vfs);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_prepare_v2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Prepare(nint database, string sql, int length, out nint statement, nint rest);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_step")]
    private static partial int Step(nint statement);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_column_text")]
    private static partial nint ColumnText(nint statement, int column);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_finalize")]
    private static partial int FinalizeStatement(nint statement);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_errmsg")]
    private static partial nint ErrorMessage(nint database);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_close_v2")]
    private static partial int Close(nint database);
}
