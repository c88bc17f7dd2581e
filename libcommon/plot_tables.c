/* The scripts of the plots that show tables: learning curves, class balance. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "plot_kinds.h"

#define MAX_CLASSES 40
#define MAX_SPLITS 8
#define MAX_EPOCHS 1000000

/* --- learning curves -------------------------------------------------------------- */

/* One column of the log in one split, by epoch; NaN where there is no row. */
struct series {
    double *value; /* [n_epochs] */
    bool any;
    size_t best; /* epoch of the largest value */
};

enum {
    LOSS,
    AUC,
    BALANCED,
    ACCURACY,
    N_COLUMNS
};
static const char *const column_names[N_COLUMNS] = {"loss", "auc", "balanced_accuracy",
                                                    "accuracy"};
static const char *const column_titles[N_COLUMNS] = {"loss", "AUC", "balanced accuracy",
                                                     "accuracy"};
enum {
    TRAIN,
    VAL,
    N_SPLITS
};
static const char *const split_names[N_SPLITS] = {"train", "val"};

struct log {
    size_t n_epochs;
    struct series series[N_COLUMNS][N_SPLITS];
};

static void log_free(struct log *log)
{
    for (int c = 0; c < N_COLUMNS; c++)
        for (int s = 0; s < N_SPLITS; s++)
            free(log->series[c][s].value);
}

static int read_epoch(int64_t *epoch, const struct xr_table *t, size_t row, int column,
                      struct xr_err *err)
{
    struct xr_err why;

    if (xr_parse_int(epoch, xr_cell(t, row, (size_t)column), 0, MAX_EPOCHS, &why))
        return xr_fail(err, "%s:%u: column 'epoch': %s", t->name, t->lines[row],
                       why.text);
    return 0;
}

static int read_log(struct log *log, const struct xr_table *t, struct xr_err *err)
{
    int epoch_col, split_col, cols[N_COLUMNS];
    int64_t epoch;

    if (xr_table_need(&epoch_col, t, "epoch", err) ||
        xr_table_need(&split_col, t, "split", err))
        return -1;
    for (size_t row = 0; row < t->n_rows; row++) {
        if (read_epoch(&epoch, t, row, epoch_col, err))
            return -1;
        if ((size_t)epoch >= log->n_epochs)
            log->n_epochs = (size_t)epoch + 1;
    }
    for (int c = 0; c < N_COLUMNS; c++) {
        cols[c] = xr_table_col(t, column_names[c]);
        for (int s = 0; s < N_SPLITS; s++) {
            double *value = xr_alloc_array(log->n_epochs, sizeof *value, err);

            if (!value)
                return -1;
            for (size_t e = 0; e < log->n_epochs; e++)
                value[e] = NAN;
            log->series[c][s].value = value;
        }
    }
    for (size_t row = 0; row < t->n_rows; row++) {
        const char *name = xr_cell(t, row, (size_t)split_col);
        int s = !strcmp(name, "train") ? TRAIN : !strcmp(name, "val") ? VAL : N_SPLITS;

        if (s == N_SPLITS || read_epoch(&epoch, t, row, epoch_col, err))
            continue;
        for (int c = 0; c < N_COLUMNS; c++) {
            const char *text = cols[c] < 0 ? "" : xr_cell(t, row, (size_t)cols[c]);
            struct series *series = &log->series[c][s];
            struct xr_err why;

            /* what was undefined in that epoch leaves a gap */
            if (!*text || !strcmp(text, "nan") || !strcmp(text, "-nan"))
                continue;
            if (xr_parse_real(&series->value[epoch], text, -1e300, 1e300, &why))
                return xr_fail(err, "%s:%u: column '%s': %s", t->name, t->lines[row],
                               column_names[c], why.text);
            series->any = true;
        }
    }
    return 0;
}

static void put_series(struct xr_script *script, struct log *log, int c, int s)
{
    struct series *series = &log->series[c][s];
    double best = -INFINITY;

    if (!series->any)
        return;
    xr_script_put(script, "$%s_%s << EOD\n", column_names[c], split_names[s]);
    for (size_t e = 0; e < log->n_epochs; e++) {
        if (isnan(series->value[e])) {
            xr_script_put(script, "\n");
            continue;
        }
        xr_script_put(script, "%zu %.6g\n", e, series->value[e]);
        if (series->value[e] > best) {
            best = series->value[e];
            series->best = e;
        }
    }
    xr_script_put(script, "EOD\n");
}

