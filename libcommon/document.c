/* HTML or Markdown, block by block. */
#include "document.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static void raw(struct xr_doc *d, const char *html, const char *markdown)
{
    xr_html_raw(d->h, d->markdown ? markdown : html);
}

/* --- inline ----------------------------------------------------------------------- */

/* Would this begin a list, a heading or a line at the start of a paragraph? What would
 * begin a quotation is an entity. */
static bool begins_block(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return strchr("-+=~#", *text) ||
           (digits && (text[digits] == '.' || text[digits] == ')'));
}

/* The first n bytes; what is no text is replaced. Markdown reads entities, but not those
 * of quotes, which need none. */
static void put_part(struct xr_doc *d, const char *text, size_t n)
{
    while (n > 0 && !d->h->failed) {
        size_t quotes = strspn(text, "'\""), some = strcspn(text, "'\"");
        char *part;

        quotes = quotes < n ? quotes : n;
        some = quotes ? quotes : some < n ? some : n;
        part = xr_sprintf(d->h->err, "%.*s", (int)some, text);
        if (!part)
            d->h->failed = 1;
        else if (quotes)
            xr_html_raw(d->h, part);
        else
            xr_html_text(d->h, part);
        free(part);
        text += some;
        n -= some;
    }
}

static void markdown_text(struct xr_doc *d, const char *text)
{
    if (d->start && text)
        text += strspn(text, " \t\r\n"); /* indented lines would be code */
    if (d->start && text && *text && begins_block(text)) {
        size_t digits = strspn(text, "0123456789");

        put_part(d, text, digits);
        xr_html_raw(d->h, strchr("\\`*_[]|~", text[digits]) ? "" : "\\");
        text += digits;
    }
    while (text && *text) {
        size_t plain = strcspn(text, "\\`*_[]|~\r\n\t");

        d->start = false;
        put_part(d, text, plain);
        text += plain;
        if (!*text)
            break;
        if (strchr("\r\n\t", *text)) {
            xr_html_raw(d->h, " ");
        } else {
            char escaped[3] = {'\\', *text, 0};

            xr_html_raw(d->h, escaped);
        }
        text++;
    }
}

void xr_doc_text(struct xr_doc *d, const char *text)
{
    if (d->markdown)
        markdown_text(d, text);
    else
        xr_html_text(d->h, text);
}

void xr_doc_textf(struct xr_doc *d, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        xr_fail(d->h->err, "out of memory");
        d->h->failed = 1;
        return;
    }
    xr_doc_text(d, text);
    free(text);
}

/* The longest run of backticks. */
static size_t ticks(const char *text)
{
    size_t longest = 0;

    for (; *text; text++) {
        size_t n = strspn(text, "`");

        if (n > longest)
            longest = n;
        text += n;
        if (!*text)
            break;
    }
    return longest;
}

void xr_doc_code(struct xr_doc *d, const char *text)
{
    size_t fence;

    if (!text)
        return;
    if (!d->markdown) {
        xr_html_element(d->h, "code", text);
        return;
    }
    /* code cannot hold an end of line, nor, in a table, a bar: such text is plain */
    fence = ticks(text) + 1;
    if (!*text || strpbrk(text, "|\r\n\t<>&") || fence > 8) {
        xr_doc_text(d, text);
        return;
    }
    d->start = false;
    for (size_t i = 0; i < fence; i++)
        xr_html_raw(d->h, "`");
    xr_html_raw(d->h, fence > 1 ? " " : "");
    put_part(d, text, strlen(text));
    xr_html_raw(d->h, fence > 1 ? " " : "");
    for (size_t i = 0; i < fence; i++)
        xr_html_raw(d->h, "`");
}

void xr_doc_strong(struct xr_doc *d, const char *text)
{
    raw(d, "<b>", "**");
    d->start = false;
    xr_doc_text(d, text);
    raw(d, "</b>", "**");
}

void xr_doc_missing(struct xr_doc *d, const char *hint)
{
    raw(d, "<span class=\"missing\">MISSING</span>", "**MISSING**");
    d->start = false;
    if (hint) {
        xr_html_raw(d->h, ": ");
        xr_doc_text(d, hint);
    }
}

void xr_doc_number_text(char text[32], double v)
{
    double size = fabs(v);

    snprintf(text, 32,
             size >= 1e5               ? "%.4g"
             : size >= 100             ? "%.1f"
             : size >= 10              ? "%.2f"
             : size >= 0.0005 || !size ? "%.3f"
                                       : "%.2g",
             v);
}

