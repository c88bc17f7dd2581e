/* A report: read everything, then write the page, section by section. */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "report_chart.h"
#include "report_parts.h"
#include "split.h"

#define MAX_PLOT ((size_t)64 << 20)

/* --- reading
 * ----------------------------------------------------------------------------- */

static int add_file(struct report_data *d, const char *role, const char *path,
                    const char *digest, struct xr_err *err)
{
    struct report_file *f = &d->files[d->n_files];

    if (d->n_files == MAX_FILES)
        return xr_fail(err, "more than %d files", MAX_FILES);
    f->role = role;
    f->name = xr_last_part(xr_input_name(path));
    snprintf(f->digest, sizeof f->digest, "%s", digest);
    d->n_files++;
    return 0;
}

static int read_table(struct report_data *d, struct xr_table *t, const char *role,
                      const char *path, struct xr_err *err)
{
    if (!path)
        return 0;
    return xr_table_read(t, path, err) || add_file(d, role, path, t->digest, err) ? -1
                                                                                  : 0;
}

/* The split, and its proof: classes by part. */
static int read_split(struct report_data *d, struct xr_err *err)
{
    struct xr_buf summary = {0};

    if (!d->in->split)
        return 0;
    if (read_table(d, &d->split, "split", d->in->split, err) ||
        xr_split_check(&summary, &d->grouped, &d->split, NULL, false, err)) {
        xr_buf_free(&summary);
        return -1;
    }
    return xr_table_parse(&d->parts, &summary, "classes by part", err);
}

static int read_predictions(struct report_data *d, struct xr_err *err)
{
    struct xr_predictions_options options = {.keep_unlabelled = true};

    if (!d->in->predictions)
        return 0;
    return xr_predictions_read(&d->pred, d->in->predictions, &options, err) ||
                   add_file(d, "predictions", d->in->predictions, d->pred.table.digest,
                            err)
               ? -1
               : 0;
}

static int read_metrics(struct report_data *d, struct xr_err *err)
{
    char digest[XR_SHA256_TEXT];

    if (!d->in->metrics)
        return 0;
    d->metrics = xr_json_read(d->in->metrics, digest, err);
    if (!d->metrics)
        return -1;
    if (!cJSON_IsObject(d->metrics))
        return xr_fail(err, "%s: not the JSON of xr-metrics: no object", d->in->metrics);
    return add_file(d, "metrics", d->in->metrics, digest, err);
}

static int read_model(struct report_data *d, struct xr_err *err)
{
    if (!d->in->model)
        return 0;
    if (xr_model_open(&d->model, d->in->model, err))
        return -1;
    if (xr_model_digest(&d->model, err))
        return -1;
    for (size_t i = 0; i < d->model.n_tensors; i++) {
        const char *name = d->model.tensors[i].name, *dot = strrchr(name, '.');

        dot = dot ? dot + 1 : name; /* running statistics are no parameters */
        if (!strcmp(dot, "weight") || !strcmp(dot, "bias"))
            d->n_params += xr_array_count(&d->model.tensors[i].array);
    }
    d->classes = xr_model_json(&d->model, "classes");
    d->preprocessing = xr_model_json(&d->model, "preprocessing");
    d->training = xr_model_json(&d->model, "training");
    d->model_history = xr_model_json(&d->model, "history");
    return add_file(d, "model", d->in->model, d->model.digest, err);
}

/* SVG and PNG by content: an <img> runs no script of an SVG and asks for nothing. */
static int read_plot(struct report_data *d, const char *path, struct xr_err *err)
{
    struct report_plot *p = &d->plots[d->n_plots];
    char digest[XR_SHA256_TEXT];

    if (xr_read_file(&p->data, path, MAX_PLOT, digest, err))
        return -1;
    d->n_plots++;
    p->name = xr_last_part(xr_input_name(path));
    if (p->data.size > 8 && !memcmp(p->data.data, "\x89PNG\r\n\x1a\n", 8)) {
        p->type = "image/png";
    } else {
        char *svg = strstr(p->data.data, "<svg");

        if (!svg || svg - p->data.data > 4096)
            return xr_fail(err, "%s: neither SVG nor PNG", path);
        p->type = "image/svg+xml";
    }
    return add_file(d, "plot", path, digest, err);
}

