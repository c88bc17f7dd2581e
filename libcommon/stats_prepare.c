/* Rows of predictions, sorted once for all figures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats_sums.h"

#define MAX_SCORES ((size_t)1 << 24)
#define MAX_PAIR_CLASSES 64

struct scored_row {
    double score;
    uint32_t at; /* row, or row * k + class */
};

static int compare_scores(const void *a, const void *b)
{
    const struct scored_row *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Slots of n scores; positive[at] says of which kind they are. */
static void rank(struct xr_ranking *ranking, struct scored_row *rows, size_t n,
                 const unsigned char *positive)
{
    size_t segment = 0;

    qsort(rows, n, sizeof *rows, compare_scores);
    for (size_t from = 0, to; from < n; from = to) {
        bool any = false;

        for (to = from; to < n && rows[to].score == rows[from].score; to++)
            any = any || positive[rows[to].at];
        for (size_t i = from; i < to; i++) {
            uint32_t kind = !any                   ? XR_NEG_ABOVE
                            : positive[rows[i].at] ? XR_POS
                                                   : XR_NEG_TIED;

            ranking->id[rows[i].at] = (uint32_t)(XR_N_KINDS * segment) + kind;
        }
        segment += any;
    }
    ranking->n_segments = segment;
}

static int rank_classes(struct xr_metrics *m, const double *p, struct xr_err *err)
{
    struct scored_row *rows = xr_alloc_array(m->n * m->k, sizeof *rows, err);
    unsigned char *positive = xr_alloc_array(m->n * m->k, 1, err);
    int status = -1;

    if (!rows || !positive)
        goto done;
    for (uint32_t c = 0; c < m->k; c++) {
        for (size_t i = 0; i < m->n; i++) {
            rows[i] = (struct scored_row){p[m->row[i] * m->k + c], (uint32_t)i};
            positive[i] = m->truth[i] == c;
        }
        rank(&m->rankings[c], rows, m->n, positive);
    }
    for (size_t i = 0; i < m->n * m->k; i++) {
        size_t row = i % m->n, c = i / m->n;

        rows[i] = (struct scored_row){p[m->row[row] * m->k + c], (uint32_t)i};
        positive[i] = m->truth[row] == c;
    }
    rank(&m->micro, rows, m->n * m->k, positive);
    status = 0;
done:
    free(rows);
    free(positive);
    return status;
}

/* Rows by (truth, prediction), then by their scores, so that sums do not depend on the
 * order of the file; equal rows in that order. */
struct cell_row {
    uint32_t truth, predicted, row;
};

static int compare_cells(const void *a, const void *b, void *scored)
{
    const struct cell_row *x = a, *y = b;
    const struct xr_scored *s = scored;
    const double *p = s->p + x->row * s->k, *q = s->p + y->row * s->k;

    if (x->truth != y->truth)
        return x->truth < y->truth ? -1 : 1;
    if (x->predicted != y->predicted)
        return x->predicted < y->predicted ? -1 : 1;
    for (size_t c = 0; c < s->k; c++)
        if (p[c] != q[c])
            return p[c] < q[c] ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int sort_cells(struct xr_metrics *m, const struct xr_scored *s, struct xr_err *err)
{
    struct cell_row *rows = xr_alloc_array(m->n, sizeof *rows, err);

    if (!rows)
        return -1;
    for (size_t i = 0; i < m->n; i++) {
        const double *p = s->p + i * m->k;
        uint32_t best = 0;

        for (uint32_t c = 1; c < m->k; c++)
            if (p[c] > p[best])
                best = c;
        rows[i] = (struct cell_row){s->label[i], best, (uint32_t)i};
    }
    qsort_r(rows, m->n, sizeof *rows, compare_cells, (void *)(uintptr_t)s);
    for (size_t i = 0; i < m->n; i++) {
        m->row[i] = rows[i].row;
        m->truth[i] = rows[i].truth;
        m->predicted[i] = rows[i].predicted;
        m->class_from[m->truth[i] + 1] = i + 1;
        if (i == 0 || m->truth[i] != m->truth[i - 1] ||
            m->predicted[i] != m->predicted[i - 1])
            m->cell_from[m->n_cells++] = i;
    }
    m->cell_from[m->n_cells] = m->n;
    for (size_t c = 1; c <= m->k; c++)
        if (m->class_from[c] < m->class_from[c - 1])
            m->class_from[c] = m->class_from[c - 1];
    free(rows);
    return 0;
}

size_t xr_bin_of(double confidence, size_t n_bins)
{
    size_t bin = (size_t)(confidence * (double)n_bins);

    bin = bin < n_bins ? bin : n_bins - 1;
    /* the borders are those of the division, bin + 1 over n_bins */
    while (bin > 0 && confidence <= (double)bin / (double)n_bins)
        bin--;
    while (bin + 1 < n_bins && confidence > (double)(bin + 1) / (double)n_bins)
        bin++;
    return bin;
}

/* Class c against the rest, or with c = k the predicted class. */
static void bin_rows(struct xr_binning *b, const struct xr_metrics *m, const double *p,
                     size_t c)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < m->n; i++) {
            size_t column = c < m->k ? c : m->predicted[i];
            double confidence = p[m->row[i] * m->k + column];
            size_t cell = 2 * xr_bin_of(confidence, m->n_bins) + (m->truth[i] == column);

            if (pass == 0) {
                b->from[cell + 1]++;
            } else {
                b->confidence[b->from[cell]] = confidence;
                b->order[b->from[cell]++] = (uint32_t)i;
            }
        }
        if (pass == 0)
            for (size_t cell = 0; cell < 2 * m->n_bins; cell++)
                b->from[cell + 1] += b->from[cell];
    }
    memmove(b->from + 1, b->from, 2 * m->n_bins * sizeof *b->from);
    b->from[0] = 0;
}

