/* Features of a frozen backbone, by the digest of the pixels. */
#include "features.h"

#include <stdlib.h>
#include <string.h>

#include "rng.h"

#define NONE SIZE_MAX

struct xr_features {
    struct xk_net *net;
    size_t width, room;             /* features of an image, images of a batch */
    float *batch;                   /* [room][width], what is handed out */
    float *fresh;                   /* [room][width], just computed */
    float *logits;                  /* of passes that nobody asked the logits of */
    size_t *missing;                /* [room] places in the batch */
    char (*digest)[XR_SHA256_TEXT]; /* [room] */
    struct xr_batch part;           /* pixels of the missing, packed */
    /* what is known */
    size_t n, max, held;
    float *values; /* [held][width] */
    char (*keys)[XR_SHA256_TEXT];
    size_t *table; /* open addressing, n_slots is a power of two */
    size_t n_slots;
};

int xr_features_open(struct xr_features **out, struct xk_net *net, size_t n_classes,
                     size_t room, size_t limit, struct xr_err *err)
{
    struct xr_features *f = xr_alloc_array(1, sizeof *f, err);

    *out = NULL;
    if (!f)
        return -1;
    f->net = net;
    f->room = room;
    if (xk_net_pooled(net, NULL, &f->width, err))
        goto failed;
    f->max = limit / (f->width * sizeof *f->values + sizeof *f->keys);
    f->batch = xr_alloc_array(room * f->width, sizeof *f->batch, err);
    f->fresh = xr_alloc_array(room * f->width, sizeof *f->fresh, err);
    f->logits = xr_alloc_array(room * n_classes, sizeof *f->logits, err);
    f->missing = xr_alloc_array(room, sizeof *f->missing, err);
    f->digest = xr_alloc_array(room, sizeof *f->digest, err);
    if (!f->batch || !f->fresh || !f->logits || !f->missing || !f->digest)
        goto failed;
    *out = f;
    return 0;
failed:
    xr_features_close(f);
    return -1;
}

void xr_features_close(struct xr_features *f)
{
    if (!f)
        return;
    free(f->batch);
    free(f->fresh);
    free(f->logits);
    free(f->missing);
    free(f->digest);
    free(f->part.pixels);
    free(f->values);
    free(f->keys);
    free(f->table);
    free(f);
}

/* The slot of a digest: where it is, or where it would be. */
static size_t *slot_of(const struct xr_features *f, const char *digest)
{
    size_t i = (size_t)xr_fnv1a64(digest) & (f->n_slots - 1);

    while (f->table[i] != NONE && strcmp(f->keys[f->table[i]], digest) != 0)
        i = (i + 1) & (f->n_slots - 1);
    return &f->table[i];
}

static int grow(struct xr_features *f, struct xr_err *err)
{
    size_t held = f->held ? 2 * f->held : 256;
    void *p;

    if (f->n < f->held)
        return 0;
    p = realloc(f->values, held * f->width * sizeof *f->values);
    if (p)
        f->values = p;
    if (p && (p = realloc(f->keys, held * sizeof *f->keys)))
        f->keys = p;
    if (!p)
        return xr_fail(err, "out of memory");
    f->held = held;
    free(f->table);
    f->n_slots = 4 * held;
    f->table = xr_alloc_array(f->n_slots, sizeof *f->table, err);
    if (!f->table)
        return -1;
    for (size_t i = 0; i < f->n_slots; i++)
        f->table[i] = NONE;
    for (size_t i = 0; i < f->n; i++)
        *slot_of(f, f->keys[i]) = i;
    return 0;
}

static int remember(struct xr_features *f, const char *digest, const float *values,
                    struct xr_err *err)
{
    size_t *slot;

    if (f->n >= f->max)
        return 0;
    if (grow(f, err))
        return -1;
    slot = slot_of(f, digest);
    if (*slot != NONE) /* twice in one batch */
        return 0;
    memcpy(f->values + f->n * f->width, values, f->width * sizeof *values);
    memcpy(f->keys[f->n], digest, sizeof *f->keys);
    *slot = f->n++;
    return 0;
}

/* Fill in what is known; the places of the rest go to f->missing. */
static int look_up(struct xr_features *f, size_t *n_missing, const struct xr_batch *b,
                   struct xr_err *err)
{
    *n_missing = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct xr_sha256 *sha = xr_sha256_new(err);
        size_t at = NONE;

        if (!sha)
            return -1;
        xr_sha256_add(sha, (const char *)b->pixels + i * b->image_bytes, b->image_bytes);
        xr_sha256_text(sha, f->digest[i]);
        xr_sha256_free(sha);
        if (f->n)
            at = *slot_of(f, f->digest[i]);
        if (at == NONE)
            f->missing[(*n_missing)++] = i;
        else
            memcpy(f->batch + i * f->width, f->values + at * f->width,
                   f->width * sizeof *f->batch);
    }
    return 0;
}

const float *xr_features_get(struct xr_features *f, const struct xr_batch *b,
                             const struct xr_preprocess *pre, struct xr_err *err)
{
    size_t n, width;
    char *pixels = f->part.pixels;

    if (look_up(f, &n, b, err))
        return NULL;
    if (n == 0)
        return f->batch;
    if (!pixels) {
        f->part = (struct xr_batch){.dtype = b->dtype,
                                    .channels = b->channels,
                                    .height = b->height,
                                    .width = b->width,
                                    .image_bytes = b->image_bytes,
                                    .n = f->room};
        f->part.pixels = pixels = xr_alloc_array(f->room, b->image_bytes, err);
        if (!pixels)
            return NULL;
    }
    for (size_t i = 0; i < f->room; i++)
        memcpy(pixels + i * b->image_bytes,
               (const char *)b->pixels + f->missing[i < n ? i : 0] * b->image_bytes,
               b->image_bytes);
    if (xr_batch_input(&f->part, f->net, pre, err) ||
        xk_net_forward(f->net, f->logits, false, 0, 0, err) ||
        xk_net_pooled(f->net, f->fresh, &width, err))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const float *values = f->fresh + i * f->width;

        memcpy(f->batch + f->missing[i] * f->width, values, f->width * sizeof *values);
        if (remember(f, f->digest[f->missing[i]], values, err))
            return NULL;
    }
    return f->batch;
}