/* One line of a panel: validation solid, training thinner and dashed; points where there
 * are few. */
static void put_line(struct xr_script *script, const struct log *log, int c, int s,
                     size_t color, bool best, bool *begun)
{
    const struct series *series = &log->series[c][s];

    if (!series->any)
        return;
    xr_script_put(script, *begun ? ", \\\n     " : "plot ");
    *begun = true;
    xr_script_put(script,
                  "$%s_%s using 1:2 with %s linecolor rgb '%s' linewidth %s dashtype %s",
                  column_names[c], split_names[s],
                  log->n_epochs <= 30 ? "linespoints pointtype 7 pointsize 0.3" : "lines",
                  xr_plot_color(color), s == VAL ? "1.5" : "1", s == VAL ? "1" : "2");
    xr_script_put(script, " title '%s, %s", column_titles[c],
                  s == VAL ? "validation" : "training");
    if (best)
        xr_script_put(script, " (best %.3f, epoch %zu)", series->value[series->best],
                      series->best);
    xr_script_put(script, "'");
}

/* Where a panel stands: lines of text from the top of the page to its legend, cm of its
 * plot. */
struct panel {
    double from, legend, plot;
};

static void put_panel(struct xr_script *script, const struct xr_plot_style *style,
                      const struct panel *panel, double height)
{
    double line = xr_plot_line(style), h = style->height > 0 ? style->height : height;
    double top = panel->from + panel->legend + 0.5;

    xr_script_box(script, style, height, 4.7, 1.2, top,
                  h / line - top - panel->plot / line);
    xr_script_put(script, "set key at screen %.4f,%.4f left top vertical maxcols 1\n",
                  3.8 * line / style->width, 1.0 - panel->from * line / h);
}

static size_t first_epoch(const struct log *log)
{
    for (size_t e = 0; e < log->n_epochs; e++)
        for (int c = 0; c < N_COLUMNS; c++)
            for (int s = 0; s < N_SPLITS; s++)
                if (!isnan(log->series[c][s].value[e]))
                    return e;
    return 0;
}

static void draw_log(struct xr_script *script, const struct xr_plot_style *style,
                     struct log *log, int n_loss, int n_quality)
{
    size_t first = first_epoch(log), last = log->n_epochs - 1;
    double line = xr_plot_line(style), title = style->title ? 1.8 : 0.4, height, plots;
    struct panel loss = {.from = title, .legend = n_loss};
    struct panel quality = {.legend = n_quality};
    bool begun = false;

    quality.from = title + (n_loss ? n_loss + 2.6 : 0.0);
    /* what text leaves of the page is shared by the panels */
    height =
        (n_loss ? 3.6 : 0.0) + (n_quality ? 3.6 : 0.0) +
        line * (title + n_loss + n_quality + (n_loss && n_quality ? 3.1 : 0.5) + 3.4);
    plots = (style->height > 0 ? style->height : height) - height + (n_loss ? 3.6 : 0.0) +
            (n_quality ? 3.6 : 0.0);
    loss.plot = quality.plot = fmax(1.0, n_loss && n_quality ? plots / 2.0 : plots);
    quality.from += n_loss ? loss.plot / line : 0.0;
    xr_script_head(script, style, height);
    for (int c = 0; c < N_COLUMNS; c++)
        for (int s = 0; s < N_SPLITS; s++)
            put_series(script, log, c, s);
    xr_script_put(script, "set key samplen 2.5\nset xrange [%zu:%zu]\n",
                  first - (first == last && first > 0), last + (first == last));
    if (n_loss && n_quality)
        xr_script_put(script, "set multiplot\n");
    if (n_loss) {
        put_panel(script, style, &loss, height);
        xr_script_put(script, "set ylabel 'loss'\n%s",
                      n_quality ? "" : "set xlabel 'epoch'\n");
        put_line(script, log, LOSS, VAL, 0, false, &begun);
        put_line(script, log, LOSS, TRAIN, 0, false, &begun);
        xr_script_put(script, "\nunset label 1000\n");
    }
    begun = false;
    if (n_quality) {
        put_panel(script, style, &quality, height);
        xr_script_put(script, "set xlabel 'epoch'\nset ylabel 'AUC, accuracy'\n");
        for (int c = AUC; c < N_COLUMNS; c++) {
            put_line(script, log, c, VAL, (size_t)c, c == AUC, &begun);
            put_line(script, log, c, TRAIN, (size_t)c, false, &begun);
        }
        xr_script_put(script, "\n");
    }
    if (n_loss && n_quality)
        xr_script_put(script, "unset multiplot\n");
}

