/* Whatever moves pixels moves mask and points with them: a film that is its own mask, and
 * blobs whose places are known. */
#include <string.h>

#include "image.h"
#include "pixels/augment.h"
#include "pixels/pixels.h"
#include "tap.h"

#define HEIGHT 160
#define WIDTH 200
#define SEEDS 12

static const struct {
    const char *text;
    int square; /* of square films only */
} moves[] = {
    {"hflip(p=1)", 0},
    {"vflip(p=1)", 0},
    {"rot90(turns=1,p=1)", 1},
    {"rot90(turns=2,p=1)", 0},
    {"rot90(turns=3,p=1)", 1},
    {"rot90(p=1)", 0},
    {"transpose(p=1)", 1},
    {"shift_scale_rotate(p=1)", 0},
    {"shift_scale_rotate(shift=0.2,scale=0.4,rotate=180,p=1)", 0},
    {"shift_scale_rotate(border=reflect,p=1)", 0},
    {"affine(p=1)", 0},
    {"affine(shear_x=30,shear_y=30,rotate=90,scale=0.3,p=1)", 0},
    {"perspective(p=1)", 0},
    {"perspective(distortion=0.9,p=1)", 0},
    {"elastic(p=1)", 0},
    {"elastic(alpha=200,sigma=8,p=1)", 0},
    {"grid_distortion(p=1)", 0},
    {"grid_distortion(cells=9,distort=0.6,border=reflect,p=1)", 0},
    {"optical_distortion(k=0.5:0.5,p=1)", 0},
    {"optical_distortion(k=-0.4:-0.4,p=1)", 0},
    {"resize(height=97,width=201)", 0},
    {"resize(height=301,width=287,interpolation=area)", 0},
    {"letterbox(height=120,width=300)", 0},
    {"center_crop(height=101,width=90)", 0},
    {"center_crop(height=211,width=240)", 0},
    {"random_crop(height=120,width=120)", 0},
    {"random_resized_crop()", 0},
    {"random_resized_crop(height=224,width=224,scale=0.2:0.4)", 0},
    {"one_of(affine,elastic,perspective)", 0},
    {"sequence(shift_scale_rotate(p=1),grid_distortion(p=1),hflip(p=1))", 0},
    {"some_of(affine(p=1),elastic(p=1),hflip(p=1),random_resized_crop(),n=3)", 0},
};

static struct xr_chain *chain_of(const char *text)
{
    struct xr_chain *chain;
    struct xr_err err = {0};

    if (xr_chain_parse(&chain, &text, 1, &err))
        printf("# %s\n", err.text);
    return chain;
}

static int apply(const char *text, struct xr_image *image, struct xr_image *mask,
                 float *points, size_t n, uint64_t seed)
{
    struct xr_chain *chain = chain_of(text);
    struct xr_err err = {0};
    size_t h = image->height, w = image->width;
    int rc = -1;

    if (!chain)
        return -1;
    if (xr_chain_size(chain, &h, &w, &err) == 0)
        rc = xr_chain_apply(chain, &(struct xr_subject){image, mask, points, n}, seed, 1,
                            "k", NULL, &err);
    if (rc || image->height != h || image->width != w) {
        printf("# %s: %s, %zux%zu, should be %zux%zu\n", text, err.text, image->height,
               image->width, h, w);
        rc = -1;
    }
    xr_chain_free(chain);
    return rc;
}

/* A disc and a slanted bar, as a film and as a mask. */
static int draw_shapes(struct xr_image *im, size_t h, size_t w)
{
    if (xr_image_alloc(im, w, h, 1, 8, NULL))
        return -1;
    for (size_t y = 0; y < h; y++) {
        for (size_t x = 0; x < w; x++) {
            double dx = (double)x - 70, dy = (double)y - 60;
            double along = ((double)x - 120) * 0.8 + ((double)y - 100) * 0.6;
            double across = ((double)y - 100) * 0.8 - ((double)x - 120) * 0.6;

            if (dx * dx + dy * dy < 30 * 30 || (fabs(along) < 35 && fabs(across) < 12))
                ((uint8_t *)im->data)[y * w + x] = 255;
        }
    }
    return 0;
}

