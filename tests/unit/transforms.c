/*
 * Every transform: what is written down applies again to the same bytes; digests of what
 * came out when its schema was settled (transforms_digests.h); damaged replays.
 *   build/unit/transforms --digests >tests/unit/transforms_digests.h
 * writes the digests anew: for new transforms; and for old ones only where
 * XR_TRANSFORM_SCHEMA is raised with it.
 */
#include <string.h>

#include "image.h"
#include "io.h"
#include "json.h"
#include "pixels/augment.h"
#include "pixels/pixels.h"
#include "pixels/transform.h"
#include "rng.h"
#include "tap.h"
#include "transforms_digests.h"

#define HEIGHT 48
#define WIDTH 48
#define REFERENCE "build/transforms-reference.png"
#define MAX_LINES 128

/* A film made of whole numbers alone: two ramps, a disc, grain. */
static int make(struct xr_image *im, size_t channels, int kind)
{
    if (xr_image_alloc(im, WIDTH, HEIGHT, channels, 8, NULL))
        return -1;
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        int x = (int)(i % WIDTH), y = (int)(i / WIDTH);
        int in = (x - 20) * (x - 20) + (y - 28) * (y - 28) < 150;
        int grain = (int)((uint32_t)(i + (size_t)kind * 7919) * 2654435761u >> 27);

        for (size_t k = 0; k < channels; k++)
            ((uint8_t *)im->data)[i * channels + k] =
                kind == 2 ? (uint8_t)(in ? 255 : 0)
                          : (uint8_t)(30 + 2 * x + y + (in ? 60 : 0) + grain -
                                      (int)k * (x / 3) - kind * 20);
    }
    return 0;
}

static int write_reference(void)
{
    struct xr_buf png = {0};
    struct xr_image im;
    int rc = make(&im, 1, 1) || xr_image_png(&png, &im, NULL) ||
             xr_write_file(REFERENCE, png.data, png.size, 0, NULL);

    xr_image_free(&im);
    xr_buf_free(&png);
    return rc;
}

/* The lines of --list-transforms with p=1, and FILE a film that there is. */
static size_t all_texts(char (*texts)[256], size_t most)
{
    struct xr_buf buf = {0};
    size_t n = 0;

    if (xr_chain_describe(&buf, NULL))
        return 0;
    for (char *line = strtok(buf.data, "\n"); line && n < most;
         line = strtok(NULL, "\n")) {
        char *file = strstr(line, "FILE"), *p = strstr(line, "p=0.5)");

        if (p)
            memcpy(p, "p=1)\0", 5);
        if (file)
            snprintf(texts[n++], 256, "%.*s" REFERENCE "%s", (int)(file - line), line,
                     file + 4);
        else
            snprintf(texts[n++], 256, "%s", line);
    }
    xr_buf_free(&buf);
    return n;
}

struct film {
    struct xr_image image, mask;
    float points[6];
};

static int film(struct film *f, size_t channels)
{
    memcpy(f->points, (float[6]){0, 0, 20, 28, 40.25F, 7.5F}, sizeof f->points);
    return make(&f->image, channels, 0) || make(&f->mask, 1, 2);
}

/* The same of 16 bits; low: with low bytes of its own, less than half a level of 8 bits.
 */
static int deep_film(struct film *f, size_t channels, int low)
{
    if (film(f, channels) || xr_to16(&f->image, NULL))
        return -1;
    for (size_t i = 0; i < WIDTH * HEIGHT * channels && low; i++)
        xr_set_level(&f->image, i, xr_level(&f->image, i) + (i * 2654435761u >> 9) % 100);
    return 0;
}

static void film_free(struct film *f)
{
    xr_image_free(&f->image);
    xr_image_free(&f->mask);
}

static struct xr_subject subject(struct film *f)
{
    return (struct xr_subject){&f->image, &f->mask, f->points, 3};
}

static int same(const struct xr_image *a, const struct xr_image *b)
{
    return a->width == b->width && a->height == b->height && a->channels == b->channels &&
           a->depth == b->depth &&
           memcmp(a->data, b->data,
                  a->width * a->height * a->channels * (a->depth == 16 ? 2 : 1)) == 0;
}

/* Apply, and what was written down as text. NULL: it failed. */
static char *applied(struct film *f, const char *text, uint64_t seed)
{
    const char *texts[] = {text};
    struct xr_subject s = subject(f);
    cJSON *list = cJSON_CreateArray();
    struct xr_chain *chain = NULL;
    struct xr_err err = {0};
    struct xr_buf line = {0};
    char *said = NULL;

    if (xr_chain_parse(&chain, texts, 1, &err) ||
        xr_chain_apply(chain, &s, seed, 1, "k", list, &err))
        printf("# %s: %s\n", text, err.text);
    else
        said = xr_json_line(&line, list, &err) ? NULL : line.data;
    xr_chain_free(chain);
    cJSON_Delete(list);
    return said;
}

