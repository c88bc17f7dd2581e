/*
 * The figures with one row left out, for every row, in O(n) each: what a row adds to the
 * sums is taken away again, and the ranked figures follow from prefix sums.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats_sums.h"

#define MAX_MICRO_CLASSES 16

/* One class against the rest, or all scores (micro), counted over all rows. */
struct ranked {
    size_t n_segments, n_shifts;
    int64_t *tp, *fp; /* [n_segments] counted down to and with a segment */
    uint32_t *slots;  /* [XR_N_KINDS * (n_segments + 1)] */
    double *sum;      /* [2 * n_shifts][n_segments + 1] terms of average precision of the
                         segments above, with a true and b false positives less */
    int64_t n_pos, n_neg, pairs2;
};

static void ranked_free(struct ranked *r)
{
    free(r->tp);
    free(r->fp);
    free(r->slots);
    free(r->sum);
}

/* part * tp / seen, 0 where nothing is seen (then nobody asks for it). */
static double term(double part, int64_t tp, int64_t seen)
{
    return seen > 0 ? part * (double)tp / (double)seen : 0.0;
}

static double *sums_of(const struct ranked *r, size_t less_tp, size_t less_fp)
{
    return r->sum + (less_tp * r->n_shifts + less_fp) * (r->n_segments + 1);
}

/* slots: those of all rows; n_shifts: how many false positives one row may be, and one.
 */
static int ranked_make(struct ranked *r, const uint32_t *slots, size_t n_segments,
                       size_t n_shifts, struct xr_err *err)
{
    size_t n_slots = XR_N_KINDS * (n_segments + 1);
    int64_t tp = 0, fp = 0;

    *r = (struct ranked){.n_segments = n_segments, .n_shifts = n_shifts};
    r->tp = xr_alloc_array(n_segments, sizeof *r->tp, err);
    r->fp = xr_alloc_array(n_segments, sizeof *r->fp, err);
    r->slots = xr_alloc_array(n_slots, sizeof *r->slots, err);
    r->sum = xr_alloc_array(2 * n_shifts * (n_segments + 1), sizeof *r->sum, err);
    if (!r->tp || !r->fp || !r->slots || !r->sum)
        return -1;
    memcpy(r->slots, slots, n_slots * sizeof *slots);
    for (size_t s = 0; s < n_segments; s++) {
        const uint32_t *slot = slots + XR_N_KINDS * s;
        int64_t pos = slot[XR_POS], above = slot[XR_NEG_ABOVE], tied = slot[XR_NEG_TIED];

        r->pairs2 += 2 * tp * (above + tied) + pos * tied;
        r->tp[s] = tp += pos;
        r->fp[s] = fp += above + tied;
        for (size_t a = 0; a < 2; a++) {
            for (size_t b = 0; b < n_shifts; b++) {
                double *sum = sums_of(r, a, b);
                int64_t right = tp - (int64_t)a;

                sum[s + 1] = sum[s] + term((double)pos, right, right + fp - (int64_t)b);
            }
        }
    }
    r->pairs2 += 2 * tp * (int64_t)slots[XR_N_KINDS * n_segments + XR_NEG_ABOVE];
    r->n_pos = tp;
    r->n_neg = fp + (int64_t)slots[XR_N_KINDS * n_segments + XR_NEG_ABOVE];
    return 0;
}

/* Twice the pairs that a negative of this slot loses. */
static int64_t lost_by(const struct ranked *r, uint32_t id)
{
    size_t s = id / XR_N_KINDS;
    int64_t above = s ? r->tp[s - 1] : 0;

    return 2 * above +
           (id % XR_N_KINDS == XR_NEG_TIED ? r->slots[s * XR_N_KINDS + XR_POS] : 0);
}

/* Twice the pairs that a positive of this segment wins. */
static int64_t won_by(const struct ranked *r, size_t s)
{
    return 2 * (r->n_neg - r->fp[s]) + r->slots[s * XR_N_KINDS + XR_NEG_TIED];
}

/* Twice the pair of a positive and a negative. */
static int64_t pair_of(size_t positive_segment, uint32_t negative)
{
    size_t s = negative / XR_N_KINDS;

    if (positive_segment < s)
        return 2;
    return positive_segment == s && negative % XR_N_KINDS == XR_NEG_TIED;
}

static double area(int64_t pairs2, int64_t pos, int64_t neg)
{
    return pos > 0 && neg > 0 ? (double)pairs2 / (2.0 * (double)pos * (double)neg) : NAN;
}

/*
 * Area and average precision without one positive (positive < n_segments; SIZE_MAX: none)
 * and the negatives of `n` slots in rising order.
 */
