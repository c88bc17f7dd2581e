/* Texts of transforms, a line each: a chain, or one line of error. What the chain does to
 * a film is written down, and applied again gives the same film. */
#include "film.h"

static int same(const struct xr_image *a, const struct xr_image *b)
{
    return a->width == b->width && a->height == b->height && a->depth == b->depth &&
           memcmp(a->data, b->data,
                  a->width * a->height * a->channels * (size_t)a->depth / 8) == 0;
}

static void apply(const struct xr_chain *chain, size_t kind)
{
    size_t height = FUZZ_SIDE, width = FUZZ_SIDE;
    cJSON *settings = xr_chain_json(chain), *applied = cJSON_CreateArray();
    struct xr_err err = {0};
    struct fuzz_film a, b;

    fuzz_film(&a, kind);
    fuzz_film(&b, kind);
    if (!settings)
        abort();
    if (fuzz_small(settings) && xr_chain_size(chain, &height, &width, &err) == 0 &&
        xr_chain_depth(chain, a.image.depth, a.image.channels, &err) == 0) {
        if (xr_chain_apply(chain, &a.subject, kind, 1, "k", applied, &err) ||
            a.image.height != height || a.image.width != width ||
            a.mask.height != height || a.mask.width != width)
            abort();
        if (xr_chain_replay(&b.subject, applied, 0, &err) || !same(&a.image, &b.image) ||
            !same(&a.mask, &b.mask) || memcmp(a.points, b.points, sizeof a.points))
            abort();
    } else if (err.text[0] && !err.usage) {
        abort();
    }
    fuzz_film_free(&a);
    fuzz_film_free(&b);
    cJSON_Delete(applied);
    cJSON_Delete(settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *save = NULL;
    const char *texts[16];
    struct xr_chain *chain = NULL;
    struct xr_err err = {0};
    size_t n = 0;

    memcpy(text, data, size);
    text[size] = '\0';
    for (char *line = strtok_r(text, "\n", &save); line && n < 16;
         line = strtok_r(NULL, "\n", &save)) {
        if (!strstr(line, "reference")) /* names any file */
            texts[n++] = line;
    }
    if (xr_chain_parse(&chain, texts, n, &err) == 0)
        apply(chain, size);
    else if (!err.text[0] || chain)
        abort();
    xr_chain_free(chain);
    free(text);
    return 0;
}
