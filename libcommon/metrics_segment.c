/* xr-metrics --task segment. */
#include "metrics_segment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "masks.h"
#include "metrics_ledger.h"
#include "pool.h"
#include "stats_figures.h"
#include "stats_report.h"
#include "stats_segment.h"

#define MAX_ROWS ((size_t)1 << 24)

/* One pair of masks, measured. */
struct row {
    const char *key; /* of the cases */
    uint32_t number;
    size_t height, width, parts[2];
    double spacing[2];
    struct xr_segment segment;
};

struct run {
    const struct xr_segment_set *set;
    double spacing[2]; /* of all; 0: of the records */
    struct xr_cases cases;
    struct xr_masks *masks[2];
    struct xr_mask_pairs *pairs;
    struct row *rows;
    size_t n, room, n_unlabelled;
    uint32_t *order[XR_N_SEGMENT]; /* rows in rising order of a figure, without NaN */
    size_t n_defined[XR_N_SEGMENT];
    uint32_t *group; /* [n]; NULL: none */
    size_t n_groups;
};

/* --- measuring, by many threads -------------------------------------------------- */

struct job {
    struct xr_mask pair[2];
    struct row row;
};

static int fetch(void *shared, void *slot, struct xr_err *err)
{
    struct run *run = shared;
    struct job *job = slot;
    int got, is = 0;

    while (is == 0) {
        got = xr_mask_pairs_next(run->pairs, job->pair, err);
        if (got != 1)
            return got;
        if (!job->pair[0].height) {
            run->n_unlabelled++;
            continue;
        }
        memset(&job->row, 0, sizeof job->row);
        is = xr_cases_number(&run->cases, &job->row.number, job->pair[0].key,
                             job->pair[0].group, err);
    }
    return is;
}

static int work(void *shared, void *slot, struct xr_err *err)
{
    const struct run *run = shared;
    struct job *job = slot;
    struct row *row = &job->row;
    const struct xr_mask *mask = job->pair;

    row->height = mask->height;
    row->width = mask->width;
    memcpy(row->spacing, run->spacing[0] > 0 ? run->spacing : mask->spacing,
           sizeof row->spacing);
    if (xr_segment_measure(&row->segment, mask[0].on, mask[1].on, mask->height,
                           mask->width, row->spacing, err))
        return xr_fail_in(err, "'%s'", mask->key);
    for (int i = 0; i < 2; i++)
        if (xr_mask_parts(&row->parts[i], mask[i].on, mask->height, mask->width, 8, err))
            return -1;
    return 0;
}

static void clear(void *slot)
{
    struct job *job = slot;

    xr_mask_free(&job->pair[0]);
    xr_mask_free(&job->pair[1]);
}

static int keep(struct run *run, const struct row *row, struct xr_err *err)
{
    struct row *more;

    if (run->n == run->room) {
        size_t room = 2 * run->room + 256;

        if (room > MAX_ROWS)
            return xr_fail(err, "more than %zu records", MAX_ROWS);
        more = realloc(run->rows, room * sizeof *more);
        if (!more)
            return xr_fail(err, "out of memory");
        run->rows = more;
        run->room = room;
    }
    run->rows[run->n++] = *row;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->key, ((const struct row *)b)->key);
}

/* All pairs, then in the order of their keys, so that the order of the input does not
 * matter; groups are numbered again, as they come. */
static int measure(struct run *run, size_t jobs, struct xr_err *err)
{
    struct xr_pool_job job = {run, sizeof(struct job), fetch, work, clear};
    struct xr_pool *pool = NULL;
    uint32_t *again = NULL;
    void *slot;
    int failed, got = -1;

    if (xr_pool_open(&pool, &job, jobs, err))
        return -1;
    while ((got = xr_pool_next(pool, &slot, &failed, err)) == 1)
        if (failed || keep(run, &((struct job *)slot)->row, err)) {
            got = -1;
            break;
        }
    xr_pool_close(pool);
    if (got < 0)
        return -1;
    if (!run->n)
        return xr_fail(err, "no mask to compare");
    for (size_t i = 0; i < run->n; i++)
        run->rows[i].key = run->cases.keys.text[run->rows[i].number];
    qsort(run->rows, run->n, sizeof *run->rows, by_key);
    if (!run->cases.group)
        return 0;
    run->group = xr_alloc_array(run->n, sizeof *run->group, err);
    again = xr_alloc_array(run->cases.groups.n, sizeof *again, err);
    if (!run->group || !again) {
        free(again);
        return -1;
    }
    for (size_t i = 0; i < run->n; i++) {
        uint32_t *number = &again[run->cases.group[run->rows[i].number]];

        if (!*number)
            *number = (uint32_t)++run->n_groups;
        run->group[i] = *number - 1;
    }
    free(again);
    return 0;
}

