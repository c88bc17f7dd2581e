/* Tables of texts: aligned, Markdown, LaTeX. */
#include "metrics_grid.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_WIDTH 100
#define LATEX_ROWS 40  /* more do not fit on a page with others */
#define LATEX_WIDTH 90 /* of \\footnotesize in the text of an article */

int xr_grid_make(struct xr_grid *g, const char *title, size_t n_rows, size_t n_cols,
                 struct xr_err *err)
{
    *g = (struct xr_grid){.title = title, .n_cols = n_cols, .n_rows = n_rows};
    if (n_cols && n_rows > SIZE_MAX / n_cols)
        return xr_fail(err, "a table of too many cells");
    g->cells = xr_alloc_array(n_rows * n_cols, sizeof *g->cells, err);
    g->text = xr_alloc_array(n_cols, sizeof *g->text, err);
    if (g->cells && g->text)
        return 0;
    xr_grid_free(g);
    return -1;
}

int xr_grid_put(struct xr_grid *g, size_t row, size_t col, const char *text,
                struct xr_err *err)
{
    char **cell = &g->cells[row * g->n_cols + col];

    free(*cell);
    *cell = xr_strdup(text, err);
    return *cell ? 0 : -1;
}

void xr_grid_free(struct xr_grid *g)
{
    for (size_t i = 0; g->cells && i < g->n_rows * g->n_cols; i++)
        free(g->cells[i]);
    free(g->cells);
    free(g->text);
    memset(g, 0, sizeof *g);
}

/* What stands for a character, or NULL. */
static const char *instead(char c, enum xr_metrics_format format)
{
    static const char special[] = "\\{}$&#_%~^<>|";
    static const char *const latex[] = {"\\textbackslash{}",
                                        "\\{",
                                        "\\}",
                                        "\\$",
                                        "\\&",
                                        "\\#",
                                        "\\_",
                                        "\\%",
                                        "\\textasciitilde{}",
                                        "\\textasciicircum{}",
                                        "\\textless{}",
                                        "\\textgreater{}",
                                        "\\textbar{}"};
    static const char special_md[] = "\\`*_<>[]|";
    static const char *const markdown[] = {"\\\\", "\\`", "\\*", "\\_", "\\<",
                                           "\\>",  "\\[", "\\]", "\\|"};
    const char *at;

    if (format == XR_METRICS_LATEX)
        return (at = strchr(special, c)) ? latex[at - special] : NULL;
    if (format == XR_METRICS_MARKDOWN)
        return (at = strchr(special_md, c)) ? markdown[at - special_md] : NULL;
    return NULL;
}

int xr_grid_escape(struct xr_buf *buf, const char *text, enum xr_metrics_format format,
                   struct xr_err *err)
{
    for (; *text; text++) {
        char c = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text;
        const char *other = instead(c, format);

        if (other ? xr_buf_text(buf, other, err) : xr_buf_put(buf, &c, 1, err))
            return -1;
    }
    return 0;
}

