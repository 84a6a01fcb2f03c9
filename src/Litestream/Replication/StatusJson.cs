using System.Text.Json;
using Litestream.Configuration;
using Litestream.Releases;
using Litestream.Verification;

namespace Litestream.Replication;

/// <summary>
/// A status with one database as JSON: members of one object. What is null is left out, durations are seconds.
/// </summary>
internal static class StatusJson
{
    public static void Write(Utf8JsonWriter json, LitestreamStatus status)
    {
        json.WriteString("state", status.State.ToString());
        json.WriteString("since", status.Since);
        Write(json, "replicatorProcessId", status.ProcessId);
        Write(json, "replicatorStartedAt", status.StartedAt);
        json.WriteNumber("restarts", status.Restarts);
        Write(json, "lastRestartReason", status.LastRestartReason);
        Write(json, "lastError", status.LastError);
        Write(json, "notReplicated", status.NotReplicated);
        Write(json, "openNotReplicated", status.OpenNotReplicated);
        if (status.Databases is [var database, ..])
        {
            json.WriteStartObject("database");
            Write(json, database);
            json.WriteEndObject();
        }
    }

    public static LitestreamStatus Read(JsonElement json, EffectiveDatabase database) =>
        new(
            Enum.Parse<LitestreamState>(json.GetProperty("state").GetString()!),
            (int?)Number(json, "replicatorProcessId"),
            Time(json, "replicatorStartedAt"),
            json.GetProperty("restarts").GetInt32(),
            Text(json, "lastError")
        )
        {
            Since = json.GetProperty("since").GetDateTimeOffset(),
            LastRestartReason = Text(json, "lastRestartReason"),
            NotReplicated = Texts(json, "notReplicated"),
            OpenNotReplicated = Texts(json, "openNotReplicated"),
            Databases = json.TryGetProperty("database", out var one) ? [ReadDatabase(one, database)] : [],
        };

    public static DateTimeOffset? Time(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) ? value.GetDateTimeOffset() : null;

    private static void Write(Utf8JsonWriter json, LitestreamDatabaseStatus database)
    {
        json.WriteString("health", database.Health.ToString());
        Write(json, "problem", database.Problem);
        Write(json, "committed", database.Committed);
        Write(json, "replicated", database.Replicated);
        json.WriteNumber("lagSeconds", database.Lag.TotalSeconds);
        Write(json, "lagBytes", database.LagBytes);
        Write(json, "lastSync", database.LastSync);
        Write(json, "verifiedAt", database.VerifiedAt);
        if (database.Verification is { } verification)
        {
            json.WriteStartObject("verification");
            json.WriteString("outcome", verification.Outcome.ToString());
            json.WriteString("level", verification.Level.ToString());
            json.WriteString("message", verification.Message);
            Write(json, "code", verification.Code);
            json.WriteNumber("durationSeconds", verification.Duration.TotalSeconds);
            json.WriteEndObject();
        }
    }

    private static LitestreamDatabaseStatus ReadDatabase(JsonElement json, EffectiveDatabase database) =>
        new(database.Path)
        {
            Health = Enum.Parse<LitestreamHealth>(json.GetProperty("health").GetString()!),
            Problem = Text(json, "problem"),
            Committed = Position(json, "committed"),
            Replicated = Position(json, "replicated"),
            Lag = TimeSpan.FromSeconds(json.GetProperty("lagSeconds").GetDouble()),
            LagBytes = Number(json, "lagBytes"),
            LastSync = Time(json, "lastSync"),
            VerifiedAt = Time(json, "verifiedAt"),
            Verification = json.TryGetProperty("verification", out var verification)
                ? new VerificationResult(
                    database,
                    Enum.Parse<VerificationOutcome>(verification.GetProperty("outcome").GetString()!),
                    verification.GetProperty("message").GetString()!,
                    Text(verification, "code")
                )
                {
                    Level = Enum.Parse<VerificationLevel>(verification.GetProperty("level").GetString()!),
                    Duration = TimeSpan.FromSeconds(verification.GetProperty("durationSeconds").GetDouble()),
                }
                : null,
        };

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        if (values.Count == 0)
            return;
        json.WriteStartArray(name);
        foreach (var value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }

    private static IReadOnlyList<string> Texts(JsonElement json, string name) =>
        json.TryGetProperty(name, out var values)
            ? [.. values.EnumerateArray().Select(value => value.GetString()!)]
            : [];

    private static void Write(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
            json.WriteString(name, value);
    }

    private static void Write(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } number)
            json.WriteNumber(name, number);
    }

    private static void Write(Utf8JsonWriter json, string name, DateTimeOffset? value)
    {
        if (value is { } time)
            json.WriteString(name, time);
    }

    private static void Write(Utf8JsonWriter json, string name, ReplicaPosition? value)
    {
        if (value is null)
            return;
        json.WritePropertyName(name);
        value.Write(json);
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static long? Number(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) ? value.GetInt64() : null;

    private static ReplicaPosition? Position(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) ? ReplicaPosition.Read(value) : null;
}
