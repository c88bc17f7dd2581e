/* Annotations of one film: LabelMe's JSON, our own, YOLO's lines. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boxes.h"
#include "json.h"

#define CIRCLE 64 /* points on the rim of a circle */
#define SLACK 0.1 /* of a box's side: as far two boxes of one object differ */

/* --- numbers ----------------------------------------------------------------- */

/* A flat list x, y, x, y ... or pairs [x, y], as doubles; NULL with *err. */
static double *numbers(size_t *n, const cJSON *list, struct xr_err *err)
{
    const cJSON *item, *pair, *inner;
    size_t room = 0;
    double *v;

    *n = 0;
    cJSON_ArrayForEach(item, list)
    {
        room += cJSON_IsArray(item) ? (size_t)cJSON_GetArraySize(item) : 1;
    }
    v = xr_alloc_array(room + 1, sizeof *v, err);
    if (!v)
        return NULL;
    cJSON_ArrayForEach(item, list)
    {
        inner = cJSON_IsArray(item) ? item : NULL;
        if (!inner)
            v[(*n)++] = cJSON_IsNumber(item) ? item->valuedouble : NAN;
        cJSON_ArrayForEach(pair, inner)
        {
            v[(*n)++] = cJSON_IsNumber(pair) ? pair->valuedouble : NAN;
        }
    }
    if (!cJSON_IsArray(list) || *n % 2) {
        xr_fail(err, "a list of points that is none");
        free(v);
        return NULL;
    }
    return v;
}

static double lower(double a, double b)
{
    return a < b ? a : b;
}

static double upper(double a, double b)
{
    return a < b ? b : a;
}

/* Two corners in any order. */
static void corners(double edges[4], const double *v)
{
    edges[0] = lower(v[0], v[2]);
    edges[1] = lower(v[1], v[3]);
    edges[2] = upper(v[0], v[2]);
    edges[3] = upper(v[1], v[3]);
}

/* --- LabelMe ----------------------------------------------------------------- */

static int add_circle(struct xr_boxes *b, const char *label, int64_t id, const double *v,
                      struct xr_err *err)
{
    double radius = hypot(v[2] - v[0], v[3] - v[1]), rim[2 * CIRCLE];

    for (size_t i = 0; i < CIRCLE; i++) {
        double turn = 2 * 3.14159265358979323846 * (double)i / CIRCLE;

        rim[2 * i] = v[0] + radius * cos(turn);
        rim[2 * i + 1] = v[1] + radius * sin(turn);
    }
    return xr_boxes_add(b, label, id, false, err) || xr_boxes_ring(b, rim, CIRCLE, err)
               ? -1
               : 0;
}

static int add_shape(struct xr_boxes *b, const cJSON *shape, int64_t id,
                     struct xr_err *err)
{
    static const char *const flat[] = {"point", "points", "line", "linestrip"};
    const char *type = xr_json_text(shape, "shape_type", "polygon");
    const char *label = xr_json_text(shape, "label", "");
    double edges[4], *v;
    size_t n;
    int rc;

    for (size_t i = 0; i < sizeof flat / sizeof *flat; i++) {
        if (!strcmp(type, flat[i]))
            return 0;
    }
    v = numbers(&n, cJSON_GetObjectItemCaseSensitive(shape, "points"), err);
    if (!v)
        return -1;
    if (!strcmp(type, "rectangle") && n == 4) {
        corners(edges, v);
        rc = xr_boxes_box(b, label, id, edges, err);
    } else if (!strcmp(type, "circle") && n == 4) {
        rc = add_circle(b, label, id, v, err);
    } else if (!strcmp(type, "polygon") || !strcmp(type, "rectangle")) {
        rc = xr_boxes_add(b, label, id, false, err) || xr_boxes_ring(b, v, n / 2, err);
    } else {
        rc = xr_fail(err, "a shape of type '%s' with %zu points", type, n / 2);
    }
    free(v);
    return rc ? -1 : 0;
}

