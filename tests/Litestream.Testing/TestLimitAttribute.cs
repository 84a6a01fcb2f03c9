using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace Litestream.Testing;

/// <summary>
/// Each test of the assembly fails after so many minutes, unless its own <see cref="FactAttribute.Timeout"/> says
/// otherwise.
/// </summary>
/// <param name="minutes">The limit.</param>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class TestLimitAttribute(int minutes) : Attribute, ITestFrameworkAttribute
{
    public int Minutes { get; } = minutes;

    public Type FrameworkType => typeof(Framework);

    private sealed class Framework : XunitTestFramework
    {
        public override string TestFrameworkDisplayName => base.TestFrameworkDisplayName + " with a time limit";

        protected override ITestFrameworkDiscoverer CreateDiscoverer(Assembly assembly) =>
            new Discoverer(
                ((XunitTestFrameworkDiscoverer)base.CreateDiscoverer(assembly)).TestAssembly,
                assembly.GetCustomAttribute<TestLimitAttribute>()!.Minutes * 60_000
            );
    }

    private sealed class Discoverer(IXunitTestAssembly assembly, int limit) : XunitTestFrameworkDiscoverer(assembly)
    {
        protected override ValueTask<bool> FindTestsForMethod(
            IXunitTestMethod testMethod,
            ITestFrameworkDiscoveryOptions discoveryOptions,
            Func<ITestCase, ValueTask<bool>> discoveryCallback
        )
        {
            foreach (var fact in testMethod.FactAttributes.OfType<FactAttribute>().Where(fact => fact.Timeout == 0))
                fact.Timeout = limit;
            return base.FindTestsForMethod(testMethod, discoveryOptions, discoveryCallback);
        }
    }
}
