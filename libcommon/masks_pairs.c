/* Masks of two sources joined by key. */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "masks.h"

/* A mask that waits for the other one, one bit a pixel. */
struct waiting {
    struct xr_mask mask; /* without its pixels; first, for the comparison */
    unsigned char *bits;
};

struct xr_mask_pairs {
    struct xr_masks *source[2];
    const char *name[2];
    void *waiting[2]; /* trees, by key */
    void *done;       /* keys that were given */
    bool ended[2];
    int turn;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct xr_mask *)a)->key, ((const struct xr_mask *)b)->key);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void waiting_free(void *node)
{
    struct waiting *w = node;

    xr_mask_free(&w->mask);
    free(w->bits);
    free(w);
}

int xr_mask_pairs_open(struct xr_mask_pairs **pairs, struct xr_masks *sources[2],
                       const char *const names[2], struct xr_err *err)
{
    *pairs = xr_alloc_array(1, sizeof **pairs, err);
    if (!*pairs)
        return -1;
    memcpy((*pairs)->source, sources, sizeof(*pairs)->source);
    memcpy((*pairs)->name, names, sizeof(*pairs)->name);
    return 0;
}

/* Keep a mask, which it takes over. */
static int keep(struct xr_mask_pairs *p, int side, struct xr_mask *mask,
                struct xr_err *err)
{
    size_t n = mask->height * mask->width;
    struct waiting *w = xr_alloc_array(1, sizeof *w, err);

    if (!w)
        return -1;
    w->bits = xr_alloc_array(n / 8 + 1, 1, err);
    if (!w->bits) {
        free(w);
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        w->bits[i / 8] |= (unsigned char)(mask->on[i] << i % 8);
    free(mask->on);
    mask->on = NULL;
    w->mask = *mask;
    memset(mask, 0, sizeof *mask);
    if (!tsearch(w, &p->waiting[side], by_key)) {
        waiting_free(w);
        return xr_fail(err, "out of memory");
    }
    return 0;
}

/* The mask that waits on that side for this key: 1, 0: there is none, -1. */
static int take(struct xr_mask_pairs *p, int side, const struct xr_mask *mask,
                struct xr_mask *found, struct xr_err *err)
{
    void *node = tfind(mask, &p->waiting[side], by_key);
    struct waiting *w;
    size_t n;

    if (!node)
        return 0;
    w = *(struct waiting **)node;
    n = w->mask.height * w->mask.width;
    *found = w->mask;
    found->on = xr_alloc_array(n, 1, err);
    for (size_t i = 0; found->on && i < n; i++)
        found->on[i] = w->bits[i / 8] >> i % 8 & 1;
    tdelete(w, &p->waiting[side], by_key);
    free(w->bits);
    free(w);
    return found->on ? 1 : -1;
}

/* That a key is new; it is kept. */
static int remember(struct xr_mask_pairs *p, const struct xr_mask *mask,
                    struct xr_err *err)
{
    char *key = xr_strdup(mask->key, err);

    if (key && tsearch(key, &p->done, by_text))
        return 0;
    free(key);
    return xr_fail(err, "out of memory");
}

static int twice(const struct xr_mask_pairs *p, int side, const struct xr_mask *mask,
                 struct xr_err *err)
{
    return xr_fail(err, "%s: two masks of '%s'", p->name[side], mask->key);
}

/* What is left has no partner; a tree gives its first key in order. */
static void find_least(const void *node, VISIT visit, void *least)
{
    const struct waiting *w = *(struct waiting *const *)node;
    const char **key = least;

    if ((visit == postorder || visit == leaf) && !*key)
        *key = w->mask.key;
}

static int finish(struct xr_mask_pairs *p, struct xr_err *err)
{
    for (int side = 0; side < 2; side++) {
        const char *least = NULL;

        if (!p->waiting[side])
            continue;
        twalk_r(p->waiting[side], find_least, &least);
        return xr_fail(err, "%s: '%s' has a mask, and none in %s", p->name[side], least,
                       p->name[!side]);
    }
    return 0;
}

int xr_mask_pairs_next(struct xr_mask_pairs *p, struct xr_mask pair[2],
                       struct xr_err *err)
{
    while (!p->ended[0] || !p->ended[1]) {
        int side = p->ended[p->turn] ? !p->turn : p->turn, got;

        xr_mask_free(&pair[0]);
        xr_mask_free(&pair[1]);
        got = xr_masks_next(p->source[side], &pair[side], err);
        p->turn = !side;
        if (got < 0)
            return -1;
        p->ended[side] = got == 0;
        if (got == 0)
            continue;
        if (tfind(pair[side].key, &p->done, by_text) ||
            tfind(&pair[side], &p->waiting[side], by_key))
            return twice(p, side, &pair[side], err);
        got = take(p, !side, &pair[side], &pair[!side], err);
        if (got < 0 || (got == 0 && keep(p, side, &pair[side], err)))
            return -1;
        if (got == 0)
            continue;
        if (remember(p, &pair[0], err))
            return -1;
        if (pair[0].height && !pair[1].height)
            return xr_fail(err, "%s: record '%s': it has no mask", p->name[1],
                           pair[1].key);
        if (pair[0].height &&
            (pair[0].height != pair[1].height || pair[0].width != pair[1].width))
            return xr_fail(err, "'%s': a mask of %zux%zu in %s, of %zux%zu in %s",
                           pair[0].key, pair[0].width, pair[0].height, p->name[0],
                           pair[1].width, pair[1].height, p->name[1]);
        return 1;
    }
    return finish(p, err);
}

void xr_mask_pairs_close(struct xr_mask_pairs *p)
{
    if (!p)
        return;
    tdestroy(p->waiting[0], waiting_free);
    tdestroy(p->waiting[1], waiting_free);
    tdestroy(p->done, free);
    free(p);
}
