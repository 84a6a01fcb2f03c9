using Microsoft.Data.Sqlite;

// An API without pages, cookies or accounts: the dashboard is one line.
var builder = WebApplication.CreateSlimBuilder(args);
var app = builder.Build();
app.MapLitestreamDashboard("/litestream");

// What the tests do to the databases.
foreach (var name in app.Configuration.GetSection("ConnectionStrings").GetChildren().Select(one => one.Key))
{
    using var connection = new SqliteConnection(app.Configuration.GetConnectionString(name));
    connection.Open();
    using var command = connection.CreateCommand();
    command.CommandText =
        "PRAGMA journal_mode = wal; CREATE TABLE IF NOT EXISTS Rows (Id INTEGER PRIMARY KEY, Text TEXT)";
    command.ExecuteNonQuery();
}

app.Run();
return Environment.ExitCode;
