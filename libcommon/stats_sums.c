/* The sums over weighted rows that all figures are made of. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats_sums.h"

int xr_sums_alloc(struct xr_sums *s, const struct xr_metrics *m, struct xr_err *err)
{
    size_t k = m->k;

    s->k = k;
    s->n_bins = m->n_bins;
    s->support = xr_alloc_array(k, sizeof *s->support, err);
    s->predicted = xr_alloc_array(k, sizeof *s->predicted, err);
    s->hits = xr_alloc_array(k, sizeof *s->hits, err);
    s->row_sums = xr_alloc_array(2 + k, sizeof *s->row_sums, err);
    s->auc = xr_alloc_array(k, sizeof *s->auc, err);
    s->ap = xr_alloc_array(k, sizeof *s->ap, err);
    s->bins = xr_alloc_array(k + 1, sizeof *s->bins, err);
    if (!s->support || !s->predicted || !s->hits || !s->row_sums || !s->auc || !s->ap ||
        !s->bins)
        return -1;
    if (m->pairs && !(s->pair = xr_alloc_array(k * k, sizeof *s->pair, err)))
        return -1;
    for (size_t c = 0; c <= k; c++) {
        s->bins[c].n = xr_alloc_array(m->n_bins, sizeof *s->bins[c].n, err);
        s->bins[c].right = xr_alloc_array(m->n_bins, sizeof *s->bins[c].right, err);
        s->bins[c].confidence =
            xr_alloc_array(m->n_bins, sizeof *s->bins[c].confidence, err);
        if (!s->bins[c].n || !s->bins[c].right || !s->bins[c].confidence)
            return -1;
    }
    return 0;
}

void xr_sums_free(struct xr_sums *s)
{
    for (size_t c = 0; s->bins && c <= s->k; c++) {
        free(s->bins[c].n);
        free(s->bins[c].right);
        free(s->bins[c].confidence);
    }
    free(s->support);
    free(s->predicted);
    free(s->hits);
    free(s->row_sums);
    free(s->auc);
    free(s->ap);
    free(s->pair);
    free(s->bins);
}

struct xr_metrics_room *xr_metrics_room_open(const struct xr_metrics *m,
                                             struct xr_err *err)
{
    struct xr_metrics_room *room = xr_alloc_array(1, sizeof *room, err);

    if (!room)
        return NULL;
    room->weight = xr_alloc_array(m->n, sizeof *room->weight, err);
    room->slots = xr_alloc_array(XR_N_KINDS * (m->n + 1), sizeof *room->slots, err);
    if (room->weight && room->slots && xr_sums_alloc(&room->sums, m, err) == 0)
        return room;
    xr_metrics_room_close(room);
    return NULL;
}

void xr_metrics_room_close(struct xr_metrics_room *room)
{
    if (!room)
        return;
    xr_sums_free(&room->sums);
    free(room->weight);
    free(room->slots);
    free(room);
}

/* Pairs are counted twice in integers, a tie once, so that equal samples give equal
 * doubles. */
void xr_rank_figures(double *auc, double *ap, const uint32_t *slots, size_t n_segments)
{
    int64_t tp = 0, fp = 0, pairs2 = 0;
    double sum = 0.0;

    for (size_t s = 0; s < n_segments; s++) {
        const uint32_t *slot = slots + XR_N_KINDS * s;
        int64_t pos = slot[XR_POS], above = slot[XR_NEG_ABOVE], tied = slot[XR_NEG_TIED];
        int64_t seen;

        pairs2 += 2 * tp * (above + tied) + pos * tied;
        tp += pos;
        fp += above + tied;
        seen = tp + fp;
        sum += (double)pos * (double)tp / (double)(seen + !seen);
    }
    pairs2 += 2 * tp * (int64_t)slots[XR_N_KINDS * n_segments + XR_NEG_ABOVE];
    fp += slots[XR_N_KINDS * n_segments + XR_NEG_ABOVE];
    *auc = tp && fp ? (double)pairs2 / (2.0 * (double)tp * (double)fp) : NAN;
    *ap = tp ? sum / (double)tp : NAN;
}

static void add_to_slots(uint32_t *restrict slots, const uint32_t *restrict id,
                         const uint32_t *restrict weight, size_t n)
{
    for (size_t i = 0; i < n; i++)
        slots[id[i]] += weight[i];
}

void xr_sums_slots(struct xr_metrics_room *room, const struct xr_metrics *m, size_t c)
{
    const struct xr_ranking *ranking = &m->rankings[c];
    uint32_t *slots = room->slots;

    memset(slots, 0, XR_N_KINDS * (ranking->n_segments + 1) * sizeof *slots);
    add_to_slots(slots, ranking->id, room->weight, m->n);
}

/*
 * Areas of class a against each other class in the column of a. The slots become twice
 * the positives that a negative loses to, a tie counted once (below 2^32, as the weights
 * are).
 */
static void fill_pairs(struct xr_metrics_room *room, const struct xr_metrics *m, size_t a)
{
    const struct xr_ranking *ranking = &m->rankings[a];
    const struct xr_sums *s = &room->sums;
    uint32_t *won = room->slots, tp2 = 0;
    double left =
        s->auc[a] * 2.0 * (double)s->support[a] * (double)(s->total - s->support[a]);
    size_t last = a == m->k - 1 ? m->k - 2 : m->k - 1;

    for (size_t seg = 0; seg < ranking->n_segments; seg++) {
        uint32_t *slot = won + XR_N_KINDS * seg;

        slot[XR_NEG_ABOVE] = tp2;
        slot[XR_NEG_TIED] = tp2 + slot[XR_POS];
        tp2 += 2 * slot[XR_POS];
    }
    won[XR_N_KINDS * ranking->n_segments + XR_NEG_ABOVE] = tp2;
    left = rint(left); /* the pairs are a whole number */
    for (size_t b = 0; b < m->k; b++) {
        double both = 2.0 * (double)s->support[a] * (double)s->support[b];
        uint64_t pairs2 = 0;

        if (b == a)
            continue;
        for (size_t i = m->class_from[b]; b != last && i < m->class_from[b + 1]; i++)
            pairs2 += (uint64_t)room->weight[i] * won[ranking->id[i]];
        left -= (double)pairs2;
        s->pair[a * m->k + b] =
            both > 0.0 ? (b == last ? left : (double)pairs2) / both : NAN;
    }
}

