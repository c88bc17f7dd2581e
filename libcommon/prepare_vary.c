/* Films of a run are varied: by a chain that draws anew, or as it was written down. */
#include <string.h>

#include "prepare.h"

/* The list in meta to which what is applied is added. */
static cJSON *applied_list(cJSON *meta)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(meta, "transforms");

    if (cJSON_IsArray(list))
        return list;
    cJSON_DeleteItemFromObjectCaseSensitive(meta, "transforms");
    return cJSON_AddArrayToObject(meta, "transforms");
}

/* What a stream says was applied to its film before must be how the list begins; the rest
 * is applied. */
static int replay(const struct xr_subject *film, const struct xr_replay *from,
                  const char *key, cJSON *list, struct xr_err *err)
{
    const cJSON *want = xr_replay_find(from, key), *item;
    size_t before = (size_t)cJSON_GetArraySize(list), i = 0;

    if (!want)
        return xr_fail(err, "%s has no record '%s'", xr_replay_name(from), key);
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_Compare(item, cJSON_GetArrayItem(want, (int)i++), true))
            return xr_fail(err,
                           "%s: record '%s': transform %zu is not what the film has "
                           "behind it",
                           xr_replay_name(from), key, i);
    }
    if (xr_chain_replay(film, want, before, err))
        return xr_fail_in(err, "%s: record '%s'", xr_replay_name(from), key);
    i = 0;
    cJSON_ArrayForEach(item, want)
    {
        if (i++ >= before)
            cJSON_AddItemToArray(list, cJSON_Duplicate(item, true));
    }
    return 0;
}

int xr_prepare_vary(const struct xr_prepare *run, const struct xr_subject *film,
                    const struct xr_prepared *to, struct xr_err *err)
{
    cJSON *list = applied_list(to->record.meta);
    const char *key = to->record.key;

    if (run->replay && replay(film, run->replay, key, list, err))
        return -1;
    /* an epoch's folder is no part of the film's name; its repeats are varied otherwise
     */
    if (!run->source && run->epochs > 1)
        key = strchr(key, '/') + 1;
    if (run->chain && !run->replay &&
        xr_chain_apply(run->chain, film, run->seed, (uint64_t)to->epoch, key, list, err))
        return -1;
    if (film->image->height != run->height || film->image->width != run->width)
        return xr_fail(err, "'%s' came out as %zux%zu, not %zux%zu", to->record.key,
                       film->image->height, film->image->width, run->height, run->width);
    return 0;
}

int xr_prepare_size(struct xr_prepare *run, struct xr_err *err)
{
    size_t height = 0, width = 0;

    run->height = run->fit.height;
    run->width = run->fit.width;
    if (run->replay)
        (void)xr_replay_chain(run->replay, &height, &width);
    if (height) {
        run->height = height;
        run->width = width;
    } else if (run->chain && !run->replay) {
        return xr_chain_depth(run->chain, run->depth, run->color == XR_COLOR_GRAY ? 1 : 3,
                              err) ||
                       xr_chain_size(run->chain, &run->height, &run->width, err)
                   ? -1
                   : 0;
    }
    return 0;
}

cJSON *xr_prepare_chain_json(const struct xr_prepare *run)
{
    size_t height, width;

    if (run->replay)
        return cJSON_Duplicate(xr_replay_chain(run->replay, &height, &width), true);
    return run->chain ? xr_chain_json(run->chain) : NULL;
}
