/* The second task of training: lesion masks as targets of the second head. */
#include "map_head.h"

#include <stdlib.h>
#include <string.h>

#include "loss.h"

int xr_map_head_open(struct xr_map_head *map, struct xk_net *net, double weight,
                     size_t room, size_t height, size_t width, struct xr_err *err)
{
    size_t cells;

    if (xk_net_map(net, NULL, &map->h, &map->w, err))
        return -1;
    cells = map->h * map->w;
    map->weight = weight;
    map->logits = xr_alloc_array(room * cells, sizeof *map->logits, err);
    map->d_logits = xr_alloc_array(room * cells, sizeof *map->d_logits, err);
    map->target = xr_alloc_array(room * cells, sizeof *map->target, err);
    map->masks = xr_alloc_array(room * height * width, sizeof *map->masks, err);
    return map->masks && map->logits && map->d_logits && map->target ? 0 : -1;
}

void xr_map_head_close(struct xr_map_head *map)
{
    free(map->logits);
    free(map->d_logits);
    free(map->target);
    free(map->masks);
    memset(map, 0, sizeof *map);
}

/* Pixels of side `of` that cell i of n begins with. */
static size_t edge(size_t i, size_t n, size_t of)
{
    return i * of / n;
}

/* The share of each cell that the mask covers. */
static void shares(float *target, const struct xr_map_head *map, const float *mask,
                   size_t height, size_t width)
{
    for (size_t i = 0; i < map->h; i++)
        for (size_t j = 0; j < map->w; j++) {
            size_t top = edge(i, map->h, height), end = edge(i + 1, map->h, height);
            size_t left = edge(j, map->w, width), right = edge(j + 1, map->w, width);
            float sum = 0;

            for (size_t y = top; y < end; y++)
                for (size_t x = left; x < right; x++)
                    sum += mask[y * width + x];
            target[i * map->w + j] = sum / (float)((end - top) * (right - left));
        }
}

static int take_mask(float *to, bool *any, const struct xr_record *record, size_t height,
                     size_t width, struct xr_err *err)
{
    struct xr_array mask;
    int got = xr_record_array(&mask, record, "mask.npy", err), rc = 0;

    if (got < 0)
        return xr_fail_in(err, "record '%s'", record->key);
    memset(to, 0, height * width * sizeof *to);
    if (!got)
        return 0;
    *any = true;
    if (mask.dtype != XR_U8 || mask.n_dims != 2 || mask.shape[0] != height ||
        mask.shape[1] != width)
        rc = xr_fail(err, "record '%s': a mask that is not uint8 of %zux%zu", record->key,
                     height, width);
    for (size_t i = 0; !rc && i < height * width; i++)
        to[i] = ((const uint8_t *)mask.data)[i] != 0;
    xr_array_free(&mask);
    return rc;
}

int xr_map_head_step(struct xr_map_head *map, struct xk_net *net,
                     const struct xr_batch *batch, const struct xk_mixed *mixed,
                     double scale, double *loss, struct xr_err *err)
{
    size_t cells = map->h * map->w, pixels = batch->height * batch->width;

    for (size_t i = 0; i < batch->n; i++)
        if (take_mask(map->masks + i * pixels, &map->any, &batch->records[i],
                      batch->height, batch->width, err))
            return -1;
    if (mixed->lam < 1)
        xk_mix_images(map->masks, mixed, batch->n, 1, batch->height, batch->width);
    for (size_t i = 0; i < batch->n; i++)
        shares(map->target + i * cells, map, map->masks + i * pixels, batch->height,
               batch->width);
    if (xk_net_map(net, map->logits, &map->h, &map->w, err))
        return -1;
    *loss += map->weight * xk_loss_map(map->d_logits, map->logits, map->target,
                                       batch->n * cells, scale * map->weight);
    return xk_net_set_map_grad(net, map->d_logits, err);
}