/* --- figures --------------------------------------------------------------------- */

struct defined {
    double value;
    uint32_t row;
};

static int by_value(const void *a, const void *b)
{
    const struct defined *x = a, *y = b;

    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int rank(struct run *run, struct xr_err *err)
{
    struct defined *d = xr_alloc_array(run->n, sizeof *d, err);
    int status = d ? 0 : -1;

    for (int f = 0; f < XR_N_SEGMENT && status == 0; f++) {
        size_t n = 0;

        for (size_t i = 0; i < run->n; i++)
            if (!isnan(run->rows[i].segment.figure[f]))
                d[n++] = (struct defined){run->rows[i].segment.figure[f], (uint32_t)i};
        if (n)
            qsort(d, n, sizeof *d, by_value);
        run->n_defined[f] = n;
        run->order[f] = xr_alloc_array(n, sizeof *run->order[f], err);
        if (!run->order[f])
            status = -1;
        for (size_t i = 0; i < n && status == 0; i++)
            run->order[f][i] = d[i].row;
    }
    free(d);
    return status;
}

/* Mean and median of a figure over rows counted weight times; NaN: no row has it. */
static void summary(double *mean, double *median, const struct run *run, int f,
                    const uint32_t *weight)
{
    uint64_t total = 0, seen = 0;
    double sum = 0, low = NAN, high = NAN;

    for (size_t i = 0; i < run->n_defined[f]; i++)
        total += weight[run->order[f][i]];
    for (size_t i = 0; i < run->n_defined[f]; i++) {
        uint32_t row = run->order[f][i];
        double value = run->rows[row].segment.figure[f];

        if (!weight[row])
            continue;
        sum += weight[row] * value;
        if (seen <= (total - 1) / 2)
            low = value;
        if (seen <= total / 2)
            high = value;
        seen += weight[row];
    }
    *mean = total ? sum / (double)total : NAN;
    *median = low == high ? low : (low + high) / 2;
}

enum {
    MEAN = 0,
    MEDIAN = XR_N_SEGMENT,
    POOLED = 2 * XR_N_SEGMENT,
    N_FIGURES = POOLED + XR_N_OVERLAP
};

static int figures_of(double *figures, const uint32_t *weight, const void *of,
                      struct xr_err *err)
{
    const struct run *run = of;
    uint64_t truth = 0, prediction = 0, both = 0;

    (void)err;
    for (size_t i = 0; i < run->n; i++) {
        const struct xr_segment *s = &run->rows[i].segment;

        truth += weight[i] * s->truth;
        prediction += weight[i] * s->prediction;
        both += weight[i] * s->both;
    }
    xr_segment_overlap(figures + POOLED, truth, prediction, both);
    for (int f = 0; f < XR_N_SEGMENT; f++)
        summary(&figures[MEAN + f], &figures[MEDIAN + f], run, f, weight);
    return 0;
}

/* --- results --------------------------------------------------------------------- */

static int put_number(struct xr_out *out, double value, struct xr_err *err)
{
    char text[40] = "";

    if (!isnan(value))
        snprintf(text, sizeof text, "%.17g", value);
    return xr_csv_field(out, false, text, err);
}

static int put_row(struct xr_out *out, const struct run *run, size_t i,
                   struct xr_err *err)
{
    const struct row *row = &run->rows[i];
    const struct xr_segment *s = &row->segment;
    const double numbers[] = {
        (double)row->height, (double)row->width,    row->spacing[0],
        row->spacing[1],     (double)s->truth,      (double)s->prediction,
        (double)s->both,     (double)row->parts[0], (double)row->parts[1]};

    if (xr_csv_field(out, true, row->key, err))
        return -1;
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        if (put_number(out, numbers[k], err))
            return -1;
    for (int f = 0; f < XR_N_SEGMENT; f++)
        if (put_number(out, s->figure[f], err))
            return -1;
    return xr_csv_end(out, err);
}

static int write_rows(struct xr_out *out, const struct run *run, struct xr_err *err)
{
    if (xr_out_printf(out, err,
                      "key,height,width,spacing_rows,spacing_columns,pixels_truth,"
                      "pixels_prediction,intersection,parts_truth,parts_prediction"))
        return -1;
    for (int f = 0; f < XR_N_SEGMENT; f++)
        if (xr_out_printf(out, err, ",%s", xr_segment_name(f)))
            return -1;
    if (xr_csv_end(out, err))
        return -1;
    for (size_t i = 0; i < run->n; i++)
        if (put_row(out, run, i, err))
            return -1;
    return xr_out_finish(out, err);
}

static void add_figures(cJSON *json, const char *name, const struct run *run,
                        struct xr_figure *figures, int n)
{
    cJSON *all = cJSON_AddObjectToObject(json, name), *figure;

    for (int f = 0; f < n; f++) {
        if (isnan(figures[f].value))
            figures[f].reason = f < XR_N_OVERLAP ? "there is nothing to divide by"
                                                 : "a mask of every pair is empty";
        figure = xr_figure_json(&figures[f]);
        if (n == XR_N_SEGMENT)
            cJSON_AddNumberToObject(figure, "n", (double)run->n_defined[f]);
        cJSON_AddItemToObject(all, xr_segment_name(f), figure);
    }
}

static void add_counts(cJSON *json, const struct run *run)
{
    size_t empty[3] = {0};

    for (size_t i = 0; i < run->n; i++) {
        const struct xr_segment *s = &run->rows[i].segment;

        empty[0] += !s->truth;
        empty[1] += !s->prediction;
        empty[2] += !s->truth && !s->prediction;
    }
    cJSON_AddStringToObject(json, "task", "segment");
    cJSON_AddNumberToObject(json, "n", (double)run->n);
    if (run->n_unlabelled)
        cJSON_AddNumberToObject(json, "n_unlabelled", (double)run->n_unlabelled);
    cJSON_AddNumberToObject(json, "n_empty_truth", (double)empty[0]);
    cJSON_AddNumberToObject(json, "n_empty_prediction", (double)empty[1]);
    cJSON_AddNumberToObject(json, "n_empty_both", (double)empty[2]);
    if (run->spacing[0] > 0)
        cJSON_AddItemToObject(json, "spacing", cJSON_CreateDoubleArray(run->spacing, 2));
    else
        cJSON_AddStringToObject(json, "spacing", "source");
    cJSON_AddStringToObject(
        json, "distances_in",
        run->set->spacing ? run->spacing[0] > 0 ? "unit of --spacing" : "mm" : "pixels");
}

static void add_history(cJSON *json, const struct run *run, const struct xr_cli *cli,
                        const char *const names[2])
{
    cJSON *inputs = cJSON_CreateObject(), *entry;
    char digest[XR_SHA256_TEXT];

    for (int i = 0; i < 2; i++) {
        xr_masks_digest(run->masks[i], digest);
        cJSON_AddStringToObject(inputs, xr_last_part(names[i]), digest);
    }
    if (run->cases.name)
        cJSON_AddStringToObject(inputs, run->cases.name, run->cases.digest);
    entry = xr_cli_history(cli, inputs);
    if (entry)
        cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "history"), entry);
    cJSON_Delete(inputs);
}

