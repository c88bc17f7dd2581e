/* Transforms that cut out a part of the film or give it another size. */
#include <math.h>
#include <stdlib.h>

#include "simd.h"
#include "transform.h"

enum { /* the first two parameters of all of them; 0: as the film has it */
    HEIGHT,
    WIDTH,
};

#define SIZE_PARAMS                                                                      \
    {"height", XR_FIXED, 0, 0, 0, 16384, NULL},                                          \
    {                                                                                    \
        "width", XR_FIXED, 0, 0, 0, 16384, NULL                                          \
    }

#define INTERP_PARAM(of)                                                                 \
    {                                                                                    \
        "interpolation", XR_WORD, of, of, 0, 6, XR_INTERPS                               \
    }

static void new_size(const struct xr_step *step, size_t *height, size_t *width)
{
    *height = step->lo[HEIGHT] > 0 ? (size_t)step->lo[HEIGHT] : *height;
    *width = step->lo[WIDTH] > 0 ? (size_t)step->lo[WIDTH] : *width;
}

/* Said in pixels, so that a replay needs no size of its own. */
static void say_size(struct xr_job *job, size_t *height, size_t *width)
{
    *height = job->film->image->height;
    *width = job->film->image->width;
    if (!job->again)
        new_size(job->step, height, width);
    *height = (size_t)xr_job_say(job, "height", (double)*height, 1, 16384);
    *width = (size_t)xr_job_say(job, "width", (double)*width, 1, 16384);
}

/* --- windows -------------------------------------------------------------------------
 */

static int window(struct xr_image *image, ptrdiff_t x, ptrdiff_t y, size_t w, size_t h,
                  struct xr_err *err)
{
    struct xr_image out;

    return xr_image_become(image, &out, xr_window(&out, image, x, y, w, h, err));
}

/* Cut out a window at the shares x and y of the room there is; a side that is shorter
 * than the window's lies somewhere in black. */
static int cut(struct xr_job *job, double share_x, double share_y)
{
    const struct xr_subject *f = job->film;
    ptrdiff_t x, y;
    size_t h, w;

    say_size(job, &h, &w);
    x = (ptrdiff_t)floor(share_x * ((double)f->image->width - (double)w) + 0.5);
    y = (ptrdiff_t)floor(share_y * ((double)f->image->height - (double)h) + 0.5);
    x = (ptrdiff_t)xr_job_say(job, "x", (double)x, -16384, 65500);
    y = (ptrdiff_t)xr_job_say(job, "y", (double)y, -16384, 65500);
    if (job->failed || window(f->image, x, y, w, h, job->err) ||
        (f->mask && window(f->mask, x, y, w, h, job->err)))
        return -1;
    xr_move_points(f, (const double[9]){1, 0, -(double)x, 0, 1, -(double)y, 0, 0, 1});
    return 0;
}

static int do_center_crop(struct xr_job *job)
{
    return cut(job, 0.5, 0.5);
}

static int do_random_crop(struct xr_job *job)
{
    double x = xr_rng_uniform(&job->rng), y = xr_rng_uniform(&job->rng);

    return cut(job, x, y);
}

/* --- resampling ----------------------------------------------------------------------
 */

static int resized(struct xr_image *image, const struct xr_box *box, size_t w, size_t h,
                   enum xr_interp interp, struct xr_err *err)
{
    struct xr_image out;

    return xr_image_become(image, &out, xr_resize(&out, image, box, w, h, interp, err));
}

/* A part of the film becomes w x h pixels. */
static int resize_part(struct xr_job *job, const struct xr_box *box, size_t w, size_t h,
                       enum xr_interp interp)
{
    const struct xr_subject *f = job->film;
    double sx = (double)w / (double)box->w, sy = (double)h / (double)box->h;

    if (resized(f->image, box, w, h, interp, job->err) ||
        (f->mask && resized(f->mask, box, w, h, XR_NEAREST, job->err)))
        return -1;
    xr_move_points(f, (const double[9]){sx, 0, (0.5 - (double)box->x) * sx - 0.5, 0, sy,
                                        (0.5 - (double)box->y) * sy - 0.5, 0, 0, 1});
    return 0;
}

