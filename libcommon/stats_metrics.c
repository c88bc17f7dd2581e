/* The figures of a classifier from row weights, their jackknife and their bootstrap. */
#include "stats_metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

#define MAX_SCORES ((size_t)1 << 24)
#define MAX_THETA ((size_t)1 << 27)

/*
 * One class against the rest, its rows in falling order of their score. A segment is one
 * distinct score that a positive has; the negatives between two segments need no order
 * among themselves. Row i is counted in slot id[i] = 3 * segment + kind; negatives behind
 * the last segment are in one more.
 */
enum {
    NEG_ABOVE,
    POS,
    NEG_TIED,
    N_KINDS
};

struct ranking {
    uint32_t *id; /* [n] */
    size_t n_segments;
};

struct xr_metrics {
    size_t n, k, units;
    uint32_t *truth, *predicted; /* [n] */
    uint32_t *order;             /* [n] rows by cell of the confusion matrix */
    size_t *cell_from;           /* [n_cells + 1] into order */
    size_t n_cells;              /* that are not empty */
    struct ranking *rankings;    /* [k] */
    uint32_t *group;             /* [n], NULL: every row for itself */
    uint32_t *by_group;          /* [n] rows by group */
    size_t *group_from;          /* [units + 1] into by_group */
};

/* What all figures are made of. */
struct sums {
    uint64_t *support, *predicted, *hits; /* [k] */
    double *auc, *ap;                     /* [k] */
};

/* Room of one thread. */
struct work {
    struct sums sums;
    uint32_t *weight; /* [n] */
    uint32_t *slots;  /* [N_KINDS * (n + 1)] */
    uint32_t *draws;  /* [units] */
    uint32_t *drawn;  /* [units] how often */
    double *figures;  /* [xr_n_metrics(k)] */
};

static void sums_free(struct sums *sums)
{
    free(sums->support);
    free(sums->predicted);
    free(sums->hits);
    free(sums->auc);
    free(sums->ap);
}

static int sums_alloc(struct sums *sums, size_t k, struct xr_err *err)
{
    sums->support = xr_alloc_array(k, sizeof *sums->support, err);
    sums->predicted = xr_alloc_array(k, sizeof *sums->predicted, err);
    sums->hits = xr_alloc_array(k, sizeof *sums->hits, err);
    sums->auc = xr_alloc_array(k, sizeof *sums->auc, err);
    sums->ap = xr_alloc_array(k, sizeof *sums->ap, err);
    return sums->support && sums->predicted && sums->hits && sums->auc && sums->ap ? 0
                                                                                   : -1;
}

static void work_free(struct work *work)
{
    sums_free(&work->sums);
    free(work->weight);
    free(work->slots);
    free(work->draws);
    free(work->drawn);
    free(work->figures);
}

static int work_alloc(struct work *work, const struct xr_metrics *m, struct xr_err *err)
{
    *work = (struct work){0};
    if (sums_alloc(&work->sums, m->k, err))
        return -1;
    work->weight = xr_alloc_array(m->n, sizeof *work->weight, err);
    work->slots = xr_alloc_array(N_KINDS * (m->n + 1), sizeof *work->slots, err);
    work->draws = xr_alloc_array(m->units, sizeof *work->draws, err);
    work->drawn = xr_alloc_array(m->units, sizeof *work->drawn, err);
    work->figures = xr_alloc_array(xr_n_metrics(m->k), sizeof *work->figures, err);
    return work->weight && work->slots && work->draws && work->drawn && work->figures
               ? 0
               : -1;
}

/* --- preparing ------------------------------------------------------------------------
 */

struct scored_row {
    double score;
    uint32_t row;
};

