using System.Net;
using System.Net.Sockets;

namespace Litestream.Dashboard.Access;

/// <summary>
/// Wrong passwords, by address (of IPv6 the first 64 bits): after the third each one doubles the time in which the next
/// one is not looked at, from 1 s to 5 minutes. Forgotten after 15 minutes, or with the right password. At most 1,024
/// addresses are counted separately; further ones count as one. For any number of threads.
/// </summary>
internal sealed class FailureLimiter(TimeProvider time)
{
    private const int MostAddresses = 1024;
    private const int FreeFailures = 3;
    private const string Others = "others";
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, (int Count, DateTimeOffset Last)> _failures = new(StringComparer.Ordinal);

    /// <summary>Looks at a password, unless its address has to wait. One at a time: many at once do not get more
    /// tries.</summary>
    /// <param name="address">Where it comes from.</param>
    /// <param name="matches">Whether it is right.</param>
    /// <returns>Whether it is right, and how long to wait where it was not looked at.</returns>
    public (bool IsRight, TimeSpan? Wait) Try(IPAddress? address, Func<bool> matches)
    {
        lock (_failures)
        {
            var now = time.GetUtcNow();
            foreach (var old in _failures.Where(one => now - one.Value.Last > Memory).Select(one => one.Key).ToList())
                _failures.Remove(old);
            var key = KeyOf(address);
            if (_failures.Count >= MostAddresses && !_failures.ContainsKey(key))
                key = Others;
            var known = _failures.GetValueOrDefault(key);
            if (WaitOf(known, now) is { } wait)
                return (false, wait);
            if (matches())
            {
                _failures.Remove(key);
                return (true, null);
            }

            _failures[key] = (known.Count + 1, now);
            return (false, null);
        }
    }

    private static TimeSpan? WaitOf((int Count, DateTimeOffset Last) known, DateTimeOffset now)
    {
        if (known.Count < FreeFailures)
            return null;
        var wait = Math.Min(Math.Pow(2, known.Count - FreeFailures), LongestWait.TotalSeconds);
        var left = known.Last + TimeSpan.FromSeconds(wait) - now;
        return left > TimeSpan.Zero ? left : null;
    }

    private static string KeyOf(IPAddress? address) =>
        address switch
        {
            null => "",
            { IsIPv4MappedToIPv6: true } => address.MapToIPv4().ToString(),
            { AddressFamily: AddressFamily.InterNetworkV6 } => Convert.ToHexString(address.GetAddressBytes(), 0, 8),
            _ => address.ToString(),
        };
}
