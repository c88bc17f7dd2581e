/* Every case of golden/augment whose operation is implemented, to the tolerance of its
 * manifest. */
#include <string.h>

#include <cjson/cJSON.h>

#include "../../kernels/formula.h"
#include "array.h"
#include "image.h"
#include "image_codec.h"
#include "io.h"
#include "json.h"
#include "pixels/pixels.h"
#include "tap.h"

static char folder[4096];

static int read_bytes(struct xr_buf *buf, const char *name)
{
    char path[8192];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return xr_read_file(buf, path, (size_t)1 << 30, NULL, NULL);
}

static int read_npy(struct xr_array *array, const char *name)
{
    struct xr_buf buf = {0};
    int rc = read_bytes(&buf, name);

    if (rc == 0)
        rc = xr_npy_parse(array, buf.data, buf.size, NULL);
    xr_buf_free(&buf);
    return rc;
}

/* An input, whatever file it is in. */
static int read_image(struct xr_image *im, const char *name)
{
    struct xr_buf buf = {0};
    struct xr_array a = {0};
    int rc;

    if (strstr(name, ".npy")) {
        if (read_npy(&a, name))
            return -1;
        *im = (struct xr_image){a.shape[1], a.shape[0], a.n_dims == 3 ? a.shape[2] : 1,
                                a.dtype == XR_U16 ? 16 : 8, a.data};
        return 0;
    }
    rc = read_bytes(&buf, name);
    if (rc == 0)
        rc =
            xr_image_decode(im, NULL, buf.data, buf.size,
                            strncmp(name, "rgb", 3) ? XR_COLOR_GRAY : XR_COLOR_RGB, NULL);
    xr_buf_free(&buf);
    return rc;
}

static double at(const struct xr_array *a, size_t i)
{
    switch (a->dtype) {
    case XR_U8:
        return ((uint8_t *)a->data)[i];
    case XR_U16:
        return ((uint16_t *)a->data)[i];
    default:
        return ((float *)a->data)[i];
    }
}

/* Compare with the case's file; `rounded` is allowed on top where the reference is not
 * rounded. */
static void compare(const cJSON *c, const struct xr_array *got, double rounded)
{
    const cJSON *tol = cJSON_GetObjectItem(c, "tolerance");
    const char *name = xr_json_text(c, "name", "?");
    double max_abs =
        cJSON_IsString(tol) ? 0 : xr_json_number(tol, "max_abs", 0) + rounded;
    double mean_abs = cJSON_IsString(tol) ? 0 : xr_json_number(tol, "mean_abs", 1e9);
    struct xr_array want;
    double worst = 0, sum = 0;
    size_t n = xr_array_count(got);

    if (read_npy(&want, xr_json_text(c, "file", "?")) || xr_array_count(&want) != n) {
        ok(0, "%s: shape", name);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        double d = fabs(at(&want, i) - at(got, i));

        worst = d > worst ? d : worst;
        sum += d;
    }
    ok(worst <= max_abs && sum / (double)n <= mean_abs,
       "%s (max %.3g of %.3g, mean %.2g)", name, worst, max_abs, sum / (double)n);
    xr_array_free(&want);
}

static void compare_image(const cJSON *c, const struct xr_image *im, double rounded)
{
    struct xr_array a = {im->depth == 16 ? XR_U16 : XR_U8,
                         im->channels > 1 ? 3 : 2,
                         {im->height, im->width, im->channels},
                         im->data};

    compare(c, &a, rounded);
}

static size_t number(const cJSON *params, const char *key)
{
    return (size_t)xr_json_number(params, key, 0);
}

static enum xr_interp interp_of(const char *filter)
{
    for (int i = 0; i < XR_N_INTERP; i++) {
        if (strncmp(filter, xr_interp_names[i], strlen(xr_interp_names[i])) == 0)
            return (enum xr_interp)i;
    }
    return XR_BOX;
}

/* The high byte is what xr_to8 makes, cut off instead of rounded: it is not offered, and
 * never more than a level away. */
static void high_byte(const cJSON *c, struct xr_image *im)
{
    struct xr_array want;
    size_t n = im->width * im->height, off = 0;

    if (read_npy(&want, xr_json_text(c, "file", "?")) || xr_to8(im, NULL))
        return;
    for (size_t i = 0; i < n; i++)
        off += fabs(at(&want, i) - (double)xr_level(im, i)) > 1;
    ok(off == 0, "the high byte is never more than a level from the 8 bits kept");
    xr_array_free(&want);
}