int xr_plot_curves(struct xr_script *script, const struct xr_plot_style *style,
                   const struct xr_table *table)
{
    struct log log = {0};
    int status = -1, n_loss = 0, n_quality = 0;

    if (read_log(&log, table, script->err))
        goto done;
    /* accuracy only where there is nothing better: three pairs of lines are a tangle */
    if (log.series[BALANCED][TRAIN].any || log.series[BALANCED][VAL].any)
        log.series[ACCURACY][TRAIN].any = log.series[ACCURACY][VAL].any = false;
    for (int s = 0; s < N_SPLITS; s++) {
        n_loss += log.series[LOSS][s].any;
        for (int c = AUC; c < N_COLUMNS; c++)
            n_quality += log.series[c][s].any;
    }
    if (!n_loss && !n_quality) {
        xr_fail(script->err, "%s: no row of split 'train' or 'val' with a number to draw",
                table->name);
        goto done;
    }
    draw_log(script, style, &log, n_loss, n_quality);
    status = script->failed ? -1 : 0;
done:
    script->failed = status != 0;
    log_free(&log);
    return status;
}

/* --- class balance ---------------------------------------------------------------- */

/* Names in an order, with a number each. */
struct tally {
    const char *name[MAX_CLASSES + 1];
    int64_t rank[MAX_CLASSES + 1];
    size_t n;
};

static size_t tally_find(const struct tally *tally, const char *name)
{
    size_t i = 0;

    while (i < tally->n && strcmp(tally->name[i], name) != 0)
        i++;
    return i;
}

static int tally_add(struct tally *tally, const char *name, int64_t rank, size_t most,
                     const struct xr_table *t, const char *what, struct xr_err *err)
{
    if (tally_find(tally, name) < tally->n)
        return 0;
    if (tally->n == most)
        return xr_fail(err, "%s: more than %zu %s are too many for a plot", t->name, most,
                       what);
    tally->name[tally->n] = name;
    tally->rank[tally->n++] = rank;
    return 0;
}

/* By rank, then by name; insertion, as there are few. */
static void tally_sort(struct tally *tally)
{
    for (size_t i = 1; i < tally->n; i++) {
        const char *name = tally->name[i];
        int64_t rank = tally->rank[i];
        size_t j = i;

        for (; j > 0 &&
               (tally->rank[j - 1] > rank ||
                (tally->rank[j - 1] == rank && strcmp(tally->name[j - 1], name) > 0));
             j--) {
            tally->name[j] = tally->name[j - 1];
            tally->rank[j] = tally->rank[j - 1];
        }
        tally->name[j] = name;
        tally->rank[j] = rank;
    }
}

/* Classes in the order of the column class, else of the p_ columns, else of their names;
 * no label comes last. */
static int64_t class_rank(const struct xr_table *t, size_t row, int class_col,
                          const char *label)
{
    int64_t rank = 0;
    struct xr_err ignored;

    if (!*label)
        return INT64_MAX;
    if (class_col >= 0) {
        if (xr_parse_int(&rank, xr_cell(t, row, (size_t)class_col), 0, INT32_MAX,
                         &ignored))
            rank = INT32_MAX;
        return rank;
    }
    for (size_t c = 0; c < t->n_cols; c++)
        if (!strncmp(t->names[c], "p_", 2) && !strcmp(t->names[c] + 2, label))
            rank = (int64_t)c;
    return rank;
}

static int64_t split_rank(const char *name)
{
    return !strcmp(name, "train")  ? 0
           : !strcmp(name, "val")  ? 1
           : !strcmp(name, "test") ? 2
                                   : 3;
}

