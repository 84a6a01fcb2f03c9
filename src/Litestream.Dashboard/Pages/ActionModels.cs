using Litestream.Dashboard.Actions;
using Litestream.Dashboard.Monitoring;
using Litestream.Sqlite;

namespace Litestream.Dashboard.Pages;

/// <summary>What the page shows of an action.</summary>
internal static class ActionModels
{
    /// <param name="action">The action.</param>
    /// <param name="text">Makes text for the page.</param>
    /// <param name="command">The command that puts the backup of a moment in the place of the database; empty where it
    /// cannot be named here.</param>
    public static ActionModel Of(DashboardAction action, ShownText text, Func<DateTimeOffset, string> command)
    {
        var name = text.NameOf(action.Database);
        var title = action.Kind switch
        {
            ActionKind.Verify => $"Full verification of {name}",
            ActionKind.Drill => $"Fire drill of {name}",
            _ => $"Restore of {name} to a side file",
        };
        return new ActionModel(
            action.Id,
            title,
            action.User,
            action.StartedAt,
            action.State,
            text.Of(action.State == ActionState.Running ? action.Progress : action.Result)
        )
        {
            Moment = action.Moment,
            Restored = action.Restored,
            Output = action.Output is { } output ? text.PathOf(output) : null,
            RestoreCommand =
                action is { State: ActionState.Succeeded, Moment: { } moment } ? command(moment) : "",
            Difference = action.Difference is { } difference ? DifferenceOf(difference) : null,
        };
    }

    /// <summary>As the page shows it: the columns of the table are what the examples are of.</summary>
    internal static DifferenceModel DifferenceOf(DatabaseDifference difference)
    {
        var different = difference.Tables.Where(table => !table.IsSame).ToList();
        return new(
            difference.IsSame,
            [
                .. different.Select(table => new DifferenceRow(
                    table.Name,
                    table.Added,
                    table.Missing,
                    table.Changed,
                    DatabaseDifference.Examples(table, "only restored:", "only live:", "changed:")
                )),
            ],
            [
                .. difference.Schema.Select(change => $"{change.Type} {change.Name}: {change.Kind} {change.Detail}"),
                .. different.Where(table => table.Note.Length > 0).Select(table => $"{table.Name}: {table.Note}"),
                .. difference.Skipped.Select(skipped => $"{skipped.Name}: not compared: {skipped.Reason}"),
            ]
        );
    }
}