static int do_resize(struct xr_job *job)
{
    struct xr_box all = {0, 0, job->film->image->width, job->film->image->height};
    enum xr_interp interp = (enum xr_interp)xr_job_word(job, 2);
    size_t h, w;

    say_size(job, &h, &w);
    return job->failed ? -1 : resize_part(job, &all, w, h, interp);
}

static int fitted(struct xr_image *image, const struct xr_fit *fit, struct xr_err *err)
{
    struct xr_image out;

    return xr_image_become(image, &out, xr_fit_apply(&out, image, fit, err));
}

static int do_letterbox(struct xr_job *job)
{
    struct xr_fit fit = {.mode = XR_FIT_PAD, .ratio = 1};
    const struct xr_subject *f = job->film;
    size_t w = f->image->width, h = f->image->height;

    fit.interp = (enum xr_interp)xr_job_word(job, 2);
    say_size(job, &fit.height, &fit.width);
    if (job->failed || fitted(f->image, &fit, job->err))
        return -1;
    xr_fit_points(f->points, f->n_points, w, h, &fit);
    fit.interp = XR_NEAREST;
    return f->mask ? fitted(f->mask, &fit, job->err) : 0;
}

/* torchvision's RandomResizedCrop: ten attempts at a part of some area and shape, else
 * the largest part in the middle that is not longer than that. */
static void draw_part(struct xr_job *job, double box[4])
{
    double w = (double)job->film->image->width, h = (double)job->film->image->height;
    double low = log(job->step->lo[3]), high = log(job->step->hi[3]);

    for (int attempt = 0; attempt < 10; attempt++) {
        double area = w * h * xr_job_draw(job, 2);
        double ratio = xr_snap(exp(xr_snap(xr_rng_between(&job->rng, low, high))));
        double pw = rint(sqrt(area * ratio)), ph = rint(sqrt(area / ratio));

        if (pw >= 1 && pw <= w && ph >= 1 && ph <= h) {
            box[0] = (double)xr_rng_below(&job->rng, (uint64_t)(w - pw) + 1);
            box[1] = (double)xr_rng_below(&job->rng, (uint64_t)(h - ph) + 1);
            box[2] = pw;
            box[3] = ph;
            return;
        }
    }
    box[2] = w / h > job->step->hi[3] ? fmax(1, rint(h * job->step->hi[3])) : w;
    box[3] = w / h < job->step->lo[3] ? fmax(1, rint(w / job->step->lo[3])) : h;
    box[0] = floor((w - box[2]) / 2);
    box[1] = floor((h - box[3]) / 2);
}

static int do_random_resized_crop(struct xr_job *job)
{
    const struct xr_image *image = job->film->image;
    enum xr_interp interp = (enum xr_interp)xr_job_word(job, 4);
    struct xr_box part;
    size_t h, w;
    double box[4];

    say_size(job, &h, &w);
    if (!job->again)
        draw_part(job, box);
    if (xr_job_say_list(job, "box", box, 4, 0, 65500))
        return -1;
    part =
        (struct xr_box){(size_t)box[0], (size_t)box[1], (size_t)box[2], (size_t)box[3]};
    if (part.w < 1 || part.h < 1 || part.x + part.w > image->width ||
        part.y + part.h > image->height)
        return xr_fail(job->err, "random_resized_crop: 'box' is outside the film");
    return resize_part(job, &part, w, h, interp);
}

const struct xr_transform xr_transforms_size[] = {
    {"resize",
     do_resize,
     {SIZE_PARAMS, INTERP_PARAM(XR_BICUBIC)},
     .p = 1,
     .size = new_size},
    {"letterbox",
     do_letterbox,
     {SIZE_PARAMS, INTERP_PARAM(XR_BICUBIC)},
     .p = 1,
     .size = new_size},
    {"center_crop", do_center_crop, {SIZE_PARAMS}, .p = 1, .size = new_size},
    {"random_crop", do_random_crop, {SIZE_PARAMS}, .p = 1, .size = new_size},
    {"random_resized_crop",
     do_random_resized_crop,
     {SIZE_PARAMS,
      {"scale", XR_REAL, 0.5, 1, 0.01, 1, NULL},
      {"ratio", XR_REAL, 0.75, 4.0 / 3, 0.1, 10, NULL},
      INTERP_PARAM(XR_BICUBIC)},
     .p = 1,
     .size = new_size},
    {0},
};