static void without(double *auc, double *ap, const struct ranked *r, size_t positive,
                    const uint32_t *negatives, size_t n)
{
    size_t less_tp = positive != SIZE_MAX, from = 0;
    int64_t lost = less_tp ? won_by(r, positive) : 0, pos = r->n_pos - (int64_t)less_tp;
    double sum = 0.0;

    for (size_t i = 0; i < n; i++)
        lost +=
            lost_by(r, negatives[i]) - (less_tp ? pair_of(positive, negatives[i]) : 0);
    *auc = area(r->pairs2 - lost, pos, r->n_neg - (int64_t)n);
    for (size_t b = 0; b <= n; b++) {
        size_t to = b < n ? negatives[b] / XR_N_KINDS : r->n_segments;

        if (from < to && positive >= to) {
            sum += sums_of(r, 0, b)[to] - sums_of(r, 0, b)[from];
        } else if (from < to && positive < from) {
            sum += sums_of(r, 1, b)[to] - sums_of(r, 1, b)[from];
        } else if (from < to) {
            int64_t right = r->tp[positive] - 1;

            sum += sums_of(r, 0, b)[positive] - sums_of(r, 0, b)[from];
            sum += sums_of(r, 1, b)[to] - sums_of(r, 1, b)[positive];
            sum -= term(1.0, right, right + r->fp[positive] - (int64_t)b);
        }
        from = to;
    }
    *ap = pos > 0 ? sum / (double)pos : NAN;
}

/* --- bins of equal counts --------------------------------------------------------- */

/* Rows of equal confidence are one tie. */
struct mass {
    size_t n_ties, n_rows, n_bins;
    uint32_t *tie_of; /* [n] */
    double *gap_of;   /* [n] */
    uint64_t *before; /* [n_ties + 1] */
    double *gap;      /* [n_ties + 1] sums of the gaps of the ties before */
    size_t *border;   /* [n_bins + 1] first tie of a bin, with all rows */
};

static void mass_free(struct mass *q)
{
    free(q->tie_of);
    free(q->gap_of);
    free(q->before);
    free(q->gap);
    free(q->border);
}

/* Is this tie in bin j or behind, where the tie `out` has a row less (SIZE_MAX: none)? */
static bool reaches(const struct mass *q, size_t tie, size_t j, size_t out)
{
    uint64_t twice = q->before[tie] + q->before[tie + 1], n = q->n_rows;

    if (out != SIZE_MAX) {
        twice -= tie == out ? 1 : tie > out ? 2 : 0;
        n--;
    }
    return twice * q->n_bins >= 2 * n * j;
}

static size_t border_of(const struct mass *q, size_t j, size_t out)
{
    size_t tie = q->border[j];

    while (tie > 0 && reaches(q, tie - 1, j, out))
        tie--;
    while (tie < q->n_ties && !reaches(q, tie, j, out))
        tie++;
    return tie;
}

static int mass_make(struct mass *q, const struct xr_metrics *m, struct xr_err *err)
{
    *q = (struct mass){.n_rows = m->n, .n_bins = m->n_bins};
    q->tie_of = xr_alloc_array(m->n, sizeof *q->tie_of, err);
    q->gap_of = xr_alloc_array(m->n, sizeof *q->gap_of, err);
    q->before = xr_alloc_array(m->n + 1, sizeof *q->before, err);
    q->gap = xr_alloc_array(m->n + 1, sizeof *q->gap, err);
    q->border = xr_alloc_array(m->n_bins + 1, sizeof *q->border, err);
    if (!q->tie_of || !q->gap_of || !q->before || !q->gap || !q->border)
        return -1;
    for (size_t i = 0; i < m->n; i++) {
        uint32_t row = m->by_confidence[i];

        q->tie_of[row] = (uint32_t)q->n_ties;
        q->gap_of[row] = m->gap[i];
        q->before[q->n_ties + 1] = i + 1;
        q->gap[q->n_ties + 1] += m->gap[i];
        if (m->tied[i])
            continue;
        q->n_ties++;
        if (q->n_ties <= m->n)
            q->gap[q->n_ties] += q->gap[q->n_ties - 1];
    }
    for (size_t j = 0; j <= m->n_bins; j++) {
        q->border[j] = j ? q->border[j - 1] : 0;
        q->border[j] = j < m->n_bins ? border_of(q, j, SIZE_MAX) : q->n_ties;
    }
    return 0;
}

static double mass_without(const struct mass *q, size_t row)
{
    size_t out = q->tie_of[row], to;
    double sum = 0.0, last = 0.0;

    for (size_t j = 1; j <= q->n_bins; j++) {
        double here;

        to = j < q->n_bins ? border_of(q, j, out) : q->n_ties;
        here = q->gap[to] - (to > out ? q->gap_of[row] : 0.0);
        sum += fabs(here - last);
        last = here;
    }
    return sum;
}

