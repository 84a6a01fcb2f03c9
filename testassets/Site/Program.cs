using Microsoft.EntityFrameworkCore;

// A site with a database of EF Core's: every GET / adds an order and answers with their number.
var builder = WebApplication.CreateBuilder(args);
builder.Services.AddDbContext<Orders>(options =>
    options.UseSqlite(builder.Configuration.GetConnectionString("Orders"))
);
#if EXPLICIT
builder.Services.AddLitestream();
#endif
var app = builder.Build();
using (var scope = app.Services.CreateScope())
    scope.ServiceProvider.GetRequiredService<Orders>().Database.EnsureCreated();

app.MapGet("/", async (Orders orders) =>
{
    orders.Add(new Order());
    await orders.SaveChangesAsync();
    return $"{await orders.All.CountAsync()}";
});
app.Run();

public partial class Program;

public sealed class Orders(DbContextOptions<Orders> options) : DbContext(options)
{
    public DbSet<Order> All => Set<Order>();
}

public sealed class Order
{
    public int Id { get; set; }
}