/* Sizes and levels. 1: done, 0: not one of these. */
static int sizes(const cJSON *c, const char *op, const cJSON *p, struct xr_image *im)
{
    enum xr_interp interp = interp_of(xr_json_text(p, "filter", "box"));
    struct xr_fit fit = {XR_FIT_PAD, 1, 224, 224, interp};
    struct xr_image out = {0};

    if (!strcmp(op, "resize")) {
        size_t w = number(p, "width"), h = number(p, "height");

        if (!strcmp(xr_json_text(c, "dtype", ""), "float32")) {
            struct xr_array a = {XR_F32, 2, {h, w}, NULL};
            float *src = malloc(im->width * im->height * sizeof *src);

            for (size_t i = 0; i < im->width * im->height; i++)
                src[i] = ((uint8_t *)im->data)[i];
            if (xr_array_alloc(&a, NULL) == 0 &&
                xr_resize_f32(a.data, h, w, src, im->height, im->width, interp, NULL) ==
                    0)
                compare(c, &a, 0);
            free(src);
            xr_array_free(&a);
            return 1;
        }
        if (xr_resize(&out, im, NULL, w, h, interp, NULL) == 0)
            compare_image(c, &out, 0);
    } else if (!strcmp(op, "resize_shortest_center_crop")) {
        fit.mode = XR_FIT_CROP;
        fit.ratio = xr_json_number(p, "crop_pct", 1);
        if (xr_fit_apply(&out, im, &fit, NULL) == 0)
            compare_image(c, &out, 0);
    } else if (!strcmp(op, "letterbox")) {
        if (xr_fit_apply(&out, im, &fit, NULL) == 0)
            compare_image(c, &out, 0);
    } else if (!strcmp(op, "crop_then_resize")) {
        struct xr_box box = {number(p, "left"), number(p, "top"), number(p, "width"),
                             number(p, "height")};

        if (xr_resize(&out, im, &box, 224, 224, interp, NULL) == 0)
            compare_image(c, &out, 0);
    } else if (!strcmp(op, "pad_to_square_then_resize")) {
        size_t side = im->width > im->height ? im->width : im->height;
        struct xr_image square;

        if (xr_window(&square, im, -(ptrdiff_t)number(p, "left"),
                      -(ptrdiff_t)number(p, "top"), side, side, NULL) == 0 &&
            xr_resize(&out, &square, NULL, 224, 224, interp, NULL) == 0)
            compare_image(c, &out, 0);
        xr_image_free(&square);
    } else if (!strcmp(op, "depth_scale")) {
        if (xr_to8(im, NULL) == 0)
            compare_image(c, im, 0);
    } else if (!strcmp(op, "depth_high_byte")) {
        high_byte(c, im);
    } else if (!strcmp(op, "window_minmax") || !strcmp(op, "window_percentile")) {
        const cJSON *percents = cJSON_GetObjectItem(p, "p");
        double ends[2] = {0, 100};

        for (int i = 0; percents && i < 2; i++)
            ends[i] = cJSON_GetArrayItem(percents, i)->valuedouble;
        if (xr_stretch(im, ends, NULL) == 0 && xr_to8(im, NULL) == 0)
            compare_image(c, im, 0);
    } else {
        return 0;
    }
    xr_image_free(&out);
    return 1;
}

/* To the floats of a network: as xr-train and its kin normalise. */
static int floats(const cJSON *c, const char *op, const cJSON *p, struct xr_image *im)
{
    const cJSON *mean = cJSON_GetObjectItem(p, "mean"),
                *std = cJSON_GetObjectItem(p, "std");
    struct xr_fit fit = {XR_FIT_CROP, xr_json_number(p, "crop_pct", 1), 224, 224,
                         interp_of(xr_json_text(p, "filter", "bicubic"))};
    struct xr_array a = {XR_F32, 3, {3, 224, 224}, NULL};
    struct xr_image fitted;

    if ((strcmp(op, "normalize") && strcmp(op, "timm_eval")) ||
        xr_fit_apply(&fitted, im, &fit, NULL) || xr_array_alloc(&a, NULL))
        return 0;
    for (size_t i = 0; i < xr_array_count(&a); i++) {
        int k = (int)(i / (224 * 224));

        ((float *)a.data)[i] =
            xk_normalize(((uint8_t *)fitted.data)[i % (224 * 224) * 3 + (size_t)k],
                         (float)cJSON_GetArrayItem(mean, k)->valuedouble,
                         (float)cJSON_GetArrayItem(std, k)->valuedouble);
    }
    compare(c, &a, 0);
    xr_image_free(&fitted);
    xr_array_free(&a);
    return 1;
}