/* --- all of it -------------------------------------------------------------------- */

/* What is prepared of all rows; indices are those of struct xr_metrics. */
struct whole {
    struct ranked *ranked; /* [k] */
    struct ranked micro;
    struct mass mass;
    uint32_t *cell_of;     /* [k + 1][n] cell of a binning */
    double *confidence_of; /* [k + 1][n] */
    uint32_t *won;         /* [n][k] twice the pairs a row wins in its own column against
                              each class; NULL */
    int64_t *pairs2;       /* [k][k] */
    double *row_sums;      /* [2 + k] */
    uint32_t *negatives;   /* [k] */
    double *figures;
};

static void whole_free(struct whole *w, size_t k)
{
    for (size_t c = 0; w->ranked && c < k; c++)
        ranked_free(&w->ranked[c]);
    ranked_free(&w->micro);
    mass_free(&w->mass);
    free(w->ranked);
    free(w->cell_of);
    free(w->confidence_of);
    free(w->won);
    free(w->pairs2);
    free(w->row_sums);
    free(w->negatives);
    free(w->figures);
}

/* Pairs of class a against every other: of each row of a, and in all. */
static int count_pairs(struct whole *w, const struct xr_metrics *m, size_t a,
                       struct xr_err *err)
{
    const struct ranked *r = &w->ranked[a];
    size_t k = m->k, n_slots = XR_N_KINDS * (r->n_segments + 1);
    uint32_t *below = xr_alloc_array(n_slots, sizeof *below, err);

    if (!below)
        return -1;
    for (size_t b = 0; b < k; b++) {
        uint32_t seen = 0;

        if (b == a)
            continue;
        /* twice the rows of b that a positive of a segment is above, ties once */
        memset(below, 0, n_slots * sizeof *below);
        for (size_t i = m->class_from[b]; i < m->class_from[b + 1]; i++) {
            below[m->rankings[a].id[i]]++;
            w->pairs2[a * k + b] += lost_by(r, m->rankings[a].id[i]);
        }
        for (size_t s = r->n_segments + 1; s-- > 0;) {
            uint32_t *slot = below + XR_N_KINDS * s;

            slot[XR_POS] = 2 * seen + slot[XR_NEG_TIED];
            seen += slot[XR_NEG_TIED] + slot[XR_NEG_ABOVE];
        }
        for (size_t i = m->class_from[a]; i < m->class_from[a + 1]; i++)
            w->won[i * k + b] = below[m->rankings[a].id[i]];
    }
    free(below);
    return 0;
}

