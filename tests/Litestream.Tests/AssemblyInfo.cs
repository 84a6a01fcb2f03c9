using Litestream.Tests.Verification;

[assembly: LongestFirst(typeof(SilentStorageTests), typeof(DatabaseVerificationTests))]