/* The keys with the sizes of their masks. */
static int add_set(cJSON *json, const struct run *run, const struct xr_cli *cli,
                   const char *prediction, struct xr_err *err)
{
    char **owned = xr_alloc_array(run->n, sizeof *owned, err), digest[XR_SHA256_TEXT];
    const char **texts = xr_alloc_array(run->n, sizeof *texts, err);
    int status = owned && texts ? 0 : -1;

    for (size_t i = 0; i < run->n && !status; i++) {
        owned[i] = xr_sprintf(err, "%s\n%llu", run->rows[i].key,
                              (unsigned long long)run->rows[i].segment.truth);
        texts[i] = owned[i];
        status = owned[i] ? 0 : -1;
    }
    if (!status)
        status = xr_metrics_set(json, cli, texts, run->n, err);
    xr_masks_digest(run->masks[1], digest);
    xr_metrics_set_file(json, prediction, digest);
    for (size_t i = 0; owned && i < run->n; i++)
        free(owned[i]);
    free(owned);
    free(texts);
    return status;
}

/* --- the run --------------------------------------------------------------------- */

static int read_spacing(struct run *run, const char *text, struct xr_err *err)
{
    char first[64] = "";
    const char *comma;

    run->spacing[0] = run->spacing[1] = 1;
    if (!text)
        return 0;
    if (!strcmp(text, "source")) {
        run->spacing[0] = run->spacing[1] = 0;
        return 0;
    }
    comma = strchr(text, ',');
    if (comma && (size_t)(comma - text) < sizeof first) {
        memcpy(first, text, (size_t)(comma - text));
        if (!xr_parse_real(&run->spacing[0], first, 1e-6, 1e6, NULL) &&
            !xr_parse_real(&run->spacing[1], comma + 1, 1e-6, 1e6, NULL))
            return 0;
    }
    return xr_fail_usage(
        err, "--spacing: '%s': neither source nor two numbers ROWS,COLUMNS", text);
}

