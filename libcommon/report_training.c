/* Training in a report: the log's curves, its time, the settings. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "report_chart.h"
#include "report_parts.h"

/* One chart of a column of the log, a line for each value of split. */
static void log_chart(struct report_data *d, const char *column, const char *title,
                      double *x, double *y)
{
    const struct xr_table *t = &d->log;
    int col = xr_table_col(t, column), split = xr_table_col(t, "split"),
        epoch = xr_table_col(t, "epoch");
    struct xr_chart chart = {
        .title = title, .x_name = "epoch", .y_name = column, .whole_x = true};
    size_t at = 0;

    for (size_t i = 0; col >= 0 && epoch >= 0 && i < t->n_rows && chart.n_lines < 6;
         i++) {
        const char *name = split >= 0 ? xr_cell(t, i, (size_t)split) : column;
        struct xr_line *line = &chart.lines[chart.n_lines];
        size_t n = 0;
        bool seen = false;

        for (size_t l = 0; l < chart.n_lines; l++)
            seen |= !strcmp(chart.lines[l].name, name);
        if (seen)
            continue;
        for (size_t j = i; j < t->n_rows; j++) {
            if (split >= 0 && strcmp(xr_cell(t, j, (size_t)split), name))
                continue;
            x[at + n] = xr_report_cell(t, j, epoch);
            y[at + n] = xr_report_cell(t, j, col);
            n++;
        }
        *line = (struct xr_line){name, x + at, y + at, n, n <= 60};
        chart.n_lines++;
        at += n;
        if (split < 0 || !strcmp(column, "lr"))
            break; /* the rate is that of training */
    }
    /* a line without a single number is no line */
    for (size_t l = 0; l < chart.n_lines;) {
        struct xr_chart one = {.lines = {chart.lines[l]}, .n_lines = 1};

        if (xr_chart_any(&one)) {
            l++;
            continue;
        }
        chart.n_lines--;
        for (size_t k = l; k < chart.n_lines; k++)
            chart.lines[k] = chart.lines[k + 1];
    }
    xr_chart_write(&d->h, &chart);
}

static void log_curves(struct report_data *d)
{
    static const char *const columns[][2] = {{"loss", "Loss"},
                                             {"auc", "ROC AUC (macro)"},
                                             {"balanced_accuracy", "Balanced accuracy"},
                                             {"lr", "Learning rate"}};
    double *x = xr_alloc_array(d->log.n_rows, sizeof *x, d->err);
    double *y = xr_alloc_array(d->log.n_rows, sizeof *y, d->err);

    if (x && y) {
        xr_html_raw(&d->h, "<div class=\"charts\">\n");
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
            log_chart(d, columns[i][0], columns[i][1], x, y);
        xr_html_raw(&d->h, "</div>\n");
    } else {
        d->h.failed = 1;
    }
    free(x);
    free(y);
}

/* --- in words --------------------------------------------------------------------- */

struct report_log xr_report_log(const struct report_data *d)
{
    const struct xr_table *t = &d->log;
    int split = xr_table_col(t, "split"), epoch = xr_table_col(t, "epoch"),
        auc = xr_table_col(t, "auc"), seconds = xr_table_col(t, "seconds"),
        rate = xr_table_col(t, "images_per_second");
    struct report_log log = {NAN, NAN, NAN, NAN, NAN};
    double sum_rate = 0;
    size_t n_rate = 0;

    for (size_t i = 0; i < t->n_rows; i++) {
        bool train = split < 0 || !strcmp(xr_cell(t, i, (size_t)split), "train");
        double e = xr_report_cell(t, i, epoch), s = xr_report_cell(t, i, seconds),
               a = xr_report_cell(t, i, auc), r = xr_report_cell(t, i, rate);

        if (isfinite(e))
            log.epochs = isfinite(log.epochs) ? fmax(log.epochs, e) : e;
        if (isfinite(s))
            log.seconds = isfinite(log.seconds) ? log.seconds + s : s;
        if (train && isfinite(r)) {
            sum_rate += r;
            n_rate++;
        }
        if (!train && isfinite(a) && !(a <= log.best)) {
            log.best = a;
            log.best_epoch = e;
        }
    }
    if (n_rate)
        log.rate = sum_rate / (double)n_rate;
    return log;
}

