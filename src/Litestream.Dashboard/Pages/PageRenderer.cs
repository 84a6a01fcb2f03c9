using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using Litestream.Dashboard.Actions;
using Litestream.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Litestream.Dashboard.Pages;

/// <summary>Renders the components to HTML. Needs none of ASP.NET Core's services for pages.</summary>
internal sealed class PageRenderer(
    IServiceProvider services,
    ILoggerFactory loggers,
    LitestreamDashboardOptions options,
    ILogger logger
)
{
    private static readonly DashboardSection[] s_before =
    [
        DashboardSection.Summary,
        DashboardSection.Databases,
        DashboardSection.Warnings,
        DashboardSection.Actions,
    ];

    private static readonly DashboardSection[] s_after =
    [
        DashboardSection.Process,
        DashboardSection.Log,
        DashboardSection.Configuration,
    ];

    /// <summary>What each section was last said to have failed with: an open page asks for it every second.</summary>
    private readonly ConcurrentDictionary<DashboardSection, string> _failed = new();

    /// <summary>The whole page.</summary>
    public Task<string> PageAsync(DashboardModel model) =>
        RenderAsync(async renderer =>
        {
            var body = new System.Text.StringBuilder();

            // On its own page a database comes before the list of all, which may be long.
            var first = model.View.Length > 0 ? 1 : s_before.Length;
            foreach (var section in s_before.Take(first))
                Add(IdOf(section), await SectionAsync(renderer, section, Parameters(model)));
            foreach (var database in model.Details)
            {
                Add(
                    IdOf(database),
                    await SectionAsync(renderer, DashboardSection.Database, Parameters(model, database)),
                    "database"
                );
            }

            foreach (var section in s_before.Skip(first).Concat(s_after))
                Add(IdOf(section), await SectionAsync(renderer, section, Parameters(model)));
            return await DocumentAsync(renderer, model, body.ToString());

            void Add(string id, string html, string style = "") =>
                body.Append("<section id=\"")
                    .Append(id)
                    .Append("\" class=\"")
                    .Append(style)
                    .Append("\">")
                    .Append(html)
                    .Append("</section>");
        });

    /// <summary>The page about a code, as it is in the documentation.</summary>
    public Task<string> CodeAsync(DashboardModel model, string text) =>
        RenderAsync(renderer =>
            DocumentAsync(
                renderer,
                model,
                $"<p><a href=\"{WebUtility.HtmlEncode(model.HomeUrl)}\">Back</a></p>"
                    + $"<pre class=\"page\">{WebUtility.HtmlEncode(text)}</pre>"
            )
        );

    /// <summary>
    /// The parts of the page that have changed since they were last sent, by the id of their element: all sections,
    /// the rows of the list, and the order of the rows. A list of the app's is sent as a whole.
    /// </summary>
    /// <param name="model">The page.</param>
    /// <param name="sent">What was sent; is brought up to date.</param>
    public Task<PageChanges> ChangesAsync(DashboardModel model, SentParts sent) =>
        RenderAsync(async renderer =>
        {
            var changed = new Dictionary<string, string>(StringComparer.Ordinal);
            var hasRows = options.Sections[DashboardSection.Databases] == typeof(DatabasesSection);
            List<DatabaseRow> rows = hasRows ? [.. model.Databases.Select(database => database.Row)] : [];
            foreach (var section in s_before.Concat(s_after))
            {
                // The package's own list is sent row by row.
                if (section != DashboardSection.Databases || !hasRows)
                    Add(IdOf(section), await SectionAsync(renderer, section, Parameters(model)));
            }

            foreach (var database in model.Details)
            {
                Add(
                    IdOf(database),
                    await SectionAsync(renderer, DashboardSection.Database, Parameters(model, database))
                );
            }

            // A row costs time, and there may be many: only those are rendered that look different.
            foreach (var row in rows)
            {
                if (sent.Rows.TryGetValue(row.Id, out var before) && before == row)
                    continue;
                sent.Rows[row.Id] = row;
                changed[$"row-{row.Id}"] = await ComponentAsync(
                    renderer,
                    typeof(DatabaseRowView),
                    new() { ["Model"] = model, ["Row"] = row }
                );
            }

            // One that comes back has to be sent again.
            var ids = rows.Select(row => row.Id).ToHashSet(StringComparer.Ordinal);
            foreach (var gone in sent.Rows.Keys.Where(id => !ids.Contains(id)).ToList())
                sent.Rows.Remove(gone);
            var order = string.Join(' ', rows.Select(row => $"row-{row.Id}"));
            var isSameOrder = order == sent.Order;
            sent.Order = order;
            return new PageChanges(
                model.Now.ToUnixTimeMilliseconds(),
                changed,
                isSameOrder ? null : order,
                string.Join(' ', model.Details.Select(IdOf)),
                model.Format(model.Now)
            );

            void Add(string id, string html)
            {
                if (sent.Sections.TryGetValue(id, out var before) && before == html)
                    return;
                sent.Sections[id] = html;
                changed[id] = html;
            }
        });

    private static string IdOf(DashboardSection section) => $"s-{section.ToString().ToLowerInvariant()}";

    private static string IdOf(DatabaseModel database) => $"db-{database.Row.Id}";

    private static Dictionary<string, object?> Parameters(DashboardModel model, DatabaseModel? database = null) =>
        database is null ? new() { ["Model"] = model } : new() { ["Model"] = model, ["Database"] = database };

    /// <summary>With services of its own, as a request has them.</summary>
    private async Task<T> RenderAsync<T>(Func<HtmlRenderer, Task<T>> render)
    {
        await using var scope = services.CreateAsyncScope();
        await using var renderer = new HtmlRenderer(scope.ServiceProvider, loggers);
        return await renderer.Dispatcher.InvokeAsync(() => render(renderer)).ConfigureAwait(false);
    }

    /// <summary>A section of the app's that fails takes nothing else with it.</summary>
    private async Task<string> SectionAsync(
        HtmlRenderer renderer,
        DashboardSection section,
        Dictionary<string, object?> parameters
    )
    {
        try
        {
            return await ComponentAsync(renderer, options.Sections[section], parameters);
        }
        catch (Exception e)
        {
            var what = $"The section {section} of the dashboard failed.";
            var diagnostic = UnexpectedError.Diagnostic(e, what);
            if (_failed.GetValueOrDefault(section) != diagnostic.Message)
                DashboardLog.Failed(logger, diagnostic);
            _failed[section] = diagnostic.Message;
            return $"<p>{what} The log says why.</p>";
        }
    }

    private static async Task<string> ComponentAsync(
        HtmlRenderer renderer,
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.All)] Type component,
        Dictionary<string, object?> parameters
    ) => (await renderer.RenderComponentAsync(component, ParameterView.FromDictionary(parameters))).ToHtmlString();

    private Task<string> DocumentAsync(HtmlRenderer renderer, DashboardModel model, string body)
    {
        RenderFragment content = builder => builder.AddMarkupContent(0, body);
        return ComponentAsync(renderer, options.Layout, new() { ["Model"] = model, ["Body"] = content });
    }
}

/// <summary>What one browser has of the page.</summary>
internal sealed class SentParts
{
    public Dictionary<string, string> Sections { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, DatabaseRow> Rows { get; } = new(StringComparer.Ordinal);

    public string Order { get; set; } = "";
}

/// <summary>What is new on the page.</summary>
/// <param name="At">When it was made, in milliseconds.</param>
/// <param name="Parts">HTML by the id of its element.</param>
/// <param name="Order">The ids of the rows in their order, with spaces between them; null when it is the same.</param>
/// <param name="Details">The ids of the databases that are shown in full.</param>
/// <param name="AsOf">When it was made, for people.</param>
internal sealed record PageChanges(
    long At,
    Dictionary<string, string> Parts,
    string? Order,
    string Details,
    string AsOf
)
{
    public bool IsEmpty => Parts.Count == 0 && Order is null;
}
