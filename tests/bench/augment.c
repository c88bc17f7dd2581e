/*
 * How fast films are decoded, fitted and varied on one core: NAME<TAB>VALUE<TAB>UNIT
 * lines. usage: augment SIZE IMAGE...   (tests/bench/augment.sh builds and runs it)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#include <time.h>

#include "image.h"
#include "io.h"
#include "pixels/augment.h"
#include "pixels/pixels.h"

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct films {
    size_t n;
    struct xr_buf *files;
    struct xr_fit fit;
    struct xr_image *fitted;
};

static int decode(struct films *f, size_t i, struct xr_image *im)
{
    return xr_image_decode(im, NULL, f->files[i].data, f->files[i].size, XR_COLOR_GRAY,
                           NULL);
}

/* Best of five rounds over all films, microseconds a film. */
static void report(const char *name, struct films *f, const struct xr_chain *chain,
                   int from_file)
{
    double best = 1e9;

    for (int round = 0; round < 5; round++) {
        double start = now(), spent;

        for (size_t i = 0; i < f->n; i++) {
            struct xr_image im = {0}, out = {0};

            if (from_file) {
                if (decode(f, i, &im))
                    exit(1);
                if (from_file > 1 &&
                    (xr_fit_apply(&out, &im, &f->fit, NULL) || xr_to8(&out, NULL)))
                    exit(1);
                xr_image_free(&im);
            } else {
                if (xr_image_alloc(&out, f->fit.width, f->fit.height, 1, 8, NULL))
                    exit(1);
                memcpy(out.data, f->fitted[i].data, f->fit.width * f->fit.height);
            }
            if (chain && xr_chain_apply(chain, &(struct xr_subject){&out, NULL, NULL, 0},
                                        1, 1, name, NULL, NULL))
                exit(1);
            xr_image_free(&out);
        }
        spent = (now() - start) / (double)f->n;
        best = spent < best ? spent : best;
    }
    printf("%s\t%.1f\tus/film\n%s\t%.0f\tfilms/s\n", name, 1e6 * best, name, 1 / best);
}

int main(int argc, char **argv)
{
    static const char *const each[] = {"clahe(p=1)",
                                       "hflip(p=1)",
                                       "shift_scale_rotate(p=1)",
                                       "elastic(alpha=50,sigma=7,p=1)",
                                       "coarse_dropout(p=1)",
                                       "brightness_contrast(p=1)",
                                       "gamma(p=1)",
                                       "gauss_noise(p=1)",
                                       "blur(p=1)",
                                       "median(p=1)",
                                       "equalize(p=1)"};
    struct films f = {.n = argc > 2 ? (size_t)argc - 2 : 0,
                      .fit = {XR_FIT_PAD, 1, (size_t)atol(argc > 2 ? argv[1] : "1"),
                              (size_t)atol(argc > 2 ? argv[1] : "1"), XR_BICUBIC}};
    struct xr_chain *chain;

    if (f.n == 0) {
        fputs("augment: skipped: no films, see augment.sh\n", stderr);
        return 0;
    }
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    f.files = calloc(f.n, sizeof *f.files);
    f.fitted = calloc(f.n, sizeof *f.fitted);
    for (size_t i = 0; i < f.n; i++) {
        struct xr_image im;

        if (xr_read_file(&f.files[i], argv[i + 2], 1 << 30, NULL, NULL) ||
            decode(&f, i, &im) || xr_fit_apply(&f.fitted[i], &im, &f.fit, NULL) ||
            xr_to8(&f.fitted[i], NULL))
            return 1;
        xr_image_free(&im);
    }
    report("decode", &f, NULL, 1);
    report("decode+fit", &f, NULL, 2);
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        if (xr_chain_parse(&chain, &each[i], 1, NULL))
            return 1;
        report(each[i], &f, chain, 0);
        xr_chain_free(chain);
    }
    if (xr_chain_parse(&chain, each, 6, NULL))
        return 1;
    report("the first six", &f, chain, 0);
    report("decode+fit+six", &f, chain, 2);
    xr_chain_free(chain);
    return 0;
}
