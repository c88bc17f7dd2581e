/* Phantoms: the plan's counts, lesions where their masks say, nothing but lesions tied to
 * the class. */
#include "phantom.h"

#include <string.h>

#include "tap.h"

static struct xr_phantom *opened(struct xr_phantom_config config)
{
    struct xr_phantom *p = NULL;
    struct xr_err err = {0};

    if (xr_phantom_open(&p, &config, &err))
        printf("# %s\n", err.text);
    return p;
}

static int refused(struct xr_phantom_config config)
{
    struct xr_phantom *p = NULL;
    struct xr_err err = {0};
    int rc = xr_phantom_open(&p, &config, &err);

    xr_phantom_close(p);
    return rc == -1 && err.usage == 1 && err.text[0];
}

static void plan(void)
{
    struct xr_phantom_config config = XR_PHANTOM_DEFAULT;
    size_t count[3] = {0}, views[3] = {0}, centers[4] = {0}, sane = 1;
    struct xr_phantom *p;

    config.images = 3746;
    p = opened(config);
    for (size_t i = 0; i < 3746; i++) {
        const struct xr_phantom_case *c = xr_phantom_case(p, i);

        count[c->label]++;
        views[c->view]++;
        centers[c->center]++;
        sane &= c->age >= 5 && c->age < 85 && (c->gender == 'F' || c->gender == 'M');
        sane &= c->width <= 256 && c->height <= 256 && c->width >= 16 && c->height >= 16;
        sane &= (c->width > c->height ? c->width : c->height) >= 200;
        if (i > 0) {
            const struct xr_phantom_case *b = xr_phantom_case(p, i - 1);

            sane &= c->patient == b->patient
                        ? c->nth == b->nth + 1 && c->label == b->label
                        : c->patient == b->patient + 1 && c->nth == 0;
            sane &= c->nth < 4;
        }
    }
    ok(count[0] == 1879 && count[1] == 1525 && count[2] == 342,
       "as many of each class as BTXRD has");
    ok(views[0] > views[1] && views[1] > 400 && views[2] > 400,
       "every projection, mostly frontal");
    ok(centers[1] > centers[2] && centers[2] > centers[3] && centers[3] > 50,
       "three centres");
    ok(sane != 0, "ages, sexes, sizes, patients in a row");
    xr_phantom_close(p);
}

static void refusals(void)
{
    struct xr_phantom_config c = XR_PHANTOM_DEFAULT, bad;

    bad = c, bad.images = 0;
    ok(refused(bad), "no images");
    bad = c, bad.size = 31;
    ok(refused(bad), "too small");
    bad = c, bad.size = 4097;
    ok(refused(bad), "too large");
    bad = c, bad.patient_hi = 0;
    ok(refused(bad), "an empty range of images a patient");
    bad = c, bad.difficulty = NAN;
    ok(refused(bad), "difficulty not a number");
    bad = c, bad.ratio[0] = bad.ratio[1] = bad.ratio[2] = 0;
    ok(refused(bad), "no class");
    bad = c, bad.ratio[1] = INFINITY;
    ok(refused(bad), "an infinite share");
}

/*
 * The same patients drawn as normals and as tumours: outside the mask and its
 * surroundings the films may differ only by what the exposure makes of the lesion; inside
 * they must differ.
 */
static void twins(void)
{
    struct xr_phantom_config config = XR_PHANTOM_DEFAULT;
    double in[3] = {0}, out[3] = {0};
    size_t n_in[3] = {0}, n_out[3] = {0}, empty = 0, wrong = 0, covered = 0;
    struct xr_phantom *p[3];

    config.images = 40;
    config.size = 96;
    config.patient_hi = 1;
    for (int k = 0; k < 3; k++) {
        config.ratio[0] = k == 0;
        config.ratio[1] = k == 1;
        config.ratio[2] = k == 2;
        p[k] = opened(config);
    }
    for (size_t i = 0; i < 40; i++) {
        struct xr_image film[3], mask[3];
        struct xr_err err = {0};

        for (int k = 0; k < 3; k++) {
            if (xr_phantom_draw(&film[k], &mask[k], p[k], i, &err))
                return (void)ok(0, "%s", err.text);
        }
        for (int k = 0; k < 3; k++) {
            const uint8_t *m = mask[k].data, *a = film[k].data, *b = film[0].data;
            size_t n = film[k].width * film[k].height, on = 0;

            wrong += film[k].width != film[0].width || film[k].height != film[0].height;
            if (wrong)
                continue;
            for (size_t j = 0; j < n; j++) {
                double d = abs(a[j] - b[j]);

                wrong += m[j] != 0 && m[j] != 255;
                on += m[j] != 0;
                in[k] += m[j] ? d : 0;
                n_in[k] += m[j] != 0;
                out[k] += m[j] ? 0 : d;
                n_out[k] += m[j] == 0;
            }
            empty += k > 0 && on < 4;
            covered += k == 0 && on;
        }
        for (int k = 0; k < 3; k++) {
            xr_image_free(&film[k]);
            xr_image_free(&mask[k]);
        }
    }
    ok(wrong == 0, "twins have one size, masks hold 0 and 255");
    ok(empty == 0 && covered == 0, "tumours have masks, normals none");
    for (int k = 1; k < 3; k++) {
        in[k] /= (double)n_in[k];
        out[k] /= (double)n_out[k];
        ok(in[k] > 8 && in[k] > 3 * out[k],
           "%s: films differ where the mask is (%.1f, elsewhere %.1f)",
           xr_phantom_class_name(k), in[k], out[k]);
    }
    for (int k = 0; k < 3; k++)
        xr_phantom_close(p[k]);
}

static void boxes(void)
{
    uint8_t pixels[4 * 6] = {255, 0,   0,   0, 255, 255, //
                             0,   255, 0,   0, 0,   255, //
                             0,   0,   0,   0, 0,   0,   //
                             0,   0,   255, 0, 0,   0};
    struct xr_image mask = {
        .width = 6, .height = 4, .channels = 1, .depth = 8, .data = pixels};
    struct xr_phantom_box b[4];
    struct xr_err err = {0};

    ok(xr_phantom_boxes(b, 4, &mask, &err) == 3, "three components, corners join");
    ok(b[0].x0 == 0 && b[0].y0 == 0 && b[0].x1 == 2 && b[0].y1 == 2 && b[0].area == 2,
       "the first");
    ok(b[1].x0 == 4 && b[1].y0 == 0 && b[1].x1 == 6 && b[1].y1 == 2 && b[1].area == 3,
       "the second");
    ok(b[2].x0 == 2 && b[2].y0 == 3 && b[2].x1 == 3 && b[2].y1 == 4 && b[2].area == 1,
       "the third");
    ok(xr_phantom_boxes(b, 2, &mask, &err) == 2, "no more than there is room for");
    memset(pixels, 0, sizeof pixels);
    ok(xr_phantom_boxes(b, 4, &mask, &err) == 0, "none in an empty mask");
}

int main(void)
{
    plan();
    refusals();
    twins();
    boxes();
    return tap_done();
}
