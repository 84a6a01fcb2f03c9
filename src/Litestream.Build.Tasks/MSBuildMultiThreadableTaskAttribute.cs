namespace Microsoft.Build.Framework;

/// <summary>
/// Says that a task may run in the process of a multithreaded MSBuild (-mt): absolute paths only, no current directory,
/// no statics.
/// MSBuild matches it by name; the assembly that the tasks are compiled against does not have it yet.
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
internal sealed class MSBuildMultiThreadableTaskAttribute : Attribute;
