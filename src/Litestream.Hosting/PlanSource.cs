using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;

namespace Litestream.Hosting;

/// <summary>What the configuration of a host says is to be replicated, and with what.</summary>
internal sealed class PlanSource(IConfiguration configuration, IHostEnvironment environment)
{
    public string ContentRoot => environment.ContentRootPath;

    /// <exception cref="LitestreamException">LSB1019: a setting is wrong.</exception>
    public LitestreamSettings ReadSettings() =>
        LitestreamSettings.Read(configuration, environment.IsDevelopment(), ApplicationFolder.FullName);

    /// <summary>Whether the app itself has turned it on or off.</summary>
    public bool SaysWhetherEnabled =>
        configuration[$"{LitestreamSettings.Section}:{nameof(LitestreamSettings.Enabled)}"] is { Length: > 0 };

    /// <exception cref="LitestreamException">LSB1xxx: the configuration or a setting is wrong.</exception>
    public ReplicationPlan Create(LitestreamSettings settings) => ReplicationPlan.Create(settings, configuration);

    /// <summary>The same, where there has to be something.</summary>
    /// <exception cref="LitestreamException">LSB3004: there is no litestream.yml; LSB5031: no file matches a pattern;
    /// LSB1xxx.</exception>
    public ReplicationPlan Require()
    {
        var settings = ReadSettings();
        var plan = Create(settings);
        if (plan.Databases.Count == 0 && plan.FindEmptyPatterns() is { Count: > 0 } empty)
            throw new LitestreamException("LSB5031", plan.ExplainEmpty(empty));
        return plan.Databases.Count > 0 || File.Exists(settings.ConfigPath)
            ? plan
            : throw new LitestreamException(
                "LSB3004",
                $"'{settings.ConfigPath}' does not exist. The build writes it if it finds a database; "
                    + $"Litestream:ConfigPath can name another file."
            );
    }

    /// <summary>
    /// The databases whose status others may want to know: also where nothing is replicated, if it is known which
    /// they are.
    /// </summary>
    /// <param name="plan">What is replicated; null where nothing is.</param>
    public IReadOnlyList<EffectiveDatabase> PublishedDatabases(ReplicationPlan? plan)
    {
        if (HostEvents.IsForeignProcess)
            return [];

        try
        {
            return (plan ?? Create(ReadSettings())).Databases;
        }
        catch (Exception)
        {
            return [];
        }
    }

    /// <summary>What the configuration is made from, also where it is missing or wrong.</summary>
    /// <exception cref="LitestreamException">LSB1019: a setting is wrong.</exception>
    public EffectiveConfigOptions CreateOptions() => ReplicationPlan.CreateOptions(ReadSettings(), configuration);

    /// <summary>The app's executable, whatever its configuration is like.</summary>
    /// <exception cref="LitestreamException">LSB2003, LSB2004, LSB2008.</exception>
    public LitestreamExecutable FindExecutable() =>
        LitestreamExecutable.Find(ReplicationPlan.CreateSearch(ReadSettings()));
}
