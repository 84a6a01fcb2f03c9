using System.Diagnostics;

namespace Litestream.Hosting;

/// <summary>The activity source <c>Litestream</c>: what takes time and is over some time. Holds nothing of any host.</summary>
internal static class LitestreamActivities
{
    public static readonly ActivitySource Source = new("Litestream");
}
