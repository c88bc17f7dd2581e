/* Transforms by name: parsing, seeds, golden results with fixed parameters, masks,
 * fields. */
#include <string.h>

#include "array.h"
#include "image.h"
#include "io.h"
#include "json.h"
#include "pixels/augment.h"
#include "pixels/pixels.h"
#include "rng.h"
#include "tap.h"

#define SIDE 224

static struct xr_image base;

/* The golden film where it is there, else a made one. */
static int make_base(const char *shared)
{
    struct xr_buf buf = {0};
    struct xr_array a;
    char path[4096];

    if (shared) {
        snprintf(path, sizeof path, "%s/golden/augment/gray8_pil_bicubic_224.npy",
                 shared);
        if (xr_read_file(&buf, path, 1 << 20, NULL, NULL) ||
            xr_npy_parse(&a, buf.data, buf.size, NULL))
            return -1;
        base = (struct xr_image){SIDE, SIDE, 1, 8, a.data};
        xr_buf_free(&buf);
        return 0;
    }
    if (xr_image_alloc(&base, SIDE, SIDE, 1, 8, NULL))
        return -1;
    for (size_t i = 0; i < SIDE * SIDE; i++)
        /* a ramp with grain: a blur of the ramp alone would be the ramp */
        ((uint8_t *)base.data)[i] =
            (uint8_t)(i % SIDE / 3 + i / SIDE / 3 + ((uint32_t)i * 2654435761u >> 26));
    return 0;
}

/* Apply one text to a copy of base (and to a mask of it). */
static int apply(struct xr_image *out, struct xr_image *mask, const char *text,
                 uint64_t seed, uint64_t epoch, const char *key, cJSON *said)
{
    struct xr_chain *chain;
    struct xr_err err = {0};
    int rc;

    if (xr_chain_parse(&chain, &text, 1, &err)) {
        printf("# %s\n", err.text);
        return -1;
    }
    if (xr_image_alloc(out, SIDE, SIDE, 1, 8, NULL))
        return -1;
    memcpy(out->data, base.data, SIDE * SIDE);
    rc = xr_chain_apply(chain, &(struct xr_subject){out, mask, NULL, 0}, seed, epoch, key,
                        said, &err);
    xr_chain_free(chain);
    return rc;
}

static void parsing(void)
{
    static const char *const good[] = {"clahe",
                                       "clahe()",
                                       " clahe ( clip = 2 , p = .5 ) ",
                                       "shift_scale_rotate(rotate=-5:15,border=reflect)",
                                       "rot90(turns=1)",
                                       "coarse_dropout(holes=2:2,fill=127)",
                                       "one_of(hflip)",
                                       "one_of( clahe ( clip=2 ) , gamma , p=.5 )",
                                       "one_of(p=.5,clahe(clip=2),sequence(hflip,blur))",
                                       "some_of(n=1:2,hflip(p=1),one_of(vflip,rot90))"};
    static const char *const bad[][2] = {
        {"clahee(clip=2)", "unknown transform 'clahee'"},
        {"", "unknown transform ''"},
        {"clahe(clp=2)", "no parameter 'clp' (clip, tiles, p)"},
        {"clahe(clip=)", "clip must be from 0.1 to 100"},
        {"clahe(clip=nan)", "clip must be from 0.1 to 100"},
        {"clahe(clip=4:1)", "no range"},
        {"clahe(clip=2", "behind clip"},
        {"clahe(clip=2)x", "'x' at the end"},
        {"clahe(2)", "expected NAME=VALUE"},
        {"hflip(p=1.5)", "p must be from 0 to 1"},
        {"hflip(vflip)", "expected NAME=VALUE"},
        {"one_of()", "one_of of which transforms?"},
        {"one_of(hflip,p=1", "'' behind p"},
        {"one_of(hflip,flip)", "unknown transform 'flip'"},
        {"some_of(hflip,n=3:1)", "no range"},
        {"some_of(hflip,blur(sigma=x))", "sigma must be from 0.1 to 50"},
        {"resize(height=32:64)", "':64)' behind height"},
        {"match_histogram", "needs reference=FILE"},
        {"match_histogram(reference=)", "reference must be a file"},
        {"match_histogram(reference=not/there.png)", "not/there.png: cannot open"},
        {"sequence(sequence(sequence(sequence(sequence(sequence(sequence(sequence(hflip))"
         "))))))",
         "nested above"},
        {"median(size=3.5)", "a whole number"},
        {"elastic(border=white)", "black or reflect"}};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct xr_chain *chain;
        struct xr_err err = {0};

        ok(xr_chain_parse(&chain, &good[i], 1, &err) == 0, "'%s' %s", good[i], err.text);
        xr_chain_free(chain);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct xr_chain *chain;
        struct xr_err err = {0};

        ok(xr_chain_parse(&chain, &bad[i][0], 1, &err) == -1 &&
               strstr(err.text, bad[i][1]) &&
               err.usage == !strstr(err.text, "cannot open"),
           "'%s': %s", bad[i][0], err.text);
    }
}

