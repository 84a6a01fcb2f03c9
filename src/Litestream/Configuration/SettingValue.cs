using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>
/// A setting of the section <c>Litestream</c>, read in the same forms by the app, by the targets and by the build. What
/// is empty is not set.
/// </summary>
internal static class SettingValue
{
    /// <summary>A flag, null when it is not set.</summary>
    /// <exception cref="LitestreamException">LSB1019.</exception>
    public static bool? Flag(Func<string, string?> get, string name) => FlagText.Parse(Text(get, name));

    /// <summary>A duration, null when it is not set.</summary>
    /// <exception cref="LitestreamException">LSB1019.</exception>
    public static TimeSpan? Duration(Func<string, string?> get, string name) =>
        Text(get, name) is { } text ? DurationText.Wait(text) : null;

    /// <summary>One of a setting's words, null when it is not set.</summary>
    /// <exception cref="LitestreamException">LSB1019.</exception>
    public static T? Word<T>(Func<string, string?> get, string name)
        where T : struct, Enum => Text(get, name) is { } text ? Enum.Parse<T>(text, ignoreCase: true) : null;

    /// <summary>The value without white space around it, null when nothing is left.</summary>
    /// <param name="get">The value of a key of the app's configuration.</param>
    /// <param name="name">Below the section.</param>
    /// <exception cref="LitestreamException">LSB1019: the setting does not take it.</exception>
    public static string? Text(Func<string, string?> get, string name)
    {
        if (string.IsNullOrWhiteSpace(get(Key(name))))
            return null;
        var text = get(Key(name))!.Trim();
        return SettingNames.All.Single(setting => setting.Name == name).Refusal(text) is { } refusal
            ? throw new LitestreamException("LSB1019", Wrong(name, text, refusal))
            : text;
    }

    /// <summary>What is wrong, for the message of LSB1019.</summary>
    public static string Wrong(string name, string value, string refusal) =>
        $"The setting {Key(name)} has the value '{value}'; it must be {refusal}";

    private static string Key(string name) => $"{SettingNames.Section}:{name}";
}