/* Is any pixel within `reach` of x, y of that value? */
static int around(const struct xr_image *mask, size_t x, size_t y, size_t reach, int v)
{
    for (size_t i = y > reach ? y - reach : 0; i <= y + reach && i < mask->height; i++) {
        for (size_t k = x > reach ? x - reach : 0; k <= x + reach && k < mask->width;
             k++) {
            if (((uint8_t *)mask->data)[i * mask->width + k] == v)
                return 1;
        }
    }
    return 0;
}

/* Transform of a mask = mask of the transform, within a pixel. */
static void masks(const char *text, size_t h, size_t w)
{
    size_t wrong = 0, other = 0;
    /* one for each resampling: the film is blurred by every one, the mask is not */
    size_t reach = strstr(text, "sequence") || strstr(text, "some_of") ? 2 : 1;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct xr_image im = {0}, mask = {0};

        if (draw_shapes(&im, h, w) || draw_shapes(&mask, h, w) ||
            apply(text, &im, &mask, NULL, 0, seed) || mask.width != im.width ||
            mask.height != im.height) {
            ok(0, "%s", text);
            return;
        }
        for (size_t i = 0; i < im.width * im.height; i++) {
            int inside = ((uint8_t *)im.data)[i] >= 128, m = ((uint8_t *)mask.data)[i];

            other += m != 0 && m != 255;
            wrong += (m != 0) != inside &&
                     !around(&mask, i % im.width, i / im.width, reach, inside ? 255 : 0);
        }
        xr_image_free(&im);
        xr_image_free(&mask);
    }
    ok(wrong == 0 && other == 0,
       "%s: the mask moves with the film (%zu pixels further off than %zu, %zu new "
       "levels)",
       text, wrong, reach, other);
}

/* A blob of light at x, y; where it is found again: the centroid of what is bright. */
static int draw_blob(struct xr_image *im, size_t h, size_t w, double x, double y)
{
    if (xr_image_alloc(im, w, h, 1, 8, NULL))
        return -1;
    for (size_t i = 0; i < w * h; i++) {
        double dx = (double)(i % w) - x, dy = (double)(i / w) - y;

        ((uint8_t *)im->data)[i] = (uint8_t)(255 * exp(-(dx * dx + dy * dy) / 8));
    }
    return 0;
}

static double find_blob(const struct xr_image *im, double *x, double *y)
{
    double sum = 0;

    *x = *y = 0;
    for (size_t i = 0; i < im->width * im->height; i++) {
        double v = ((uint8_t *)im->data)[i];

        *x += v * (double)(i % im->width);
        *y += v * (double)(i / im->width);
        sum += v;
    }
    *x /= sum;
    *y /= sum;
    return sum;
}

static void points(const char *text, size_t h, size_t w)
{
    double worst = 0;
    size_t seen = 0;

    if (strstr(text, "reflect")) /* a blob may come twice */
        return;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        float at[2] = {(float)(30 + seed * 37 % 140), (float)(25 + seed * 61 % 110)};
        double x, y, d, room;
        struct xr_image im;

        if (draw_blob(&im, h, w, at[0], at[1]) || apply(text, &im, NULL, at, 1, seed)) {
            ok(0, "%s", text);
            return;
        }
        room = fmin(fmin(at[0], at[1]),
                    fmin((double)im.width - 1 - at[0], (double)im.height - 1 - at[1]));
        if (room > 12 && find_blob(&im, &x, &y) > 0) {
            d = hypot(x - at[0], y - at[1]);
            worst = d > worst ? d : worst;
            seen++;
        }
        xr_image_free(&im);
    }
    ok(worst < 1 && seen >= SEEDS / 4,
       "%s: points move with the film (%zu of %d seen, %.2f pixels off)", text, seen,
       SEEDS, worst);
}

/* The inverse of a distortion: points of a fine grid, put through the film's own map by
 * way of a film whose levels are its coordinates. */
