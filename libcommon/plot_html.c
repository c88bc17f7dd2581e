/* A drawing as a page of HTML: its numbers as JSON, beside the script that draws them. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "html.h"
#include "plot_drawing.h"
#include "plot_page.h"

struct page {
    struct xr_buf *buf;
    struct xr_err *err;
    bool failed;
};

static void put(struct page *page, const char *fmt, ...) XR_PRINTF(2, 3);
static void put(struct page *page, const char *fmt, ...)
{
    va_list ap;
    char text[128];
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!page->failed && n > 0)
        page->failed = xr_buf_put(page->buf, text, (size_t)n, page->err) != 0;
}

static void put_raw(struct page *page, const char *text)
{
    if (!page->failed)
        page->failed = xr_buf_text(page->buf, text, page->err) != 0;
}

/* A JSON string that may stand in a script element; NULL is null. What is no UTF-8 stays
 * as it is: the browser replaces it. */
static void put_text(struct page *page, const char *text)
{
    if (!text) {
        put_raw(page, "null");
        return;
    }
    put_raw(page, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == '<' || c == '>' || c == '&' || c == '"' || c == '\\' ||
            c == 0x7f)
            put(page, "\\u%04x", c);
        else
            put(page, "%c", c);
    }
    put_raw(page, "\"");
}

static void put_number(struct page *page, double value)
{
    if (isfinite(value))
        put(page, "%.6g", value);
    else
        put_raw(page, "null");
}

static void put_numbers(struct page *page, const char *name, const double *values,
                        size_t n)
{
    if (!values)
        return;
    put(page, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        put_raw(page, i ? "," : "");
        put_number(page, values[i]);
    }
    put_raw(page, "]");
}

static void put_texts(struct page *page, const char *name, char *const *texts, size_t n)
{
    if (!texts)
        return;
    put(page, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        put_raw(page, i ? "," : "");
        put_text(page, texts[i]);
    }
    put_raw(page, "]");
}

static void put_axis(struct page *page, const char *name, const struct xr_axis *a)
{
    put(page, "\"%s\":{\"name\":", name);
    put_text(page, a->name);
    put_raw(page, ",\"from\":");
    put_number(page, a->from);
    put_raw(page, ",\"to\":");
    put_number(page, a->to);
    put(page, ",\"step\":%.6g", a->step);
    put_texts(page, "names", a->n_names ? a->names : NULL, a->n_names);
    put_raw(page, "},");
}

static void put_series(struct page *page, const struct xr_series *s)
{
    static const char *const marks[] = {"line", "steps", "band", "bars", "points"};

    put(page, "{\"m\":\"%s\",\"g\":%zu,\"c\":%d,\"dash\":%d,\"name\":", marks[s->mark],
        s->group, s->color, s->dash);
    put_text(page, s->name);
    put_raw(page, ",\"value\":");
    put_text(page, s->value);
    put(page, ",\"thin\":%d,\"thick\":%d,\"dots\":%d,\"labels\":%d,\"width\":%.6g",
        s->thin, s->thick, s->dots, s->labels, s->width);
    put_numbers(page, "x", s->x, s->n);
    put_numbers(page, "y", s->y, s->n);
    put_numbers(page, "low", s->low, s->n);
    put_numbers(page, "high", s->high, s->n);
    put_numbers(page, "left", s->left, s->n);
    put_numbers(page, "right", s->right, s->n);
    put_texts(page, "notes", s->notes, s->n);
    put_raw(page, "}");
}

static void put_cell(struct page *page, const struct xr_cell_drawn *c)
{
    size_t n = 0;

    while (n < 3 && c->lines[n])
        n++;
    put(page, "{\"x\":%.6g,\"y\":%.6g,\"shade\":%.4g", c->x, c->y, c->shade);
    put_texts(page, "lines", c->lines, n);
    put_raw(page, ",\"note\":");
    put_text(page, c->note);
    put_raw(page, "}");
}

static void put_picture(struct page *page, const struct xr_picture *p)
{
    struct xr_buf png = {0};

    put(page, "{\"frame\":%d", p->frame);
    put_texts(page, "lines", (char *const *)p->lines, p->n_lines);
    put_raw(page, ",\"src\":\"data:image/png;base64,");
    if (!page->failed)
        page->failed = xr_image_png(&png, &p->image, page->err) ||
                       xr_base64(page->buf, png.data, png.size, page->err);
    xr_buf_free(&png);
    put_raw(page, "\"}");
}

static void put_panel(struct page *page, const struct xr_panel *p)
{
    put_raw(page, "{");
    put_axis(page, "x", &p->x);
    put_axis(page, "y", &p->y);
    put(page, "\"ratio\":%.4g,\"rows\":%d,\"legend\":", p->ratio, p->rows);
    put_text(page, p->legend);
    put_raw(page, ",\"heading\":");
    put_text(page, p->heading);
    put_texts(page, "beside", p->beside, p->y.n_names);
    put_raw(page, ",\n\"series\":[");
    for (size_t i = 0; i < p->n_series; i++) {
        put_raw(page, i ? ",\n" : "");
        put_series(page, p->series[i]);
    }
    put_raw(page, "],\n\"cells\":[");
    for (size_t i = 0; i < p->n_cells; i++) {
        put_raw(page, i ? ",\n" : "");
        put_cell(page, &p->cells[i]);
    }
    put_raw(page, "],\n\"pictures\":[");
    for (size_t i = 0; i < p->n_pictures; i++) {
        put_raw(page, i ? ",\n" : "");
        put_picture(page, &p->pictures[i]);
    }
    put_raw(page, "]}");
}

/* Text of the page itself. */
static void put_escaped(struct page *page, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '<' || c == '>' || c == '&' || c == '"' || c < 0x20)
            put(page, "&#%d;", c < 0x20 ? ' ' : c);
        else
            put(page, "%c", c);
    }
}

int xr_drawing_html(struct xr_buf *buf, const struct xr_plot_style *style,
                    const struct xr_drawing *d, struct xr_err *err)
{
    struct page page = {.buf = buf, .err = err};
    const char *title = style->title ? style->title : "xr-plot";

    if (d->failed)
        return -1;
    put_raw(&page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta "
                   "charset=\"utf-8\">\n<meta name=\"viewport\" "
                   "content=\"width=device-width,initial-scale=1\">\n<meta "
                   "name=\"generator\" content=\"xr-plot\">\n<title>");
    put_escaped(&page, title);
    put_raw(&page, "</title>\n<style>\n");
    put_raw(&page, xr_plot_page_style);
    put_raw(&page, "</style>\n</head>\n<body>\n<main>\n");
    if (style->title) {
        put_raw(&page, "<h1>");
        put_escaped(&page, title);
        put_raw(&page, "</h1>\n");
    }
    put_raw(&page, "<noscript>This page draws itself with a script.</noscript>\n"
                   "</main>\n<div id=\"tip\" role=\"status\"></div>\n"
                   "<script type=\"application/json\" id=\"data\">\n{\"title\":");
    put_text(&page, title);
    put_texts(&page, "notes", (char *const *)d->notes, d->n_notes);
    put_raw(&page, ",\"panels\":[\n");
    for (size_t i = 0; i < d->n_panels; i++) {
        put_raw(&page, i ? ",\n" : "");
        put_panel(&page, &d->panels[i]);
    }
    put_raw(&page, "]}\n</script>\n<script>\n");
    put_raw(&page, xr_plot_page_script);
    put_raw(&page, "</script>\n</body>\n</html>\n");
    return page.failed ? -1 : 0;
}
