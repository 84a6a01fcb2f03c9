using Litestream.Internalize;

// Litestream.Internalize ASSEMBLY --move FILE... --search FOLDER... --floor NAME=VERSION...
// Moves every type of each FILE into ASSEMBLY, in place, with its symbols. Referenced assemblies are looked for in each
// FOLDER; afterwards ASSEMBLY asks for each NAME in this VERSION or a later one, whatever it was compiled with.
var moved = new List<string>();
var folders = new List<string>();
var floors = new List<string>();
string? assembly = null;
List<string>? list = null;
foreach (var argument in args)
{
    if (argument == "--move")
        list = moved;
    else if (argument == "--search")
        list = folders;
    else if (argument == "--floor")
        list = floors;
    else if (list is not null)
        list.Add(argument);
    else
        assembly = argument;
}

if (assembly is null || moved.Count == 0)
{
    Console.Error.WriteLine(
        "Usage: Litestream.Internalize ASSEMBLY --move FILE... --search FOLDER... --floor NAME=VERSION..."
    );
    return 2;
}

try
{
    AssemblyMerger.Merge(
        assembly,
        moved,
        folders,
        floors.Select(floor => floor.Split('=')).ToDictionary(floor => floor[0], floor => Version.Parse(floor[1]))
    );
    return 0;
}
catch (InternalizeException e)
{
    Console.Error.WriteLine($"{assembly}: error : {e.Message}");
    return 1;
}