static void put_bars(struct xr_script *script, const struct xr_plot_style *style,
                     const struct tally *classes, const struct tally *splits,
                     const uint64_t *counts, bool split)
{
    double width = 0.84 / (double)splits->n;
    double small =
        0.85 * style->font * (style->format == XR_PLOT_SVG ? 96.0 / 72.0 : 1.0);

    for (size_t s = 0; s < splits->n; s++) {
        xr_script_put(script, "$s%zu << EOD\n", s);
        for (size_t c = 0; c < classes->n; c++)
            xr_script_put(script, "%.6g %llu\n",
                          (double)c + width * ((double)s - 0.5 * (double)(splits->n - 1)),
                          (unsigned long long)counts[s * classes->n + c]);
        xr_script_put(script, "EOD\n");
    }
    xr_script_put(script,
                  "set boxwidth %.6g absolute\nset style fill solid noborder\nplot ",
                  width * 0.94);
    for (size_t s = 0; s < splits->n; s++) {
        uint64_t total = 0;
        char *title;

        for (size_t c = 0; c < classes->n; c++)
            total += counts[s * classes->n + c];
        title = xr_sprintf(script->err, "%s (%llu)",
                           *splits->name[s] ? splits->name[s] : "no split",
                           (unsigned long long)total);
        if (!title) {
            script->failed = true;
            return;
        }
        xr_script_put(script, "%s$s%zu using 1:2 with boxes linecolor rgb '%s' %s",
                      s ? ", \\\n     " : "", s, xr_plot_color(s),
                      split ? "title " : "notitle");
        if (split)
            xr_script_text(script, title, 24, false);
        free(title);
        if (classes->n * splits->n <= 15)
            xr_script_put(script,
                          ", \\\n     $s%zu using 1:2:(gprintf('%%.0f', $2)) with labels "
                          "center offset 0,0.5 font ',%.4g' notitle",
                          s, small);
    }
    xr_script_put(script, "\n");
}

int xr_plot_classes(struct xr_script *script, const struct xr_plot_style *style,
                    const struct xr_table *t)
{
    struct tally classes = {0}, splits = {0};
    int label_col, split_col = xr_table_col(t, "split"),
                   class_col = xr_table_col(t, "class");
    double line = xr_plot_line(style), top = style->title ? 2.8 : 1.4, bottom, rows,
           height;
    struct xr_script tics = {.err = script->err};
    const char *names[MAX_CLASSES];
    uint64_t *counts = NULL;
    int status = -1;

    if (xr_table_need(&label_col, t, "label", script->err))
        goto done;
    for (size_t row = 0; row < t->n_rows; row++) {
        const char *label = xr_cell(t, row, (size_t)label_col);
        const char *split = split_col < 0 ? "" : xr_cell(t, row, (size_t)split_col);

        if (tally_add(&classes, label, class_rank(t, row, class_col, label), MAX_CLASSES,
                      t, "classes", script->err) ||
            tally_add(&splits, split, split_rank(split), MAX_SPLITS, t, "splits",
                      script->err))
            goto done;
    }
    if (!classes.n) {
        xr_fail(script->err, "%s: no row", t->name);
        goto done;
    }
    tally_sort(&classes);
    tally_sort(&splits);
    counts = xr_alloc_array(classes.n * splits.n, sizeof *counts, script->err);
    if (!counts)
        goto done;
    for (size_t row = 0; row < t->n_rows; row++) {
        const char *split = split_col < 0 ? "" : xr_cell(t, row, (size_t)split_col);

        counts[tally_find(&splits, split) * classes.n +
               tally_find(&classes, xr_cell(t, row, (size_t)label_col))]++;
    }
    for (size_t c = 0; c < classes.n; c++)
        names[c] = *classes.name[c] ? classes.name[c] : "(no label)";
    rows = split_col >= 0 ? (double)splits.n : 0.0;
    bottom = 0.8 + xr_script_classes(&tics, 'x', names, classes.n, 46);
    height = style->width * 0.5 + line * (top + rows + bottom);
    xr_script_head(script, style, height);
    xr_script_box(script, style, height, 4.6, 0.8, top + rows, bottom);
    xr_script_put(script,
                  "set ylabel 'records'\nset yrange [0:*]\nset xrange [-0.6:%zu-0.4]\n"
                  "set key at screen %.4f,%.4f left top vertical maxcols 1\n%s",
                  classes.n, 4.2 * line / style->width,
                  1.0 - (top - 1.0) * line / (style->height > 0 ? style->height : height),
                  tics.buf.data ? tics.buf.data : "");
    script->failed = script->failed || tics.failed;
    put_bars(script, style, &classes, &splits, counts, split_col >= 0);
    status = script->failed ? -1 : 0;
done:
    script->failed = status != 0;
    xr_buf_free(&tics.buf);
    free(counts);
    return status;
}