static void fill_rankings(struct xr_metrics_room *room, const struct xr_metrics *m)
{
    struct xr_sums *s = &room->sums;
    uint32_t *slots = room->slots;

    for (size_t c = 0; c < m->k; c++) {
        xr_sums_slots(room, m, c);
        xr_rank_figures(&s->auc[c], &s->ap[c], slots, m->rankings[c].n_segments);
        if (m->pairs)
            fill_pairs(room, m, c);
    }
    memset(slots, 0, XR_N_KINDS * (m->micro.n_segments + 1) * sizeof *slots);
    for (size_t c = 0; c < m->k; c++)
        add_to_slots(slots, m->micro.id + c * m->n, room->weight, m->n);
    xr_rank_figures(&s->micro_auc, &s->micro_ap, slots, m->micro.n_segments);
}

static void fill_counts(struct xr_metrics_room *room, const struct xr_metrics *m)
{
    struct xr_sums *s = &room->sums;
    const uint32_t *weight = room->weight;

    memset(s->support, 0, m->k * sizeof *s->support);
    memset(s->predicted, 0, m->k * sizeof *s->predicted);
    memset(s->hits, 0, m->k * sizeof *s->hits);
    s->total = s->in_top = 0;
    s->off = s->off2 = 0.0;
    for (size_t cell = 0; cell < m->n_cells; cell++) {
        size_t first = m->cell_from[cell], end = m->cell_from[cell + 1];
        uint32_t t = m->truth[first], p = m->predicted[first], sum = 0;
        double off = t > p ? t - p : p - t;

        for (size_t i = first; i < end; i++)
            sum += weight[i];
        s->total += sum;
        s->support[t] += sum;
        s->predicted[p] += sum;
        if (t == p)
            s->hits[t] += sum;
        s->off += off * sum;
        s->off2 += off * off * sum;
    }
    for (size_t i = 0; i < m->n; i++)
        s->in_top += weight[i] * m->in_top[i];
}

/* xr_weighted_sum of chosen rows, and the sum of their weights. */
static double dot_at(uint64_t *count, const uint32_t *weight, const uint32_t *at,
                     const double *x, size_t n)
{
    double sum[4] = {0};
    uint32_t counts[4] = {0};
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        for (size_t j = 0; j < 4; j++) {
            uint32_t w = weight[at[i + j]];

            counts[j] += w;
            sum[j] += (double)(int32_t)w * x[i + j];
        }
    }
    for (; i < n; i++) {
        counts[0] += weight[at[i]];
        sum[0] += (double)(int32_t)weight[at[i]] * x[i];
    }
    *count = (uint64_t)counts[0] + counts[1] + counts[2] + counts[3];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void fill_row_sums(struct xr_metrics_room *room, const struct xr_metrics *m)
{
    double *sums = room->sums.row_sums;

    sums[0] = xr_weighted_sum(room->weight, m->row_sums, m->n);
    sums[1] = 0.0;
    for (size_t c = 0; c < m->k; c++)
        sums[1] += sums[2 + c] =
            xr_weighted_sum(room->weight, m->row_sums + (1 + c) * m->n, m->n);
}

static void fill_bins(struct xr_bin_sums *to, const struct xr_binning *b,
                      const uint32_t *weight, size_t n_bins)
{
    for (size_t bin = 0; bin < n_bins; bin++) {
        uint64_t counts[2];
        double confidence = 0.0;

        for (size_t right = 0; right < 2; right++) {
            size_t from = b->from[2 * bin + right], end = b->from[2 * bin + right + 1];

            confidence += dot_at(&counts[right], weight, b->order + from,
                                 b->confidence + from, end - from);
        }
        to->n[bin] = counts[0] + counts[1];
        to->right[bin] = counts[1];
        to->confidence[bin] = confidence;
    }
}

/* Rows by confidence, dealt to bins of equal counts by the middle of each tie. */
static double mass_gap(const struct xr_metrics *m, const uint32_t *weight, uint64_t total)
{
    uint64_t before = 0, border = 2 * total, count = 0;
    double sum = 0.0, bin = 0.0, tie = 0.0;

    if (!total) /* the only group is left out: no border is ever passed */
        return 0.0;
    for (size_t i = 0; i < m->n; i++) {
        uint32_t w = weight[m->by_confidence[i]];

        count += w;
        tie += w * m->gap[i];
        if (m->tied[i])
            continue;
        while ((2 * before + count) * m->n_bins >= border) {
            sum += fabs(bin);
            bin = 0.0;
            border += 2 * total;
        }
        bin += tie;
        before += count;
        count = 0;
        tie = 0.0;
    }
    return sum + fabs(bin);
}

void xr_sums_fill(struct xr_metrics_room *room, const struct xr_metrics *m)
{
    fill_counts(room, m);
    fill_row_sums(room, m);
    fill_rankings(room, m);
    for (size_t c = 0; c <= m->k; c++)
        fill_bins(&room->sums.bins[c], &m->binnings[c], room->weight, m->n_bins);
    room->sums.mass_gap = mass_gap(m, room->weight, room->sums.total);
}