static int read_all(struct report_data *d, struct xr_err *err)
{
    const struct xr_report *in = d->in;

    d->plots = xr_alloc_array(in->n_plots, sizeof *d->plots, err);
    if (!d->plots || read_split(d, err) || read_table(d, &d->log, "log", in->log, err) ||
        read_model(d, err) || read_predictions(d, err) || read_metrics(d, err) ||
        read_table(d, &d->scores, "map scores", in->cam_scores, err))
        return -1;
    if (in->cam) {
        if (d->n_files == MAX_FILES)
            return xr_fail(err, "more than %d files", MAX_FILES);
        if (xr_report_read_cam(d, err))
            return -1;
    }
    for (size_t i = 0; i < in->n_plots; i++) {
        if (read_plot(d, in->plots[i], err))
            return -1;
    }
    return 0;
}

static void free_all(struct report_data *d)
{
    xr_table_free(&d->split);
    xr_table_free(&d->parts);
    xr_table_free(&d->log);
    xr_table_free(&d->scores);
    xr_predictions_free(&d->pred);
    cJSON_Delete(d->metrics);
    cJSON_Delete(d->classes);
    cJSON_Delete(d->preprocessing);
    cJSON_Delete(d->training);
    cJSON_Delete(d->model_history);
    cJSON_Delete(d->cam_history);
    if (d->model.path)
        xr_model_close(&d->model);
    for (size_t i = 0; i < d->n_plots; i++)
        xr_buf_free(&d->plots[i].data);
    free(d->plots);
    xr_report_free_films(d);
}

/* --- plots
 * ----------------------------------------------------------------------------------- */

static bool of_kind(const struct report_plot *p, const char *kind)
{
    size_t n = strlen(kind);

    if (p->shown || strncmp(p->name, kind, n))
        return false;
    return !n || !strchr("abcdefghijklmnopqrstuvwxyz", p->name[n]) || !p->name[n];
}

bool xr_report_has_plot(const struct report_data *d, const char *kind)
{
    for (size_t i = 0; i < d->n_plots; i++) {
        struct report_plot any = d->plots[i];

        any.shown = *kind ? false : any.shown;
        if (of_kind(&any, kind))
            return true;
    }
    return false;
}

void xr_report_plots(struct report_data *d, const char *kind)
{
    struct xr_html *h = &d->h;

    for (size_t i = 0; i < d->n_plots; i++) {
        struct report_plot *p = &d->plots[i];

        if (!of_kind(p, kind))
            continue;
        p->shown = true;
        xr_html_raw(h, "<figure class=\"plot\"><img alt=\"plot ");
        xr_html_text(h, p->name);
        xr_html_raw(h, "\" src=\"");
        xr_html_data(h, p->type, p->data.data, p->data.size);
        xr_html_raw(h, "\"><figcaption>");
        xr_html_text(h, p->name);
        xr_html_raw(h, "</figcaption></figure>\n");
    }
}

/* --- data
 * ---------------------------------------------------------------------------------------
 */

static void class_table(struct report_data *d)
{
    const struct xr_table *t = &d->parts;
    struct xr_html *h = &d->h;

    xr_html_raw(
        h, "<div class=\"scroll\"><table>\n<caption>Films of each class by part; shares "
           "are of the part.</caption>\n<thead><tr>");
    for (size_t c = 0; c < t->n_cols; c++) {
        const char *name = t->names[c];

        xr_html_element(h, c ? "th scope=\"col\" class=\"n\"" : "th scope=\"col\"",
                        !strncmp(name, "n_", 2) ? name + 2
                        : !strcmp(name, "rows") ? "films"
                                                : name);
    }
    xr_html_raw(h, "</tr></thead>\n<tbody>\n");
    for (size_t r = 0; r < t->n_rows; r++) {
        double rows = strtod(xr_cell(t, r, 1), NULL);

        xr_html_raw(h, r + 1 == t->n_rows ? "<tr class=\"sum\">" : "<tr>");
        for (size_t c = 0; c < t->n_cols; c++) {
            const char *cell = xr_cell(t, r, c);

            if (c == 0) {
                xr_html_element(h, "th scope=\"row\"", cell);
                continue;
            }
            xr_html_raw(h, "<td class=\"n\">");
            xr_html_text(h, cell);
            if (!strncmp(t->names[c], "n_", 2) && rows > 0)
                xr_html_rawf(h, " <span class=\"share\">%.1f&#160;%%</span>",
                             100 * strtod(cell, NULL) / rows);
            xr_html_raw(h, "</td>");
        }
        xr_html_raw(h, "</tr>\n");
    }
    xr_html_raw(h, "</tbody></table></div>\n");
}

