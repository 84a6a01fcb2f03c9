using System.IO.Compression;
using System.Text;
using Litestream.Deployment;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Deployment;

/// <summary>What is read from a publish folder.</summary>
public sealed class PublishedOutputTests : IDisposable
{
    private const string RuntimeConfig = """
        {
          // written by hand
          "runtimeOptions": {
            "framework": { "name": "Microsoft.AspNetCore.App", "version": "10.0.0" },
            "configProperties": {
              "STARTUP_HOOKS": "My.Hook:Litestream.Hosting", "Litestream.EntryAssembly": "Shop", "flag": false },
          }
        }
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_is_read_with_its_assemblies_and_without_what_is_none()
    {
        Copy(typeof(PublishedOutput).Assembly.Location, "Shop.dll");
        File.WriteAllText(In("native.dll"), "no assembly");
        File.WriteAllText(In("Shop.runtimeconfig.json"), RuntimeConfig);
        File.WriteAllText(In("litestream.yml"), "dbs: []");
        Executable("litestream");

        var output = PublishedOutput.Read(_folder.Path, new PublishKind("Shop", "litestream"));

        var assembly = Assert.Single(output.Assemblies);
        Assert.Equal("Litestream", assembly.Name);
        Assert.Contains("Litestream.Deployment.PublishedOutput", assembly.Types);
        Assert.Contains("System.Text.Json.JsonDocument", assembly.UsedTypes);
        Assert.Contains("System.Text.Json", assembly.References);
        Assert.True(output.HasExecutable);
        Assert.True(output.HasConfiguration);
        Assert.Null(output.Listed);
        Assert.Equal("false", PublishedOutput.Property(output.RuntimeConfig, "flag"));
        Assert.True(PublishedOutput.UsesAspNetCore(output.RuntimeConfig));
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("empty")]
    [InlineData("not executable")]
    public void An_executable_that_cannot_be_started_is_none(string how)
    {
        if (how == "empty")
            Executable("litestream", "");
        else if (how == "not executable")
            File.WriteAllText(In("litestream"), "x");

        Assert.False(PublishedOutput.Read(_folder.Path, new PublishKind("Shop", "litestream")).HasExecutable);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_single_file_is_read_by_what_is_in_it_and_not_by_what_an_earlier_publish_left_beside_it(
        bool compressed
    )
    {
        File.WriteAllText(In("Shop.runtimeconfig.json"), "{}");
        Copy(typeof(PublishedOutput).Assembly.Location, "Old.dll");
        File.WriteAllBytes(
            In("Shop"),
            Bundle(
                compressed,
                ("Shop.runtimeconfig.json", Encoding.UTF8.GetBytes(RuntimeConfig)),
                ("Shop.dll", File.ReadAllBytes(typeof(PublishedOutputTests).Assembly.Location))
            )
        );

        var output = PublishedOutput.Read(_folder.Path, new PublishKind("Shop", "litestream") { IsSingleFile = true });

        Assert.Equal("Litestream.Tests", Assert.Single(output.Assemblies).Name);
        Assert.Equal("Shop", PublishedOutput.Property(output.RuntimeConfig, "Litestream.EntryAssembly"));
    }

    [Fact]
    public void Of_a_program_that_is_not_a_bundle_or_a_damaged_one_nothing_is_taken()
    {
        Assert.Null(SingleFileBundle.Read([1, 2, 3]));
        var bundle = Bundle(false, ("a.dll", new byte[100]));
        for (var length = 0; length < bundle.Length; length += 7)
            Assert.True(SingleFileBundle.Read(bundle[..length]) is null or { Files.Count: <= 1 });
    }

    [Fact]
    public void A_native_app_is_read_by_the_assembly_that_was_compiled()
    {
        var output = PublishedOutput.Read(
            _folder.Path,
            new PublishKind("Shop", "litestream")
            {
                IsNative = true,
                CompiledAssembly = typeof(PublishedOutput).Assembly.Location,
            }
        );

        Assert.Equal("Litestream", Assert.Single(output.Assemblies).Name);
        Assert.Null(output.RuntimeConfig);
    }

    [Theory]
    [InlineData("Litestream.Hosting", null)]
    [InlineData("My.Hook:Litestream.Hosting", "My.Hook")]
    [InlineData("Litestream.Hosting:My.Hook:Other", "My.Hook:Other")]
    [InlineData("C:\\\\x.dll;Litestream.Hosting;Other", "C:\\x.dll;Other")]
    [InlineData("My.Hook", "My.Hook")]
    public void Our_hook_is_taken_out_and_those_of_others_stay(string hooks, string? left)
    {
        var text = PublishedOutput.WithoutHook(
            RuntimeConfig.Replace("My.Hook:Litestream.Hosting", hooks, StringComparison.Ordinal)
        );

        Assert.Equal(left, PublishedOutput.Property(text, "STARTUP_HOOKS"));
        Assert.Equal("Shop", PublishedOutput.Property(text, "Litestream.EntryAssembly"));
    }

    [Fact]
    public void The_assemblies_that_deps_json_lists_are_known_by_their_file_names()
    {
        var listed = PublishedOutput.ReadListed(
            """
            { "targets": { ".NETCoreApp,Version=v10.0": {
                "Shop/1.0.0": { "dependencies": { "x": "1" }, "runtime": { "Shop.dll": {} } },
                "x/1.0.0": {
                  "runtime": { "lib/net8.0/x.dll": {} },
                  "runtimeTargets": { "runtimes/linux/lib/net8.0/y.dll": {} },
                  "native": { "z.dll": {} } } } } }
            """
        );

        Assert.Equal(["Shop.dll", "x.dll", "y.dll"], listed!.Order(StringComparer.Ordinal));
        Assert.Null(PublishedOutput.ReadListed("{ }"));
        Assert.Null(PublishedOutput.ReadListed(null));
    }

    private static byte[] Bundle(bool compressed, params (string Path, byte[] Content)[] files)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(new byte[64]);
        writer.Write(0L);
        writer.Write(Convert.FromHexString("8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae"));
        var entries = new List<(long Offset, long Size, long Compressed, string Path)>();
        foreach (var (path, content) in files)
        {
            var offset = stream.Position;
            var isAssembly = compressed && path.EndsWith(".dll", StringComparison.Ordinal);
            writer.Write(isAssembly ? Deflate(content) : content);
            entries.Add((offset, content.Length, isAssembly ? stream.Position - offset : 0, path));
        }

        var header = stream.Position;
        writer.Write(6u);
        writer.Write(0u);
        writer.Write(entries.Count);
        writer.Write("id");
        writer.Write(new byte[40]);
        foreach (var (offset, size, length, path) in entries)
        {
            writer.Write(offset);
            writer.Write(size);
            writer.Write(length);
            writer.Write((byte)1);
            writer.Write(path);
        }

        stream.Position = 64;
        writer.Write(header);
        return stream.ToArray();
    }

    private static byte[] Deflate(byte[] content)
    {
        using var stream = new MemoryStream();
        using (var deflate = new DeflateStream(stream, CompressionLevel.Optimal, leaveOpen: true))
            deflate.Write(content);
        return stream.ToArray();
    }

    private string In(string file) => Path.Combine(_folder.Path, file);

    private void Copy(string from, string file) => File.Copy(from, In(file));

    private void Executable(string file, string content = "x")
    {
        File.WriteAllText(In(file), content);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(In(file), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