static int whole_make(struct whole *w, struct xr_metrics_room *room,
                      const struct xr_metrics *m, struct xr_err *err)
{
    size_t k = m->k;

    w->ranked = xr_alloc_array(k, sizeof *w->ranked, err);
    w->cell_of = xr_alloc_array((k + 1) * m->n, sizeof *w->cell_of, err);
    w->confidence_of = xr_alloc_array((k + 1) * m->n, sizeof *w->confidence_of, err);
    w->pairs2 = xr_alloc_array(m->pairs ? k * k : 0, sizeof *w->pairs2, err);
    w->won = xr_alloc_array(m->pairs ? k * m->n : 0, sizeof *w->won, err);
    w->row_sums = xr_alloc_array(2 + k, sizeof *w->row_sums, err);
    w->negatives = xr_alloc_array(k, sizeof *w->negatives, err);
    w->figures = xr_alloc_array(xr_n_metrics(k), sizeof *w->figures, err);
    if (!w->ranked || !w->cell_of || !w->confidence_of || !w->pairs2 || !w->won ||
        !w->row_sums || !w->negatives || !w->figures || mass_make(&w->mass, m, err))
        return -1;
    for (size_t i = 0; i < m->n; i++)
        room->weight[i] = 1;
    for (size_t c = 0; c < k; c++) {
        xr_sums_slots(room, m, c);
        if (ranked_make(&w->ranked[c], room->slots, m->rankings[c].n_segments, 2, err))
            return -1;
    }
    for (size_t a = 0; m->pairs && a < k; a++)
        if (count_pairs(w, m, a, err))
            return -1;
    for (size_t c = 0; c <= k; c++) {
        const struct xr_binning *b = &m->binnings[c];

        for (size_t cell = 0; cell < 2 * m->n_bins; cell++) {
            for (size_t i = b->from[cell]; i < b->from[cell + 1]; i++) {
                w->cell_of[c * m->n + b->order[i]] = (uint32_t)cell;
                w->confidence_of[c * m->n + b->order[i]] = b->confidence[i];
            }
        }
    }
    xr_sums_fill(room, m); /* its last slots are those of the micro average */
    memcpy(w->row_sums, room->sums.row_sums, (2 + k) * sizeof *w->row_sums);
    return k > MAX_MICRO_CLASSES
               ? 0
               : ranked_make(&w->micro, room->slots, m->micro.n_segments, k, err);
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void rank_without(struct xr_sums *s, struct whole *w, const struct xr_metrics *m,
                         size_t i)
{
    uint32_t t = m->truth[i];
    size_t k = m->k, n = 0;

    for (size_t c = 0; c < k; c++) {
        uint32_t id = m->rankings[c].id[i];
        size_t positive = c == t ? id / XR_N_KINDS : SIZE_MAX;

        without(&s->auc[c], &s->ap[c], &w->ranked[c], positive, &id, c == t ? 0 : 1);
    }
    for (size_t b = 0; m->pairs && b < k; b++) {
        int64_t own = w->ranked[t].n_pos - 1, other = w->ranked[b].n_pos;

        if (b == t)
            continue;
        s->pair[t * k + b] = area(w->pairs2[t * k + b] - w->won[i * k + b], own, other);
        s->pair[b * k + t] =
            area(w->pairs2[b * k + t] - lost_by(&w->ranked[b], m->rankings[b].id[i]),
                 other, own);
    }
    s->micro_auc = s->micro_ap = NAN;
    if (k > MAX_MICRO_CLASSES)
        return;
    for (size_t c = 0; c < k; c++)
        if (c != t)
            w->negatives[n++] = m->micro.id[c * m->n + i];
    qsort(w->negatives, n, sizeof *w->negatives, compare_ids);
    without(&s->micro_auc, &s->micro_ap, &w->micro,
            m->micro.id[t * m->n + i] / XR_N_KINDS, w->negatives, n);
}

/* Take row i out of the counts, or put it back. */
static void count_row(struct xr_sums *s, const struct whole *w,
                      const struct xr_metrics *m, size_t i, bool back)
{
    uint32_t t = m->truth[i], p = m->predicted[i];
    double off = t > p ? t - p : p - t, sign = back ? 1.0 : -1.0;
    uint64_t one = back ? 1 : UINT64_MAX; /* modulo 2^64: one less */

    s->total += one;
    s->support[t] += one;
    s->predicted[p] += one;
    s->hits[t] += t == p ? one : 0;
    s->in_top += m->in_top[i] ? one : 0;
    s->off += sign * off;
    s->off2 += sign * off * off;
    for (size_t c = 0; c <= m->k; c++) {
        uint32_t cell = w->cell_of[c * m->n + i];

        s->bins[c].n[cell / 2] += one;
        s->bins[c].right[cell / 2] += cell % 2 ? one : 0;
    }
}

int xr_jackknife_rows(double *jack, const struct xr_metrics *m, struct xr_err *err)
{
    struct xr_metrics_room *room = xr_metrics_room_open(m, err);
    size_t k = m->k, n_figures = xr_n_metrics(k);
    double *kept = xr_alloc_array(k + 1, sizeof *kept, err);
    double *pairs = xr_alloc_array(m->pairs ? k * k : 0, sizeof *pairs, err);
    struct whole w = {0};
    struct xr_sums *s;
    int status = -1;

    if (!room || !kept || !pairs || whole_make(&w, room, m, err))
        goto done;
    s = &room->sums;
    if (m->pairs)
        memcpy(pairs, s->pair, k * k * sizeof *pairs);
    for (size_t i = 0; i < m->n; i++) {
        uint32_t t = m->truth[i];

        count_row(s, &w, m, i, false);
        s->row_sums[0] = w.row_sums[0] - m->row_sums[i];
        s->row_sums[1] = 0.0;
        for (size_t c = 0; c < k; c++)
            s->row_sums[1] += s->row_sums[2 + c] =
                w.row_sums[2 + c] - m->row_sums[(1 + c) * m->n + i];
        for (size_t c = 0; c <= k; c++) {
            double *at = &s->bins[c].confidence[w.cell_of[c * m->n + i] / 2];

            kept[c] = *at;
            *at -= w.confidence_of[c * m->n + i];
        }
        s->mass_gap = mass_without(&w.mass, i);
        rank_without(s, &w, m, i);
        xr_figures_of(w.figures, s, NAN);
        for (size_t f = 0; f < n_figures; f++)
            jack[f * m->n + m->row[i]] = w.figures[f];
        count_row(s, &w, m, i, true);
        for (size_t c = 0; c <= k; c++)
            s->bins[c].confidence[w.cell_of[c * m->n + i] / 2] = kept[c];
        for (size_t b = 0; m->pairs && b < k; b++) {
            s->pair[t * k + b] = pairs[t * k + b];
            s->pair[b * k + t] = pairs[b * k + t];
        }
    }
    status = 0;
done:
    whole_free(&w, k);
    xr_metrics_room_close(room);
    free(kept);
    free(pairs);
    return status;
}