static int order_by_confidence(struct xr_metrics *m, const double *p, struct xr_err *err)
{
    struct scored_row *rows = xr_alloc_array(m->n, sizeof *rows, err);

    if (!rows)
        return -1;
    for (size_t i = 0; i < m->n; i++)
        rows[i] = (struct scored_row){p[m->row[i] * m->k + m->predicted[i]], (uint32_t)i};
    qsort(rows, m->n, sizeof *rows, compare_scores);
    for (size_t i = 0; i < m->n; i++) {
        const struct scored_row *row = &rows[m->n - 1 - i]; /* the least first */

        m->by_confidence[i] = row->at;
        m->gap[i] = (m->truth[row->at] == m->predicted[row->at] ? 1.0 : 0.0) - row->score;
        m->tied[i] = i + 1 < m->n && row->score == rows[m->n - 2 - i].score;
    }
    free(rows);
    return 0;
}

double xr_row_loss(double p)
{
    const double eps = 0x1p-52;

    return -log(fmin(fmax(p, eps), 1.0 - eps));
}

static void sum_rows(struct xr_metrics *m, const double *scores)
{
    for (size_t i = 0; i < m->n; i++) {
        const double *p = scores + m->row[i] * m->k;
        double own = p[m->truth[i]];
        size_t above = 0;

        m->row_sums[i] = xr_row_loss(own);
        for (size_t c = 0; c < m->k; c++) {
            double off = p[c] - (m->truth[i] == c ? 1.0 : 0.0);

            m->row_sums[(1 + c) * m->n + i] = off * off;
            above += p[c] > own || (p[c] == own && c < m->truth[i]);
        }
        m->in_top[i] = above < m->top_k;
    }
}

static int check_scored(const struct xr_scored *s, struct xr_err *err)
{
    if (s->n == 0 || s->k == 0)
        return xr_fail(err, "there is no row to measure");
    if (s->k > MAX_SCORES || s->n > MAX_SCORES / s->k)
        return xr_fail(
            err,
            "%zu rows of %zu classes are too many to keep (%zu scores at most); "
            "xr-metrics --stream sums them up",
            s->n, s->k, MAX_SCORES);
    for (size_t i = 0; i < s->n * s->k; i++)
        if (!isfinite(s->p[i]))
            return xr_fail(err, "row %zu: a score is not finite", i / s->k + 1);
    for (size_t i = 0; i < s->n; i++)
        if (s->label[i] >= s->k)
            return xr_fail(err, "row %zu: label %u of %zu classes", i + 1, s->label[i],
                           s->k);
    return 0;
}

