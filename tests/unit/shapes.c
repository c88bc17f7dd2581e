/* Every operation on films of awkward shapes: nothing is read or written beside them (run
 * with SAN=1), and a film of one level keeps it. */
#include <string.h>

#include "image.h"
#include "pixels/augment.h"
#include "pixels/pixels.h"
#include "tap.h"

static const size_t sides[] = {1, 2, 3, 7, 8, 15, 16, 17, 63, 64, 65, 100, 257};
#define N_SIDES (sizeof sides / sizeof *sides)

static int make(struct xr_image *im, size_t w, size_t h, size_t c, int depth)
{
    if (xr_image_alloc(im, w, h, c, depth, NULL))
        return -1;
    for (size_t i = 0; i < w * h * c; i++) {
        if (depth == 16)
            ((uint16_t *)im->data)[i] = 40000;
        else
            ((uint8_t *)im->data)[i] = 200;
    }
    return 0;
}

/* Is everything one level? */
static int flat(const struct xr_image *im)
{
    for (size_t i = 0; i < im->width * im->height * im->channels; i++) {
        if (im->depth == 16 ? ((uint16_t *)im->data)[i] != 40000
                            : ((uint8_t *)im->data)[i] != 200)
            return 0;
    }
    return 1;
}

static void resizing(void)
{
    for (int k = 0; k < XR_N_INTERP; k++) {
        int good = 1, n = 0;

        for (size_t i = 0; i < N_SIDES * N_SIDES; i++) {
            size_t w = sides[i % N_SIDES], h = sides[i / N_SIDES];
            size_t to_w = sides[(i * 5 + 3) % N_SIDES],
                   to_h = sides[(i * 7 + 1) % N_SIDES];
            int depth = i % 3 == 0 ? 16 : 8;
            struct xr_image im, out;

            if (make(&im, w, h, i % 2 ? 1 : 3, depth) ||
                xr_resize(&out, &im, NULL, to_w, to_h, (enum xr_interp)k, NULL)) {
                good = 0;
                continue;
            }
            n++;
            good = good && flat(&out) && out.width == to_w && out.height == to_h;
            xr_image_free(&im);
            xr_image_free(&out);
        }
        ok(good, "%s: %d shapes of one level keep it", xr_interp_names[k], n);
    }
}

static void long_films(void)
{
    static const char *const fits[] = {"pad", "squash", "crop", "crop:0.875"};

    for (int f = 0; f < 4; f++) {
        int good = 1;

        for (int turn = 0; turn < 2; turn++) {
            struct xr_fit fit = {.height = 50, .width = 30, .interp = XR_LANCZOS};
            struct xr_image im, out;
            char name[16];

            if (xr_fit_parse(&fit, fits[f], NULL) ||
                make(&im, turn ? 65500 : 1, turn ? 1 : 65500, 1, 8)) {
                good = 0;
                continue;
            }
            xr_fit_name(name, &fit);
            good = good && strcmp(name, fits[f]) == 0;
            if (f <
                2) { /* a crop of such a film would be too large on its way: refused */
                good = good && xr_fit_apply(&out, &im, &fit, NULL) == 0 &&
                       out.width == 30 && out.height == 50 && (f == 0 || flat(&out));
                xr_image_free(&out);
            } else if (xr_fit_apply(&out, &im, &fit, NULL) == 0) {
                xr_image_free(&out);
            }
            xr_image_free(&im);
        }
        ok(good, "films of 1 x 65500, fit %s", fits[f]);
    }
}

static void transforms(void)
{
    static const char *const texts[] = {
        "clahe(p=1)",
        "clahe(tiles=64,p=1)",
        "elastic(p=1)",
        "elastic(sigma=40,alpha=5000,border=reflect,p=1)",
        "hflip(p=1)",
        "vflip(p=1)",
        "rot90(p=1)",
        "shift_scale_rotate(border=reflect,p=1)",
        "coarse_dropout(p=1)",
        "coarse_dropout(height=1,width=1,holes=3,p=1)",
        "gauss_noise(p=1)",
        "shift_scale_rotate(shift=1,scale=-0.9:9,rotate=180,p=1)",
        "blur(sigma=20,p=1)",
        "median(size=3,p=1)",
        "median(size=5,p=1)",
        "equalize(p=1)",
        "gamma(p=1)",
        "brightness_contrast(p=1)",
        "affine(p=1)",
        "affine(shear_x=80,shear_y=80,scale=0.9,p=1)",
        "perspective(p=1)",
        "perspective(distortion=0.9,border=reflect,p=1)",
        "grid_distortion(p=1)",
        "grid_distortion(cells=32,distort=0.9,border=reflect,p=1)",
        "optical_distortion(p=1)",
        "optical_distortion(k=5:5,border=reflect,p=1)",
        "random_resized_crop(scale=0.01:1,ratio=0.1:10)",
        "sharpen(p=1)",
        "unsharp(p=1)",
        "unsharp(sigma=50,p=1)",
        "sharpness(p=1)",
        "jpeg(quality=1,p=1)",
        "downscale(scale=0.01,p=1)",
        "poisson(p=1)",
        "poisson(photons=10000,p=1)",
        "grid_dropout(p=1)",
        "grid_dropout(cells=1000,ratio=1,p=1)",
        "collimator(p=1)",
        "collimator(margin=0.45:0.45,edge=0.5,p=1)",
        "marker(p=1)",
        "marker(size=1,letter=r,p=1)",
        "autocontrast(p=1)",
        "window(p=1)",
        "rand_augment(n=20,magnitude=30)",
        "trivial_augment"};

    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        struct xr_chain *chain;
        int good = xr_chain_parse(&chain, &texts[t], 1, NULL) == 0;

        for (size_t i = 0; good && i < N_SIDES * N_SIDES; i++) {
            struct xr_image im, mask;
            size_t w = sides[i % N_SIDES], h = sides[i / N_SIDES];

            if (w * h > 8000 && i % 4)
                continue;
            good = make(&im, w, h, i % 2 ? 1 : 3, 8) == 0 &&
                   make(&mask, w, h, 1, 8) == 0 &&
                   xr_chain_apply(chain, &(struct xr_subject){&im, &mask, NULL, 0}, i, 1,
                                  "k", NULL, NULL) == 0 &&
                   im.width == w && im.height == h && mask.width == w && mask.height == h;
            if (strstr(texts[t], "reflect") || strstr(texts[t], "flip") ||
                strstr(texts[t], "blur") || strstr(texts[t], "median"))
                good = good && flat(&im) && flat(&mask);
            xr_image_free(&im);
            xr_image_free(&mask);
        }
        ok(good, "%s on every shape", texts[t]);
        if (good)
            xr_chain_free(chain);
    }
}

int main(void)
{
    resizing();
    long_films();
    transforms();
    return tap_done();
}
