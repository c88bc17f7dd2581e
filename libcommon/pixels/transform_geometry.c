/* Turns and maps with a matrix: mask and points go with the pixels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "simd.h"
#include "transform.h"

/* --- turns ---------------------------------------------------------------------------
 */

/* Points along x' = a x + b y + c, y' = d x + e y + f. */
static void turn_points(const struct xr_subject *film, double a, double b, double c,
                        double d, double e, double f)
{
    xr_move_points(film, (const double[9]){a, b, c, d, e, f, 0, 0, 1});
}

static int do_hflip(struct xr_job *job)
{
    const struct xr_subject *f = job->film;

    xr_hflip(f->image);
    if (f->mask)
        xr_hflip(f->mask);
    turn_points(f, -1, 0, (double)f->image->width - 1, 0, 1, 0);
    return 0;
}

static int do_vflip(struct xr_job *job)
{
    const struct xr_subject *f = job->film;

    xr_vflip(f->image);
    if (f->mask)
        xr_vflip(f->mask);
    turn_points(f, 1, 0, 0, 0, -1, (double)f->image->height - 1);
    return 0;
}

static int do_rot90(struct xr_job *job)
{
    const struct xr_subject *f = job->film;
    double right = (double)f->image->width - 1, bottom = (double)f->image->height - 1;
    bool square = f->image->width == f->image->height;
    int turns = (int)xr_job_draw(job, 0);

    turns = square ? turns : turns & 2; /* a quarter turn would change the shape */
    turns = (int)xr_job_say(job, "turns", turns, 0, 3);
    if (job->again && !square && turns & 1)
        return xr_fail(job->err, "rot90: a quarter turn of a film that is not square");
    if (xr_rot90(f->image, turns, job->err) ||
        (f->mask && xr_rot90(f->mask, turns, job->err)))
        return -1;
    if (turns == 1)
        turn_points(f, 0, 1, 0, -1, 0, right);
    else if (turns == 2)
        turn_points(f, -1, 0, right, 0, -1, bottom);
    else if (turns == 3)
        turn_points(f, 0, -1, bottom, 1, 0, 0);
    return 0;
}

static int do_transpose(struct xr_job *job)
{
    const struct xr_subject *f = job->film;

    if (xr_transpose(f->image, job->err) || (f->mask && xr_transpose(f->mask, job->err)))
        return -1;
    turn_points(f, 0, 1, 0, 1, 0, 0);
    return 0;
}

/* --- matrices ------------------------------------------------------------------------
 */

/* The inverse of a matrix [3][3], but for a factor. */
static void adjugate(double out[9], const double m[9])
{
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++) {
            int a = (i + 1) % 3, b = (i + 2) % 3, c = (k + 1) % 3, d = (k + 2) % 3;

            out[k * 3 + i] = m[a * 3 + c] * m[b * 3 + d] - m[a * 3 + d] * m[b * 3 + c];
        }
    }
}

static void multiply(double out[9], const double a[9], const double b[9])
{
    for (int i = 0; i < 9; i++)
        out[i] = a[i / 3 * 3] * b[i % 3] + a[i / 3 * 3 + 1] * b[3 + i % 3] +
                 a[i / 3 * 3 + 2] * b[6 + i % 3];
}

/* Move a film along an affine matrix, output to input. */
static int follow_affine(struct xr_job *job, const double inverse[6],
                         enum xr_border border)
{
    double m[9] = {inverse[0], inverse[1], inverse[2], inverse[3], inverse[4],
                   inverse[5], 0,          0,          1};
    double forward[9];
    struct xr_map map =
        xr_map_of_affine(job->film->image->width, job->film->image->height, inverse);

    adjugate(forward, m);
    for (int i = 0; i < 9; i++)
        m[i] = forward[i] / forward[8];
    return xr_job_follow(job, &map, m, border);
}

static int do_shift_scale_rotate(struct xr_job *job)
{
    double dx = xr_job_draw(job, 0), dy = xr_job_draw(job, 0), m[6];
    double scale = 1 + xr_job_draw(job, 1), degrees = xr_job_draw(job, 2);
    enum xr_border border = (enum xr_border)xr_job_word(job, 3);
    size_t w = job->film->image->width, h = job->film->image->height;

    dx = xr_job_say(job, "shift_x", dx, -1, 1);
    dy = xr_job_say(job, "shift_y", dy, -1, 1);
    scale = xr_job_say(job, "scale", scale, 0.1, 10);
    degrees = xr_job_say(job, "rotate", degrees, -180, 180);
    xr_affine_inverse(m, w, h, degrees, scale, dx * (double)w, dy * (double)h);
    return follow_affine(job, m, border);
}

static double tangent(double degrees)
{
    return xr_snap(tan(degrees * (3.14159265358979323846 / 180)));
}