static void data_section(struct report_data *d)
{
    struct xr_html *h = &d->h;

    if (!d->parts.n_cols && !xr_report_has_plot(d, "classes"))
        return;
    xr_html_raw(h, "<section id=\"data\">\n<h2>Data and split</h2>\n");
    if (d->parts.n_cols) {
        class_table(d);
        xr_html_raw(
            h,
            "<p>Proved while this page was made: every film is in exactly one part, no "
            "key comes twice");
        xr_html_raw(h, d->grouped ? ", and no group (patient) is in two parts.</p>\n"
                                  : ".</p>\n");
        if (!d->grouped)
            xr_html_raw(
                h, "<p class=\"note\">The table has no groups: films of one patient may "
                   "lie in two parts, which makes results look better than they "
                   "are.</p>\n");
        if (d->in->rule) {
            xr_html_raw(h, "<p>Made by ");
            xr_html_element(h, "code", d->in->rule);
            xr_html_raw(h, "</p>\n");
        }
    }
    if (xr_report_has_plot(d, "classes")) {
        xr_html_raw(h, "<div class=\"charts\">\n");
        xr_report_plots(d, "classes");
        xr_html_raw(h, "</div>\n");
    }
    xr_html_raw(h, "</section>\n");
}

/* --- training
 * -------------------------------------------------------------------------------------
 */

static double number(const struct xr_table *t, size_t row, int col)
{
    const char *text = col >= 0 ? xr_cell(t, row, (size_t)col) : "";
    char *end;
    double v = strtod(text, &end);

    return end == text || *end ? NAN : v;
}

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
            x[at + n] = number(t, j, epoch);
            y[at + n] = number(t, j, col);
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

/* Epochs, the best one, time and rate: in words. */
static void log_words(struct report_data *d)
{
    const struct xr_table *t = &d->log;
    int split = xr_table_col(t, "split"), epoch = xr_table_col(t, "epoch"),
        auc = xr_table_col(t, "auc"), seconds = xr_table_col(t, "seconds"),
        rate = xr_table_col(t, "images_per_second");
    double last = NAN, best = NAN, best_epoch = NAN, time = 0, sum_rate = 0;
    size_t n_rate = 0;

    for (size_t i = 0; i < t->n_rows; i++) {
        bool train = split < 0 || !strcmp(xr_cell(t, i, (size_t)split), "train");

        if (isfinite(number(t, i, epoch)))
            last = fmax(isfinite(last) ? last : 0, number(t, i, epoch));
        if (isfinite(number(t, i, seconds)))
            time += number(t, i, seconds);
        if (train && isfinite(number(t, i, rate))) {
            sum_rate += number(t, i, rate);
            n_rate++;
        }
        if (!train && isfinite(number(t, i, auc)) && !(number(t, i, auc) <= best)) {
            best = number(t, i, auc);
            best_epoch = number(t, i, epoch);
        }
    }
    if (!isfinite(last))
        return;
    xr_html_rawf(&d->h, "<p>%.0f epochs", last);
    if (isfinite(best))
        xr_html_rawf(&d->h, "; the best validation AUC, %.3f, at epoch %.0f", best,
                     best_epoch);
    if (time > 0)
        xr_html_rawf(&d->h, "; %.0f s in all", time);
    if (n_rate)
        xr_html_rawf(&d->h, ", %.1f images a second in training",
                     sum_rate / (double)n_rate);
    xr_html_raw(&d->h, ".</p>\n");
}

static void settings_table(struct report_data *d)
{
    struct xr_html *h = &d->h;
    const cJSON *x, *y;

    if (!cJSON_IsObject(d->training) || !d->training->child)
        return;
    xr_html_raw(h, "<h3>Settings</h3>\n<div class=\"scroll\"><table>\n<tbody>\n");
    cJSON_ArrayForEach(x, d->training)
    {
        int n = 0;

        xr_html_raw(h, "<tr>");
        xr_html_element(h, "th scope=\"row\"", x->string);
        xr_html_raw(h, "<td><code>");
        if (cJSON_IsString(x))
            xr_html_text(h, x->valuestring);
        else if (cJSON_IsNumber(x))
            xr_html_rawf(h, "%.10g", x->valuedouble);
        else if (cJSON_IsBool(x))
            xr_html_raw(h, cJSON_IsTrue(x) ? "true" : "false");
        cJSON_ArrayForEach(y, x)
        {
            xr_html_raw(h, n++ ? " " : "");
            if (cJSON_IsNumber(y))
                xr_html_rawf(h, "%.6g", y->valuedouble);
            else
                xr_html_text(h, cJSON_GetStringValue(y));
        }
        xr_html_raw(h, "</code></td></tr>\n");
    }
    xr_html_raw(h, "</tbody></table></div>\n");
}

