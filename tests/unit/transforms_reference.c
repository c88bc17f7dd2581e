/*
 * Transforms with fixed parameters against what other programs made of the same film:
 * tests/reference/transforms.jsonl, which transforms.py beside it has written, and
 * transforms16.jsonl for 16 bits. Noise has no such film: its moments.
 */
#include <string.h>

#include "image.h"
#include "io.h"
#include "json.h"
#include "pixels/augment.h"
#include "pixels/pixels.h"
#include "tap.h"

#define HEIGHT 16
#define WIDTH 20
#define CASES "tests/reference/transforms.jsonl"
#define DEEP_CASES "tests/reference/transforms16.jsonl"
#define REFERENCE "build/reference-film.png"

/* As film() of transforms.py makes it. */
static int reference_film(struct xr_image *im, int kind)
{
    if (xr_image_alloc(im, WIDTH, HEIGHT, 1, 8, NULL))
        return -1;
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        int x = (int)(i % WIDTH), y = (int)(i / WIDTH);
        int grain = (int)((uint32_t)(i + (size_t)kind * 7919) * 2654435761u >> 27);
        int v = 30 + 5 * x + 4 * y + ((x - 8) * (x - 8) + (y - 9) * (y - 9) < 20) * 60 +
                grain - kind * 20;

        ((uint8_t *)im->data)[i] = (uint8_t)(v > 255 ? 255 : v);
    }
    return 0;
}

/* As film() of transforms16.py makes it: low bytes of all kinds. */
static int deep_film(struct xr_image *im)
{
    if (reference_film(im, 0) || xr_to16(im, NULL))
        return -1;
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        size_t v = xr_level(im, i) + (i * 40503 >> 4) % 257;

        xr_set_level(im, i, v > 65535 ? 65535 : v);
    }
    return 0;
}

static int write_reference(void)
{
    struct xr_buf png = {0};
    struct xr_image im;
    int rc = reference_film(&im, 1) || xr_image_png(&png, &im, NULL) ||
             xr_write_file(REFERENCE, png.data, png.size, 0, NULL);

    xr_image_free(&im);
    xr_buf_free(&png);
    return rc;
}

/* Apply what a case says: an entry of KEY.json, or the text of a call. */
static int apply(struct xr_image *im, const cJSON *c, struct xr_err *err)
{
    const cJSON *entry = cJSON_GetObjectItem(c, "transform");
    const char *text = xr_json_text(c, "text", ""), *at = strstr(text, "%s");
    struct xr_subject film = {im, NULL, NULL, 0};
    struct xr_chain *chain;
    cJSON *list;
    char call[256];
    const char *calls[] = {call};
    int rc;

    if (entry) {
        list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, cJSON_Duplicate(entry, 1));
        rc = xr_chain_replay(&film, list, 0, err);
        cJSON_Delete(list);
        return rc;
    }
    snprintf(call, sizeof call, "%.*s" REFERENCE "%s", (int)(at ? at - text : 0), text,
             at ? at + 2 : "");
    if (xr_chain_parse(&chain, calls, 1, err))
        return -1;
    rc = xr_chain_apply(chain, &film, 1, 1, "k", NULL, err);
    xr_chain_free(chain);
    return rc;
}

static void compare(const cJSON *c)
{
    const char *hex = xr_json_text(c, "pixels", "");
    const cJSON *entry = cJSON_GetObjectItem(c, "transform");
    const char *name = xr_json_text(entry, "name", xr_json_text(c, "text", "?"));
    size_t w = (size_t)xr_json_number(c, "width", 0),
           h = (size_t)xr_json_number(c, "height", 0);
    struct xr_err err = {0};
    struct xr_image im;
    double worst = 0, sum = 0;
    int depth = (int)xr_json_number(c, "depth", 8);
    size_t digits = depth == 16 ? 4 : 2;

    if (depth == 16 ? deep_film(&im) : reference_film(&im, 0))
        return;
    if (apply(&im, c, &err) || im.width != w || im.height != h || im.depth != depth ||
        strlen(hex) != digits * w * h) {
        ok(0, "%s, %d bits: %s", name, depth, err.text);
        return;
    }
    for (size_t i = 0; i < w * h; i++) {
        char level[5] = "";
        double d;

        memcpy(level, hex + digits * i, digits);
        d = fabs((double)strtoul(level, NULL, 16) - (double)xr_level(&im, i));

        worst = d > worst ? d : worst;
        sum += d;
    }
    ok(worst <= xr_json_number(c, "max", 0) &&
           sum / (double)(w * h) <= xr_json_number(c, "mean", 0),
       "%s, %d bits (off by %g, in the mean by %.3g)", name, depth, worst,
       sum / (double)(w * h));
    xr_image_free(&im);
}