static int geometry(const cJSON *c, const char *op, const cJSON *p, struct xr_image *im)
{
    double rounded = !strcmp(xr_json_text(c, "dtype", ""), "float32") ? 0.5 : 0;
    enum xr_border border = strcmp(xr_json_text(p, "border", ""), "constant")
                                ? XR_BORDER_REFLECT
                                : XR_BORDER_CONSTANT;

    if (!strcmp(op, "hflip")) {
        xr_hflip(im);
    } else if (!strcmp(op, "vflip")) {
        xr_vflip(im);
    } else if (!strcmp(op, "rot90")) {
        if (xr_rot90(im, (int)number(p, "k"), NULL))
            return 0;
    } else if (!strcmp(op, "transpose")) {
        if (xr_transpose(im, NULL))
            return 0;
    } else if (!strcmp(op, "affine") || !strcmp(op, "remap")) {
        struct xr_image out;
        struct xr_map map;
        double m[6];

        xr_affine_inverse(m, im->width, im->height, xr_json_number(p, "rotate_deg", 0),
                          xr_json_number(cJSON_GetObjectItem(p, "scale"), "x", 1),
                          xr_json_number(cJSON_GetObjectItem(p, "translate_px"), "x", 0),
                          xr_json_number(cJSON_GetObjectItem(p, "translate_px"), "y", 0));
        if (xr_map_alloc(&map, im->width, im->height, NULL))
            return 0;
        xr_map_affine(&map, m);
        if (!strcmp(op, "remap")) {
            struct xr_array d;

            if (read_npy(&d, "elastic_dxdy_224.npy"))
                return 0;
            for (size_t i = 0; i < 224 * 224; i++) {
                map.x[i] += ((float *)d.data)[i];
                map.y[i] += ((float *)d.data)[224 * 224 + i];
            }
            xr_array_free(&d);
        }
        if (xr_remap(&out, im, &map, false, border, 0, NULL) == 0)
            compare_image(c, &out, rounded);
        xr_map_free(&map);
        xr_image_free(&out);
        return 1;
    } else {
        return 0;
    }
    compare_image(c, im, 0);
    return 1;
}

static int levels(const cJSON *c, const char *op, const cJSON *p, struct xr_image *im)
{
    uint16_t lut[256];
    struct xr_array a;

    if (!strcmp(op, "clahe") || !strcmp(op, "clahe_lab")) {
        if (xr_clahe(im, xr_json_number(p, "clip_limit", 2), 8, NULL))
            return 0;
    } else if (!strcmp(op, "rgb_to_lab8")) {
        xr_lab_of_rgb(im->data, im->data, im->width * im->height);
    } else if (!strcmp(op, "equalize")) {
        size_t hist[256];

        xr_histogram(hist, im, 0);
        xr_lut_equalize(lut, hist, 255, !strcmp(xr_json_text(p, "mode", ""), "pil"));
        xr_lut_apply(im, lut);
    } else if (!strcmp(op, "brightness_contrast")) {
        xr_lut_linear(lut, 255, (float)xr_json_number(p, "alpha", 1),
                      (float)xr_json_number(p, "beta", 0));
        xr_lut_apply(im, lut);
    } else if (!strcmp(op, "gamma")) {
        xr_lut_gamma(lut, 255, xr_json_number(p, "gamma", 1));
        xr_lut_apply(im, lut);
    } else if (!strcmp(op, "invert")) {
        xr_lut_linear(lut, 255, -1, 255);
        xr_lut_apply(im, lut);
    } else if (!strcmp(op, "gaussian_blur")) {
        if (xr_gauss_blur(im, xr_json_number(p, "sigma", 1), number(p, "ksize"), NULL))
            return 0;
    } else if (!strcmp(op, "median_blur")) {
        if (xr_median(im, number(p, "ksize"), NULL))
            return 0;
    } else if (!strcmp(op, "add_noise")) {
        if (read_npy(&a, "noise_224.npy"))
            return 0;
        /* albumentations cuts off the noise's fraction first */
        for (size_t i = 0;
             !strstr(xr_json_text(p, "formula", ""), "rint") && i < xr_array_count(&a);
             i++)
            ((float *)a.data)[i] = truncf(((float *)a.data)[i]);
        xr_add_noise(im, a.data);
        xr_array_free(&a);
    } else if (!strcmp(op, "coarse_dropout")) {
        const cJSON *holes = cJSON_GetObjectItem(p, "holes_x1y1x2y2_exclusive"), *h;
        size_t boxes[16][4], n = 0;

        cJSON_ArrayForEach(h, holes)
        {
            for (int k = 0; k < 4; k++)
                boxes[n][k] = (size_t)cJSON_GetArrayItem(h, k)->valuedouble;
            n++;
        }
        xr_fill_boxes(im, (const size_t(*)[4])boxes, n, (uint8_t)number(p, "fill"));
    } else if (!strcmp(op, "to_gray")) {
        xr_gray_of_rgb8(im->data, im->data, im->width * im->height);
        im->channels = 1;
    } else {
        return 0;
    }
    compare_image(c, im, 0);
    return 1;
}

