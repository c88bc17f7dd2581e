/* Transforms that hide parts of a film, or lay over it what lies over real ones. The mask
 * is left as it is: the lesion is where it was. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "simd.h"
#include "transform.h"

/* Boxes as they are said; those of a replay must be whole and inside. */
static int say_boxes(struct xr_job *job, size_t (*boxes)[4], size_t n)
{
    const struct xr_image *image = job->film->image;
    double *v = xr_alloc_array(n, 4 * sizeof *v, job->err);
    const cJSON *list, *box;
    size_t i = 0;

    if (!v)
        return -1;
    list = job->again ? cJSON_GetObjectItemCaseSensitive(job->again, "boxes") : NULL;
    cJSON_ArrayForEach(box, list)
    {
        for (int k = 0; k < 4 && i < n; k++) {
            const cJSON *at = cJSON_GetArrayItem(box, k);
            double side = (double)(k % 2 ? image->height : image->width);

            v[k] = cJSON_IsNumber(at) ? at->valuedouble : -1;
            if (!(v[k] >= 0 && v[k] <= side) || v[k] != floor(v[k])) {
                free(v);
                return xr_fail(job->err, "%s: 'boxes' are not inside the film",
                               job->step->transform->name);
            }
            boxes[i][k] = (size_t)v[k];
        }
        i++;
    }
    if (job->said) {
        cJSON *said = cJSON_AddArrayToObject(job->said, "boxes");

        for (i = 0; i < n; i++) {
            for (int k = 0; k < 4; k++)
                v[k] = (double)boxes[i][k];
            cJSON_AddItemToArray(said, cJSON_CreateDoubleArray(v, 4));
        }
    }
    free(v);
    return 0;
}

/* As many as are written down, in a replay. */
static size_t count_boxes(struct xr_job *job, size_t n)
{
    if (job->again)
        n = (size_t)cJSON_GetArraySize(
            cJSON_GetObjectItemCaseSensitive(job->again, "boxes"));
    return n;
}

