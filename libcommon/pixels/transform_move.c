/* Moving all of a film along a map: pixels, mask and points. */
#include <math.h>
#include <string.h>

#include "transform.h"

static int move_image(struct xr_image *image, const struct xr_map *map, bool nearest,
                      enum xr_border border, struct xr_err *err)
{
    struct xr_image out;

    return xr_image_become(image, &out,
                           xr_remap(&out, image, map, nearest, border, 0, err));
}

void xr_move_points(const struct xr_subject *film, const double m[9])
{
    for (size_t i = 0; i < film->n_points; i++) {
        double x = film->points[2 * i], y = film->points[2 * i + 1];
        double w = m[6] * x + m[7] * y + m[8];

        w = w > 1e-6 ? w : 1e-6; /* behind the horizon */
        film->points[2 * i] = (float)((m[0] * x + m[1] * y + m[2]) / w);
        film->points[2 * i + 1] = (float)((m[3] * x + m[4] * y + m[5]) / w);
    }
}

/* How far the map moves at a place between pixels; outside as at the border. */
static void moved_at(double d[2], const struct xr_map *map, double x, double y)
{
    double right = (double)map->width - 1, bottom = (double)map->height - 1;
    double cx = x < 0 ? 0 : x > right ? right : x, fx, a[2], b[2];
    double cy = y < 0 ? 0 : y > bottom ? bottom : y, fy;
    size_t ix = (size_t)cx, iy = (size_t)cy, at[4];
    const float *from[2] = {map->x, map->y};

    fx = cx - (double)ix;
    fy = cy - (double)iy;
    at[0] = iy * map->width + ix;
    at[1] = at[0] + (ix + 1 < map->width);
    at[2] = at[0] + (iy + 1 < map->height ? map->width : 0);
    at[3] = at[2] + (at[1] - at[0]);
    for (int k = 0; k < 2; k++) {
        a[k] = from[k][at[0]] + fx * ((double)from[k][at[1]] - from[k][at[0]]);
        b[k] = from[k][at[2]] + fx * ((double)from[k][at[3]] - from[k][at[2]]);
    }
    d[0] = a[0] + fy * (b[0] - a[0]) - cx;
    d[1] = a[1] + fy * (b[1] - a[1]) - cy;
}

/* Points against a map: q with q + moved_at(q) = p, by iteration; steps are shortened
 * where the map is steep. The best found is taken. */
static void search_points(const struct xr_subject *film, const struct xr_map *map)
{
    for (size_t i = 0; i < film->n_points; i++) {
        double p[2] = {film->points[2 * i], film->points[2 * i + 1]};
        double q[2] = {p[0], p[1]}, found[2] = {p[0], p[1]}, least = INFINITY, d[2];

        for (int step = 0; step < 100 && least > 1e-6; step++) {
            double share = step < 20 ? 1 : 0.5, off[2], miss;

            moved_at(d, map, q[0], q[1]);
            off[0] = p[0] - q[0] - d[0];
            off[1] = p[1] - q[1] - d[1];
            miss = off[0] * off[0] + off[1] * off[1];
            if (miss < least) {
                least = miss;
                memcpy(found, q, sizeof found);
            }
            q[0] += share * off[0];
            q[1] += share * off[1];
        }
        film->points[2 * i] = (float)found[0];
        film->points[2 * i + 1] = (float)found[1];
    }
}

int xr_job_follow(struct xr_job *job, const struct xr_map *map, const double forward[9],
                  enum xr_border border)
{
    const struct xr_subject *film = job->film;

    if (move_image(film->image, map, false, border, job->err) ||
        (film->mask && move_image(film->mask, map, true, border, job->err)))
        return -1;
    if (forward)
        xr_move_points(film, forward);
    else
        search_points(film, map);
    return 0;
}
