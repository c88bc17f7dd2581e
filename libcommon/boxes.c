/* Boxes and polygons: keeping, clipping, drawing. */
#include "boxes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define MAX_OBJECTS 10000
#define MAX_POINTS 100000
#define MAX_LABEL 255
#define MAX_COORDINATE 1e6
#define RIM 4 /* points on each side of a box: a distortion bends it */

void xr_boxes_free(struct xr_boxes *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->objects[i].label);
    free(b->objects);
    free(b->rings);
    free(b->points);
    memset(b, 0, sizeof *b);
}

int xr_boxes_add(struct xr_boxes *b, const char *label, int64_t id, bool box,
                 struct xr_err *err)
{
    struct xr_object *objects;

    if (b->n == MAX_OBJECTS)
        return xr_fail(err, "more than %d objects on a film", MAX_OBJECTS);
    if (!xr_is_name(label) || strlen(label) > MAX_LABEL)
        return xr_fail(err, "object %zu has no usable label", b->n + 1);
    objects = realloc(b->objects, (b->n + 1) * sizeof *objects);
    if (!objects)
        return xr_fail(err, "out of memory");
    b->objects = objects;
    objects[b->n] = (struct xr_object){xr_strdup(label, err), id, box};
    return objects[b->n].label && ++b->n ? 0 : -1;
}

int xr_boxes_ring(struct xr_boxes *b, const double *edges, size_t n, struct xr_err *err)
{
    struct xr_ring *rings = realloc(b->rings, (b->n_rings + 1) * sizeof *rings);
    float *points;

    if (!rings)
        return xr_fail(err, "out of memory");
    b->rings = rings;
    if (n < 3 || n > MAX_POINTS - b->n_points)
        return xr_fail(err, "object %zu: %zu points: fewer than 3, or too many", b->n, n);
    if (b->n_points + n > b->room) {
        b->room = 2 * b->room + n;
        points = realloc(b->points, b->room * 2 * sizeof *points);
        if (!points)
            return xr_fail(err, "out of memory");
        b->points = points;
    }
    for (size_t i = 0; i < 2 * n; i++) {
        if (!(fabs(edges[i]) <= MAX_COORDINATE))
            return xr_fail(err, "object %zu: a coordinate that is none", b->n);
        b->points[2 * b->n_points + i] = (float)(edges[i] - 0.5);
    }
    rings[b->n_rings++] = (struct xr_ring){b->n - 1, b->n_points, n};
    b->n_points += n;
    return 0;
}

int xr_boxes_box(struct xr_boxes *b, const char *label, int64_t id, const double edges[4],
                 struct xr_err *err)
{
    static const int corner[5][2] = {{0, 1}, {2, 1}, {2, 3}, {0, 3}, {0, 1}};
    double rim[4 * RIM * 2];

    if (xr_boxes_add(b, label, id, true, err))
        return -1;
    if (!(edges[0] < edges[2] && edges[1] < edges[3]))
        return xr_fail(err, "object %zu: a box without area", b->n);
    for (size_t i = 0; i < 4 * RIM; i++) {
        double t = (double)(i % RIM) / RIM;

        for (size_t k = 0; k < 2; k++)
            rim[2 * i + k] =
                edges[corner[i / RIM][k]] * (1 - t) + edges[corner[i / RIM + 1][k]] * t;
    }
    return xr_boxes_ring(b, rim, 4 * RIM, err);
}

/* --- clipping ---------------------------------------------------------------- */

/* Cut a polygon at one side: keep what has sign * (coordinate k) <= sign * limit.
 * Sutherland and Hodgman, "Reentrant polygon clipping", CACM 1974. */
static size_t clip_side(double *out, const double *in, size_t n, int k, double sign,
                        double limit)
{
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        const double *a = in + 2 * i, *b = in + 2 * ((i + 1) % n);
        double da = sign * (limit - a[k]), db = sign * (limit - b[k]);

        if (da >= 0) {
            out[2 * m] = a[0];
            out[2 * m++ + 1] = a[1];
        }
        if ((da > 0 && db < 0) || (da < 0 && db > 0)) {
            double t = da / (da - db);

            out[2 * m + k] = limit;
            out[2 * m + 1 - k] = a[1 - k] + t * (b[1 - k] - a[1 - k]);
            m++;
        }
    }
    return m;
}

/* A ring inside [0, width] x [0, height], edges; room for 16 n + 64 doubles each. */
static size_t clip_ring(double *a, double *b, const struct xr_boxes *boxes,
                        const struct xr_ring *ring, double width, double height)
{
    size_t n = ring->n;

    for (size_t i = 0; i < 2 * n; i++)
        a[i] = (double)boxes->points[2 * ring->first + i] + 0.5;
    n = clip_side(b, a, n, 0, -1, 0);
    n = clip_side(a, b, n, 0, 1, width);
    n = clip_side(b, a, n, 1, -1, 0);
    return clip_side(a, b, n, 1, 1, height);
}

static double cents(double v)
{
    return rint(v * 100) / 100;
}

static void grow(double box[4], double x, double y)
{
    box[0] = fmin(box[0], x);
    box[1] = fmin(box[1], y);
    box[2] = fmax(box[2], x);
    box[3] = fmax(box[3], y);
}

static double area(const double box[4])
{
    return box[2] > box[0] && box[3] > box[1] ? (box[2] - box[0]) * (box[3] - box[1]) : 0;
}

static void add_polygon(cJSON *polygons, const double *p, size_t n)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < 2 * n; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(cents(p[i])));
    cJSON_AddItemToArray(polygons, list);
}

