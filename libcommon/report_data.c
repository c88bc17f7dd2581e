/* The split in a report: films by part, who is in them, and what proves it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "report_parts.h"

double xr_report_cell(const struct xr_table *t, size_t row, int col)
{
    const char *text = col >= 0 ? xr_cell(t, row, (size_t)col) : "";
    char *end;
    double v = strtod(text, &end);

    return end == text || *end ? NAN : v;
}

void xr_report_digest(struct xr_doc *doc, const char *digest)
{
    if (doc->markdown) {
        xr_doc_code(doc, digest);
        return;
    }
    xr_html_element(doc->h, "span class=\"digest\"", digest);
}

/* --- films by part ---------------------------------------------------------------- */

void xr_report_parts_table(struct report_data *d)
{
    const struct xr_table *t = &d->parts;
    struct xr_doc *doc = &d->doc;
    char **names;

    if (!t->n_cols)
        return;
    names = xr_alloc_array(t->n_cols, sizeof *names, d->err);
    for (size_t c = 0; c < t->n_cols && names; c++) {
        const char *name = t->names[c];

        names[c] = xr_sprintf(d->err, "%s%s", c ? ">" : "",
                              !strncmp(name, "n_", 2) ? name + 2
                              : !strcmp(name, "rows") ? "films"
                                                      : name);
        d->h.failed |= !names[c];
    }
    if (names && !d->h.failed) {
        xr_doc_table(doc, "Films of each class by part; shares are of the part.",
                     (const char *const *)names, t->n_cols);
        for (size_t r = 0; r < t->n_rows; r++) {
            double rows = xr_report_cell(t, r, 1);

            xr_doc_row(doc);
            for (size_t c = 0; c < t->n_cols; c++) {
                xr_doc_cell(doc, c > 0);
                xr_doc_text(doc, xr_cell(t, r, c));
                if (!strncmp(t->names[c], "n_", 2) && rows > 0)
                    xr_doc_textf(doc, " (%.1f %%)",
                                 100 * xr_report_cell(t, r, (int)c) / rows);
                xr_doc_cell_end(doc, c > 0);
            }
            xr_doc_row_end(doc);
        }
        xr_doc_table_end(doc);
    }
    for (size_t c = 0; c < t->n_cols && names; c++)
        free(names[c]);
    d->h.failed |= !names;
    free(names);
}

/* part,rows,... of the row with that name; NULL where there is none */
static const char *rows_of(const struct report_data *d, const char *part)
{
    for (size_t i = 0; i < d->parts.n_rows; i++) {
        if (!strcmp(xr_cell(&d->parts, i, 0), part))
            return xr_cell(&d->parts, i, 1);
    }
    return NULL;
}

void xr_report_split_words(struct report_data *d)
{
    static const char *const parts[][2] = {
        {"train", "to train"}, {"val", "to choose"}, {"test", "to test"}};
    struct xr_doc *doc = &d->doc;
    int groups = xr_table_col(&d->parts, "groups"), n = 0;

    xr_doc_textf(doc, "%s films", rows_of(d, "all") ? rows_of(d, "all") : "0");
    if (groups >= 0 && d->parts.n_rows)
        xr_doc_textf(doc, " of %s groups (patients)",
                     xr_cell(&d->parts, d->parts.n_rows - 1, (size_t)groups));
    for (size_t i = 0; i < 3; i++) {
        if (rows_of(d, parts[i][0]))
            xr_doc_textf(doc, "%s%s %s", n++ ? ", " : ": ", rows_of(d, parts[i][0]),
                         parts[i][1]);
    }
    xr_doc_text(doc,
                ". Proved while this was made: every film is in exactly one part, no key "
                "comes twice");
    xr_doc_text(doc, d->grouped
                         ? ", and no group (patient) is in two parts."
                         : ". The table has no groups: films of one patient may lie in "
                           "two parts, which makes results look better than they are.");
}