/* Scale, turn, shear, then move, about the centre: albumentations' Affine. */
static int do_affine(struct xr_job *job)
{
    double w = (double)job->film->image->width, h = (double)job->film->image->height;
    double scale = xr_job_say(job, "scale", 1 + xr_job_draw(job, 0), 0.1, 10);
    double degrees = xr_job_value(job, 1);
    double shear_x = tangent(xr_job_value(job, 2)),
           shear_y = tangent(xr_job_value(job, 3));
    double dx = xr_job_value(job, 4) * w, dy = xr_job_value(job, 5) * h;
    enum xr_border border = (enum xr_border)xr_job_word(job, 6);
    double turn[6], m[6], whole = 1 - shear_x * shear_y, cx = (w - 1) / 2,
                          cy = (h - 1) / 2;

    if (fabs(whole) < 0.01)
        whole = whole < 0 ? -0.01 : 0.01; /* two shears by 45 degrees make a line of it */
    /* output to input: the move and the shear are undone, then turn and scale */
    xr_affine_inverse(turn, (size_t)w, (size_t)h, degrees, scale, 0, 0);
    for (int i = 0; i < 6; i += 3) {
        m[i] = (turn[i] - turn[i + 1] * shear_y) / whole;
        m[i + 1] = (turn[i + 1] - turn[i] * shear_x) / whole;
    }
    m[2] = cx - m[0] * (cx + dx) - m[1] * (cy + dy);
    m[5] = cy - m[3] * (cx + dx) - m[4] * (cy + dy);
    return follow_affine(job, m, border);
}

/*
 * The four corners move inwards, each by its own shares of the sides: torchvision's
 * RandomPerspective. The matrix from the unit square to a quadrangle: Heckbert, "Texture
 * Mapping and Image Warping", 1989, 2.2.3.
 */
static void quadrangle(double m[9], const double q[8])
{
    double dx1 = q[2] - q[4], dx2 = q[6] - q[4], sx = q[0] - q[2] + q[4] - q[6];
    double dy1 = q[3] - q[5], dy2 = q[7] - q[5], sy = q[1] - q[3] + q[5] - q[7];
    double area = dx1 * dy2 - dx2 * dy1;

    m[6] = (sx * dy2 - dx2 * sy) / area;
    m[7] = (dx1 * sy - sx * dy1) / area;
    m[8] = 1;
    m[0] = q[2] - q[0] + m[6] * q[2];
    m[1] = q[6] - q[0] + m[7] * q[6];
    m[2] = q[0];
    m[3] = q[3] - q[1] + m[6] * q[3];
    m[4] = q[7] - q[1] + m[7] * q[7];
    m[5] = q[1];
}

XR_CLONES static void perspective_row(float *x, float *y, size_t n, double mx, double my,
                                      double mw, double x0, double y0, double w0)
{
    for (size_t i = 0; i < n; i++) {
        double t = (double)(int32_t)i, w = mw * t + w0;

        x[i] = (float)((mx * t + x0) / w);
        y[i] = (float)((my * t + y0) / w);
    }
}

static int do_perspective(struct xr_job *job)
{
    size_t w = job->film->image->width, h = job->film->image->height;
    double right = w > 1 ? (double)w - 1 : 1, bottom = h > 1 ? (double)h - 1 : 1;
    double most = xr_job_draw(job, 0) / 2, corner[8], square[9], forward[9], m[9];
    enum xr_border border = (enum xr_border)xr_job_word(job, 1);
    struct xr_map map;
    int rc;

    for (int i = 0; i < 8 && !job->again; i++) /* x, y; clockwise from the upper left */
        corner[i] = xr_rng_between(&job->rng, 0, most);
    if (xr_job_say_list(job, "corners", corner, 8, 0, 0.45) ||
        xr_map_alloc(&map, w, h, job->err))
        return -1;
    for (int i = 0; i < 8; i++) {
        bool far = i % 2 ? i >= 4 : i == 2 || i == 4;

        corner[i] = (far ? 1 - corner[i] : corner[i]) * (i % 2 ? bottom : right);
    }
    quadrangle(square, corner);
    multiply(forward, square,
             (const double[9]){1 / right, 0, 0, 0, 1 / bottom, 0, 0, 0, 1});
    adjugate(m, forward);
    for (size_t y = 0; y < h; y++)
        perspective_row(map.x + y * w, map.y + y * w, w, m[0], m[3], m[6],
                        m[1] * (double)y + m[2], m[4] * (double)y + m[5],
                        m[7] * (double)y + m[8]);
    rc = xr_job_follow(job, &map, forward, border);
    xr_map_free(&map);
    return rc;
}

const struct xr_transform xr_transforms_geometry[] = {
    {"hflip", do_hflip, {{0}}, .p = 0.5},
    {"vflip", do_vflip, {{0}}, .p = 0.5},
    {"rot90", do_rot90, {{"turns", XR_WHOLE, 0, 3, 0, 3, NULL}}, .p = 0.5},
    {"transpose", do_transpose, {{0}}, XR_SQUARE, .p = 0.5},
    {"shift_scale_rotate",
     do_shift_scale_rotate,
     {{"shift", XR_AROUND, -0.0625, 0.0625, -1, 1, NULL},
      {"scale", XR_AROUND, -0.1, 0.1, -0.9, 9, NULL},
      {"rotate", XR_AROUND, -15, 15, -180, 180, NULL},
      XR_BORDER_PARAM},
     .p = 0.5},
    {"affine",
     do_affine,
     {{"scale", XR_AROUND, -0.1, 0.1, -0.9, 9, NULL},
      {"rotate", XR_AROUND, -15, 15, -180, 180, NULL},
      {"shear_x", XR_AROUND, -5, 5, -80, 80, NULL},
      {"shear_y", XR_AROUND, -5, 5, -80, 80, NULL},
      {"translate_x", XR_AROUND, -0.0625, 0.0625, -1, 1, NULL},
      {"translate_y", XR_AROUND, -0.0625, 0.0625, -1, 1, NULL},
      XR_BORDER_PARAM},
     .p = 0.5},
    {"perspective",
     do_perspective,
     {{"distortion", XR_REAL, 0.05, 0.3, 0, 0.9, NULL}, XR_BORDER_PARAM},
     .p = 0.5},
    {0},
};