/* One object with its rings from *at on; false where too little of it is seen. */
static bool see(double seen[4], cJSON *polygons, const struct xr_boxes *b, size_t object,
                size_t *at, const size_t size[2], double min_visible, double *room[2])
{
    double whole[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};

    memcpy(seen, whole, sizeof whole);
    for (; *at < b->n_rings && b->rings[*at].object == object; ++*at) {
        const struct xr_ring *ring = &b->rings[*at];
        size_t n = clip_ring(room[0], room[1], b, ring, (double)size[0], (double)size[1]);

        for (size_t i = 0; i < ring->n; i++) {
            const float *p = b->points + 2 * (ring->first + i);

            grow(whole, (double)p[0] + 0.5, (double)p[1] + 0.5);
        }
        for (size_t i = 0; i < n; i++)
            grow(seen, room[0][2 * i], room[0][2 * i + 1]);
        if (n >= 3 && !b->objects[object].box)
            add_polygon(polygons, room[0], n);
    }
    for (int i = 0; i < 4; i++)
        seen[i] = cents(seen[i]);
    return area(seen) > 0 && area(seen) >= min_visible * area(whole);
}

cJSON *xr_boxes_json(const struct xr_boxes *b, size_t width, size_t height,
                     double min_visible, struct xr_err *err)
{
    size_t most = 4, at = 0, size[2] = {width, height};
    cJSON *json, *classes, *boxes, *ids, *polygons;
    double *room[2], seen[4];

    for (size_t i = 0; i < b->n_rings; i++)
        most = b->rings[i].n > most ? b->rings[i].n : most;
    /* each side at most doubles what there is */
    room[0] = xr_alloc_array(most, 32 * sizeof **room, err);
    room[1] = xr_alloc_array(most, 32 * sizeof **room, err);
    if (!room[0] || !room[1]) {
        free(room[0]);
        free(room[1]);
        return NULL;
    }
    json = cJSON_CreateObject();
    classes = cJSON_AddArrayToObject(json, "classes");
    boxes = cJSON_AddArrayToObject(json, "boxes");
    ids = cJSON_AddArrayToObject(json, "ids");
    polygons = cJSON_AddArrayToObject(json, "polygons");
    for (size_t i = 0; i < b->n; i++) {
        cJSON *mine = cJSON_CreateArray();

        if (!see(seen, mine, b, i, &at, size, min_visible, room)) {
            cJSON_Delete(mine);
            continue;
        }
        cJSON_AddItemToArray(classes, cJSON_CreateString(b->objects[i].label));
        cJSON_AddItemToArray(boxes, cJSON_CreateDoubleArray(seen, 4));
        cJSON_AddItemToArray(ids, cJSON_CreateNumber((double)b->objects[i].id));
        cJSON_AddItemToArray(polygons, mine);
    }
    free(room[0]);
    free(room[1]);
    return json;
}

/* --- drawing ----------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Pixels from x0 to x1 of a row, both included, rounded to the nearest. */
static void fill_span(struct xr_image *mask, double y, double x0, double x1)
{
    double from = ceil(x0 - 0.5), to = floor(x1 + 0.5), last = (double)mask->width - 1;

    from = from < 0 ? 0 : from;
    to = to > last ? last : to;
    if (y >= 0 && y < (double)mask->height && from <= to)
        memset((uint8_t *)mask->data + (size_t)y * mask->width + (size_t)from, 255,
               (size_t)(to - from) + 1);
}

/* An edge between two points belongs to the polygon. */
static void draw_edge(struct xr_image *mask, const double *a, const double *b)
{
    double top = fmin(a[1], b[1]), bottom = fmax(a[1], b[1]);

    if (top == bottom) {
        fill_span(mask, top, fmin(a[0], b[0]), fmax(a[0], b[0]));
        return;
    }
    for (double y = fmax(top, 0); y <= fmin(bottom, (double)mask->height - 1); y++) {
        double x = a[0] + (y - a[1]) * (b[0] - a[0]) / (b[1] - a[1]);

        fill_span(mask, y, x, x);
    }
}

/* Between edges, by the even-odd rule, row by row. cross: room for n numbers. */
static void draw_ring(struct xr_image *mask, const double *p, size_t n, double *cross)
{
    double top = INFINITY, bottom = -INFINITY;

    for (size_t i = 0; i < n; i++) {
        draw_edge(mask, p + 2 * i, p + 2 * ((i + 1) % n));
        top = fmin(top, p[2 * i + 1]);
        bottom = fmax(bottom, p[2 * i + 1]);
    }
    for (double y = fmax(top, 0); y <= fmin(bottom, (double)mask->height - 1); y++) {
        size_t m = 0;

        for (size_t i = 0; i < n; i++) {
            const double *a = p + 2 * i, *b = p + 2 * ((i + 1) % n);

            if ((a[1] <= y) != (b[1] <= y))
                cross[m++] = a[0] + (y - a[1]) * (b[0] - a[0]) / (b[1] - a[1]);
        }
        qsort(cross, m, sizeof *cross, by_value);
        for (size_t i = 0; i + 1 < m; i += 2)
            fill_span(mask, y, cross[i], cross[i + 1]);
    }
}

int xr_boxes_draw(struct xr_image *mask, const struct xr_boxes *b, size_t width,
                  size_t height, struct xr_err *err)
{
    double *p = xr_alloc_array(b->n_points, 3 * sizeof *p, err);

    if (!p || xr_image_alloc(mask, width, height, 1, 8, err)) {
        free(p);
        return -1;
    }
    for (size_t i = 0; i < 2 * b->n_points; i++)
        p[i] = trunc((double)b->points[i] + 0.5);
    for (size_t i = 0; i < b->n_rings; i++) {
        const struct xr_ring *ring = &b->rings[i];

        if (!b->objects[ring->object].box)
            draw_ring(mask, p + 2 * ring->first, ring->n, p + 2 * b->n_points);
    }
    free(p);
    return 0;
}