static void bounds(double box[4], const struct xr_boxes *b, const struct xr_ring *ring)
{
    box[0] = box[1] = INFINITY;
    box[2] = box[3] = -INFINITY;
    for (size_t i = 0; i < ring->n; i++) {
        const float *p = b->points + 2 * (ring->first + i);

        box[0] = lower(box[0], (double)p[0]);
        box[1] = lower(box[1], (double)p[1]);
        box[2] = upper(box[2], (double)p[0]);
        box[3] = upper(box[3], (double)p[1]);
    }
}

/* Do the sides of two boxes lie within a tenth of their length, or a pixel, of each
 * other? */
static bool same(const struct xr_boxes *b, size_t i, size_t k)
{
    double x[4], y[4];

    if (strcmp(b->objects[i].label, b->objects[k].label))
        return false;
    bounds(x, b, &b->rings[i]);
    bounds(y, b, &b->rings[k]);
    for (int side = 0; side < 4; side++) {
        double length = x[2 + side % 2] - x[side % 2];

        if (fabs(x[side] - y[side]) > upper(1, SLACK * length))
            return false;
    }
    return true;
}

/* Is object i a box that a polygon says better? Here every object has one ring. */
static bool said_better(const struct xr_boxes *b, size_t i)
{
    for (size_t k = 0; b->objects[i].box && k < b->n; k++) {
        if (!b->objects[k].box && same(b, i, k))
            return true;
    }
    return false;
}

static int drop_doubles(struct xr_boxes *b, struct xr_err *err)
{
    bool *drop = xr_alloc_array(b->n, sizeof *drop, err);
    size_t kept = 0;

    if (!drop)
        return -1;
    for (size_t i = 0; i < b->n; i++)
        drop[i] = said_better(b, i);
    for (size_t i = 0; i < b->n; i++) {
        if (drop[i]) {
            free(b->objects[i].label);
            continue;
        }
        b->objects[kept] = b->objects[i];
        b->rings[kept] = b->rings[i];
        b->rings[kept].object = kept;
        kept++;
    }
    b->n = b->n_rings = kept;
    free(drop);
    return 0;
}

static int labelme(struct xr_boxes *b, const cJSON *shapes, struct xr_err *err)
{
    const cJSON *shape;
    int64_t id = 0;

    cJSON_ArrayForEach(shape, shapes)
    {
        if (add_shape(b, shape, id++, err))
            return xr_fail_in(err, "shape %lld", (long long)id);
    }
    return drop_doubles(b, err);
}

/* --- our own ----------------------------------------------------------------- */

/* The polygons of the last object. */
static int own_rings(struct xr_boxes *b, const cJSON *rings, struct xr_err *err)
{
    const cJSON *ring;

    cJSON_ArrayForEach(ring, rings)
    {
        size_t n;
        double *v = numbers(&n, ring, err);
        int rc = !v || xr_boxes_ring(b, v, n / 2, err);

        free(v);
        if (rc)
            return -1;
    }
    return 0;
}

static int own_box(struct xr_boxes *b, const char *class, int64_t id, const cJSON *box,
                   struct xr_err *err)
{
    size_t n;
    double *v = numbers(&n, box, err);
    int rc = !v || (n != 4 && xr_fail(err, "a box of %zu numbers", n)) ||
             xr_boxes_box(b, class, id, v, err);

    free(v);
    return rc ? -1 : 0;
}

static const cJSON *first_of(const cJSON *json, const char *name)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, name);

    return cJSON_IsArray(list) ? list->child : NULL;
}

static int own(struct xr_boxes *b, const cJSON *json, struct xr_err *err)
{
    const cJSON *class = first_of(json, "classes"), *id = first_of(json, "ids"),
                *rings = first_of(json, "polygons"), *box;

    for (box = first_of(json, "boxes"); box; box = box->next) {
        int64_t number = (int64_t)b->n;
        int rc;

        if (cJSON_IsNumber(id) && id->valuedouble >= 0 && id->valuedouble < 9e15)
            number = (int64_t)id->valuedouble;
        if (!cJSON_IsString(class))
            return xr_fail(err, "object %zu has no class", b->n + 1);
        rc = rings && rings->child
                 ? xr_boxes_add(b, class->valuestring, number, false, err) ||
                       own_rings(b, rings, err)
                 : own_box(b, class->valuestring, number, box, err);
        if (rc)
            return -1;
        class = class->next;
        id = id ? id->next : NULL;
        rings = rings ? rings->next : NULL;
    }
    return 0;
}