static int replays(const char *text, size_t channels, int depth, uint64_t seed)
{
    struct film a, b;
    struct xr_subject s = subject(&b);
    struct xr_err err = {0};
    char *said;
    cJSON *list;
    int good;

    if (depth == 16 ? deep_film(&a, channels, 1) || deep_film(&b, channels, 1)
                    : film(&a, channels) || film(&b, channels))
        return 0;
    said = applied(&a, text, seed);
    list = cJSON_Parse(said ? said : "");
    good = list &&
           (cJSON_GetArraySize(list) > 0 || strstr(text, "hflip,") ||
            strstr(text, "_augment(")) && /* p=0.5 there */
           xr_chain_replay(&s, list, 0, &err) == 0 &&
           same(&a.image, &b.image) && same(&a.mask, &b.mask) &&
           memcmp(a.points, b.points, sizeof a.points) == 0;
    if (!good)
        printf("# %s\n# %s\n", said ? said : "", err.text);
    free(said);
    cJSON_Delete(list);
    film_free(&a);
    film_free(&b);
    return good;
}

/* Does a transform take 16 bits? */
static int takes_deep(const char *text, size_t channels)
{
    struct xr_chain *chain;
    int takes;

    if (xr_chain_parse(&chain, &text, 1, NULL))
        return 0;
    takes = xr_chain_depth(chain, 16, channels, NULL) == 0;
    xr_chain_free(chain);
    return takes;
}

static void replay_all(char (*texts)[256], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int good = 1;

        for (uint64_t seed = 0; seed < 8 && good; seed++) {
            size_t channels = seed % 2 ? 3 : 1;

            good = replays(texts[i], channels, 8, seed) &&
                   (!takes_deep(texts[i], channels) ||
                    replays(texts[i], channels, 16, seed));
        }
        ok(good, "%.40s... is applied again from what is written down", texts[i]);
    }
}

/* Whose pixels are others with 16 bits: tiles and quanta are counted otherwise. */
static int depth_matters(const char *text)
{
    return strncmp(text, "clahe(", 6) == 0 || strncmp(text, "poisson(", 8) == 0;
}

/* With 16 bits the same is drawn, masks and points go the same way, and the pixels are
 * those of 8 bits, but for what is rounded there, once or twice. */
static int deep_as_well(double *worst, const char *text, size_t channels, uint64_t seed)
{
    struct film a, b;
    char *said, *deep;
    size_t n;
    int good;

    if (film(&a, channels) || deep_film(&b, channels, 0))
        return 0;
    said = applied(&a, text, seed);
    deep = applied(&b, text, seed);
    good = said && deep && strcmp(said, deep) == 0 && same(&a.mask, &b.mask) &&
           memcmp(a.points, b.points, sizeof a.points) == 0 && b.image.depth == 16 &&
           a.image.width == b.image.width && a.image.height == b.image.height;
    n = good ? a.image.width * a.image.height * channels : 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)xr_level(&b.image, i) / 257 - (double)xr_level(&a.image, i);

        d = d < 0 ? -d : d;
        *worst = d > *worst ? d : *worst;
    }
    free(said);
    free(deep);
    film_free(&a);
    film_free(&b);
    return good;
}

static void deep_all(char (*texts)[256], size_t n)
{
    size_t taken = 0;

    for (size_t i = 0; i < n; i++) {
        double worst = 0;
        int good = 1;

        if (!takes_deep(texts[i], 1))
            continue;
        taken++;
        for (uint64_t seed = 0; seed < 8 && good; seed++)
            good = deep_as_well(&worst, texts[i],
                                seed % 2 && takes_deep(texts[i], 3) ? 3 : 1, seed);
        ok(good && (worst <= 2.1 || depth_matters(texts[i])),
           "%.40s... takes 16 bits (at most %.3f levels from 8)", texts[i], worst);
    }
    ok(taken == n - 2, "all but jpeg and match_histogram take 16 bits");
}

/* 64-bit FNV-1a of pixels, mask, points and parameters of a few films. */
static uint64_t hash(uint64_t h, const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)data)[i]) * UINT64_C(0x100000001B3);
    return h;
}

static uint64_t digest(const char *text)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);

    for (uint64_t seed = 0; seed < 4; seed++) {
        struct film f;
        char *said;

        if (film(&f, seed == 3 ? 3 : 1))
            return 0;
        said = applied(&f, text, seed);
        h = hash(h, f.image.data, f.image.width * f.image.height * f.image.channels);
        h = hash(h, f.mask.data, f.mask.width * f.mask.height);
        h = hash(h, f.points, sizeof f.points);
        h = hash(h, said ? said : "", said ? strlen(said) : 0);
        free(said);
        film_free(&f);
    }
    return h;
}

