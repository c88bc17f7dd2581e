/* The plots of tables: learning curves, class balance. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "plot_kinds.h"

#define MAX_SPLITS 8
#define MAX_EPOCHS 1000000

/* --- learning curves -------------------------------------------------------------- */

/* One column of the log in one split, by epoch; NaN where there is no row. */
struct series {
    double *value; /* [n_epochs] */
    bool any;
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

/* One line of a panel: validation solid, training thinner and dashed; of the first its
 * best is named. */
static void put_line(struct xr_drawing *d, struct xr_panel *panel, const struct log *log,
                     int c, int s, int color)
{
    static const char *const titles[N_SPLITS] = {"training", "validation"};
    const struct series *series = &log->series[c][s];
    size_t n = log->n_epochs, best = 0;
    struct xr_series *line;

    if (!series->any)
        return;
    line = xr_draw_series(d, panel, XR_MARK_LINE, color, n, 0);
    if (!line)
        return;
    line->thin = s != VAL;
    line->dots = n <= 30;
    line->dash = s == VAL ? 1 : 2;
    line->group = (size_t)(N_SPLITS * c + s) + 1;
    for (size_t e = 0; e < n; e++) {
        line->x[e] = (double)e;
        line->y[e] = series->value[e];
        if (isnan(series->value[best]) || series->value[e] > series->value[best])
            best = e;
    }
    if (c == AUC && s == VAL)
        line->name = xr_draw_text(d, "%s, %s (best %.3f, epoch %zu)", column_titles[c],
                                  titles[s], series->value[best], best);
    else
        line->name = xr_draw_text(d, "%s, %s", column_titles[c], titles[s]);
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

static void put_panel(struct xr_drawing *d, const struct log *log, const char *x,
                      const char *y, int from, int to)
{
    size_t first = first_epoch(log), last = log->n_epochs - 1;
    struct xr_panel *panel = xr_draw_panel(d, x, y);

    panel->ratio = 0.5;
    panel->x.from = (double)(first - (first == last && first > 0));
    panel->x.to = (double)(last + (first == last));
    panel->x.step = fmax(1.0, xr_draw_step(panel->x.to - panel->x.from, 7));
    for (int c = from; c < to; c++) {
        put_line(d, panel, log, c, VAL, c);
        put_line(d, panel, log, c, TRAIN, c);
    }
}

int xr_plot_curves(struct xr_drawing *d, const struct xr_table *table)
{
    struct log log = {0};
    int status = -1, n_loss = 0, n_quality = 0;

    if (read_log(&log, table, d->err))
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
        xr_fail(d->err, "%s: no row of split 'train' or 'val' with a number to draw",
                table->name);
        goto done;
    }
    if (n_loss)
        put_panel(d, &log, n_quality ? "" : "epoch", "loss", LOSS, AUC);
    if (n_quality)
        put_panel(d, &log, "epoch", "AUC, accuracy", AUC, N_COLUMNS);
    status = d->failed ? -1 : 0;
done:
    d->failed = status != 0;
    log_free(&log);
    return status;
}

/* --- class balance ---------------------------------------------------------------- */

/* Names in an order, with a number each. */
struct tally {
    const char *name[XR_PLOT_CLASSES + 1];
    int64_t rank[XR_PLOT_CLASSES + 1];
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

static void put_bars(struct xr_drawing *d, struct xr_panel *panel,
                     const struct tally *classes, const struct tally *splits,
                     const uint64_t *counts, bool split)
{
    double width = 0.84 / (double)splits->n;

    for (size_t s = 0; s < splits->n; s++) {
        struct xr_series *bars =
            xr_draw_series(d, panel, XR_MARK_BARS, (int)s, classes->n, XR_DRAW_NOTED);
        uint64_t total = 0;

        if (!bars)
            return;
        bars->group = s + 1;
        bars->width = width * 0.94;
        bars->labels = classes->n * splits->n <= 15;
        for (size_t c = 0; c < classes->n; c++) {
            uint64_t count = counts[s * classes->n + c];

            total += count;
            bars->x[c] = (double)c + width * ((double)s - 0.5 * (double)(splits->n - 1));
            bars->y[c] = (double)count;
            bars->notes[c] = xr_draw_text(d, "%llu", (unsigned long long)count);
        }
        if (split)
            bars->name = xr_draw_text(d, "%s (%llu)",
                                      *splits->name[s] ? splits->name[s] : "no split",
                                      (unsigned long long)total);
    }
}

int xr_plot_classes(struct xr_drawing *d, const struct xr_table *t)
{
    struct tally classes = {0}, splits = {0};
    int label_col, split_col = xr_table_col(t, "split"),
                   class_col = xr_table_col(t, "class");
    const char *names[XR_PLOT_CLASSES];
    struct xr_panel *panel;
    uint64_t *counts = NULL;
    int status = -1;

    if (xr_table_need(&label_col, t, "label", d->err))
        goto done;
    for (size_t row = 0; row < t->n_rows; row++) {
        const char *label = xr_cell(t, row, (size_t)label_col);
        const char *split = split_col < 0 ? "" : xr_cell(t, row, (size_t)split_col);

        if (tally_add(&classes, label, class_rank(t, row, class_col, label),
                      XR_PLOT_CLASSES, t, "classes", d->err) ||
            tally_add(&splits, split, split_rank(split), MAX_SPLITS, t, "splits", d->err))
            goto done;
    }
    if (!classes.n) {
        xr_fail(d->err, "%s: no row", t->name);
        goto done;
    }
    tally_sort(&classes);
    tally_sort(&splits);
    counts = xr_alloc_array(classes.n * splits.n, sizeof *counts, d->err);
    if (!counts)
        goto done;
    for (size_t row = 0; row < t->n_rows; row++) {
        const char *split = split_col < 0 ? "" : xr_cell(t, row, (size_t)split_col);

        counts[tally_find(&splits, split) * classes.n +
               tally_find(&classes, xr_cell(t, row, (size_t)label_col))]++;
    }
    for (size_t c = 0; c < classes.n; c++)
        names[c] = *classes.name[c] ? classes.name[c] : "(no label)";
    panel = xr_draw_panel(d, "", "records");
    panel->ratio = 0.6;
    panel->y.from = 0.0;
    xr_draw_names(d, &panel->x, names, classes.n);
    put_bars(d, panel, &classes, &splits, counts, split_col >= 0);
    status = d->failed ? -1 : 0;
done:
    d->failed = status != 0;
    free(counts);
    return status;
}