/* --- YOLO -------------------------------------------------------------------- */

/* The label of a class. */
static int yolo_label(char *label, size_t size, double class, char *const *names,
                      size_t n_names, struct xr_err *err)
{
    if (!(class >= 0 && class < 1e6) || class != floor(class))
        return xr_fail(err, "class %.9g is not a whole number from 0", class);
    if (n_names && class >= (double)n_names)
        return xr_fail(err, "class %.0f: %zu names are given", class, n_names);
    if (n_names)
        snprintf(label, size, "%s", names[(size_t) class]);
    else
        snprintf(label, size, "%.0f", class);
    return 0;
}

static int yolo_line(struct xr_boxes *b, double *v, size_t n, size_t width, size_t height,
                     char *const *names, size_t n_names, struct xr_err *err)
{
    double w = (double)width, h = (double)height, edges[4];
    int64_t id = (int64_t)b->n;
    char label[256];

    if (yolo_label(label, sizeof label, v[0], names, n_names, err))
        return -1;
    if (n == 5) {
        edges[0] = (v[1] - v[3] / 2) * w;
        edges[1] = (v[2] - v[4] / 2) * h;
        edges[2] = (v[1] + v[3] / 2) * w;
        edges[3] = (v[2] + v[4] / 2) * h;
        return xr_boxes_box(b, label, id, edges, err);
    }
    if (n < 7 || n % 2 == 0)
        return xr_fail(err,
                       "%zu numbers: a class and 4 for a box, 6 or more for a "
                       "polygon",
                       n);
    for (size_t i = 1; i < n; i++)
        v[i] *= i % 2 ? w : h;
    return xr_boxes_add(b, label, id, false, err) ||
                   xr_boxes_ring(b, v + 1, (n - 1) / 2, err)
               ? -1
               : 0;
}

static int yolo(struct xr_boxes *b, char *text, size_t width, size_t height,
                char *const *names, size_t n_names, struct xr_err *err)
{
    double *v = xr_alloc_array(strlen(text) / 2 + 1, sizeof *v, err);
    unsigned line = 0;
    int rc = v ? 0 : -1;

    for (char *p = text, *next; rc == 0 && *p; p = next) {
        size_t n = 0;

        next = p + strcspn(p, "\n");
        if (*next)
            *next++ = '\0';
        line++;
        for (char *end; *(p += strspn(p, " \t\r")); p = end) {
            v[n++] = strtod(p, &end);
            if (end == p || !strchr(" \t\r", *end)) {
                rc = xr_fail(err, "'%.20s' is not a number", p);
                break;
            }
        }
        if (rc == 0 && n)
            rc = yolo_line(b, v, n, width, height, names, n_names, err);
        if (rc)
            xr_fail_in(err, "line %u", line);
    }
    free(v);
    return rc;
}

int xr_boxes_parse(struct xr_boxes *b, const struct xr_buf *text, size_t width,
                   size_t height, char *const *names, size_t n_names, struct xr_err *err)
{
    size_t start = strspn(text->data, " \t\r\n");
    const cJSON *shapes, *boxes;
    cJSON *json;
    int rc;

    memset(b, 0, sizeof *b);
    if (memchr(text->data, 0, text->size))
        return xr_fail(err, "a NUL byte: not an annotation");
    if (text->data[start] != '{') {
        rc = yolo(b, text->data, width, height, names, n_names, err);
    } else {
        json = xr_json_parse(text->data, text->size, "JSON", err);
        if (!json)
            return -1;
        shapes = cJSON_GetObjectItemCaseSensitive(json, "shapes");
        boxes = cJSON_GetObjectItemCaseSensitive(json, "boxes");
        rc = cJSON_IsArray(shapes)  ? labelme(b, shapes, err)
             : cJSON_IsArray(boxes) ? own(b, json, err)
                                    : xr_fail(err, "neither \"shapes\" (LabelMe) nor "
                                                   "\"boxes\" in it");
        cJSON_Delete(json);
    }
    b->known = rc == 0;
    if (rc)
        xr_boxes_free(b);
    return rc ? -1 : 0;
}
