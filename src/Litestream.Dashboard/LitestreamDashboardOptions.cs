using System.Diagnostics.CodeAnalysis;
using Litestream.Dashboard.Pages;

namespace Litestream.Dashboard;

/// <summary>A part of the dashboard's page that a component of the app can replace.</summary>
public enum DashboardSection
{
    /// <summary>Whether the data is safe, in a sentence.</summary>
    Summary,

    /// <summary>What is wrong, each with its code.</summary>
    Warnings,

    /// <summary>The verdicts of all databases.</summary>
    Databases,

    /// <summary>One database in full. The component also gets a parameter <c>Database</c>.</summary>
    Database,

    /// <summary>What was asked for on the page, and what came out.</summary>
    Actions,

    /// <summary>The litestream process.</summary>
    Process,

    /// <summary>The last lines of the log.</summary>
    Log,

    /// <summary>The configuration that litestream gets.</summary>
    Configuration,
}

/// <summary>A link at the top of the dashboard.</summary>
/// <param name="Text">What it says.</param>
/// <param name="Url">Where it goes.</param>
public sealed record DashboardLink(string Text, string Url);

/// <summary>How the dashboard looks and what it allows.</summary>
public sealed class LitestreamDashboardOptions
{
    /// <summary>The title of the page. Default <c>Litestream</c>.</summary>
    public string Title { get; set; } = "Litestream";

    /// <summary>Links at the top, such as the way back to the app. None by default.</summary>
    public IList<DashboardLink> Links { get; } = [];

    /// <summary>The time zone of the times on the page, and of the moments that are entered there. Default UTC.
    /// </summary>
    public TimeZoneInfo TimeZone { get; set; } = TimeZoneInfo.Utc;

    /// <summary>
    /// Whether a request may only look: then nothing can be verified, drilled or restored. Default: it may do all.
    /// </summary>
    public Func<HttpContext, bool> IsReadOnly { get; set; } = _ => false;

    /// <summary>
    /// The component that renders each section, with a parameter <c>Model</c> of the type
    /// <see cref="DashboardModel"/>. Replace one: <c>options.Sections[DashboardSection.Log] = typeof(MyLog)</c>.
    /// </summary>
    public DashboardSections Sections { get; } = new();

    /// <summary>
    /// The component that renders the whole document, with the parameters <c>Model</c> (<see cref="DashboardModel"/>)
    /// and <c>Body</c> (a RenderFragment). Default <see cref="DashboardLayout"/>.
    /// </summary>
    /// <exception cref="ArgumentException">It is not a component.</exception>
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.All)]
    public Type Layout
    {
        get => _layout;
        set => _layout = DashboardSections.Require(value);
    }

    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.All)]
    private Type _layout = typeof(DashboardLayout);
}

/// <summary>Which component renders which section.</summary>
public sealed class DashboardSections
{
    private readonly Dictionary<DashboardSection, Type> _components = [];

    internal DashboardSections()
    {
        this[DashboardSection.Summary] = typeof(SummarySection);
        this[DashboardSection.Warnings] = typeof(WarningsSection);
        this[DashboardSection.Databases] = typeof(DatabasesSection);
        this[DashboardSection.Database] = typeof(DatabaseView);
        this[DashboardSection.Actions] = typeof(ActionsSection);
        this[DashboardSection.Process] = typeof(ProcessSection);
        this[DashboardSection.Log] = typeof(LogSection);
        this[DashboardSection.Configuration] = typeof(ConfigSection);
    }

    /// <summary>The component of a section.</summary>
    /// <param name="section">Which one.</param>
    /// <exception cref="ArgumentException">It is not a component.</exception>
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.All)]
    public Type this[DashboardSection section]
    {
        [UnconditionalSuppressMessage("Trimming", "IL2073", Justification = "What is set has the members.")]
        get => _components[section];
        set => _components[section] = Require(value);
    }

    [return: DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.All)]
    internal static Type Require([DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.All)] Type value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return typeof(IComponent).IsAssignableFrom(value)
            ? value
            : throw new ArgumentException($"'{value}' is not a Razor component.", nameof(value));
    }
}
