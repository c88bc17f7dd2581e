/* Escaping and base64. */
#include "html.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void put(struct xr_html *h, const char *data, size_t size)
{
    if (!h->failed && xr_out_write(h->out, data, size, h->err))
        h->failed = 1;
}

void xr_html_raw(struct xr_html *h, const char *markup)
{
    put(h, markup, strlen(markup));
}

void xr_html_rawf(struct xr_html *h, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof text) {
        if (!h->failed)
            xr_fail(h->err, "a piece of markup is too long");
        h->failed = 1;
        return;
    }
    put(h, text, (size_t)n);
}

/* Bytes of the UTF-8 sequence at p, 0 if it is ill-formed. The NUL at the end stops it.
 */
static size_t utf8_len(const unsigned char *p)
{
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xc2 ? 0
               : p[0] < 0xe0 ? 2
               : p[0] < 0xf0 ? 3
               : p[0] < 0xf5 ? 4
                             : 0;

    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    if (n > 2 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
                  (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)))
        return 0;
    return n;
}

void xr_html_text(struct xr_html *h, const char *text)
{
    const unsigned char *p = (const unsigned char *)text, *from = p;

    while (p && *p) {
        const char *instead = NULL;
        size_t n = utf8_len(p);

        switch (*p) {
        case '&':
            instead = "&amp;";
            break;
        case '<':
            instead = "&lt;";
            break;
        case '>':
            instead = "&gt;";
            break;
        case '"':
            instead = "&quot;";
            break;
        case '\'':
            instead = "&#39;";
            break;
        default:
            if (n == 0 || *p == 0x7f || (*p < 0x20 && *p != '\t' && *p != '\n') ||
                (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)) /* C1 controls */
                instead = "&#xfffd;";
        }
        n = n ? n : 1;
        if (instead) {
            put(h, (const char *)from, (size_t)(p - from));
            xr_html_raw(h, instead);
            from = p + n;
        }
        p += n;
    }
    if (p > from)
        put(h, (const char *)from, (size_t)(p - from));
}

void xr_html_element(struct xr_html *h, const char *tag, const char *text)
{
    xr_html_raw(h, "<");
    xr_html_raw(h, tag);
    xr_html_raw(h, ">");
    xr_html_text(h, text);
    xr_html_raw(h, "</");
    put(h, tag, strcspn(tag, " "));
    xr_html_raw(h, ">");
}

int xr_base64(struct xr_buf *buf, const void *data, size_t size, struct xr_err *err)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = data;
    char *to;

    if (xr_buf_reserve(buf, size / 3 * 4 + 4, err))
        return -1;
    to = buf->data + buf->size;
    for (; size > 0; p += 3) {
        uint32_t w = (uint32_t)p[0] << 16 | (size > 1 ? (uint32_t)p[1] << 8 : 0) |
                     (size > 2 ? p[2] : 0);

        *to++ = digits[w >> 18];
        *to++ = digits[w >> 12 & 63];
        *to++ = size > 1 ? digits[w >> 6 & 63] : '=';
        *to++ = size > 2 ? digits[w & 63] : '=';
        size -= size < 3 ? size : 3;
    }
    *to = '\0';
    buf->size = (size_t)(to - buf->data);
    return 0;
}

void xr_html_data(struct xr_html *h, const char *type, const void *data, size_t size)
{
    struct xr_buf buf = {0};

    if (h->failed)
        return;
    if (xr_base64(&buf, data, size, h->err)) {
        h->failed = 1;
        return;
    }
    xr_html_raw(h, "data:");
    xr_html_raw(h, type);
    xr_html_raw(h, ";base64,");
    put(h, buf.data, buf.size);
    xr_buf_free(&buf);
}