void xr_report_certificate_words(struct report_data *d)
{
    const cJSON *rule = cJSON_GetObjectItemCaseSensitive(d->certificate.json, "rule");
    struct xr_doc *doc = &d->doc;
    struct xr_buf text = {0};

    xr_doc_textf(doc, "Certificate %s (", xr_last_part(d->certificate.name));
    xr_report_digest(doc, d->certificate.digest);
    xr_doc_text(doc, "), verified while this was made: ");
    if (d->in->split)
        xr_doc_text(doc,
                    "keys, labels, groups and parts of the split are the certificate's");
    if (d->in->predictions)
        xr_doc_textf(doc, "%sthe predictions are of whole parts of it",
                     d->in->split ? ", and " : "");
    xr_doc_text(doc, xr_certificate_grouped(&d->certificate)
                         ? "; groups were kept whole."
                         : "; it was made without groups.");
    if (rule && xr_json_line(&text, rule, d->err)) {
        d->h.failed = 1;
    } else if (rule) {
        xr_doc_text(doc, " Its rule: ");
        xr_doc_code(doc, text.data);
        xr_doc_text(doc, ".");
    }
    xr_buf_free(&text);
}

/* --- tables of xr-split ----------------------------------------------------------- */

static bool is(const struct xr_table *t, size_t row, int col, const char *text)
{
    return row < t->n_rows && !strcmp(xr_cell(t, row, (size_t)col), text);
}

/* Rows that go into one: count and share, mean and deviation, median and quartiles. */
static size_t joined(const char **name, const char *marks[3][2], const struct xr_table *t,
                     size_t row, int stat)
{
    static const char *const forms[][4] = {
        {"n", "share", NULL, "films"},
        {"mean", "sd", NULL, "mean (deviation)"},
        {"median", "q1", "q3", "median (quartiles)"},
    };

    for (size_t f = 0; f < 3; f++) {
        if (!is(t, row, stat, forms[f][0]) || !is(t, row + 1, stat, forms[f][1]) ||
            (forms[f][2] && !is(t, row + 2, stat, forms[f][2])))
            continue;
        *name = forms[f][3];
        marks[1][0] = " (";
        marks[1][1] = f == 0 ? " %)" : f == 1 ? ")" : "";
        marks[2][0] = " to ";
        marks[2][1] = ")";
        return forms[f][2] ? 3 : 2;
    }
    *name = xr_cell(t, row, (size_t)stat);
    return 1;
}

static void demographics_cell(struct xr_doc *doc, const struct xr_table *t, size_t row,
                              size_t n, int col, const char *marks[3][2])
{
    xr_doc_cell(doc, true);
    for (size_t i = 0; i < n; i++) {
        double v = xr_report_cell(t, row + i, col);

        if (!isfinite(v))
            break;
        xr_doc_textf(doc, "%s%.*f%s", i ? marks[i][0] : "", v == rint(v) ? 0 : 1,
                     !strcmp(i ? marks[i][1] : "", " %)") ? 100 * v : v,
                     i ? marks[i][1] : "");
    }
    xr_doc_cell_end(doc, true);
}

