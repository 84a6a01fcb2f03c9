using Litestream.Hosting.Tests;

// Most tests wait for an app or for litestream.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.Collections, MaxThreads = 6)]
[assembly: LongestFirst(
    typeof(RuntimeDatabasesTests),
    typeof(ChainTests),
    typeof(DatabaseFaultTests),
    typeof(ProcessFaultTests),
    typeof(HostEnvironmentTests),
    typeof(OperatorTests),
    typeof(EndOfTheAppTests),
    typeof(GateReaderTests),
    typeof(ReplicaFaultTests),
    typeof(CommandVerbTests),
    typeof(RestoreAtStartTests)
)]
