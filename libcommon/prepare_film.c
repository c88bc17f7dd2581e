/* A film of a table, from its file or the cache to the size of the records. */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "prepare.h"

cJSON *xr_prepare_source(const struct xr_image_info *info)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "format", info->format);
    cJSON_AddStringToObject(json, "mode", info->mode);
    cJSON_AddNumberToObject(json, "depth", info->stored_depth);
    cJSON_AddNumberToObject(json, "height", (double)info->height);
    cJSON_AddNumberToObject(json, "width", (double)info->width);
    cJSON_AddNumberToObject(json, "orientation", info->orientation);
    for (size_t i = 0; i < info->n_tags; i++) {
        const struct xr_image_tag *tag = &info->tags[i];

        if (tag->json)
            cJSON_AddItemToObject(json, tag->name, cJSON_Parse(tag->value));
        else
            cJSON_AddStringToObject(json, tag->name, tag->value);
    }
    return json;
}

/* Bring an image of a film of width x height to its final shape and depth. */
static int shape(struct xr_image *image, size_t width, size_t height,
                 const struct xr_fit *fit, int depth, struct xr_err *err)
{
    struct xr_image out;

    return xr_image_become(image, &out,
                           xr_fit_apply_of(&out, image, width, height, fit, err)) ||
                   xr_to_depth(image, depth, err)
               ? -1
               : 0;
}

int xr_prepare_fit(struct xr_opened *opened, const struct xr_prepare *run,
                   struct xr_err *err)
{
    const struct xr_fit *fit = &run->fit;
    struct xr_fit mask_fit = *fit;

    mask_fit.interp = XR_NEAREST;
    xr_fit_points(opened->boxes.points, opened->boxes.n_points, opened->width,
                  opened->height, fit);
    if (!opened->fitted &&
        shape(&opened->image, opened->width, opened->height, fit, run->depth, err))
        return -1;
    return opened->mask.data
               ? shape(&opened->mask, opened->width, opened->height, &mask_fit, 8, err)
               : 0;
}

static void least_sides(size_t sides[2], const void *of, size_t width, size_t height)
{
    xr_fit_least(sides, of, width, height);
}

/* --- the cache --------------------------------------------------------------- */

/* Everything that decides about the pixels, as one text. */
static char *cache_name(const struct xr_prepare *run, size_t film, struct xr_err *err)
{
    char digest[XR_SHA256_TEXT], choice[XR_FRAMES_TEXT], fit[16], stretch[64] = "";

    xr_fit_name(fit, &run->fit);
    if (xr_films_digest(digest, choice, run->films, film, NULL))
        return NULL; /* decoding says what is wrong */
    if (run->stretch)
        snprintf(stretch, sizeof stretch, " %.17g:%.17g", run->stretch_ends[0],
                 run->stretch_ends[1]);
    return xr_sprintf(err, "%s %d %s %s %zux%zu %s %d %d%s%s %s", XR_VERSION,
                      XR_TRANSFORM_SCHEMA, digest, fit, run->fit.height, run->fit.width,
                      xr_interp_names[run->fit.interp], (int)run->color, run->fast_decode,
                      run->depth == 16 ? " 16" : "", stretch, choice);
}

/* What besides the pixels is known of a film. */
static cJSON *cache_json(const struct xr_opened *opened, const struct xr_image_info *info)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddItemToObject(json, "source", cJSON_Duplicate(opened->source, 1));
    cJSON_AddNumberToObject(json, "width", (double)opened->width);
    cJSON_AddNumberToObject(json, "height", (double)opened->height);
    cJSON_AddNumberToObject(json, "orientation", info->orientation);
    cJSON_AddNumberToObject(json, "warnings", info->n_warnings);
    cJSON_AddStringToObject(json, "warning", info->warning);
    return json;
}

/* true where the film was there; what does not fit is as good as not there. */
static bool from_cache(struct xr_opened *opened, struct xr_prepared *to,
                       const struct xr_prepare *run, const char *name)
{
    size_t channels = run->color == XR_COLOR_GRAY ? 1 : 3;
    struct xr_array array;
    cJSON *json;

    if (!name || !xr_cache_get(&array, &json, run->cache, name))
        return false;
    opened->source = cJSON_DetachItemFromObjectCaseSensitive(json, "source");
    opened->width = (size_t)xr_json_number(json, "width", 0);
    opened->height = (size_t)xr_json_number(json, "height", 0);
    to->info.orientation = (int)xr_json_number(json, "orientation", 1);
    to->info.n_warnings = (unsigned)xr_json_number(json, "warnings", 0);
    snprintf(to->info.warning, sizeof to->info.warning, "%s",
             xr_json_text(json, "warning", ""));
    to->info.width = opened->width;
    to->info.height = opened->height;
    cJSON_Delete(json);
    opened->image = (struct xr_image){run->fit.width, run->fit.height, channels,
                                      run->depth, array.data};
    opened->fitted = true;
    return true;
}

static int read_film(struct xr_opened *opened, struct xr_prepared *to,
                     const struct xr_prepare *run, struct xr_err *err)
{
    struct xr_image_least least = {least_sides, &run->fit};
    char *name = run->cache ? cache_name(run, to->film, err) : NULL;
    cJSON *json;
    int rc;

    if (from_cache(opened, to, run, name)) {
        free(name);
        return xr_films_mask(&opened->mask, &to->info, run->films, to->film, err);
    }
    rc = xr_films_read(&opened->image, &opened->mask, &to->info, run->films, to->film,
                       run->color, run->fast_decode ? &least : NULL, err);
    if (rc == 0) {
        opened->source = xr_prepare_source(&to->info);
        opened->width = to->info.width;
        opened->height = to->info.height;
    }
    if (rc == 0 && run->stretch)
        rc = xr_stretch(&opened->image, run->stretch_ends, err);
    if (rc == 0 && name) {
        rc = shape(&opened->image, opened->width, opened->height, &run->fit, run->depth,
                   err);
        opened->fitted = true;
        json = rc ? NULL : cache_json(opened, &to->info);
        if (json)
            xr_cache_put(run->cache, name, &opened->image, json);
        cJSON_Delete(json);
    }
    free(name);
    return rc;
}

/* Decode a film of a table; key, label and the columns of its row go to the record. */
int xr_prepare_open_film(struct xr_opened *opened, struct xr_prepared *to,
                         const struct xr_prepare *run, struct xr_err *err)
{
    const struct xr_film *film = &run->films->films[to->film];
    struct xr_record *r = &to->record;
    char *key = xr_repeat_key(film->key, to->repeat, err);
    cJSON *row;

    if (!key || read_film(opened, to, run, err) ||
        xr_prepare_boxes(opened, run, to->film, err)) {
        free(key);
        return -1;
    }
    r->key = run->epochs > 1 ? xr_sprintf(err, "%04lld/%s", (long long)to->epoch, key)
                             : xr_strdup(key, err);
    free(key);
    r->label = film->label;
    r->meta = cJSON_CreateObject();
    cJSON_AddNumberToObject(r->meta, "epoch", (double)to->epoch);
    if (film->label >= 0)
        cJSON_AddStringToObject(r->meta, "label", run->films->classes[film->label]);
    if (run->quota)
        cJSON_AddNumberToObject(r->meta, "repeat", (double)to->repeat);
    row = xr_films_row(run->films, to->film);
    if (row)
        cJSON_AddItemToObject(r->meta, "row", row);
    return r->key ? 0 : -1;
}