static bool has_training(const struct report_data *d)
{
    return d->log.n_cols || xr_report_has_plot(d, "curves") ||
           cJSON_IsObject(d->training);
}

static void training_section(struct report_data *d)
{
    struct xr_html *h = &d->h;

    if (!has_training(d))
        return;
    xr_html_raw(h, "<section id=\"training\">\n<h2>Training</h2>\n");
    if (d->log.n_cols)
        log_words(d);
    if (xr_report_has_plot(d, "curves")) {
        xr_html_raw(h, "<div class=\"charts\">\n");
        xr_report_plots(d, "curves");
        xr_html_raw(h, "</div>\n");
    } else if (d->log.n_cols) {
        log_curves(d);
    }
    settings_table(d);
    xr_html_raw(h, "</section>\n");
}

/* --- the page
 * ----------------------------------------------------------------------------------- */

static void figures_section(struct report_data *d)
{
    struct xr_html *h = &d->h;

    if (!xr_report_has_plot(d, ""))
        return;
    xr_html_raw(h,
                "<section id=\"figures\">\n<h2>Figures</h2>\n<div class=\"charts\">\n");
    xr_report_plots(d, "");
    xr_html_raw(h, "</div>\n</section>\n");
}

static bool has_results(const struct report_data *d)
{
    return d->metrics || d->pred.n || xr_report_has_plot(d, "roc") ||
           xr_report_has_plot(d, "pr") || xr_report_has_plot(d, "confusion");
}

static void head(struct report_data *d)
{
    const char *title = d->in->title ? d->in->title : "Experiment";
    struct xr_html *h = &d->h;

    xr_html_raw(
        h, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
           "img-src data:; style-src 'unsafe-inline'\">\n"
           "<meta name=\"generator\" content=\"xr-report " XR_VERSION "\">\n");
    xr_html_element(h, "title", title);
    xr_html_raw(h, "\n<style>\n");
    xr_html_raw(h, xr_report_style);
    xr_html_raw(h, "</style>\n</head>\n<body>\n<header>\n");
    xr_html_element(h, "h1", title);
    xr_html_raw(h, "\n<p class=\"sub\">");
    if (d->model.path) {
        xr_html_text(h, xr_json_text(d->model.meta, "architecture", "model"));
        xr_html_raw(h, " &#183; ");
    }
    xr_html_raw(h, "for research only, not a diagnosis</p>\n</header>\n<nav>");
    if (d->parts.n_cols || xr_report_has_plot(d, "classes"))
        xr_html_raw(h, "<a href=\"#data\">Data and split</a>");
    if (has_training(d))
        xr_html_raw(h, "<a href=\"#training\">Training</a>");
    if (has_results(d))
        xr_html_raw(h, "<a href=\"#results\">Results</a>");
    if (d->in->cam || d->scores.n_cols)
        xr_html_raw(h, "<a href=\"#maps\">Heat maps</a>");
    xr_html_raw(h, "<a href=\"#card\">Model card</a><a "
                   "href=\"#lineage\">Lineage</a></nav>\n<main>\n");
}

static int write_page(struct report_data *d)
{
    head(d);
    xr_report_headline(d);
    data_section(d);
    training_section(d);
    xr_report_results(d);
    xr_report_films(d);
    figures_section(d);
    xr_report_card(d);
    xr_report_lineage(d);
    xr_html_raw(&d->h,
                "</main>\n<footer>Made by xr-report " XR_VERSION
                ", xr-tools. One file: nothing is loaded from elsewhere.</footer>\n"
                "</body>\n</html>\n");
    return d->h.failed ? -1 : 0;
}

int xr_report_write(struct xr_out *out, const struct xr_report *report,
                    struct xr_err *err)
{
    struct report_data *d = xr_alloc_array(1, sizeof *d, err);
    int status = -1;

    if (!d)
        return -1;
    d->in = report;
    d->err = err;
    d->h = (struct xr_html){out, err, 0};
    if (read_all(d, err) == 0)
        status = write_page(d);
    free_all(d);
    free(d);
    return status;
}
