/* Figures of rows that are only summed. */
#include "stats_stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"
#include "stats_proportion.h"
#include "stats_sums.h"

/* Sums in one array, each of all blocks. */
struct xr_stream_sums {
    struct xr_metrics shape; /* k, n_bins and top_k: nothing else of it is used */
    size_t width;            /* sums of a block */
    double *x;               /* [width][XR_STREAM_BLOCKS] */
    bool used[XR_STREAM_BLOCKS];
};

/* Where a sum stands: confusion [k][k], in_top, log loss, Brier score of each class, then
 * three of each bin of each binning (the classes, the predicted one). */
enum {
    BIN_N,
    BIN_RIGHT,
    BIN_CONFIDENCE,
    PER_BIN
};

static size_t at_row(const struct xr_stream_sums *s)
{
    return s->shape.k * s->shape.k;
}

static size_t at_bin(const struct xr_stream_sums *s, size_t c, size_t bin)
{
    return at_row(s) + 2 + s->shape.k + (c * s->shape.n_bins + bin) * PER_BIN;
}

int xr_stream_sums_open(struct xr_stream_sums **sums, size_t k, size_t n_bins,
                        size_t top_k, struct xr_err *err)
{
    struct xr_stream_sums *s;

    *sums = NULL;
    if (k == 0 || k > XR_STREAM_CLASSES)
        return xr_fail(err, "%zu classes: rows are summed for 1 to %d", k,
                       XR_STREAM_CLASSES);
    s = xr_alloc_array(1, sizeof *s, err);
    if (!s)
        return -1;
    s->shape.k = k;
    s->shape.n_bins = n_bins;
    s->shape.top_k = top_k;
    s->width = at_bin(s, k + 1, 0);
    s->x = xr_alloc_array(s->width * XR_STREAM_BLOCKS, sizeof *s->x, err);
    if (!s->x) {
        free(s);
        return -1;
    }
    *sums = s;
    return 0;
}

void xr_stream_sums_close(struct xr_stream_sums *s)
{
    if (!s)
        return;
    free(s->x);
    free(s);
}

static void add_to_bin(struct xr_stream_sums *s, size_t block, size_t c,
                       double confidence, bool right)
{
    double *bin =
        s->x + at_bin(s, c, xr_bin_of(confidence, s->shape.n_bins)) * XR_STREAM_BLOCKS +
        block;

    bin[BIN_N * XR_STREAM_BLOCKS]++;
    bin[BIN_RIGHT * XR_STREAM_BLOCKS] += right;
    bin[BIN_CONFIDENCE * XR_STREAM_BLOCKS] += confidence;
}

void xr_stream_sums_add(struct xr_stream_sums *s, const double *p, uint32_t label,
                        const char *unit)
{
    size_t k = s->shape.k, best = 0, above = 0;
    size_t block = (size_t)(xr_fnv1a64(unit) % XR_STREAM_BLOCKS);
    double *row = s->x + at_row(s) * XR_STREAM_BLOCKS + block;

    s->used[block] = true;
    for (size_t c = 0; c < k; c++) {
        double off = p[c] - (c == label ? 1.0 : 0.0);

        best = p[c] > p[best] ? c : best;
        above += p[c] > p[label] || (p[c] == p[label] && c < label);
        row[(2 + c) * XR_STREAM_BLOCKS] += off * off;
        add_to_bin(s, block, c, p[c], c == label);
    }
    s->x[(label * k + best) * XR_STREAM_BLOCKS + block]++;
    row[0] += above < s->shape.top_k;
    row[XR_STREAM_BLOCKS] += xr_row_loss(p[label]);
    add_to_bin(s, block, k, p[best], best == label);
}

size_t xr_stream_sums_n_blocks(const struct xr_stream_sums *s)
{
    size_t n = 0;

    for (size_t b = 0; b < XR_STREAM_BLOCKS; b++)
        n += s->used[b];
    return n;
}

/* --- figures ---------------------------------------------------------------------- */

struct room {
    struct xr_sums sums;
    double *total;       /* [width] */
    uint32_t *of_blocks; /* [XR_STREAM_BLOCKS] */
};

static void room_close(void *arg)
{
    struct room *room = arg;

    if (!room)
        return;
    xr_sums_free(&room->sums);
    free(room->total);
    free(room->of_blocks);
    free(room);
}

static void *room_open(const void *context, struct xr_err *err)
{
    const struct xr_stream_sums *s = context;
    struct room *room = xr_alloc_array(1, sizeof *room, err);

    if (!room)
        return NULL;
    room->total = xr_alloc_array(s->width, sizeof *room->total, err);
    room->of_blocks = xr_alloc_array(XR_STREAM_BLOCKS, sizeof *room->of_blocks, err);
    if (room->total && room->of_blocks && xr_sums_alloc(&room->sums, &s->shape, err) == 0)
        return room;
    room_close(room);
    return NULL;
}

