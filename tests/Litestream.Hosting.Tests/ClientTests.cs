using Litestream.Diagnostics;
using Litestream.Replication;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Litestream.Hosting.Tests;

/// <summary>The client from a host's services.</summary>
public sealed class ClientTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("client-").FullName;

    [Fact]
    [Trait("Line", "0.3")]
    public async Task In_Development_the_client_works_with_the_apps_own_configuration_though_nothing_is_replicated()
    {
        using var host = Build("Development");
        await host.StartAsync(TestContext.Current.CancellationToken);

        var client = host.Services.GetRequiredService<LitestreamClient>();

        Assert.Equal(LitestreamState.Disabled, host.Services.GetRequiredService<LitestreamReplicator>().Status.State);
        Assert.Same(client, host.Services.GetRequiredService<LitestreamClient>());
        Assert.Equal(Repository.Executable, client.Executable.Path);
        var database = Assert.Single(await client.DatabasesAsync(TestContext.Current.CancellationToken));
        Assert.Equal(Path.Combine(_folder, "live.db"), database.Path);
        Assert.Equal(["file"], database.Replicas);
        Assert.Empty(await client.GenerationsAsync("Shop", cancellationToken: TestContext.Current.CancellationToken));
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task In_production_the_client_sees_what_the_host_replicates()
    {
        using var connection = new SqliteConnection($"Data Source={_folder}/live.db;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "CREATE TABLE orders(text TEXT); INSERT INTO orders VALUES ('x')";
        command.ExecuteNonQuery();
        using var host = Build("Production");
        await host.StartAsync(TestContext.Current.CancellationToken);
        await AppFolder.UntilAsync(
            () =>
                Directory.Exists(_folder + "/replica")
                && Directory.EnumerateFiles(_folder + "/replica", "*.wal.lz4", SearchOption.AllDirectories).Any(),
            "a segment was written"
        );

        var client = host.Services.GetRequiredService<LitestreamClient>();

        var generation = new DirectoryInfo(Path.Combine(client.Config.Databases[0].Replicas[0].Location, "generations"))
            .GetDirectories()
            .Single()
            .Name;
        Assert.Equal(
            generation,
            Assert.Single(await client.GenerationsAsync(cancellationToken: TestContext.Current.CancellationToken)).Name
        );
        Assert.Equal(
            generation,
            Assert
                .Single(await client.SnapshotsAsync(cancellationToken: TestContext.Current.CancellationToken))
                .Generation
        );
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Without_a_litestream_yml_and_a_database_the_client_says_so_and_the_host_runs()
    {
        using var host = Build("Production", "none.yml", "Server=db;Database=shop");

        Assert.Equal(
            "LSB3004",
            Assert
                .Throws<LitestreamException>(() => host.Services.GetRequiredService<LitestreamClient>())
                .Diagnostic.Code
        );
    }

    public void Dispose() => TestFolder.Delete(_folder);

    private IHost Build(string environment, string config = "litestream.yml", string? shop = null)
    {
        File.WriteAllText(
            Path.Combine(_folder, "litestream.yml"),
            Configuration
                .GeneratedConfig.Create(
                    [
                        new("built.db", "Shop", "ConnectionStrings:Shop")
                        {
                            ReplicaUrl = Path.Combine(_folder, "replica"),
                        },
                    ],
                    new Configuration.GeneratedConfigOptions()
                )
                .Text
        );
        var builder = Host.CreateEmptyApplicationBuilder(
            new HostApplicationBuilderSettings { EnvironmentName = environment }
        );
        builder.Configuration["Litestream:ConfigPath"] = Path.Combine(_folder, config);
        builder.Configuration["Litestream:ExecutablePath"] = Repository.Executable;
        builder.Configuration["ConnectionStrings:Shop"] = shop ?? $"Data Source={_folder}/live.db";
        builder.Services.AddLitestream();
        return builder.Build();
    }
}