/* Code points of a text as it is written. */
static size_t width_of(const char *text, enum xr_metrics_format format)
{
    size_t width = 0;

    for (; text && *text; text++) {
        const char *other = instead(*text, format);

        width += other ? strlen(other) : ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static const char *cell(const struct xr_grid *g, size_t row, size_t col)
{
    const char *text = g->cells[row * g->n_cols + col];

    return text ? text : "";
}

static size_t column_width(const struct xr_grid *g, size_t col,
                           enum xr_metrics_format format)
{
    size_t width = 0;

    for (size_t row = 0; row < g->n_rows; row++) {
        size_t own = width_of(cell(g, row, col), format);

        width = own > width ? own : width;
    }
    return width;
}

/* Which columns stand beside each other: the keys, then from..to-1. */
struct part {
    const struct xr_grid *grid;
    size_t *width; /* [n_cols] */
    size_t from, to;
    enum xr_metrics_format format;
};

/* Call once for every column of the part, in order. */
static bool next_column(size_t *col, const struct part *p)
{
    if (*col == SIZE_MAX)
        *col = p->grid->n_keys ? 0 : p->from;
    else
        ++*col;
    if (*col >= p->grid->n_keys && *col < p->from)
        *col = p->from;
    return *col < p->to;
}

static int pad(struct xr_buf *buf, size_t n, char with, struct xr_err *err)
{
    while (n-- > 0)
        if (xr_buf_put(buf, &with, 1, err))
            return -1;
    return 0;
}

static int put_cell(struct xr_buf *buf, const struct part *p, size_t row, size_t col,
                    bool last, struct xr_err *err)
{
    const char *text = cell(p->grid, row, col);
    size_t gap = p->width[col] - width_of(text, p->format);
    bool left = p->grid->text[col];

    return (!left && pad(buf, gap, ' ', err)) ||
                   xr_grid_escape(buf, text, p->format, err) ||
                   (left && !last && pad(buf, gap, ' ', err))
               ? -1
               : 0;
}

static int put_row(struct xr_buf *buf, const struct part *p, size_t row,
                   const char *before, const char *between, const char *behind,
                   struct xr_err *err)
{
    bool aligned = p->format == XR_METRICS_TEXT;
    size_t col = SIZE_MAX, first = 1;

    if (xr_buf_text(buf, before, err))
        return -1;
    while (next_column(&col, p)) {
        if ((!first && xr_buf_text(buf, between, err)) ||
            put_cell(buf, p, row, col, aligned && col + 1 == p->to, err))
            return -1;
        first = 0;
    }
    return xr_buf_text(buf, behind, err);
}

/* --- the formats ----------------------------------------------------------------- */

static int write_text(struct xr_buf *buf, const struct part *p, struct xr_err *err)
{
    if (xr_grid_escape(buf, p->grid->title, p->format, err) ||
        xr_buf_text(buf, "\n", err))
        return -1;
    for (size_t row = 0; row < p->grid->n_rows; row++)
        if (put_row(buf, p, row, "  ", "  ", "\n", err))
            return -1;
    return xr_buf_text(buf, "\n", err);
}

static int write_markdown(struct xr_buf *buf, const struct part *p, struct xr_err *err)
{
    size_t col = SIZE_MAX;

    if (xr_buf_text(buf, "### ", err) ||
        xr_grid_escape(buf, p->grid->title, p->format, err) ||
        xr_buf_text(buf, "\n\n", err) || put_row(buf, p, 0, "| ", " | ", " |\n|", err))
        return -1;
    while (next_column(&col, p))
        if (xr_buf_text(buf, p->grid->text[col] ? " :--- |" : " ---: |", err))
            return -1;
    for (size_t row = 1; row < p->grid->n_rows; row++)
        if (put_row(buf, p, row, row == 1 ? "\n| " : "| ", " | ", " |\n", err))
            return -1;
    return xr_buf_text(buf, p->grid->n_rows > 1 ? "\n" : "\n\n", err);
}

static int write_latex(struct xr_buf *buf, const struct part *p, struct xr_err *err)
{
    static const char *const begin[] = {
        "\\begin{table}[htbp]\n\\centering\\footnotesize\n\\caption{",
        "{\\footnotesize\n\\begin{longtable}{"};
    static const char *const middle[] = {"}\n\\begin{tabular}{", "}\n\\caption{"};
    static const char *const head[] = {"}\n", "}\\\\\n"};
    static const char *const end[] = {"\\end{tabular}\n\\end{table}\n\n",
                                      "\\end{longtable}}\n\n"};
    bool longer = p->grid->n_rows > LATEX_ROWS + 1;

    /* the title comes before the columns, or behind them */
    for (int part = 0; part < 2; part++) {
        size_t col = SIZE_MAX;

        if (xr_buf_text(buf, part ? middle[longer] : begin[longer], err))
            return -1;
        if ((part == 1) == longer) {
            if (xr_grid_escape(buf, p->grid->title, p->format, err))
                return -1;
            continue;
        }
        while (next_column(&col, p))
            if (xr_buf_text(buf, p->grid->text[col] ? "l" : "r", err))
                return -1;
    }
    if (xr_buf_text(buf, head[longer], err) || xr_buf_text(buf, "\\toprule\n", err) ||
        put_row(buf, p, 0, "", " & ", " \\\\\n\\midrule\n", err) ||
        (longer && xr_buf_text(buf, "\\endhead\n", err)))
        return -1;
    for (size_t row = 1; row < p->grid->n_rows; row++)
        if (put_row(buf, p, row, "", " & ", " \\\\\n", err))
            return -1;
    return xr_buf_text(buf, "\\bottomrule\n", err) || xr_buf_text(buf, end[longer], err)
               ? -1
               : 0;
}

/* The width that columns are cut by: of LaTeX what is printed, not what is written. */
static size_t seen_width(const struct part *p, size_t col)
{
    return p->format == XR_METRICS_LATEX ? column_width(p->grid, col, XR_METRICS_TEXT) + 3
                                         : p->width[col] + 2;
}

static int write_parts(struct xr_buf *buf, struct part *p, size_t limit,
                       struct xr_err *err)
{
    size_t n_cols = p->grid->n_cols, keys = 0;
    int status = 0;

    for (size_t col = 0; col < p->grid->n_keys; col++)
        keys += seen_width(p, col);
    p->from = p->grid->n_keys;
    do {
        size_t used = keys;

        p->to = p->from;
        while (p->to < n_cols &&
               (p->to == p->from || used + seen_width(p, p->to) <= limit))
            used += seen_width(p, p->to++);
        if (p->to == p->from)
            p->to = n_cols;
        status = p->format == XR_METRICS_TEXT    ? write_text(buf, p, err)
                 : p->format == XR_METRICS_LATEX ? write_latex(buf, p, err)
                                                 : write_markdown(buf, p, err);
        p->from = p->to;
    } while (!status && p->from < n_cols);
    return status;
}

/* The same with the numbers of its rows as the only key. */
static int number_rows(struct xr_grid *numbered, const struct xr_grid *g,
                       struct xr_err *err)
{
    if (xr_grid_make(numbered, g->title, g->n_rows, g->n_cols + 1, err))
        return -1;
    numbered->n_keys = 1;
    for (size_t row = 0; row < g->n_rows; row++) {
        char number[32] = "row";

        if (row)
            snprintf(number, sizeof number, "%zu", row);
        if (xr_grid_put(numbered, row, 0, number, err))
            return -1;
        for (size_t col = 0; col < g->n_cols; col++) {
            numbered->text[col + 1] = g->text[col];
            if (xr_grid_put(numbered, row, col + 1, cell(g, row, col), err))
                return -1;
        }
    }
    return 0;
}

int xr_grid_write(struct xr_buf *buf, const struct xr_grid *g,
                  enum xr_metrics_format format, struct xr_err *err)
{
    size_t limit = format == XR_METRICS_TEXT    ? TEXT_WIDTH
                   : format == XR_METRICS_LATEX ? LATEX_WIDTH
                                                : SIZE_MAX / 2;
    struct part p = {.grid = g,
                     .width = xr_alloc_array(g->n_cols, sizeof *p.width, err),
                     .format = format};
    struct xr_grid numbered = {0};
    size_t keys = 0, all = 0;
    int status = p.width ? 0 : -1;

    for (size_t col = 0; col < g->n_cols && !status; col++) {
        p.width[col] = column_width(g, col, format);
        all += seen_width(&p, col);
        keys += col < g->n_keys ? seen_width(&p, col) : 0;
    }
    if (!status && all > limit && keys > limit / 2 && g->n_keys > 1) {
        status = number_rows(&numbered, g, err);
        if (!status)
            status = xr_grid_write(buf, &numbered, format, err);
    } else if (!status) {
        status = write_parts(buf, &p, limit, err);
    }
    xr_grid_free(&numbered);
    free(p.width);
    return status;
}