static void cases(const char *file)
{
    struct xr_buf text = {0};

    if (!ok(xr_read_file(&text, file, 1 << 20, NULL, NULL) == 0, "%s", file))
        return;
    for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n")) {
        cJSON *c = cJSON_Parse(line);

        if (c)
            compare(c);
        else
            ok(0, "a line of JSON");
        cJSON_Delete(c);
    }
    xr_buf_free(&text);
}

/* Mean and variance of noise on an even film. */
static void moments(const char *call, int level, double variance, int depth)
{
    const size_t side = 256;
    struct xr_chain *chain;
    struct xr_image im;
    double sum = 0, squares = 0, n = (double)(side * side), mean, var;
    double one = depth == 16 ? 257 : 1; /* level of 8 bits */

    if (xr_image_alloc(&im, side, side, 1, 8, NULL) ||
        xr_chain_parse(&chain, &call, 1, NULL))
        return;
    memset(im.data, level, side * side);
    if (xr_to_depth(&im, depth, NULL) ||
        xr_chain_apply(chain, &(struct xr_subject){&im, NULL, NULL, 0}, 5, 1, "k", NULL,
                       NULL))
        return;
    for (size_t i = 0; i < side * side; i++) {
        double d = (double)xr_level(&im, i) / one - (double)level;

        sum += d;
        squares += d * d;
    }
    mean = sum / n;
    var = squares / n - mean * mean;
    variance += 1 / (12 * one * one); /* levels are rounded */
    /* four standard errors */
    ok(fabs(mean) < 4 * sqrt(variance / n) + 0.02 &&
           fabs(var - variance) < 6 * variance * sqrt(2 / n) + 0.1,
       "%s at %d, %d bits: mean %+.3f, variance %.2f, should be %.2f", call, level, depth,
       mean, var, variance);
    xr_chain_free(chain);
    xr_image_free(&im);
}

/* What RandAugment at magnitude 9 of 30 and TrivialAugmentWide draw: how often, how much.
 */
static void spaces(void)
{
    static const char *const texts[] = {"rand_augment(n=1,magnitude=9)",
                                        "trivial_augment"};
    size_t count[2] = {0, 0}, brighter = 0, sign = 0;
    double most = 0, off = 0;

    for (int space = 0; space < 2; space++) {
        struct xr_chain *chain;

        if (xr_chain_parse(&chain, &texts[space], 1, NULL))
            return;
        for (uint64_t seed = 0; seed < 2600; seed++) {
            cJSON *list = cJSON_CreateArray(), *first;
            struct xr_image im;

            if (reference_film(&im, 0) ||
                xr_chain_apply(chain, &(struct xr_subject){&im, NULL, NULL, 0}, seed, 1,
                               "k", list, NULL))
                return;
            first = cJSON_GetArrayItem(list, 0);
            count[space] += first != NULL;
            if (!strcmp(xr_json_text(first, "name", ""), "brightness")) {
                double v = xr_json_number(first, "brightness", 9);

                brighter += space == 0;
                sign += space == 0 && v > 0;
                off = space ? off : fmax(off, fabs(fabs(v) - 0.27));
                most = space ? fmax(most, fabs(v)) : most;
            }
            xr_image_free(&im);
            cJSON_Delete(list);
        }
        xr_chain_free(chain);
    }
    ok(count[0] > 2340 && count[0] < 2460 && count[1] > 2340 && count[1] < 2460,
       "12 of 13 operations do something: %zu and %zu of 2600", count[0], count[1]);
    ok(brighter > 140 && brighter < 260 && sign > brighter / 3 && sign < brighter * 2 / 3,
       "one of 13 is brightness, up or down: %zu, %zu up", brighter, sign);
    near(off, 0, 1e-12, "at magnitude 9 it is 0.27");
    ok(most > 0.9 && most <= 0.99, "TrivialAugment's reaches to 0.99: %g", most);
}

int main(void)
{
    if (write_reference())
        return 1;
    cases(CASES);
    cases(DEEP_CASES);
    for (int depth = 8; depth <= 16; depth += 8) {
        moments("gauss_noise(std=6,p=1)", 128, 36, depth);
        moments("poisson(photons=300,p=1)", 200, 200 * 255.0 / 300, depth);
        moments("poisson(photons=40,p=1)", 60, 60 * 255.0 / 40, depth);
        moments("poisson(photons=10000,p=1)", 17, 17 * 255.0 / 10000, depth);
    }
    spaces();
    return tap_done();
}