static void write_digests(char (*texts)[256], size_t n)
{
    puts(
        "/* What every transform gave when its schema was settled; see transforms.c. */\n"
        "#ifndef TRANSFORMS_DIGESTS_H\n#define TRANSFORMS_DIGESTS_H\n\n#include "
        "<stdint.h>\n");
    printf("#define DIGESTS_SCHEMA %d\n\n", XR_TRANSFORM_SCHEMA);
    puts("static const struct {\n    const char *name;\n    uint64_t digest;\n} "
         "digests[] = "
         "{");
    for (size_t i = 0; i < n; i++)
        printf("    {\"%.*s\", UINT64_C(0x%016llx)},\n", (int)strcspn(texts[i], "("),
               texts[i], (unsigned long long)digest(texts[i]));
    puts("};\n\n#endif");
}

static void compare_digests(char (*texts)[256], size_t n)
{
    ok(DIGESTS_SCHEMA == XR_TRANSFORM_SCHEMA, "the digests are those of this schema");
    for (size_t i = 0; i < n; i++) {
        size_t len = strcspn(texts[i], "("), k = 0,
               all = sizeof digests / sizeof *digests;

        while (k < all && (strlen(digests[k].name) != len ||
                           memcmp(digests[k].name, texts[i], len) != 0))
            k++;
        if (k == all)
            ok(0, "%.*s has no digest: transforms --digests", (int)len, texts[i]);
        else
            ok(digest(texts[i]) == digests[k].digest,
               "%s: pixels and parameters of schema %d", digests[k].name,
               XR_TRANSFORM_SCHEMA);
    }
}

/* What a replay refuses. */
static void damaged(void)
{
    static const char *const bad[][2] = {
        {"[{}]", "transform 1: unknown transform ''"},
        {"[{\"name\":\"one_of\"}]", "unknown transform 'one_of'"},
        {"[{\"name\":\"hflip\"},{\"name\":\"gamma\"}]",
         "transform 2: gamma: 'gamma' is not"},
        {"[{\"name\":\"gamma\",\"gamma\":\"1\"}]", "'gamma' is not there"},
        {"[{\"name\":\"gamma\",\"gamma\":1e9}]", "not from 0.05 to 20"},
        {"[{\"name\":\"clahe\",\"clip\":2,\"tiles\":2.5}]", "not a whole number"},
        {"[{\"name\":\"elastic\",\"alpha\":1,\"sigma\":5,\"border\":\"white\",\"field\":"
         "1}]",
         "'border' is not one of black|reflect"},
        {"[{\"name\":\"perspective\",\"corners\":[0,0],\"border\":\"black\"}]",
         "not a list of 8 numbers"},
        {"[{\"name\":\"coarse_dropout\",\"boxes\":[[0,0,49,4]],\"fill\":0}]",
         "not inside the film"},
        {"[{\"name\":\"coarse_dropout\",\"boxes\":[[9,0,4,4]],\"fill\":0}]",
         "ends before it begins"},
        {"[{\"name\":\"random_resized_crop\",\"interpolation\":\"bicubic\",\"height\":9,"
         "\"width\":9,\"box\":[40,40,20,20]}]",
         "outside the film"},
        {"[{\"name\":\"match_histogram\",\"blend\":1,\"lut\":\"00ff\"}]", "not 512"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct film f;
        struct xr_subject s = subject(&f);
        struct xr_err err = {0};
        cJSON *list = cJSON_Parse(bad[i][0]);

        if (film(&f, 1) || !list)
            continue;
        ok(xr_chain_replay(&s, list, 0, &err) == -1 && !err.usage &&
               strstr(err.text, bad[i][1]),
           "%s: %s", bad[i][0], err.text);
        cJSON_Delete(list);
        film_free(&f);
    }
}

/* Random numbers in bulk are those one by one, from the beginning of a block or not. */
static void bulk(void)
{
    static uint32_t many[3][1000];
    int good = 1;

    for (int skip = 0; skip < 9; skip++) {
        struct xr_rng one, all;

        xr_rng_init(&one, 3, 1, "k", "bulk");
        one.counter[0] = 0xfffffff0u; /* the carry too */
        for (int i = 0; i < skip; i++)
            (void)xr_rng_u32(&one);
        all = one;
        for (size_t n = 0; n < 3; n++) {
            size_t count = n == 1 ? 7 : 1000;

            xr_rng_fill(&all, many[n], count);
            for (size_t i = 0; i < count; i++)
                good = good && many[n][i] == xr_rng_u32(&one);
        }
    }
    ok(good, "random numbers in bulk are the same");
}

int main(int argc, char **argv)
{
    static char texts[MAX_LINES][256];
    size_t n;

    if (write_reference())
        return 1;
    n = all_texts(texts, MAX_LINES);
    if (argc > 1 && strcmp(argv[1], "--digests") == 0) {
        write_digests(texts, n);
        return 0;
    }
    ok(n > 30, "%zu transforms", n);
    replay_all(texts, n);
    deep_all(texts, n);
    compare_digests(texts, n);
    damaged();
    bulk();
    return tap_done();
}
