using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Litestream.Dashboard.Access;

/// <summary>What is read from requests and written to answers in one way.</summary>
internal static class Answer
{
    private const int MostFormBytes = 16 * 1024;

    /// <summary>Plain text.</summary>
    public static async Task TextAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        await context.Response.WriteAsync(text, context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>404.</summary>
    public static Task NotFoundAsync(HttpContext context, string what) =>
        TextAsync(context, StatusCodes.Status404NotFound, $"There is no such {what}.");

    /// <summary>A page.</summary>
    public static async Task HtmlAsync(HttpContext context, string html)
    {
        context.Response.ContentType = "text/html; charset=utf-8";
        await context.Response.WriteAsync(html, context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>What every answer has.</summary>
    public static void AddHeaders(HttpResponse response)
    {
        var headers = response.Headers;
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy =
            "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
            + "form-action 'self'";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
    }

    /// <summary>A small form; what is none is answered here.</summary>
    public static async Task<IFormCollection?> ReadFormAsync(HttpContext context)
    {
        var request = context.Request;
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = MostFormBytes;
        try
        {
            if (request.ContentLength > MostFormBytes)
                throw new BadHttpRequestException("It is too large.", StatusCodes.Status413PayloadTooLarge);
            if (!request.HasFormContentType)
                throw new BadHttpRequestException("It is not a form.", StatusCodes.Status415UnsupportedMediaType);
            return await request
                .ReadFormAsync(
                    new FormOptions
                    {
                        BufferBodyLengthLimit = MostFormBytes,
                        MultipartBodyLengthLimit = MostFormBytes,
                        ValueCountLimit = 16,
                        KeyLengthLimit = 64,
                        ValueLengthLimit = 4096,
                    },
                    context.RequestAborted
                )
                .ConfigureAwait(false);
        }
        catch (BadHttpRequestException e)
        {
            await TextAsync(context, e.StatusCode, "The form cannot be read.").ConfigureAwait(false);
            return null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            await TextAsync(context, StatusCodes.Status400BadRequest, "The form cannot be read.").ConfigureAwait(false);
            return null;
        }
    }

    /// <summary>A value of a query, cut to 200 characters; empty without one.</summary>
    public static string Cut(StringValues value) =>
        value is [{ } text, ..] ? text[..Math.Min(text.Length, 200)] : "";
}