static void distortion(const char *text)
{
    struct xr_image x, y;
    float at[2 * 15 * 11], from[2 * 15 * 11];
    double worst = 0;
    size_t n = 0;

    if (xr_image_alloc(&x, WIDTH, HEIGHT, 1, 8, NULL) ||
        xr_image_alloc(&y, WIDTH, HEIGHT, 1, 8, NULL))
        return;
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        ((uint8_t *)x.data)[i] = (uint8_t)(i % WIDTH);
        ((uint8_t *)y.data)[i] = (uint8_t)(i / WIDTH);
    }
    for (float r = 10; r < 150; r += 13) {
        for (float c = 10; c < 190; c += 13, n++) {
            at[2 * n] = from[2 * n] = c;
            at[2 * n + 1] = from[2 * n + 1] = r;
        }
    }
    if (apply(text, &x, NULL, at, n, 5) || apply(text, &y, NULL, NULL, 0, 5))
        return;
    for (size_t i = 0; i < n; i++) {
        size_t c = (size_t)(at[2 * i] + 0.5F), r = (size_t)(at[2 * i + 1] + 0.5F);
        double dx, dy;

        if (c < 3 || r < 3 || c >= WIDTH - 3 || r >= HEIGHT - 3)
            continue;
        dx = ((uint8_t *)x.data)[r * WIDTH + c] - from[2 * i];
        dy = ((uint8_t *)y.data)[r * WIDTH + c] - from[2 * i + 1];
        worst = fmax(worst, hypot(dx, dy));
    }
    ok(worst < 2.2, "%s: a point's pixel comes from its old place (%.2f off)", text,
       worst);
    xr_image_free(&x);
    xr_image_free(&y);
}

/* Turns are exact; the corners of a film stay its corners. */
static void turns(void)
{
    static const struct {
        const char *text;
        float to[4];
    } cases[] = {{"hflip(p=1)", {99, 0, 89, 20}},
                 {"vflip(p=1)", {0, 99, 10, 79}},
                 {"rot90(turns=1,p=1)", {0, 99, 20, 89}},
                 {"rot90(turns=2,p=1)", {99, 99, 89, 79}},
                 {"rot90(turns=3,p=1)", {99, 0, 79, 10}},
                 {"transpose(p=1)", {0, 0, 20, 10}},
                 {"resize(height=200,width=50)", {-0.25F, 0.5F, 4.75F, 40.5F}},
                 {"center_crop(height=90,width=80)", {-10, -5, 0, 15}},
                 {"letterbox(height=200,width=300)", {50.5F, 0.5F, 70.5F, 40.5F}}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float at[4] = {0, 0, 10, 20};
        struct xr_image im;

        if (xr_image_alloc(&im, 100, 100, 1, 8, NULL) ||
            apply(cases[i].text, &im, NULL, at, 2, 1))
            continue;
        ok(memcmp(at, cases[i].to, sizeof at) == 0, "%s: (%g, %g), (%g, %g)",
           cases[i].text, at[0], at[1], at[2], at[3]);
        xr_image_free(&im);
    }
}

/* Sizes are known before, or refused. */
static void sizes(void)
{
    static const char *const chance[] = {
        "resize(height=64,width=64,p=0.5)",
        "one_of(resize(height=64,width=64),hflip)",
        "some_of(resize(height=64,width=64),hflip)",
        "sequence(resize(height=64,width=64),hflip,p=0.9)",
        "transpose",
        "sequence(resize(height=50,width=60),transpose)",
    };
    static const char *const sure[] = {
        "one_of(resize(height=64,width=64),center_crop(height=64,width=64))",
        "sequence(resize(height=60,width=60),transpose,center_crop(height=64,width=64))",
        "random_resized_crop(height=64,width=64)",
    };

    for (size_t i = 0; i < sizeof chance / sizeof *chance; i++) {
        struct xr_chain *chain = chain_of(chance[i]);
        size_t h = HEIGHT, w = WIDTH;
        struct xr_err err = {0};

        ok(chain && xr_chain_size(chain, &h, &w, &err) == -1 && err.usage, "%s: %s",
           chance[i], err.text);
        xr_chain_free(chain);
    }
    for (size_t i = 0; i < sizeof sure / sizeof *sure; i++) {
        struct xr_chain *chain = chain_of(sure[i]);
        size_t h = HEIGHT, w = WIDTH;

        ok(chain && xr_chain_size(chain, &h, &w, NULL) == 0 && h == 64 && w == 64, "%s",
           sure[i]);
        xr_chain_free(chain);
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        size_t w = moves[i].square ? HEIGHT : WIDTH;

        masks(moves[i].text, HEIGHT, w);
        points(moves[i].text, HEIGHT, w);
    }
    distortion("elastic(p=1)");
    distortion("elastic(alpha=200,sigma=8,p=1)");
    distortion("grid_distortion(p=1)");
    distortion("optical_distortion(k=0.5:0.5,p=1)");
    distortion("perspective(p=1)");
    turns();
    sizes();
    return tap_done();
}
