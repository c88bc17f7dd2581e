/* Overlap of two masks and the distances between their surfaces. */
#include "stats_segment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 65500

const char *xr_segment_name(enum xr_segment_figure figure)
{
    static const char *const names[XR_N_SEGMENT] = {
        [XR_SEGMENT_DICE] = "dice",
        [XR_SEGMENT_JACCARD] = "jaccard",
        [XR_SEGMENT_PRECISION] = "precision",
        [XR_SEGMENT_RECALL] = "recall",
        [XR_SEGMENT_HAUSDORFF] = "hausdorff",
        [XR_SEGMENT_HAUSDORFF95_POOLED] = "hausdorff95_pooled",
        [XR_SEGMENT_HAUSDORFF95_DIRECTED] = "hausdorff95_max_of_directed",
        [XR_SEGMENT_ASSD_DIRECTED] = "assd_mean_of_directed",
        [XR_SEGMENT_ASSD_POOLED] = "assd_pooled",
    };

    return names[figure];
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

void xr_segment_overlap(double figure[XR_N_OVERLAP], uint64_t truth, uint64_t prediction,
                        uint64_t both)
{
    figure[XR_SEGMENT_DICE] = share(2 * both, truth + prediction);
    figure[XR_SEGMENT_JACCARD] = share(both, truth + prediction - both);
    figure[XR_SEGMENT_PRECISION] = share(both, prediction);
    figure[XR_SEGMENT_RECALL] = share(both, truth);
}

/* --- distances ------------------------------------------------------------------- */

/* Rows to the nearest pixel that is on in the same column, UINT32_MAX: none. */
static void count_rows(uint32_t *rows, const unsigned char *on, size_t height,
                       size_t width)
{
    for (size_t i = 0; i < height * width; i++) {
        uint32_t above = i < width ? UINT32_MAX : rows[i - width];

        rows[i] = on[i] ? 0 : above + (above != UINT32_MAX);
    }
    for (size_t i = (height - 1) * width; i-- > 0;) {
        uint32_t below = rows[i + width];

        below += below != UINT32_MAX;
        rows[i] = below < rows[i] ? below : rows[i];
    }
}

/* The lower envelope of the parabolas of a row: whose they are, and from where on each is
 * the lowest. */
struct envelope {
    uint32_t *column; /* [width] */
    double *from;     /* [width] in columns */
    double *height;   /* [width] of each column's parabola */
};

static void transform_row(double *squared, const uint32_t *rows, size_t width,
                          const double spacing[2], const struct envelope *e)
{
    double unit = spacing[1] * spacing[1];
    size_t n = 0, k = 0;

    for (size_t x = 0; x < width; x++) {
        double high = (double)rows[x] * spacing[0], from = -INFINITY;

        if (rows[x] == UINT32_MAX)
            continue;
        e->height[x] = high * high;
        while (n) {
            size_t p = e->column[n - 1];

            from = ((e->height[x] - e->height[p]) / unit +
                    (double)(x - p) * (double)(x + p)) /
                   (2.0 * (double)(x - p));
            if (from > e->from[n - 1])
                break;
            n--;
        }
        e->column[n] = (uint32_t)x;
        e->from[n] = n ? from : -INFINITY;
        n++;
    }
    for (size_t x = 0; x < width; x++) {
        double across;

        if (!n) {
            squared[x] = INFINITY;
            continue;
        }
        while (k + 1 < n && e->from[k + 1] < (double)x)
            k++;
        across = spacing[1] * ((double)x - (double)e->column[k]);
        squared[x] = e->height[e->column[k]] + across * across;
    }
}

static bool any(const unsigned char *row, size_t width)
{
    return row[0] || (width > 1 && memcmp(row, row + 1, width - 1));
}

int xr_distance_transform(double *squared, const unsigned char *on,
                          const unsigned char *wanted, size_t height, size_t width,
                          const double spacing[2], struct xr_err *err)
{
    struct envelope e = {xr_alloc_array(width, sizeof *e.column, err),
                         xr_alloc_array(width, sizeof *e.from, err),
                         xr_alloc_array(width, sizeof *e.height, err)};
    uint32_t *rows = NULL;
    int status = -1;

    if (e.column && e.from && e.height)
        rows = xr_alloc_array(height * width, sizeof *rows, err);
    if (rows) {
        count_rows(rows, on, height, width);
        for (size_t y = 0; y < height; y++)
            if (!wanted || any(wanted + y * width, width))
                transform_row(squared + y * width, rows + y * width, width, spacing, &e);
        status = 0;
    }
    free(rows);
    free(e.column);
    free(e.from);
    free(e.height);
    return status;
}

/* --- surfaces -------------------------------------------------------------------- */

/* The part of the image that holds both masks. */
struct window {
    size_t top, left, height, width;
};

/* What is compared: two masks in their window. */
struct pair {
    const unsigned char *mask[2];
    size_t height, width; /* of the image */
    struct window window;
    unsigned char *surface[2]; /* [window] */
    size_t n[2];               /* surface pixels of each */
};

static void find_window(struct window *w, const struct pair *p)
{
    size_t bottom = 0, right = 0;

    *w = (struct window){p->height, p->width, 0, 0};
    for (size_t y = 0; y < p->height; y++) {
        const unsigned char *a = p->mask[0] + y * p->width,
                            *b = p->mask[1] + y * p->width;
        size_t first = 0, last = p->width;

        while (first < p->width && !(a[first] | b[first]))
            first++;
        if (first == p->width)
            continue;
        while (!(a[last - 1] | b[last - 1]))
            last--;
        w->top = y < w->top ? y : w->top;
        w->left = first < w->left ? first : w->left;
        bottom = y + 1;
        right = last > right ? last : right;
    }
    w->height = bottom - w->top;
    w->width = right - w->left;
}

/* Is pixel (y, x) of the mask, which is on, one of its surface? */
static bool on_surface(const unsigned char *at, const struct pair *p, size_t y, size_t x)
{
    return y == 0 || x == 0 || y + 1 == p->height || x + 1 == p->width || !at[-1] ||
           !at[1] || !at[-(ptrdiff_t)p->width] || !at[p->width];
}

static size_t find_surface(unsigned char *surface, const unsigned char *mask,
                           const struct pair *p)
{
    const struct window *w = &p->window;
    size_t n = 0;

    for (size_t y = 0; y < w->height; y++) {
        for (size_t x = 0; x < w->width; x++) {
            size_t row = w->top + y, column = w->left + x;
            const unsigned char *at = mask + row * p->width + column;
            bool is = *at && on_surface(at, p, row, column);

            surface[y * w->width + x] = is;
            n += is;
        }
    }
    return n;
}

/* Distances from the surface pixels of mask `from` to those of the other one. */
static int directed(double *distance, double *squared, const struct pair *p, int from,
                    const double spacing[2], struct xr_err *err)
{
    const struct window *w = &p->window;
    size_t n = 0;

    if (xr_distance_transform(squared, p->surface[!from], p->surface[from], w->height,
                              w->width, spacing, err))
        return -1;
    for (size_t i = 0; i < w->height * w->width; i++)
        if (p->surface[from][i])
            distance[n++] = sqrt(squared[i]);
    xr_sort(distance, n);
    return 0;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* The figures from sorted distances of both directions, which lie behind each other. */
static void distance_figures(double *figure, double *distance, const size_t n[2])
{
    double *other = distance + n[0];
    double a = xr_sum(distance, n[0]), b = xr_sum(other, n[1]);

    figure[XR_SEGMENT_HAUSDORFF] = larger(distance[n[0] - 1], other[n[1] - 1]);
    figure[XR_SEGMENT_HAUSDORFF95_DIRECTED] = larger(
        xr_quantile_sorted(distance, n[0], 0.95), xr_quantile_sorted(other, n[1], 0.95));
    figure[XR_SEGMENT_ASSD_DIRECTED] = (a / (double)n[0] + b / (double)n[1]) / 2.0;
    figure[XR_SEGMENT_ASSD_POOLED] = (a + b) / (double)(n[0] + n[1]);
    xr_sort(distance, n[0] + n[1]);
    figure[XR_SEGMENT_HAUSDORFF95_POOLED] =
        xr_quantile_sorted(distance, n[0] + n[1], 0.95);
}

static int measure_distances(double *figure, struct pair *p, const double spacing[2],
                             struct xr_err *err)
{
    size_t pixels;
    double *distance = NULL, *squared = NULL;
    int status = -1;

    find_window(&p->window, p);
    pixels = p->window.height * p->window.width;
    for (int i = 0; i < 2; i++) {
        p->surface[i] = xr_alloc_array(pixels, 1, err);
        if (!p->surface[i])
            goto done;
        p->n[i] = find_surface(p->surface[i], p->mask[i], p);
    }
    squared = xr_alloc_array(pixels, sizeof *squared, err);
    distance = xr_alloc_array(p->n[0] + p->n[1], sizeof *distance, err);
    if (squared && distance && !directed(distance, squared, p, 0, spacing, err) &&
        !directed(distance + p->n[0], squared, p, 1, spacing, err)) {
        distance_figures(figure, distance, p->n);
        status = 0;
    }
done:
    free(distance);
    free(squared);
    free(p->surface[0]);
    free(p->surface[1]);
    return status;
}

int xr_segment_measure(struct xr_segment *s, const unsigned char *truth,
                       const unsigned char *prediction, size_t height, size_t width,
                       const double spacing[2], struct xr_err *err)
{
    struct pair pair = {.mask = {truth, prediction}, .height = height, .width = width};

    memset(s, 0, sizeof *s);
    if (!height || !width || height > MAX_SIDE || width > MAX_SIDE)
        return xr_fail(err, "a mask of %zux%zu pixels", width, height);
    if (!(spacing[0] > 0 && spacing[1] > 0 && isfinite(spacing[0] * spacing[1])))
        return xr_fail(err, "a spacing of %.9g, %.9g", spacing[0], spacing[1]);
    for (size_t i = 0; i < height * width; i++) {
        s->truth += truth[i] != 0;
        s->prediction += prediction[i] != 0;
        s->both += truth[i] && prediction[i];
    }
    xr_segment_overlap(s->figure, s->truth, s->prediction, s->both);
    for (int i = XR_N_OVERLAP; i < XR_N_SEGMENT; i++)
        s->figure[i] = NAN;
    return s->truth && s->prediction ? measure_distances(s->figure, &pair, spacing, err)
                                     : 0;
}

/* --- parts ----------------------------------------------------------------------- */

static uint32_t root_of(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* Join two pixels that are on; how many parts that makes fewer. */
static size_t join(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = root_of(parent, a);
    b = root_of(parent, b);
    if (a == b)
        return 0;
    parent[a > b ? a : b] = a > b ? b : a;
    return 1;
}

int xr_mask_parts(size_t *n, const unsigned char *on, size_t height, size_t width,
                  int neighbours, struct xr_err *err)
{
    uint32_t *parent;

    *n = 0;
    if (height > MAX_SIDE || width > MAX_SIDE)
        return xr_fail(err, "a mask of %zux%zu pixels", width, height);
    parent = xr_alloc_array(height * width, sizeof *parent, err);
    if (!parent)
        return -1;
    for (size_t i = 0; i < height * width; i++) {
        size_t x = i % width;
        uint32_t here = (uint32_t)i, above = (uint32_t)(i - width);
        bool below = i >= width;

        if (!on[i])
            continue;
        parent[i] = here;
        ++*n;
        if (x && on[i - 1])
            *n -= join(parent, here, here - 1);
        if (below && on[above])
            *n -= join(parent, here, above);
        if (neighbours == 8 && below && x && on[above - 1])
            *n -= join(parent, here, above - 1);
        if (neighbours == 8 && below && x + 1 < width && on[above + 1])
            *n -= join(parent, here, above + 1);
    }
    free(parent);
    return 0;
}
