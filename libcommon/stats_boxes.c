/* Overlap and suppression of boxes. */
#include "stats_boxes.h"

#include <math.h>
#include <stdlib.h>

#define EPS 1e-7

static double least(double a, double b)
{
    return a < b ? a : b;
}

static double most(double a, double b)
{
    return a > b ? a : b;
}

double xr_box_area(const double box[4])
{
    return (box[2] - box[0]) * (box[3] - box[1]);
}

/* What both cover. */
static double both(const double a[4], const double b[4])
{
    double w = least(a[2], b[2]) - most(a[0], b[0]),
           h = least(a[3], b[3]) - most(a[1], b[1]);

    return w > 0 && h > 0 ? w * h : 0;
}

double xr_covered(const double a[4], const double b[4])
{
    double area = xr_box_area(a);

    return area > 0 ? both(a, b) / area : 0;
}

/* The difference of the angles of the diagonals, squared, in units of a right angle. */
static double shape_term(const double a[4], const double b[4])
{
    double d = atan((a[2] - a[0]) / (a[3] - a[1])) - atan((b[2] - b[0]) / (b[3] - b[1]));
    double pi = 3.14159265358979323846;

    return 4 / (pi * pi) * d * d;
}

double xr_iou(const double a[4], const double b[4], enum xr_iou_kind kind)
{
    double inter = both(a, b), either = xr_box_area(a) + xr_box_area(b) - inter;
    double iou = either > 0 ? inter / either : 0;
    double w = most(a[2], b[2]) - least(a[0], b[0]),
           h = most(a[3], b[3]) - least(a[1], b[1]);
    double dx = (a[0] + a[2] - b[0] - b[2]) / 2, dy = (a[1] + a[3] - b[1] - b[3]) / 2, v;

    if (kind == XR_IOU)
        return iou;
    if (kind == XR_GIOU)
        return w * h > 0 ? iou - (w * h - either) / (w * h) : iou;
    iou -= (dx * dx + dy * dy) / (w * w + h * h + EPS);
    if (kind == XR_DIOU || !(a[3] > a[1] && b[3] > b[1]))
        return iou;
    v = shape_term(a, b);
    return iou - v * v / (1 - (either > 0 ? inter / either : 0) + v + EPS);
}

struct ranked {
    double score;
    size_t at;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

int xr_nms(size_t *keep, size_t *n_keep, const double (*box)[4], const double *score,
           const uint32_t *class, size_t n, double threshold, struct xr_err *err)
{
    struct ranked *ranked = xr_alloc_array(n, sizeof *ranked, err);

    *n_keep = 0;
    if (!ranked)
        return -1;
    for (size_t i = 0; i < n; i++)
        ranked[i] = (struct ranked){score[i], i};
    if (n)
        qsort(ranked, n, sizeof *ranked, by_score);
    for (size_t i = 0; i < n; i++) {
        size_t at = ranked[i].at, k = 0;

        while (k < *n_keep && ((class && class[keep[k]] != class[at]) ||
                               xr_iou(box[keep[k]], box[at], XR_IOU) <= threshold))
            k++;
        if (k == *n_keep)
            keep[(*n_keep)++] = at;
    }
    free(ranked);
    return 0;
}