static int open_all(struct run *run, const char *const names[2], struct xr_err *err)
{
    const struct xr_segment_set *set = run->set;
    struct xr_masks_rule rule = {.threshold = set->threshold};

    if (read_spacing(run, set->spacing, err) ||
        (set->table &&
         xr_cases_read(&run->cases, set->table, set->split, set->group, err)))
        return -1;
    for (int i = 0; i < 2; i++) {
        rule.absent = set->skip_unlabelled;
        rule.spacing = i == 0 && run->spacing[0] == 0;
        rule.group = i == 0 && !set->table ? set->group : NULL;
        if (xr_masks_open(&run->masks[i], names[i], &rule, err))
            return -1;
    }
    return xr_mask_pairs_open(&run->pairs, run->masks, names, err);
}

static void run_free(struct run *run)
{
    xr_mask_pairs_close(run->pairs);
    xr_masks_close(run->masks[0]);
    xr_masks_close(run->masks[1]);
    xr_cases_free(&run->cases);
    for (int f = 0; f < XR_N_SEGMENT; f++)
        free(run->order[f]);
    free(run->rows);
    free(run->group);
}

cJSON *xr_segment_run(const struct xr_segment_set *set, const struct xr_cli *cli,
                      const char *truth, const char *prediction, struct xr_err *err)
{
    const char *const names[2] = {truth, prediction};
    struct run run = {.set = set};
    struct xr_resampling from;
    struct xr_figure figures[N_FIGURES];
    struct xr_out *out = NULL;
    cJSON *json = NULL;

    if (open_all(&run, names, err) ||
        (set->per_record && xr_out_open(&out, set->per_record, 0, err)) ||
        measure(&run, (size_t)set->bootstrap.jobs, err) || rank(&run, err))
        goto done;
    if (run.n_unlabelled)
        xr_cli_warn(cli, "%s: %zu records without a mask left out", truth,
                    run.n_unlabelled);
    from = (struct xr_resampling){run.n, run.group, run.n_groups};
    if (xr_figures_bootstrap(figures, N_FIGURES, &from, &set->bootstrap, figures_of, &run,
                             err) ||
        (out && write_rows(out, &run, err)))
        goto done;
    json = cJSON_CreateObject();
    add_counts(json, &run);
    add_figures(json, "mean", &run, figures + MEAN, XR_N_SEGMENT);
    add_figures(json, "median", &run, figures + MEDIAN, XR_N_SEGMENT);
    add_figures(json, "pooled", &run, figures + POOLED, XR_N_OVERLAP);
    xr_figures_said(json, &set->bootstrap, &from, "record");
    add_history(json, &run, cli, names);
    if (add_set(json, &run, cli, prediction, err)) {
        cJSON_Delete(json);
        json = NULL;
    }
done:
    xr_out_close(out);
    run_free(&run);
    return json;
}