/* A film whose name can stand for FILE. */
#define REFERENCE "build/chain-reference.png"

static int write_reference(void)
{
    struct xr_buf png = {0};
    int rc = xr_image_png(&png, &base, NULL) ||
             xr_write_file(REFERENCE, png.data, png.size, 0, NULL);

    xr_buf_free(&png);
    return rc;
}

static const char *with_reference(const char *text)
{
    static char to[512];
    const char *at = strstr(text, "FILE");

    if (!at)
        return text;
    snprintf(to, sizeof to, "%.*s" REFERENCE "%s", (int)(at - text), text, at + 4);
    return to;
}

/* Whatever --list-transforms prints can be given to -t. */
static void described(void)
{
    struct xr_buf buf = {0};
    struct xr_err err = {0};
    int all = 1, n = 0;

    if (xr_chain_describe(&buf, &err) || write_reference())
        return;
    for (char *line = strtok(buf.data, "\n"); line; line = strtok(NULL, "\n"), n++) {
        const char *text = with_reference(line);
        struct xr_chain *chain;
        cJSON *json;
        char *now;

        if (xr_chain_parse(&chain, &text, 1, &err)) {
            all = 0;
            printf("# %s: %s\n", text, err.text);
            continue;
        }
        json = xr_chain_json(chain);
        now = cJSON_PrintUnformatted(json);
        all = all && now && strstr(now, "\"p\":");
        free(now);
        cJSON_Delete(json);
        xr_chain_free(chain);
    }
    ok(all && n >= 15, "%d transforms are described as they are parsed", n);
    xr_buf_free(&buf);
}

static void golden(const char *shared)
{
    static const struct {
        const char *text, *file;
    } cases[] = {
        {"clahe(clip=2,p=1)", "base_clahe_2"},
        {"clahe(clip=4,p=1)", "base_clahe_4"},
        {"hflip(p=1)", "base_hflip"},
        {"vflip(p=1)", "base_vflip"},
        {"brightness_contrast(brightness=0.1:0.1,contrast=0.15:0.15,p=1)",
         "base_brightness_contrast_1.15_25.5"},
        {"gamma(gamma=0.8,p=1)", "base_gamma_0.8"},
        {"equalize(p=1)", "base_equalize"},
        {"invert(p=1)", "base_invert"},
        {"median(size=3,p=1)", "base_median_3"},
        {"shift_scale_rotate(shift=0:0,scale=0:0,rotate=12.5:12.5,p=1)",
         "base_affine_rot12.5_constant"},
        {"shift_scale_rotate(shift=0:0,scale=0.1:0.1,rotate=0:0,p=1)",
         "base_affine_scale1.1_constant"},
        {"shift_scale_rotate(shift=0:0,scale=0:0,rotate=12.5:12.5,border=reflect,p=1)",
         "base_affine_rot12.5_reflect101"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct xr_buf buf = {0};
        struct xr_array want;
        struct xr_image got;
        char path[4096];
        int worst = 0, warp = strstr(cases[i].file, "affine") != NULL;

        snprintf(path, sizeof path, "%s/golden/augment/%s.npy", shared, cases[i].file);
        if (xr_read_file(&buf, path, 1 << 20, NULL, NULL) ||
            xr_npy_parse(&want, buf.data, buf.size, NULL) ||
            apply(&got, NULL, cases[i].text, 7, 1, "k", NULL)) {
            ok(0, "%s", cases[i].text);
            continue;
        }
        for (size_t k = 0; k < SIDE * SIDE; k++) {
            int d = abs(((uint8_t *)got.data)[k] - ((uint8_t *)want.data)[k]);

            worst = d > worst ? d : worst;
        }
        ok(worst <= warp, "-t '%s' is %s (off by %d)", cases[i].text, cases[i].file,
           worst);
        xr_image_free(&got);
        xr_array_free(&want);
        xr_buf_free(&buf);
    }
}

static void seeds(void)
{
    static const char *const texts[] = {"elastic(p=1)",        "shift_scale_rotate(p=1)",
                                        "coarse_dropout(p=1)", "gauss_noise(p=1)",
                                        "blur(p=1)",           "brightness_contrast(p=1)",
                                        "gamma(p=1)"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct xr_image im[5];
        cJSON *said = cJSON_CreateArray();
        int same, different = 1;

        if (apply(&im[0], NULL, texts[i], 1, 1, "a", said) ||
            apply(&im[1], NULL, texts[i], 1, 1, "a", NULL) ||
            apply(&im[2], NULL, texts[i], 2, 1, "a", NULL) ||
            apply(&im[3], NULL, texts[i], 1, 2, "a", NULL) ||
            apply(&im[4], NULL, texts[i], 1, 1, "b", NULL)) {
            ok(0, "%s", texts[i]);
            continue;
        }
        same = memcmp(im[0].data, im[1].data, SIDE * SIDE) == 0;
        for (int k = 2; k < 5; k++)
            different = different && memcmp(im[0].data, im[k].data, SIDE * SIDE) != 0;
        ok(same && different && cJSON_GetArraySize(said) == 1,
           "%s: a function of seed, epoch and key", texts[i]);
        for (int k = 0; k < 5; k++)
            xr_image_free(&im[k]);
        cJSON_Delete(said);
    }
}

/* p: how often is a transform applied? */
static void probability(void)
{
    int n = 0;

    for (uint64_t seed = 0; seed < 1000; seed++) {
        cJSON *said = cJSON_CreateArray();
        struct xr_image im;

        if (apply(&im, NULL, "invert(p=0.3)", seed, 1, "x", said) == 0)
            xr_image_free(&im);
        n += cJSON_GetArraySize(said);
        cJSON_Delete(said);
    }
    ok(n > 250 && n < 350, "p=0.3 is applied to %d of 1000", n);
}

/* A film that is its own mask: after any geometry both still agree where the film is
 * flat. */
static void masks(void)
{
    static const char *const texts[] = {"hflip(p=1)",
                                        "vflip(p=1)",
                                        "rot90(turns=1,p=1)",
                                        "rot90(turns=3,p=1)",
                                        "transpose(p=1)",
                                        "shift_scale_rotate(p=1)",
                                        "shift_scale_rotate(border=reflect,p=1)",
                                        "elastic(alpha=300,p=1)",
                                        "elastic(alpha=300,border=reflect,p=1)"};
    struct xr_image keep = base, square;

    if (xr_image_alloc(&square, SIDE, SIDE, 1, 8, NULL))
        return;
    for (size_t y = 40; y < 120; y++)
        memset((uint8_t *)square.data + y * SIDE + 90, 255, 100);
    base = square;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct xr_image im, mask;
        size_t wrong = 0, other = 0, moved = 0;

        if (xr_image_alloc(&mask, SIDE, SIDE, 1, 8, NULL))
            return;
        memcpy(mask.data, square.data, SIDE * SIDE);
        if (apply(&im, &mask, texts[i], 3, 1, "m", NULL)) {
            ok(0, "%s", texts[i]);
            continue;
        }
        for (size_t k = 0; k < SIDE * SIDE; k++) {
            uint8_t v = ((uint8_t *)im.data)[k], m = ((uint8_t *)mask.data)[k];

            other += m != 0 && m != 255;
            wrong += (v > 129 && m == 0) || (v < 126 && m == 255);
            moved += m != ((uint8_t *)square.data)[k];
        }
        /* at its four corners a bilinear film is less than half where the mask is whole
         */
        ok(wrong <= 4 && other == 0 && moved > 0, "%s: the mask moves with the film",
           texts[i]);
        xr_image_free(&im);
        xr_image_free(&mask);
    }
    base = keep;
    xr_image_free(&square);
}