static int fields(const cJSON *c, const char *op, const cJSON *p)
{
    struct xr_array a;

    /* albumentations blurs both components as one plane, one above the other */
    bool stacked = strstr(xr_json_text(c, "name", ""), "albu") != NULL;
    double sigma = xr_json_number(p, "sigma", 1);
    size_t taps = stacked ? (size_t)(8 * sigma + 1.5) | 1 : number(p, "ksize");

    if (strcmp(op, "gaussian_smooth_field") || read_npy(&a, "elastic_noise_96.npy"))
        return 0;
    for (size_t k = 0; k < (stacked ? 1 : 2); k++) {
        if (xr_gauss_f32((float *)a.data + k * 96 * 96, stacked ? 192 : 96, 96, sigma,
                         taps, true, NULL))
            return 0;
    }
    compare(c, &a, 0);
    xr_array_free(&a);
    return 1;
}

static void run(const cJSON *c)
{
    const char *op = xr_json_text(c, "op", ""), *name = xr_json_text(c, "name", "?");
    const cJSON *p = cJSON_GetObjectItem(c, "params"),
                *in = cJSON_GetObjectItem(c, "input");
    const char *input = cJSON_IsArray(in) ? cJSON_GetArrayItem(in, 0)->valuestring
                                          : cJSON_GetStringValue(in);
    struct xr_image im = {0};

    if (!strncmp(op, "input_", 6))
        return;
    /* the luma of colour is tested on the pixels Pillow decoded; JPEG's own below */
    if (!strcmp(name, "rgb8_gray"))
        input = "rgb8_decoded.png";
    if (!input ||
        (!fields(c, op, p) && (read_image(&im, input) ||
                               (!sizes(c, op, p, &im) && !floats(c, op, p, &im) &&
                                !geometry(c, op, p, &im) && !levels(c, op, p, &im)))))
        tap_skip(name, "not offered");
    xr_image_free(&im);
}

/* Gray straight from the JPEG, against luma of the decoded colours. */
static void jpeg_gray(void)
{
    struct xr_buf buf = {0};
    struct xr_array want;
    struct xr_image im;
    double worst = 0, sum = 0;

    if (read_bytes(&buf, "rgb8.jpg") || read_npy(&want, "rgb8_gray.npy") ||
        xr_image_decode(&im, NULL, buf.data, buf.size, XR_COLOR_GRAY, NULL))
        return;
    for (size_t i = 0; i < im.width * im.height; i++) {
        double d = fabs(at(&want, i) - ((uint8_t *)im.data)[i]);

        worst = d > worst ? d : worst;
        sum += d;
    }
    ok(worst <= 2 && sum / (double)(im.width * im.height) < 0.1,
       "Y of a colour JPEG is its luma (max %g, mean %g)", worst,
       sum / (double)(im.width * im.height));
    xr_array_free(&want);
    xr_image_free(&im);
    xr_buf_free(&buf);
}

int main(void)
{
    const char *shared = tap_shared();
    char path[8192];
    cJSON *manifest, *c;

    if (!shared) {
        tap_skip("golden/augment", "no reference data");
        return tap_done();
    }
    snprintf(folder, sizeof folder, "%s/golden/augment", shared);
    snprintf(path, sizeof path, "%s/manifest.json", folder);
    manifest = xr_json_read(path, NULL, NULL);
    if (!ok(manifest != NULL, "the manifest"))
        return tap_done();
    cJSON_ArrayForEach(c, cJSON_GetObjectItem(manifest, "cases")) run(c);
    jpeg_gray();
    cJSON_Delete(manifest);
    return tap_done();
}