/* Sums of the sums, as figures need them. */
static void spread(struct xr_sums *to, const struct xr_stream_sums *s,
                   const double *total)
{
    size_t k = s->shape.k;
    const double *row = total + at_row(s);

    memset(to->support, 0, k * sizeof *to->support);
    memset(to->predicted, 0, k * sizeof *to->predicted);
    to->total = 0;
    to->off = to->off2 = to->row_sums[1] = 0.0;
    for (size_t i = 0; i < k * k; i++) {
        size_t t = i / k, p = i % k;
        uint64_t count = (uint64_t)total[i];
        double off = t > p ? (double)(t - p) : (double)(p - t);

        to->support[t] += count;
        to->predicted[p] += count;
        to->total += count;
        to->off += off * total[i];
        to->off2 += off * off * total[i];
        if (t == p)
            to->hits[t] = count;
    }
    to->in_top = (uint64_t)row[0];
    to->row_sums[0] = row[1];
    for (size_t c = 0; c < k; c++) {
        to->row_sums[1] += to->row_sums[2 + c] = row[2 + c];
        to->auc[c] = to->ap[c] = NAN;
    }
    to->micro_auc = to->micro_ap = to->mass_gap = NAN;
    for (size_t c = 0; c <= k; c++) {
        for (size_t b = 0; b < s->shape.n_bins; b++) {
            const double *bin = total + at_bin(s, c, b);

            to->bins[c].n[b] = (uint64_t)bin[BIN_N];
            to->bins[c].right[b] = (uint64_t)bin[BIN_RIGHT];
            to->bins[c].confidence[b] = bin[BIN_CONFIDENCE];
        }
    }
}

/* weight [blocks with a row] */
static void fill(struct room *room, const struct xr_stream_sums *s,
                 const uint32_t *weight)
{
    for (size_t b = 0, i = 0; b < XR_STREAM_BLOCKS; b++)
        room->of_blocks[b] = s->used[b] ? (weight ? weight[i++] : 1) : 0;
    for (size_t j = 0; j < s->width; j++)
        room->total[j] = xr_weighted_sum(room->of_blocks, s->x + j * XR_STREAM_BLOCKS,
                                         XR_STREAM_BLOCKS);
    spread(&room->sums, s, room->total);
}

static void eval(double *figures, void *room, const void *context, const uint32_t *weight)
{
    fill(room, context, weight);
    xr_figures_of(figures, &((struct room *)room)->sums, NAN);
}

void xr_stream_sums_counts(uint64_t *confusion, uint64_t *n, uint64_t *right,
                           double *confidence, const struct xr_stream_sums *s)
{
    size_t k = s->shape.k;

    memset(confusion, 0, k * k * sizeof *confusion);
    for (size_t i = 0; i < k * k; i++)
        for (size_t b = 0; b < XR_STREAM_BLOCKS; b++)
            confusion[i] += (uint64_t)s->x[i * XR_STREAM_BLOCKS + b];
    for (size_t bin = 0; bin < s->shape.n_bins; bin++) {
        const double *x = s->x + at_bin(s, k, bin) * XR_STREAM_BLOCKS;

        n[bin] = (uint64_t)xr_sum(x + BIN_N * XR_STREAM_BLOCKS, XR_STREAM_BLOCKS);
        right[bin] = (uint64_t)xr_sum(x + BIN_RIGHT * XR_STREAM_BLOCKS, XR_STREAM_BLOCKS);
        confidence[bin] = xr_sum(x + BIN_CONFIDENCE * XR_STREAM_BLOCKS, XR_STREAM_BLOCKS);
    }
}

/* Of all rows: values with ratios that are 0 by agreement, reasons, shares. */
static int of_all(double *values, const char **reasons, uint64_t *part, uint64_t *whole,
                  const struct xr_stream_sums *s, struct xr_err *err)
{
    struct room *room = room_open(s, err);

    if (!room)
        return -1;
    fill(room, s, NULL);
    xr_figures_of(values, &room->sums, 0.0);
    xr_figure_reasons(reasons, values, &room->sums);
    xr_figure_shares(part, whole, &room->sums);
    for (size_t f = 0; f < xr_n_metrics(s->shape.k); f++)
        if (isnan(values[f]) && xr_figure_is_ranked(f))
            reasons[f] = "this needs all scores in order, which --stream does not keep";
    room_close(room);
    return 0;
}

int xr_stream_sums_figures(struct xr_figure *figures, const struct xr_stream_sums *s,
                           const struct xr_bootstrap *bootstrap,
                           enum xr_ci_method proportions, struct xr_err *err)
{
    size_t n = xr_n_metrics(s->shape.k);
    const struct xr_units units = {.n = xr_stream_sums_n_blocks(s)};
    const struct xr_statistic statistic = {.n_figures = n,
                                           .context = s,
                                           .open = room_open,
                                           .close = room_close,
                                           .eval = eval};
    double *values = xr_alloc_array(n, sizeof *values, err);
    const char **reasons = xr_alloc_array(n, sizeof *reasons, err);
    uint64_t *part = xr_alloc_array(n, sizeof *part, err);
    uint64_t *whole = xr_alloc_array(n, sizeof *whole, err);
    struct xr_sampler *sampler = NULL;
    int status = -1;

    if (!values || !reasons || !part || !whole ||
        of_all(values, reasons, part, whole, s, err) ||
        xr_sampler_open(&sampler, &units, err) ||
        xr_sampler_intervals(figures, values, sampler, bootstrap, NULL, &statistic, NULL,
                             err))
        goto done;
    for (size_t f = 0; f < n; f++) {
        if (proportions != XR_CI_NONE && whole[f] != UINT64_MAX) {
            xr_proportion(&figures[f], part[f], whole[f], bootstrap->confidence,
                          proportions);
            figures[f].value = values[f];
        }
        figures[f].reason = reasons[f];
    }
    status = 0;
done:
    free(values);
    free(reasons);
    free(part);
    free(whole);
    xr_sampler_close(sampler);
    return status;
}