void xr_report_log_words(struct report_data *d)
{
    struct report_log log = xr_report_log(d);
    struct xr_doc *doc = &d->doc;

    xr_doc_textf(doc, "%.0f epochs", log.epochs);
    if (isfinite(log.best))
        xr_doc_textf(doc, "; the best validation AUC, %.3f, at epoch %.0f", log.best,
                     log.best_epoch);
    if (isfinite(log.seconds))
        xr_doc_textf(doc, "; %.2g hours (%.0f s) in all", log.seconds / 3600,
                     log.seconds);
    if (isfinite(log.rate))
        xr_doc_textf(doc, ", %.1f images a second in training", log.rate);
    xr_doc_text(doc, ".");
}

/* --- settings --------------------------------------------------------------------- */

static void setting(struct xr_buf *text, const cJSON *x, struct report_data *d)
{
    char number[XR_JSON_DIGITS];
    const cJSON *y;
    int n = 0;

    if (cJSON_IsNumber(x)) {
        xr_json_digits(number, x->valuedouble);
        d->h.failed |= xr_buf_text(text, number, d->err) != 0;
    } else if (cJSON_IsString(x)) {
        d->h.failed |= xr_buf_text(text, x->valuestring, d->err) != 0;
    } else if (cJSON_IsBool(x)) {
        d->h.failed |= xr_buf_text(text, cJSON_IsTrue(x) ? "true" : "false", d->err) != 0;
    }
    cJSON_ArrayForEach(y, x)
    {
        if (n++)
            d->h.failed |= xr_buf_text(text, " ", d->err) != 0;
        if (cJSON_IsNumber(y))
            d->h.failed |= xr_buf_printf(text, d->err, "%.6g", y->valuedouble) != 0;
        else if (cJSON_IsString(y))
            d->h.failed |= xr_buf_text(text, y->valuestring, d->err) != 0;
    }
}

void xr_report_settings(struct report_data *d)
{
    static const char *const names[] = {"setting", "value"};
    const cJSON *x;

    if (!cJSON_IsObject(d->training) || !d->training->child)
        return;
    xr_doc_table(&d->doc, NULL, names, 2);
    cJSON_ArrayForEach(x, d->training)
    {
        struct xr_buf text = {0};

        setting(&text, x, d);
        xr_doc_row(&d->doc);
        xr_doc_cell_text(&d->doc, false, x->string);
        xr_doc_cell(&d->doc, false);
        xr_doc_code(&d->doc, text.data ? text.data : "");
        xr_doc_cell_end(&d->doc, false);
        xr_doc_row_end(&d->doc);
        xr_buf_free(&text);
    }
    xr_doc_table_end(&d->doc);
}

/* --- the section ------------------------------------------------------------------ */

bool xr_report_has_training(const struct report_data *d)
{
    return d->log.n_cols || xr_report_has_plot(d, "curves") ||
           cJSON_IsObject(d->training);
}

void xr_report_training(struct report_data *d)
{
    struct xr_html *h = &d->h;

    if (!xr_report_has_training(d))
        return;
    xr_html_raw(h, "<section id=\"training\">\n<h2>Training</h2>\n");
    if (isfinite(xr_report_log(d).epochs)) {
        xr_doc_para(&d->doc);
        xr_report_log_words(d);
        xr_doc_para_end(&d->doc);
    }
    if (xr_report_has_plot(d, "curves")) {
        xr_html_raw(h, "<div class=\"charts\">\n");
        xr_report_plots(d, "curves");
        xr_html_raw(h, "</div>\n");
    } else if (d->log.n_cols) {
        log_curves(d);
    }
    if (cJSON_IsObject(d->training) && d->training->child) {
        xr_html_raw(h, "<h3>Settings</h3>\n");
        xr_report_settings(d);
    }
    xr_html_raw(h, "</section>\n");
}