static int prepare(struct xr_metrics *m, const struct xr_scored *s, struct xr_err *err)
{
    const struct xr_units units = {.n = s->n,
                                   .group = s->group,
                                   .n_groups = s->n_groups,
                                   .stratum = s->stratified ? s->label : NULL,
                                   .n_strata = s->k};

    if (xr_sampler_open(&m->sampler, &units, err) || sort_cells(m, s, err) ||
        rank_classes(m, s->p, err) || order_by_confidence(m, s->p, err))
        return -1;
    for (size_t c = 0; c <= m->k; c++)
        bin_rows(&m->binnings[c], m, s->p, c);
    sum_rows(m, s->p);
    return 0;
}

static int alloc(struct xr_metrics *m, struct xr_err *err)
{
    size_t n = m->n, k = m->k;

    m->row = xr_alloc_array(n, sizeof *m->row, err);
    m->truth = xr_alloc_array(n, sizeof *m->truth, err);
    m->predicted = xr_alloc_array(n, sizeof *m->predicted, err);
    m->class_from = xr_alloc_array(k + 1, sizeof *m->class_from, err);
    m->cell_from = xr_alloc_array(n + 1, sizeof *m->cell_from, err);
    m->rankings = xr_alloc_array(k, sizeof *m->rankings, err);
    m->micro.id = xr_alloc_array(n * k, sizeof *m->micro.id, err);
    m->binnings = xr_alloc_array(k + 1, sizeof *m->binnings, err);
    m->by_confidence = xr_alloc_array(n, sizeof *m->by_confidence, err);
    m->gap = xr_alloc_array(n, sizeof *m->gap, err);
    m->tied = xr_alloc_array(n, sizeof *m->tied, err);
    m->row_sums = xr_alloc_array(n * (1 + k), sizeof *m->row_sums, err);
    m->in_top = xr_alloc_array(n, sizeof *m->in_top, err);
    if (!m->row || !m->truth || !m->predicted || !m->class_from || !m->cell_from ||
        !m->rankings || !m->micro.id || !m->binnings || !m->by_confidence || !m->gap ||
        !m->tied || !m->row_sums || !m->in_top)
        return -1;
    for (size_t c = 0; c < k; c++)
        if (!(m->rankings[c].id = xr_alloc_array(n, sizeof(uint32_t), err)))
            return -1;
    for (size_t c = 0; c <= k; c++) {
        struct xr_binning *b = &m->binnings[c];

        b->order = xr_alloc_array(n, sizeof *b->order, err);
        b->confidence = xr_alloc_array(n, sizeof *b->confidence, err);
        b->from = xr_alloc_array(2 * m->n_bins + 1, sizeof *b->from, err);
        if (!b->order || !b->confidence || !b->from)
            return -1;
    }
    return 0;
}

int xr_metrics_open(struct xr_metrics **metrics, const struct xr_scored *s,
                    struct xr_err *err)
{
    struct xr_metrics *m;

    *metrics = NULL;
    if (check_scored(s, err) || !(m = xr_alloc_array(1, sizeof *m, err)))
        return -1;
    m->n = s->n;
    m->k = s->k;
    m->n_bins = s->n_bins ? s->n_bins : 15;
    m->top_k = s->top_k ? s->top_k : 2;
    m->grouped = s->group != NULL;
    m->pairs = s->k > 2 && s->k <= MAX_PAIR_CLASSES;
    if (alloc(m, err) || prepare(m, s, err)) {
        xr_metrics_close(m);
        return -1;
    }
    *metrics = m;
    return 0;
}

void xr_metrics_close(struct xr_metrics *m)
{
    if (!m)
        return;
    for (size_t c = 0; m->rankings && c < m->k; c++)
        free(m->rankings[c].id);
    for (size_t c = 0; m->binnings && c <= m->k; c++) {
        free(m->binnings[c].order);
        free(m->binnings[c].confidence);
        free(m->binnings[c].from);
    }
    free(m->row);
    free(m->truth);
    free(m->predicted);
    free(m->class_from);
    free(m->cell_from);
    free(m->rankings);
    free(m->micro.id);
    free(m->binnings);
    free(m->by_confidence);
    free(m->gap);
    free(m->tied);
    free(m->row_sums);
    free(m->in_top);
    xr_sampler_close(m->sampler);
    free(m);
}
