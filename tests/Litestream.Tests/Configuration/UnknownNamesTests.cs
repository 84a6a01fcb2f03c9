using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.Verbs;
using Litestream.Verification;

namespace Litestream.Tests.Configuration;

/// <summary>A name that nothing reads is reported, with the name that was probably meant.</summary>
public sealed class UnknownNamesTests
{
    [Theory]
    [InlineData("Litestream:ReplicaUri", "Litestream:ReplicaUrl")]
    [InlineData("Litestream:replicauri", "Litestream:ReplicaUrl")]
    [InlineData("Litestream:Enabeld", "Litestream:Enabled")]
    [InlineData("Litestream:Verificaton:Interval", "Litestream:Verification:Interval")]
    [InlineData("Litestream:Verification:Intervall", "Litestream:Verification:Interval")]
    [InlineData("Litestream:VerificationLevel", "Litestream:Verification:Level")]
    [InlineData("Litestream:Restore_On_Start", "Litestream:RestoreOnStart")]
    [InlineData("Litestraem:ReplicaUrl", "Litestream:ReplicaUrl")]
    [InlineData("Litestreem:Verification:Level", "Litestream:Verification:Level")]
    public void A_setting_that_is_misspelt_is_a_warning_with_the_nearest_name(string key, string meant)
    {
        var diagnostic = Assert.Single(
            UnknownNames.OfSettings([new Setting(key, "hunter2", "appsettings.json", 3, 5)])
        );

        Assert.Equal(
            ("LSB1052", LitestreamSeverity.Warning, "appsettings.json", 3, 5),
            (diagnostic.Code, diagnostic.Severity, diagnostic.File, diagnostic.Line, diagnostic.Column)
        );
        Assert.Contains($"'{key}'", diagnostic.Message, StringComparison.Ordinal);
        Assert.Contains($"Did you mean '{meant}'?", diagnostic.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", diagnostic.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Litestream:Bucketeer")]
    [InlineData("Litestream:Verification:Colour")]
    [InlineData("Litestream:ReplicaUrl:Primary")]
    [InlineData("Litestream:Verification")]
    public void A_setting_like_none_is_a_warning_all_the_same(string key) =>
        Assert.Equal("LSB1052", Assert.Single(UnknownNames.OfSettings([new Setting(key, "1h")])).Code);

    [Theory]
    [InlineData("Litestream:ReplicaUrl", "s3://b")]
    [InlineData("LITESTREAM:REPLICAURL", "s3://b")]
    [InlineData("Litestream:Verification:interval", "1h")]
    [InlineData("Litestream:Verification", "")]
    [InlineData("Logging:LogLevel:Litestream", "Debug")]
    [InlineData("Litestreams:Colour", "red")]
    [InlineData("Redis:ReplicaUri", "x")]
    [InlineData("LITESTREAM_REPLICA_BUCKET", "b")]
    public void A_setting_that_is_known_or_not_ours_is_none(string key, string value) =>
        Assert.Empty(UnknownNames.OfSettings([new Setting(key, value)]));