void xr_doc_number(struct xr_doc *d, double v)
{
    char text[32], exact[XR_JSON_DIGITS];

    d->start = false;
    if (!isfinite(v)) {
        xr_html_raw(d->h, "undefined");
        return;
    }
    xr_doc_number_text(text, v);
    xr_json_digits(exact, v);
    if (d->markdown)
        xr_html_raw(d->h, text);
    else
        xr_html_rawf(d->h, "<data value=\"%s\">%s</data>", exact, text);
}

/* --- blocks ----------------------------------------------------------------------- */

void xr_doc_heading(struct xr_doc *d, int level, const char *id, const char *text)
{
    level += d->shift;
    level = level < 1 ? 1 : level > 6 ? 6 : level;
    if (d->markdown) {
        xr_html_rawf(d->h, "%.*s ", level, "######");
        xr_doc_text(d, text);
        xr_html_raw(d->h, "\n\n");
        return;
    }
    xr_html_rawf(d->h, "<h%d", level);
    if (id) {
        xr_html_raw(d->h, " id=\"");
        xr_html_text(d->h, id);
        xr_html_raw(d->h, "\"");
    }
    xr_html_raw(d->h, ">");
    xr_html_text(d->h, text);
    xr_html_rawf(d->h, "</h%d>\n", level);
}

void xr_doc_para(struct xr_doc *d)
{
    raw(d, "<p>", "");
    d->start = true;
}

void xr_doc_para_end(struct xr_doc *d)
{
    raw(d, "</p>\n", "\n\n");
}

void xr_doc_list(struct xr_doc *d)
{
    raw(d, "<ul>\n", "");
}

void xr_doc_item(struct xr_doc *d)
{
    raw(d, "<li>", "- ");
    d->start = true;
}

void xr_doc_item_end(struct xr_doc *d)
{
    raw(d, "</li>\n", "\n");
}

void xr_doc_list_end(struct xr_doc *d)
{
    raw(d, "</ul>\n", "\n");
}

void xr_doc_table(struct xr_doc *d, const char *caption, const char *const *names,
                  size_t n)
{
    if (d->markdown) {
        if (caption) {
            d->start = true;
            xr_doc_text(d, caption);
            xr_html_raw(d->h, "\n\n");
        }
        for (size_t i = 0; i < n; i++) {
            xr_html_raw(d->h, "| ");
            xr_doc_text(d, names[i] + (*names[i] == '>'));
            xr_html_raw(d->h, " ");
        }
        xr_html_raw(d->h, "|\n");
        for (size_t i = 0; i < n; i++)
            xr_html_raw(d->h, *names[i] == '>' ? "| ---: " : "| --- ");
        xr_html_raw(d->h, "|\n");
        return;
    }
    xr_html_raw(d->h, "<div class=\"scroll\"><table>\n");
    if (caption)
        xr_html_element(d->h, "caption", caption);
    xr_html_raw(d->h, "<thead><tr>");
    for (size_t i = 0; i < n; i++)
        xr_html_element(
            d->h, *names[i] == '>' ? "th scope=\"col\" class=\"n\"" : "th scope=\"col\"",
            names[i] + (*names[i] == '>'));
    xr_html_raw(d->h, "</tr></thead>\n<tbody>\n");
}

void xr_doc_row(struct xr_doc *d)
{
    d->column = 0;
    raw(d, "<tr>", "|");
}

void xr_doc_cell(struct xr_doc *d, bool right)
{
    if (d->markdown)
        xr_html_raw(d->h, " ");
    else if (d->column == 0)
        xr_html_raw(d->h, "<th scope=\"row\">");
    else
        xr_html_raw(d->h, right ? "<td class=\"n\">" : "<td>");
    d->start = false;
}

void xr_doc_cell_end(struct xr_doc *d, bool right)
{
    (void)right;
    raw(d, d->column == 0 ? "</th>" : "</td>", " |");
    d->column++;
}

void xr_doc_row_end(struct xr_doc *d)
{
    raw(d, "</tr>\n", "\n");
}

void xr_doc_table_end(struct xr_doc *d)
{
    raw(d, "</tbody></table></div>\n", "\n");
}

void xr_doc_cell_text(struct xr_doc *d, bool right, const char *text)
{
    xr_doc_cell(d, right);
    xr_doc_text(d, text);
    xr_doc_cell_end(d, right);
}