void xr_report_demographics(struct report_data *d)
{
    const struct xr_table *t = &d->demographics;
    int column = xr_table_col(t, "column"), level = xr_table_col(t, "level"),
        stat = xr_table_col(t, "statistic");
    const char *names[64], *marks[3][2] = {{"", ""}, {"", ""}, {"", ""}};
    char heads[64][80];
    int cols[64];
    size_t n = 0, rows;

    if (column < 0 || level < 0 || stat < 0 || !t->n_rows)
        return;
    names[n++] = "";
    for (size_t c = 0; c < t->n_cols && n < 64; c++) {
        if ((int)c == column || (int)c == level || (int)c == stat ||
            !strncmp(t->names[c], "difference", 10))
            continue;
        snprintf(heads[n], sizeof heads[n], ">%.70s", t->names[c]);
        names[n] = heads[n];
        cols[n++] = (int)c;
    }
    xr_doc_table(&d->doc, "Who is in which part; shares are of the part.", names, n);
    for (size_t row = 0; row < t->n_rows; row += rows) {
        const char *what;

        rows = joined(&what, marks, t, row, stat);
        if (!strcmp(what, "missing") && !(xr_report_cell(t, row, cols[1]) > 0))
            continue;
        xr_doc_row(&d->doc);
        xr_doc_cell(&d->doc, false);
        xr_doc_text(&d->doc, xr_cell(t, row, (size_t)column));
        if (*xr_cell(t, row, (size_t)level))
            xr_doc_textf(&d->doc, " %s", xr_cell(t, row, (size_t)level));
        if (strcmp(what, "films"))
            xr_doc_textf(&d->doc, ", %s", what);
        xr_doc_cell_end(&d->doc, false);
        for (size_t c = 1; c < n; c++)
            demographics_cell(&d->doc, t, row, rows, cols[c], marks);
        xr_doc_row_end(&d->doc);
    }
    xr_doc_table_end(&d->doc);
}

void xr_report_flow(struct report_data *d)
{
    static const char *const names[] = {"films", ">n"};
    const struct xr_table *t = &d->flow;
    int step = xr_table_col(t, "step"), reason = xr_table_col(t, "reason"),
        rows = xr_table_col(t, "rows");

    if (step < 0 || reason < 0 || rows < 0)
        return;
    xr_doc_table(&d->doc, "What became of the films", names, 2);
    for (size_t i = 0; i < t->n_rows; i++) {
        xr_doc_row(&d->doc);
        xr_doc_cell(&d->doc, false);
        xr_doc_text(&d->doc, xr_cell(t, i, (size_t)step));
        if (*xr_cell(t, i, (size_t)reason))
            xr_doc_textf(&d->doc, ": %s", xr_cell(t, i, (size_t)reason));
        xr_doc_cell_end(&d->doc, false);
        xr_doc_cell_text(&d->doc, true, xr_cell(t, i, (size_t)rows));
        xr_doc_row_end(&d->doc);
    }
    xr_doc_table_end(&d->doc);
}

/* --- the section ------------------------------------------------------------------ */

static void para(struct report_data *d, void (*words)(struct report_data *))
{
    xr_doc_para(&d->doc);
    words(d);
    xr_doc_para_end(&d->doc);
}

void xr_report_data(struct report_data *d)
{
    struct xr_html *h = &d->h;

    if (!d->parts.n_cols && !xr_report_has_plot(d, "classes") &&
        !d->demographics.n_cols && !d->flow.n_cols && !d->certificate.json)
        return;
    xr_html_raw(h, "<section id=\"data\">\n<h2>Data and split</h2>\n");
    if (d->parts.n_cols) {
        xr_report_parts_table(d);
        para(d, xr_report_split_words);
    }
    if (d->certificate.json)
        para(d, xr_report_certificate_words);
    if (d->in->rule) {
        xr_html_raw(h, "<p>Made by ");
        xr_html_element(h, "code", d->in->rule);
        xr_html_raw(h, "</p>\n");
    }
    if (xr_report_has_plot(d, "classes")) {
        xr_html_raw(h, "<div class=\"charts\">\n");
        xr_report_plots(d, "classes");
        xr_html_raw(h, "</div>\n");
    }
    if (d->flow.n_cols) {
        xr_html_raw(h, "<h3>Flow of films</h3>\n");
        xr_report_flow(d);
    }
    if (d->demographics.n_rows) {
        xr_html_raw(h, "<h3>Demographics</h3>\n");
        xr_html_raw(h, d->demographics.n_rows > 30 ? "<details><summary>"
                                                   : "<details open><summary>");
        xr_html_raw(h, "Who is in which part</summary>\n");
        xr_report_demographics(d);
        xr_html_raw(h, "</details>\n");
    }
    xr_html_raw(h, "</section>\n");
}