/* The random field: its deviation, and its correlation at a distance of sigma. */
static void field(double sigma)
{
    double var = 0, near_product = 0, mean = 0;
    size_t n = xr_field_noise(SIDE, SIDE, sigma), count = 0, step = (size_t)(sigma + 0.5);
    float *noise = malloc(2 * n * sizeof *noise);
    struct xr_map map;
    struct xr_rng rng;

    for (uint64_t seed = 0; seed < 30; seed++) {
        if (xr_map_alloc(&map, SIDE, SIDE, NULL))
            return;
        xr_rng_init(&rng, seed, 0, "", "field");
        for (size_t i = 0; i < 2 * n; i++)
            noise[i] = (float)xr_rng_between(&rng, -1.7320508, 1.7320508);
        if (xr_map_field(&map, noise, sigma, 2, NULL))
            return;
        for (size_t y = 0; y < SIDE; y++) {
            for (size_t x = 0; x + step < SIDE; x++, count++) {
                double v = map.x[y * SIDE + x];

                mean += v;
                var += v * v;
                near_product += v * map.x[y * SIDE + x + step];
            }
        }
        xr_map_free(&map);
    }
    free(noise);
    near(mean / (double)count, 0, 0.1, "the field's mean is 0");
    near(sqrt(var / (double)count), 2, 0.1, "its deviation is the amplitude");
    near(near_product / var, exp(-(double)(step * step) / (4 * sigma * sigma)), 0.02,
         "its correlation is that of blurred white noise");
}

int main(void)
{
    const char *shared = tap_shared();

    if (make_base(shared))
        return 1;
    parsing();
    described();
    if (shared)
        golden(shared);
    else
        tap_skip("transforms with fixed parameters", "no reference data");
    seeds();
    probability();
    masks();
    field(4);
    field(7);
    xr_image_free(&base);
    return tap_done();
}