    [Fact]
    public void A_word_that_a_setting_does_not_take_is_reported_with_the_nearest_one()
    {
        var diagnostic = Assert.Single(
            UnknownNames.OfValues([
                new Setting("Litestream:RestoreOnStart", "Requird"),
                new Setting("Litestream:OnFailure", "stopapp"),
                new Setting("Litestream:ReplicaRegion", "x"),
            ])
        );

        Assert.Equal("LSB1019", diagnostic.Code);
        Assert.Contains(
            "IfMissing, Required or Never. Did you mean 'Required'?",
            diagnostic.Message,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "Position, Quick or Full. Did you mean 'Quick'?",
            Assert
                .Throws<LitestreamException>(() => OptionValue.Word<VerificationLevel>(OptionName.VerifyLevel, "Quik"))
                .Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("LITESTREAN_ACCESS_KEY_ID", "LITESTREAM_ACCESS_KEY_ID")]
    [InlineData("LITESTREAM_ACCES_KEY_ID", "LITESTREAM_ACCESS_KEY_ID")]
    [InlineData("LITESTREAM_ACCESS_KEY", "LITESTREAM_ACCESS_KEY_ID")]
    [InlineData("LITESTREAM_SECRET_ACCESS_KEY_ID", "LITESTREAM_SECRET_ACCESS_KEY")]
    [InlineData("LITESTREAM_INSTALLDIR", "LITESTREAM_INSTALL_DIR")]
    [InlineData("litestream_replica_bucket", "LITESTREAM_REPLICA_BUCKET")]
    [InlineData("LITESTREAM_REPLICA_URL", "Litestream__ReplicaUrl")]
    [InlineData("Litestream_ReplicaUrl", "Litestream__ReplicaUrl")]
    [InlineData("LITESTREAM_VERIFICATION_INTERVAL", "Litestream__Verification__Interval")]
    public void A_variable_like_one_that_is_read_is_a_warning(string variable, string meant)
    {
        var diagnostic = Assert.Single(UnknownNames.OfVariables([variable, "PATH"], isBuild: true, "dbs: []"));

        Assert.Equal(("LSB1053", LitestreamSeverity.Warning), (diagnostic.Code, diagnostic.Severity));
        Assert.EndsWith($"Did you mean '{meant}'?", diagnostic.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("LITESTREAM_ACCESS_KEY_ID")]
    [InlineData("LITESTREAM_DOWNLOADS")]
    [InlineData("LITESTREAM")]
    [InlineData("LITESTREAMER")]
    [InlineData("Litestream__ReplicaUri")]
    [InlineData("LITESTREAM_ACCESS_KEY")]
    [InlineData("LITESTREAM_SECRET_KEY")]
    public void A_variable_that_is_read_or_has_a_name_of_its_own_is_none(string variable) =>
        Assert.Empty(
            UnknownNames.OfVariables(
                [variable],
                isBuild: true,
                "access-key-id: ${LITESTREAM_ACCESS_KEY}\nsecret-access-key: $LITESTREAM_SECRET_KEY\n"
            )
        );

    [Fact]
    public void A_property_of_the_build_as_a_variable_of_the_app_is_a_warning()
    {
        Assert.Contains(
            "'Litestream__ReplicaUrl'",
            Assert.Single(UnknownNames.OfVariables(["LitestreamReplicaUrl"], isBuild: false, null)).Message,
            StringComparison.Ordinal
        );
        Assert.Empty(UnknownNames.OfVariables(["LitestreamReplicaUrl"], isBuild: true, null));
    }

    [Fact]
    public void A_wildcard_in_a_database_item_is_named_as_MSBuild_replaces_it()
    {
        const string Project = """
            <Project>
              <ItemGroup>
                <LitestreamDatabase Include="tenants/*.db" />
                <LitestreamDatabase Include="data/app.db" />
              </ItemGroup>
            </Project>
            """;

        var diagnostic = Assert.Single(UnknownProperties.OfProject([("Shop.csproj", Project)]));

        Assert.Equal(("LSB1061", "Shop.csproj", 3), (diagnostic.Code, diagnostic.File, diagnostic.Line));
        Assert.Contains("Litestream:DatabasePatterns", diagnostic.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_misspelt_name_in_a_project_file_is_a_warning_at_its_place()
    {
        const string Project = """
            <Project>
              <PropertyGroup>
                <LitestreamReplicaUri>s3://bucket</LitestreamReplicaUri>
                <litestreamretention>24h</litestreamretention>
                <LitestreamBucket>mine</LitestreamBucket>
                <LitestreamColour>red</LitestreamColour>
                <LitestreamReplicaUrl>s3://$(litestreambucket)/shop</LitestreamReplicaUrl>
                <_LitestreamOwn>x</_LitestreamOwn>
              </PropertyGroup>
              <ItemGroup>
                <LitestreamDatabase Include="a.db" ReplicaUri="s3://b" Condition="true" />
                <LitestreamDatabase Include="b.db"><SyncIntervall>1s</SyncIntervall>
                  <ReplicaUrl>s3://c</ReplicaUrl></LitestreamDatabase>
                <LitestreamDatabases Include="c.db" />
              </ItemGroup>
            </Project>
            """;

        var diagnostics = UnknownProperties.OfProject([("Shop.csproj", Project)]).ToList();

        Assert.All(
            diagnostics,
            diagnostic =>
                Assert.Equal(
                    ("LSB1053", LitestreamSeverity.Warning, "Shop.csproj"),
                    (diagnostic.Code, diagnostic.Severity, diagnostic.File)
                )
        );
        Assert.Equal(
            [
                "3 'LitestreamReplicaUri' is not a property of Litestream and has no effect. Did you mean "
                    + "'LitestreamReplicaUrl'?",
                "6 'LitestreamColour' is not a property of Litestream and has no effect. Remove it, or correct its "
                    + "name: README.md and docs/commands.md list all properties.",
                "11 LitestreamDatabase has no metadata 'ReplicaUri', so it has no effect. Did you mean 'ReplicaUrl'?",
                "12 LitestreamDatabase has no metadata 'SyncIntervall', so it has no effect. Did you mean "
                    + "'SyncInterval'?",
                "14 Litestream has no item 'LitestreamDatabases', so it has no effect. Did you mean "
                    + "'LitestreamDatabase'?",
            ],
            diagnostics.Select(diagnostic => $"{diagnostic.Line} {diagnostic.Message}")
        );
        Assert.Empty(UnknownProperties.OfProject([("Shop.csproj", "<Project")]));
    }

    [Theory]
    [InlineData("LitestreamRestore", "LitestreamTimestam", "LSB3019", true)]
    [InlineData("LitestreamRestore", "litestreamtimestam", "LSB3019", true)]
    [InlineData("LitestreamVerify", "LitestreamColour", "LSB3019", true)]
    [InlineData("LitestreamPull", "LitestreamGeneration", "LSB3020", true)]
    [InlineData("LitestreamPull", "litestreamdiff", "LSB3020", true)]
    [InlineData("LitestreamVerify", "LitestreamTimestamp", "LSB3020", false)]
    [InlineData("LitestreamVerify", "LitestreamDryRun", "LSB3020", true)]
    [InlineData("LitestreamReplicate", "LitestreamDryRun", "LSB3020", true)]
    [InlineData("LitestreamScaffold", "LitestreamDryRun", "LSB3020", true)]
    [InlineData("LitestreamDatabases", "LitestreamDryRun", "LSB3020", false)]
    [InlineData("LitestreamRestore", "LitestreamFrom", "LSB3020", true)]
    [InlineData("LitestreamDrill", "LitestreamTo", "LSB3020", true)]
    [InlineData("LitestreamRestore", "LitestremTimestamp", "LSB3019", true)]
    [InlineData("LitestreamRestore", "LitesteramForce", "LSB3019", true)]
    public void A_property_that_a_verb_does_not_take_is_reported(
        string verb,
        string property,
        string code,
        bool isError
    )
    {
        var diagnostic = Assert.Single(
            UnknownProperties.OfVerb(
                Named(verb),
                new ExternalProperties([property, "Configuration"], ["PATH"], ""),
                []
            )
        );

        Assert.Equal((code, isError), (diagnostic.Code, diagnostic.Severity == LitestreamSeverity.Error));
    }

    [Theory]
    [InlineData("LitestreamRestore", "LitestreamTimestamp", "LitestreamTimestamp is empty")]
    [InlineData("LitestreamRestore", "litestreamoutput", "LitestreamOutput is empty")]
    [InlineData("LitestreamRestore", "LitestreamContentRoot", "LitestreamContentRoot is empty")]
    [InlineData("LitestreamVerify", "LitestreamConfigFile", "LitestreamConfigFile is empty")]
    [InlineData("LitestreamRestore", "LitestreamInstallDir", null)]
    [InlineData("LitestreamRestore", "Configuration", null)]
    public void A_property_without_a_value_is_not_taken_for_one_that_was_not_given(
        string verb,
        string property,
        string? text
    )
    {
        var found = UnknownProperties.OfVerb(
            Named(verb),
            new ExternalProperties([property], [], "") { Empty = [property] },
            []
        );

        if (text is null)
        {
            Assert.Empty(found);
            return;
        }

        var diagnostic = Assert.Single(found);
        Assert.Equal(("LSB3008", LitestreamSeverity.Error), (diagnostic.Code, diagnostic.Severity));
        Assert.StartsWith(text, diagnostic.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_property_that_is_taken_or_is_the_users_own_is_none()
    {
        const string Project =
            "<Project><PropertyGroup><LitestreamReplicaUrl>s3://$(LitestreamBucket)</LitestreamReplicaUrl>"
            + "</PropertyGroup></Project>";

        Assert.Empty(
            UnknownProperties.OfVerb(
                Named("LitestreamRestore"),
                new ExternalProperties(
                    ["LITESTREAMTIMESTAMP", "LitestreamBucket", "LitestreamRestoreDependsOn"],
                    ["LitestreamGarden"],
                    Project
                ),
                [("Shop.csproj", Project)]
            )
        );
    }

    [Fact]
    public void A_verbs_property_in_the_project_file_or_the_environment_stops_the_verb()
    {
        const string Project =
            "<Project><PropertyGroup><LitestreamTimestam>2026-11-01</LitestreamTimestam></PropertyGroup></Project>";

        Assert.Equal(
            ("LSB3019", LitestreamSeverity.Error),
            Of(new ExternalProperties([], [], Project), [("Shop.csproj", Project)])
        );
        Assert.Equal(
            ("LSB3019", LitestreamSeverity.Error),
            Of(new ExternalProperties([], ["LitestreamTimestam"], ""), [])
        );

        static (string Code, LitestreamSeverity Severity) Of(
            ExternalProperties given,
            IReadOnlyList<(string File, string Text)> files
        )
        {
            var diagnostic = Assert.Single(UnknownProperties.OfVerb(Named("LitestreamRestore"), given, files));
            return (diagnostic.Code, diagnostic.Severity);
        }
    }

    [Fact]
    public void Metadata_from_elsewhere_is_reported_where_it_is_like_one_that_is_read() =>
        Assert.Contains(
            "'ReplicaUrl'",
            Assert
                .Single(UnknownProperties.OfMetadata(["ReplicaURI", "CopyToOutputDirectory", "replicaurl", "Link"], []))
                .Message,
            StringComparison.Ordinal
        );

    private static Verb Named(string target) => Verb.All.Single(verb => verb.Target == target);
}