static int compare_scores(const void *a, const void *b)
{
    const struct scored_row *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

static void rank_class(struct ranking *ranking, struct scored_row *rows,
                       const struct xr_metrics *m, const double *p, uint32_t c)
{
    size_t segment = 0;

    for (size_t i = 0; i < m->n; i++)
        rows[i] = (struct scored_row){p[i * m->k + c], (uint32_t)i};
    qsort(rows, m->n, sizeof *rows, compare_scores);
    for (size_t from = 0, to; from < m->n; from = to) {
        bool positive = false;

        for (to = from; to < m->n && rows[to].score == rows[from].score; to++)
            positive = positive || m->truth[rows[to].row] == c;
        for (size_t i = from; i < to; i++) {
            uint32_t kind = !positive                    ? NEG_ABOVE
                            : m->truth[rows[i].row] == c ? POS
                                                         : NEG_TIED;

            ranking->id[rows[i].row] = (uint32_t)(N_KINDS * segment) + kind;
        }
        segment += positive;
    }
    ranking->n_segments = segment;
}

/* Counting sort of 0..n-1 by key; from [n_keys + 1]. */
static void bucket(uint32_t *order, size_t *from, const uint32_t *key, size_t n,
                   size_t n_keys)
{
    memset(from, 0, (n_keys + 1) * sizeof *from);
    for (size_t i = 0; i < n; i++)
        from[key[i] + 1]++;
    for (size_t g = 0; g < n_keys; g++)
        from[g + 1] += from[g];
    for (size_t i = 0; i < n; i++)
        order[from[key[i]]++] = (uint32_t)i;
    memmove(from + 1, from, n_keys * sizeof *from);
    from[0] = 0;
}

/* Rows by (truth, prediction): two stable passes, then the borders. */
static int sort_cells(struct xr_metrics *m, struct xr_err *err)
{
    uint32_t *first = xr_alloc_array(m->n, sizeof *first, err);
    uint32_t *truth = xr_alloc_array(m->n, sizeof *truth, err);
    size_t *from = xr_alloc_array(m->k + 1, sizeof *from, err);
    int status = -1;

    if (!first || !truth || !from)
        goto done;
    bucket(first, from, m->predicted, m->n, m->k);
    for (size_t i = 0; i < m->n; i++)
        truth[i] = m->truth[first[i]];
    bucket(m->order, from, truth, m->n, m->k);
    for (size_t i = 0; i < m->n; i++)
        m->order[i] = first[m->order[i]];
    for (size_t i = 0; i < m->n; i++) {
        uint32_t a = m->order[i], b = i ? m->order[i - 1] : 0;

        if (i == 0 || m->truth[a] != m->truth[b] || m->predicted[a] != m->predicted[b])
            m->cell_from[m->n_cells++] = i;
    }
    m->cell_from[m->n_cells] = m->n;
    status = 0;
done:
    free(first);
    free(truth);
    free(from);
    return status;
}

static int check_scored(const struct xr_scored *s, struct xr_err *err)
{
    if (s->n == 0 || s->k == 0)
        return xr_fail(err, "there is no row to measure");
    if (s->k > MAX_SCORES || s->n > MAX_SCORES / s->k)
        return xr_fail(err, "%zu rows of %zu classes are too many (%zu scores at most)",
                       s->n, s->k, MAX_SCORES);
    for (size_t i = 0; i < s->n * s->k; i++)
        if (!isfinite(s->p[i]))
            return xr_fail(err, "row %zu: a score is not finite", i / s->k + 1);
    for (size_t i = 0; i < s->n; i++) {
        if (s->label[i] >= s->k)
            return xr_fail(err, "row %zu: label %u of %zu classes", i + 1, s->label[i],
                           s->k);
        if (s->group && s->group[i] >= s->n_groups)
            return xr_fail(err, "row %zu: group %u of %zu", i + 1, s->group[i],
                           s->n_groups);
    }
    return 0;
}

static int prepare(struct xr_metrics *m, const struct xr_scored *s, struct xr_err *err)
{
    struct scored_row *rows = xr_alloc_array(m->n, sizeof *rows, err);

    if (!rows)
        return -1;
    for (size_t i = 0; i < m->n; i++) {
        const double *p = s->p + i * m->k;
        uint32_t best = 0;

        for (uint32_t c = 1; c < m->k; c++)
            if (p[c] > p[best])
                best = c;
        m->truth[i] = s->label[i];
        m->predicted[i] = best;
    }
    for (uint32_t c = 0; c < m->k; c++)
        rank_class(&m->rankings[c], rows, m, s->p, c);
    free(rows);
    if (s->group) {
        memcpy(m->group, s->group, m->n * sizeof *m->group);
        bucket(m->by_group, m->group_from, m->group, m->n, m->units);
    }
    return sort_cells(m, err);
}

int xr_metrics_open(struct xr_metrics **metrics, const struct xr_scored *s,
                    struct xr_err *err)
{
    struct xr_metrics *m;
    bool good;

    *metrics = NULL;
    if (check_scored(s, err) || !(m = xr_alloc_array(1, sizeof *m, err)))
        return -1;
    m->n = s->n;
    m->k = s->k;
    m->units = s->group ? s->n_groups : s->n;
    good = (m->truth = xr_alloc_array(m->n, sizeof *m->truth, err)) &&
           (m->predicted = xr_alloc_array(m->n, sizeof *m->predicted, err)) &&
           (m->order = xr_alloc_array(m->n, sizeof *m->order, err)) &&
           (m->cell_from = xr_alloc_array(m->n + 1, sizeof *m->cell_from, err)) &&
           (m->rankings = xr_alloc_array(m->k, sizeof *m->rankings, err));
    for (size_t c = 0; good && c < m->k; c++)
        good = (m->rankings[c].id = xr_alloc_array(m->n, sizeof(uint32_t), err)) != NULL;
    if (good && s->group)
        good = (m->group = xr_alloc_array(m->n, sizeof *m->group, err)) &&
               (m->by_group = xr_alloc_array(m->n, sizeof *m->by_group, err)) &&
               (m->group_from = xr_alloc_array(m->units + 1, sizeof *m->group_from, err));
    if (!good || prepare(m, s, err)) {
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
    free(m->rankings);
    free(m->truth);
    free(m->predicted);
    free(m->order);
    free(m->cell_from);
    free(m->group);
    free(m->by_group);
    free(m->group_from);
    free(m);
}

void xr_metrics_confusion(uint64_t *confusion, const struct xr_metrics *m)
{
    memset(confusion, 0, m->k * m->k * sizeof *confusion);
    for (size_t i = 0; i < m->n; i++)
        confusion[m->truth[i] * m->k + m->predicted[i]]++;
}

/* --- figures from weights --------------------------------------------------------- */

static double ratio(uint64_t part, uint64_t whole, double otherwise)
{
    return whole ? (double)part / (double)whole : otherwise;
}

/* absent: the value of a ratio whose denominator is 0, 0 or NaN. */
static void figures_from(double *f, const struct sums *s, size_t k, double absent)
{
    double recalls = 0.0, areas = 0.0, weighted_areas = 0.0, aps = 0.0;
    double macro[3] = {0}, weighted[3] = {0};
    uint64_t total = 0, hits = 0;
    size_t present = 0;

    for (size_t c = 0; c < k; c++) {
        total += s->support[c];
        hits += s->hits[c];
    }
    for (size_t c = 0; c < k; c++) {
        uint64_t tp = s->hits[c], fn = s->support[c] - tp, fp = s->predicted[c] - tp;
        uint64_t negatives = total - s->support[c];
        double of[3] = {ratio(tp, s->predicted[c], 0), ratio(tp, s->support[c], 0),
                        ratio(2 * tp, 2 * tp + fp + fn, 0)};
        double *own = f + xr_metric_at(c, 0);

        own[XR_CLASS_PRECISION] = s->predicted[c] ? of[0] : absent;
        own[XR_CLASS_RECALL] = s->support[c] ? of[1] : absent;
        own[XR_CLASS_SPECIFICITY] = ratio(negatives - fp, negatives, absent);
        own[XR_CLASS_F1] = tp + fp + fn ? of[2] : absent;
        own[XR_CLASS_ROC_AUC] = s->auc[c];
        own[XR_CLASS_AVERAGE_PRECISION] = s->ap[c];
        for (int i = 0; i < 3; i++) {
            macro[i] += of[i];
            weighted[i] += of[i] * (double)s->support[c];
        }
        areas += s->auc[c];
        aps += s->ap[c];
        if (s->support[c]) {
            present++;
            recalls += of[1];
            weighted_areas += s->auc[c] * (double)s->support[c];
        }
    }
    f[XR_METRIC_ACCURACY] = ratio(hits, total, NAN);
    f[XR_METRIC_BALANCED_ACCURACY] = present ? recalls / (double)present : NAN;
    f[XR_METRIC_ROC_AUC_MACRO] = k == 2 ? s->auc[1] : areas / (double)k;
    f[XR_METRIC_ROC_AUC_WEIGHTED] = k == 2 ? s->auc[1] : weighted_areas / (double)total;
    f[XR_METRIC_AVERAGE_PRECISION] = aps / (double)k;
    for (int i = 0; i < 3; i++) {
        f[XR_METRIC_PRECISION_MACRO + i] = macro[i] / (double)k;
        f[XR_METRIC_PRECISION_WEIGHTED + i] = total ? weighted[i] / (double)total : NAN;
    }
}

/*
 * Area and average precision of one class from its slots, highest score first. Pairs are
 * counted twice in integers, a tie once, so that equal samples give equal doubles.
 */
static void rank_figures(double *auc, double *ap, const uint32_t *slots,
                         size_t n_segments)
{
    int64_t tp = 0, fp = 0, pairs2 = 0;
    double sum = 0.0;

    for (size_t s = 0; s < n_segments; s++) {
        const uint32_t *slot = slots + N_KINDS * s;
        int64_t pos = slot[POS], above = slot[NEG_ABOVE], tied = slot[NEG_TIED], seen;

        pairs2 += 2 * tp * (above + tied) + pos * tied;
        tp += pos;
        fp += above + tied;
        seen = tp + fp;
        sum += (double)pos * (double)tp / (double)(seen + !seen);
    }
    pairs2 += 2 * tp * (int64_t)slots[N_KINDS * n_segments + NEG_ABOVE];
    fp += slots[N_KINDS * n_segments + NEG_ABOVE];
    *auc = tp && fp ? (double)pairs2 / (2.0 * (double)tp * (double)fp) : NAN;
    *ap = tp ? sum / (double)tp : NAN;
}

static void fill_slots(uint32_t *slots, const struct ranking *ranking,
                       const uint32_t *weight, size_t n)
{
    memset(slots, 0, N_KINDS * (ranking->n_segments + 1) * sizeof *slots);
    for (size_t i = 0; i < n; i++)
        slots[ranking->id[i]] += weight[i];
}

static void eval(double *figures, struct work *work, const struct xr_metrics *m,
                 const uint32_t *weight, double absent)
{
    struct sums *s = &work->sums;

    memset(s->support, 0, m->k * sizeof *s->support);
    memset(s->predicted, 0, m->k * sizeof *s->predicted);
    memset(s->hits, 0, m->k * sizeof *s->hits);
    for (size_t cell = 0; cell < m->n_cells; cell++) {
        uint32_t row = m->order[m->cell_from[cell]];
        uint64_t sum = 0;

        for (size_t i = m->cell_from[cell]; i < m->cell_from[cell + 1]; i++)
            sum += weight[m->order[i]];
        s->support[m->truth[row]] += sum;
        s->predicted[m->predicted[row]] += sum;
        if (m->truth[row] == m->predicted[row])
            s->hits[m->truth[row]] += sum;
    }
    for (size_t c = 0; c < m->k; c++) {
        fill_slots(work->slots, &m->rankings[c], weight, m->n);
        rank_figures(&s->auc[c], &s->ap[c], work->slots, m->rankings[c].n_segments);
    }
    figures_from(figures, s, m->k, absent);
}

static void ones(uint32_t *weight, size_t n)
{
    for (size_t i = 0; i < n; i++)
        weight[i] = 1;
}

int xr_metrics_eval(double *figures, const struct xr_metrics *m, const uint32_t *weight,
                    struct xr_err *err)
{
    struct work work;
    int status = work_alloc(&work, m, err);

    if (status == 0) {
        ones(work.weight, m->n);
        eval(figures, &work, m, weight ? weight : work.weight, weight ? NAN : 0.0);
    }
    work_free(&work);
    return status;
}

/* --- jackknife -------------------------------------------------------------------- */

/* Prefix and suffix sums that give average precision without one row in constant time. */
struct ap_sums {
    double *before;  /* [S + 1] terms of the segments above, unchanged */
    double *less_fp; /* [S + 1] terms from this segment on with one false positive less */
    double *less_tp; /* [S + 1] the same with one true positive less */
    int64_t *tp, *fp; /* [S] counted down to and with this segment */
};

static void ap_sums_free(struct ap_sums *a)
{
    free(a->before);
    free(a->less_fp);
    free(a->less_tp);
    free(a->tp);
    free(a->fp);
}

static int ap_sums_alloc(struct ap_sums *a, size_t n, struct xr_err *err)
{
    *a = (struct ap_sums){0};
    a->before = xr_alloc_array(n + 1, sizeof *a->before, err);
    a->less_fp = xr_alloc_array(n + 1, sizeof *a->less_fp, err);
    a->less_tp = xr_alloc_array(n + 1, sizeof *a->less_tp, err);
    a->tp = xr_alloc_array(n + 1, sizeof *a->tp, err);
    a->fp = xr_alloc_array(n + 1, sizeof *a->fp, err);
    return a->before && a->less_fp && a->less_tp && a->tp && a->fp ? 0 : -1;
}

/* part * tp / seen, 0 where nothing is seen (then nobody asks for it). */
static double ap_term(double part, int64_t tp, int64_t seen)
{
    return seen > 0 ? part * (double)tp / (double)seen : 0.0;
}

static void ap_sums_fill(struct ap_sums *a, const uint32_t *slots, size_t n_segments)
{
    int64_t tp = 0, fp = 0;

    a->before[0] = 0.0;
    for (size_t s = 0; s < n_segments; s++) {
        const uint32_t *slot = slots + N_KINDS * s;

        a->tp[s] = tp += slot[POS];
        a->fp[s] = fp += slot[NEG_ABOVE] + slot[NEG_TIED];
        a->before[s + 1] = a->before[s] + ap_term(slot[POS], tp, tp + fp);
    }
    a->less_fp[n_segments] = a->less_tp[n_segments] = 0.0;
    for (size_t s = n_segments; s-- > 0;) {
        double pos = slots[N_KINDS * s + POS];
        int64_t seen = a->tp[s] + a->fp[s] - 1;

        a->less_fp[s] = a->less_fp[s + 1] + ap_term(pos, a->tp[s], seen);
        a->less_tp[s] = a->less_tp[s + 1] + ap_term(pos, a->tp[s] - 1, seen);
    }
}

/* Area and average precision of class c without row i, for every i. */
static void jack_class(double *auc, double *ap, struct ap_sums *a, struct work *work,
                       const struct xr_metrics *m, size_t c)
{
    const struct ranking *ranking = &m->rankings[c];
    size_t n_segments = ranking->n_segments;
    const uint32_t *slots = work->slots;
    int64_t n_pos, n_neg, pairs2 = 0, above = 0;

    fill_slots(work->slots, ranking, work->weight, m->n);
    ap_sums_fill(a, slots, n_segments);
    n_pos = n_segments ? a->tp[n_segments - 1] : 0;
    n_neg = (int64_t)m->n - n_pos;
    for (size_t s = 0; s < n_segments; s++) {
        int64_t negs = a->fp[s] - (s ? a->fp[s - 1] : 0),
                tied = slots[N_KINDS * s + NEG_TIED];

        pairs2 += 2 * above * negs + (int64_t)slots[N_KINDS * s + POS] * tied;
        above = a->tp[s];
    }
    pairs2 += 2 * above * (int64_t)slots[N_KINDS * n_segments + NEG_ABOVE];
    for (size_t i = 0; i < m->n; i++) {
        size_t s = ranking->id[i] / N_KINDS, kind = ranking->id[i] % N_KINDS;
        int64_t pos_above = s ? a->tp[s - 1] : 0, pos = n_pos, neg = n_neg, lost;

        if (kind == POS) {
            double here = slots[N_KINDS * s + POS];
            int64_t seen = a->tp[s] + a->fp[s] - 1;

            lost = 2 * (n_neg - a->fp[s]) + slots[N_KINDS * s + NEG_TIED];
            pos--;
            ap[i] = a->before[s] + ap_term(here - 1.0, a->tp[s] - 1, seen) +
                    a->less_tp[s + 1];
        } else {
            lost = 2 * pos_above + (kind == NEG_TIED ? slots[N_KINDS * s + POS] : 0);
            neg--;
            ap[i] = a->before[s] + a->less_fp[s];
        }
        auc[i] = pos && neg ? (double)(pairs2 - lost) / (2.0 * (double)pos * (double)neg)
                            : NAN;
        ap[i] = pos ? ap[i] / (double)pos : NAN;
    }
}

static int jack_rows(double *jack, struct work *work, const struct xr_metrics *m,
                     struct xr_err *err)
{
    size_t n_figures = xr_n_metrics(m->k);
    struct sums *s = &work->sums;
    struct ap_sums a;
    int status = ap_sums_alloc(&a, m->n, err);

    if (status)
        goto done;
    ones(work->weight, m->n);
    for (size_t c = 0; c < m->k; c++)
        jack_class(jack + xr_metric_at(c, XR_CLASS_ROC_AUC) * m->n,
                   jack + xr_metric_at(c, XR_CLASS_AVERAGE_PRECISION) * m->n, &a, work, m,
                   c);
    eval(work->figures, work, m, work->weight, NAN);
    for (size_t i = 0; i < m->n; i++) {
        uint32_t t = m->truth[i], p = m->predicted[i];

        s->support[t]--;
        s->predicted[p]--;
        s->hits[t] -= t == p;
        for (size_t c = 0; c < m->k; c++) {
            s->auc[c] = jack[xr_metric_at(c, XR_CLASS_ROC_AUC) * m->n + i];
            s->ap[c] = jack[xr_metric_at(c, XR_CLASS_AVERAGE_PRECISION) * m->n + i];
        }
        figures_from(work->figures, s, m->k, NAN);
        for (size_t f = 0; f < n_figures; f++)
            jack[f * m->n + i] = work->figures[f];
        s->support[t]++;
        s->predicted[p]++;
        s->hits[t] += t == p;
    }
done:
    ap_sums_free(&a);
    return status;
}

static void jack_groups(double *jack, struct work *work, const struct xr_metrics *m)
{
    ones(work->weight, m->n);
    for (size_t g = 0; g < m->units; g++) {
        const uint32_t *rows = m->by_group + m->group_from[g];
        size_t n = m->group_from[g + 1] - m->group_from[g];

        for (size_t i = 0; i < n; i++)
            work->weight[rows[i]] = 0;
        eval(work->figures, work, m, work->weight, NAN);
        for (size_t f = 0; f < xr_n_metrics(m->k); f++)
            jack[f * m->units + g] = work->figures[f];
        for (size_t i = 0; i < n; i++)
            work->weight[rows[i]] = 1;
    }
}

int xr_metrics_jackknife(double *jack, const struct xr_metrics *m, struct xr_err *err)
{
    struct work work;
    int status = work_alloc(&work, m, err);

    if (status == 0 && m->group)
        jack_groups(jack, &work, m);
    else if (status == 0)
        status = jack_rows(jack, &work, m, err);
    work_free(&work);
    return status;
}

/* --- bootstrap -------------------------------------------------------------------- */

/* The share of one thread: resamples from..to-1 into theta [figure][n_resamples]. */
struct share {
    const struct xr_metrics *metrics;
    const struct xr_bootstrap *bootstrap;
    const uint32_t *draws; /* NULL: random */
    double *theta;
    size_t from, to;
    struct work work;
};

static void resample(struct work *work, const struct xr_metrics *m, const uint32_t *draws)
{
    uint32_t *drawn = m->group ? work->drawn : work->weight;

    memset(drawn, 0, m->units * sizeof *drawn);
    for (size_t i = 0; i < m->units; i++)
        drawn[draws[i]]++;
    if (m->group)
        for (size_t i = 0; i < m->n; i++)
            work->weight[i] = drawn[m->group[i]];
}

static void *run_share(void *arg)
{
    struct share *share = arg;
    const struct xr_metrics *m = share->metrics;
    size_t n_resamples = (size_t)share->bootstrap->n_resamples;

    for (size_t b = share->from; b < share->to; b++) {
        const uint32_t *draws = share->work.draws;
        struct xr_rng rng;

        if (share->draws) {
            draws = share->draws + b * m->units;
        } else {
            xr_rng_init(&rng, share->bootstrap->seed, b, "", "bootstrap");
            xr_rng_fill_below(&rng, share->work.draws, m->units, (uint32_t)m->units);
        }
        resample(&share->work, m, draws);
        eval(share->work.figures, &share->work, m, share->work.weight, NAN);
        for (size_t f = 0; f < xr_n_metrics(m->k); f++)
            share->theta[f * n_resamples + b] = share->work.figures[f];
    }
    return NULL;
}

/* All resamples, split over threads in runs; a thread that cannot be started is done
 * here. */
static int run_resamples(double *theta, const struct xr_metrics *m,
                         const struct xr_bootstrap *bootstrap, const uint32_t *draws,
                         struct xr_err *err)
{
    size_t total = (size_t)bootstrap->n_resamples;
    size_t jobs = bootstrap->jobs < 1 ? 1 : (size_t)bootstrap->jobs;
    struct share *shares;
    pthread_t *threads;
    int status = 0;

    if (jobs > total)
        jobs = total;
    shares = xr_alloc_array(jobs, sizeof *shares, err);
    threads = xr_alloc_array(jobs, sizeof *threads, err);
    if (!shares || !threads) {
        free(shares);
        free(threads);
        return -1;
    }
    for (size_t j = 0; j < jobs && status == 0; j++) {
        shares[j].metrics = m;
        shares[j].bootstrap = bootstrap;
        shares[j].draws = draws;
        shares[j].theta = theta;
        shares[j].from = total * j / jobs;
        shares[j].to = total * (j + 1) / jobs;
        status = work_alloc(&shares[j].work, m, err);
    }
    if (status == 0) {
        size_t started = 1;

        while (started < jobs &&
               !pthread_create(&threads[started], NULL, run_share, &shares[started]))
            started++;
        run_share(&shares[0]);
        for (size_t j = started; j < jobs; j++)
            run_share(&shares[j]);
        for (size_t j = 1; j < started; j++)
            pthread_join(threads[j], NULL);
    }
    for (size_t j = 0; j < jobs; j++)
        work_free(&shares[j].work);
    free(shares);
    free(threads);
    return status;
}

int xr_metrics_bootstrap_with(struct xr_figure *figures, const struct xr_metrics *m,
                              const struct xr_bootstrap *bootstrap, const uint32_t *draws,
                              struct xr_err *err)
{
    size_t n_figures = xr_n_metrics(m->k), total = (size_t)bootstrap->n_resamples;
    double *values = NULL, *theta = NULL, *jack = NULL;
    int status = -1;

    if (bootstrap->n_resamples < 0 || total > MAX_THETA / n_figures)
        return xr_fail(err, "%lld resamples of %zu figures are too many",
                       (long long)bootstrap->n_resamples, n_figures);
    values = xr_alloc_array(n_figures, sizeof *values, err);
    theta = xr_alloc_array(n_figures * total, sizeof *theta, err);
    if (!values || !theta || xr_metrics_eval(values, m, NULL, err))
        goto done;
    if (total && run_resamples(theta, m, bootstrap, draws, err))
        goto done;
    if (total && bootstrap->method == XR_CI_BCA) {
        jack = xr_alloc_array(n_figures * m->units, sizeof *jack, err);
        if (!jack || xr_metrics_jackknife(jack, m, err))
            goto done;
    }
    for (size_t f = 0; f < n_figures; f++)
        xr_bootstrap_interval(&figures[f], values[f], theta + f * total, total,
                              jack ? jack + f * m->units : NULL, m->units,
                              bootstrap->confidence, bootstrap->method);
    status = 0;
done:
    free(values);
    free(theta);
    free(jack);
    return status;
}

int xr_metrics_bootstrap(struct xr_figure *figures, const struct xr_metrics *metrics,
                         const struct xr_bootstrap *bootstrap, struct xr_err *err)
{
    return xr_metrics_bootstrap_with(figures, metrics, bootstrap, NULL, err);
}

int xr_metrics_point(double *figures, const float *p, const int64_t *label, size_t n,
                     size_t k, struct xr_err *err)
{
    struct xr_scored scored = {.n = n, .k = k};
    struct xr_metrics *metrics = NULL;
    double *wide = NULL;
    uint32_t *narrow = NULL;
    int status = -1;

    if (k && n > SIZE_MAX / k)
        return xr_fail(err, "too many rows");
    wide = xr_alloc_array(n * k, sizeof *wide, err);
    narrow = xr_alloc_array(n, sizeof *narrow, err);
    if (!wide || !narrow)
        goto done;
    for (size_t i = 0; i < n * k; i++)
        wide[i] = (double)p[i];
    for (size_t i = 0; i < n; i++)
        narrow[i] =
            label[i] < 0 || label[i] >= UINT32_MAX ? UINT32_MAX : (uint32_t)label[i];
    scored.p = wide;
    scored.label = narrow;
    if (xr_metrics_open(&metrics, &scored, err) == 0)
        status = xr_metrics_eval(figures, metrics, NULL, err);
done:
    xr_metrics_close(metrics);
    free(wide);
    free(narrow);
    return status;
}