static int do_coarse_dropout(struct xr_job *job)
{
    struct xr_image *image = job->film->image;
    size_t n = count_boxes(job, (size_t)xr_job_draw(job, 0)), w = image->width,
           h = image->height;
    size_t(*boxes)[4] = xr_alloc_array(n, sizeof *boxes, job->err);
    double fill = xr_job_value(job, 3);
    int rc;

    if (!boxes)
        return -1;
    for (size_t i = 0; i < n && !job->again; i++) {
        size_t bh = (size_t)(xr_job_draw(job, 1) * (double)h + 0.5);
        size_t bw = (size_t)(xr_job_draw(job, 2) * (double)w + 0.5);

        bh = bh < 1 ? 1 : bh;
        bw = bw < 1 ? 1 : bw;
        boxes[i][0] = (size_t)xr_rng_below(&job->rng, w - bw + 1);
        boxes[i][1] = (size_t)xr_rng_below(&job->rng, h - bh + 1);
        boxes[i][2] = boxes[i][0] + bw;
        boxes[i][3] = boxes[i][1] + bh;
    }
    rc = say_boxes(job, boxes, n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (boxes[i][2] < boxes[i][0] || boxes[i][3] < boxes[i][1])
            rc = xr_fail(job->err, "coarse_dropout: a box ends before it begins");
    if (rc == 0)
        xr_fill_boxes(image, (const size_t(*)[4])boxes, n, (uint8_t)fill);
    free(boxes);
    return rc;
}

/* Square holes at equal distances, over the whole film. */
static int do_grid_dropout(struct xr_job *job)
{
    struct xr_image *image = job->film->image;
    size_t w = image->width, h = image->height, unit, hole, x0, y0;
    double cells = xr_job_draw(job, 0), ratio = xr_job_draw(job, 1), side, fill;

    side = fmax(2, rint((double)(w < h ? w : h) / fmax(1, cells)));
    unit = (size_t)xr_job_say(job, "unit", side, 2, 65500);
    side = fmin(fmax(1, rint((double)unit * ratio)), (double)unit - 1);
    hole = (size_t)xr_job_say(job, "hole", side, 1, (double)unit - 1);
    x0 = job->again ? 0 : (size_t)xr_rng_below(&job->rng, unit);
    y0 = job->again ? 0 : (size_t)xr_rng_below(&job->rng, unit);
    x0 = (size_t)xr_job_say(job, "x", (double)x0, 0, (double)unit - 1);
    y0 = (size_t)xr_job_say(job, "y", (double)y0, 0, (double)unit - 1);
    fill = xr_job_value(job, 2);
    for (size_t y = y0; y < h + unit; y += unit) {
        for (size_t x = x0; x < w + unit;
             x += unit) { /* the first one may begin outside */
            size_t box[1][4] = {{x < unit ? 0 : x - unit, y < unit ? 0 : y - unit,
                                 x + hole < unit ? 0 : x + hole - unit,
                                 y + hole < unit ? 0 : y + hole - unit}};

            box[0][2] = box[0][2] < w ? box[0][2] : w;
            box[0][3] = box[0][3] < h ? box[0][3] : h;
            if (box[0][0] < box[0][2] && box[0][1] < box[0][3])
                xr_fill_boxes(image, (const size_t(*)[4])box, 1, (uint8_t)fill);
        }
    }
    return 0;
}

/* --- what lies over real films -------------------------------------------------------
 */

/* The open part of a collimator: a rectangle turned about the film's centre, in pixels
 * from there. */
struct opening {
    double cos, sin, cx, cy, left, right, top, bottom, edge;
};

XR_INLINE double least(double a, double b)
{
    return a < b ? a : b;
}

/* Share of light in a row: 1 inside, 0 behind the edge, linear across it. */
XR_CLONES static void light_row(float *light, size_t n, const struct opening *o, double y)
{
    double u0 = -o->cx * o->cos - (y - o->cy) * o->sin;
    double v0 = -o->cx * o->sin + (y - o->cy) * o->cos, steep = 1 / o->edge;

    for (size_t x = 0; x < n; x++) {
        double u = u0 + (double)(int32_t)x * o->cos, v = v0 + (double)(int32_t)x * o->sin;
        double in =
            least(least(u - o->left, o->right - u), least(v - o->top, o->bottom - v));
        double share = in * steep + 0.5;

        light[x] = (float)(share < 0 ? 0 : share > 1 ? 1 : share);
    }
}

XR_CLONES static void shade_row(uint8_t *row, const float *light, size_t n, float level)
{
    for (size_t x = 0; x < n; x++)
        row[x] = (uint8_t)(int32_t)xr_round(level + light[x] * ((float)row[x] - level));
}

static void shade_row16(uint16_t *row, const float *light, size_t n, float level)
{
    for (size_t x = 0; x < n; x++)
        row[x] = (uint16_t)(int32_t)xr_round(level + light[x] * ((float)row[x] - level));
}

static void say_opening(struct xr_job *job, struct opening *o)
{
    double w = (double)job->film->image->width, h = (double)job->film->image->height;
    double side = w < h ? w : h, angle;

    o->cx = (w - 1) / 2;
    o->cy = (h - 1) / 2;
    o->left = (xr_job_say(job, "left", xr_job_draw(job, 0), 0, 0.45) - 0.5) * w;
    o->right = (0.5 - xr_job_say(job, "right", xr_job_draw(job, 0), 0, 0.45)) * w;
    o->top = (xr_job_say(job, "top", xr_job_draw(job, 0), 0, 0.45) - 0.5) * h;
    o->bottom = (0.5 - xr_job_say(job, "bottom", xr_job_draw(job, 0), 0, 0.45)) * h;
    angle = xr_job_value(job, 1) * (3.14159265358979323846 / 180);
    o->cos = xr_snap(cos(angle));
    o->sin = xr_snap(sin(angle));
    o->edge = fmax(0.5, xr_job_value(job, 3) * side);
}

static int do_collimator(struct xr_job *job)
{
    struct xr_image *image = job->film->image;
    size_t c = image->channels;
    size_t n = image->width * c;
    struct opening o;
    float *light = xr_alloc_array(n, sizeof *light, job->err), level;

    if (!light)
        return -1;
    say_opening(job, &o);
    level = (float)xr_levels(image, xr_job_value(job, 2));
    for (size_t y = 0; y < image->height; y++) {
        light_row(light, image->width, &o, (double)y);
        for (size_t i = n; i-- > 0 && c > 1;)
            light[i] = light[i / c];
        if (image->depth == 16)
            shade_row16((uint16_t *)image->data + y * n, light, n, level);
        else
            shade_row((uint8_t *)image->data + y * n, light, n, level);
    }
    free(light);
    return 0;
}

/* A stroke of a letter: a line, or the right half of a circle. In heights of the letter,
 * y downwards, from its middle. */
struct stroke {
    double x0, y0, x1, y1;
    bool arc; /* from x0, y0 down to x1, y1 */
};

static const struct stroke letter_l[] = {{-0.26, -0.5, -0.26, 0.5, false},
                                         {-0.26, 0.5, 0.26, 0.5, false}};
static const struct stroke letter_r[] = {{-0.26, -0.5, -0.26, 0.5, false},
                                         {-0.26, -0.5, 0.03, -0.5, false},
                                         {0.03, -0.5, 0.03, 0.02, true},
                                         {0.03, 0.02, -0.26, 0.02, false},
                                         {0.0, 0.02, 0.28, 0.5, false}};

static double stroke_distance(const struct stroke *s, double x, double y)
{
    double dx = s->x1 - s->x0, dy = s->y1 - s->y0, t;

    if (s->arc && x > s->x0)
        return fabs(hypot(x - s->x0, y - (s->y0 + s->y1) / 2) - dy / 2);
    if (s->arc)
        return fmin(hypot(x - s->x0, y - s->y0), hypot(x - s->x1, y - s->y1));
    t = ((x - s->x0) * dx + (y - s->y0) * dy) / (dx * dx + dy * dy);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return hypot(x - s->x0 - t * dx, y - s->y0 - t * dy);
}

/* A lead letter: bright, and soft at its edge over a pixel. */
struct marker {
    const struct stroke *strokes;
    size_t n;
    double x, y, size, cos, sin, level;
};

static void draw_marker(struct xr_image *image, const struct marker *m)
{
    size_t c = image->channels;
    double reach = 0.8 * m->size + 2;
    ptrdiff_t x0 = (ptrdiff_t)(m->x - reach), x1 = (ptrdiff_t)(m->x + reach);
    ptrdiff_t y0 = (ptrdiff_t)(m->y - reach), y1 = (ptrdiff_t)(m->y + reach);

    for (ptrdiff_t y = y0 < 0 ? 0 : y0; y <= y1 && y < (ptrdiff_t)image->height; y++) {
        for (ptrdiff_t x = x0 < 0 ? 0 : x0; x <= x1 && x < (ptrdiff_t)image->width; x++) {
            size_t at = ((size_t)y * image->width + (size_t)x) * c;
            double dx = ((double)x - m->x) / m->size, dy = ((double)y - m->y) / m->size;
            double away = 1, ink;

            for (size_t i = 0; i < m->n; i++)
                away =
                    fmin(away, stroke_distance(&m->strokes[i], dx * m->cos - dy * m->sin,
                                               dx * m->sin + dy * m->cos));
            ink = xr_snap((0.09 - away) * m->size) + 0.5;
            ink = ink < 0 ? 0 : ink > 1 ? 1 : ink;
            for (size_t k = 0; k < c && ink > 0; k++) {
                double v = (double)xr_level(image, at + k);

                xr_set_level(image, at + k, (size_t)rint(v + ink * (m->level - v)));
            }
        }
    }
}

static int do_marker(struct xr_job *job)
{
    double w = (double)job->film->image->width, h = (double)job->film->image->height;
    double side = w < h ? w : h, x = 0, y = 0, angle;
    int letter = (int)job->step->lo[0];
    struct marker m;

    if (!job->again) { /* near one of the corners */
        if (letter == 0)
            letter = 1 + (int)xr_rng_below(&job->rng, 2);
        x = xr_rng_between(&job->rng, 0.06, 0.2);
        y = xr_rng_between(&job->rng, 0.06, 0.2);
        x = xr_rng_below(&job->rng, 2) ? x : 1 - x;
        y = xr_rng_below(&job->rng, 2) ? y : 1 - y;
    }
    letter = xr_job_say_word(job, 0, letter);
    m.strokes = letter == 1 ? letter_l : letter_r;
    m.n = letter == 1 ? sizeof letter_l / sizeof *letter_l
                      : sizeof letter_r / sizeof *letter_r;
    m.x = xr_job_say(job, "x", x, 0, 1) * (w - 1);
    m.y = xr_job_say(job, "y", y, 0, 1) * (h - 1);
    m.size = fmax(3, xr_job_value(job, 1) * side);
    angle = xr_job_value(job, 2) * (3.14159265358979323846 / 180);
    m.cos = xr_snap(cos(angle));
    m.sin = xr_snap(sin(angle));
    m.level = xr_levels(job->film->image, xr_job_value(job, 3));
    draw_marker(job->film->image, &m);
    return 0;
}

const struct xr_transform xr_transforms_occlusion[] = {
    {"coarse_dropout",
     do_coarse_dropout,
     {{"holes", XR_WHOLE, 1, 4, 1, 1000, NULL},
      {"height", XR_REAL, 0.05, 0.15, 0, 1, NULL},
      {"width", XR_REAL, 0.05, 0.15, 0, 1, NULL},
      {"fill", XR_WHOLE, 0, 0, 0, 255, NULL}},
     .p = 0.5},
    {"grid_dropout",
     do_grid_dropout,
     {{"cells", XR_WHOLE, 4, 8, 1, 1000, NULL},
      {"ratio", XR_REAL, 0.3, 0.5, 0, 1, NULL},
      {"fill", XR_WHOLE, 0, 0, 0, 255, NULL}},
     .p = 0.5},
    {"collimator",
     do_collimator,
     {{"margin", XR_REAL, 0, 0.12, 0, 0.45, NULL},
      {"rotate", XR_AROUND, -4, 4, -180, 180, NULL},
      {"level", XR_WHOLE, 0, 15, 0, 255, NULL},
      {"edge", XR_REAL, 0.005, 0.015, 0, 0.5, NULL}},
     .p = 0.5},
    {"marker",
     do_marker,
     {{"letter", XR_WORD, 0, 0, 0, 2, "any|l|r"},
      {"size", XR_REAL, 0.05, 0.09, 0.01, 1, NULL},
      {"rotate", XR_AROUND, -8, 8, -180, 180, NULL},
      {"level", XR_WHOLE, 220, 255, 0, 255, NULL}},
     .p = 0.5},
    {0},
};
