using System.Diagnostics;

namespace Litestream.Hosting;

/// <summary>
/// The activity source <c>Litestream</c>: what takes time and is over some time. Holds nothing of any host.
/// </summary>
internal static class LitestreamActivities
{
    private static readonly ActivitySource Source = new("Litestream");

    public static Activity? Start(string name)
    {
        try
        {
            return Source.StartActivity(name);
        }
        catch (Exception)
        {
            // A listener of the app, which is called here, must not end the replication.
            return null;
        }
    }
}
