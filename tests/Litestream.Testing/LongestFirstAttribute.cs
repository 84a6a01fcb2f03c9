using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace Litestream.Testing;

/// <summary>
/// These classes of the assembly start first, in this order: the end of a run does not wait for a long class that
/// started last. The others follow in the order in which xunit finds them. Without this, the path of the assembly
/// decides the order.
/// </summary>
/// <param name="classes">The longest classes, the longest first.</param>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class LongestFirstAttribute(params Type[] classes) : Attribute, ITestCollectionOrdererAttribute
{
    public Type OrdererType => typeof(Orderer);

    private int PlaceOf(ITestCollection collection)
    {
        // Each class is a collection of its own.
        var place = Array.FindIndex(
            classes,
            one => CollectionAttribute.GetCollectionNameForType(one) == collection.TestCollectionDisplayName
        );
        return place >= 0 ? place : classes.Length;
    }

    private sealed class Orderer : ITestCollectionOrderer
    {
        public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(
            IReadOnlyCollection<TTestCollection> testCollections
        )
            where TTestCollection : ITestCollection =>
            [.. testCollections.OrderBy(collection => Of(collection).PlaceOf(collection))];

        private static LongestFirstAttribute Of(ITestCollection collection) =>
            ((ICoreTestAssembly)collection.TestAssembly).Assembly.GetCustomAttribute<LongestFirstAttribute>()!;
    }
}
