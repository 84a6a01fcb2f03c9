using DashboardSite.Pages;
using Litestream.Dashboard;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Data.Sqlite;

// A site below a path, with accounts of its own, that gives the dashboard its own frame and a section of its own.
var builder = WebApplication.CreateBuilder(args);
builder
    .Services.AddAuthentication("Header")
    .AddScheme<AuthenticationSchemeOptions, HeaderAccount>("Header", null);
builder.Services.AddAuthorization(options =>
    options.AddPolicy("Operators", policy => policy.RequireClaim("role", "operator"))
);
var app = builder.Build();
using (var connection = new SqliteConnection(app.Configuration.GetConnectionString("Orders")))
{
    connection.Open();
    using var command = connection.CreateCommand();
    command.CommandText = "PRAGMA journal_mode = wal; CREATE TABLE IF NOT EXISTS Rows (Text TEXT)";
    command.ExecuteNonQuery();
}

app.UsePathBase("/shop");
app.UseRouting();
app.UseAuthentication();
app.UseAuthorization();
app.MapLitestreamDashboard(
        "/operations/backup",
        options =>
        {
            options.Title = "Backup of the shop";
            options.TimeZone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Kolkata");
            options.Links.Add(new DashboardLink("Back to the shop", "/shop"));
            options.Layout = typeof(ShopLayout);
            options.Sections[DashboardSection.Process] = typeof(OnCallSection);
            options.IsReadOnly = context => !context.User.HasClaim("may", "restore");
        }
    )
    .RequireAuthorization("Operators");
app.Run();
