/* A contact sheet: films beside their variants, with what was applied. */
#include "preview.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "font.h"
#include "image_codec.h"
#include "json.h"

#define GAP 8
#define GROUND 24 /* the sheet's gray */

static const uint8_t ink[3] = {210, 210, 210}, outline[3] = {255, 80, 60};

/* A film with the lines below it. */
struct tile {
    struct xr_image image, mask; /* mask.data NULL: none */
    char (*lines)[XR_PREVIEW_CHARS];
    size_t n_lines;
};

static void tile_free(struct tile *tile)
{
    xr_image_free(&tile->image);
    xr_image_free(&tile->mask);
    free(tile->lines);
    memset(tile, 0, sizeof *tile);
}

/* Add words to the lines of a tile, which hold `room` characters. */
static void add_word(struct tile *tile, size_t room, const char *word, bool first)
{
    char *line = tile->n_lines ? tile->lines[tile->n_lines - 1] : NULL;
    size_t used = line ? strlen(line) : 0;

    room = room < XR_PREVIEW_CHARS - 1 ? room : XR_PREVIEW_CHARS - 1;
    if (first || !line || used + 1 + strlen(word) > room) {
        if (tile->n_lines == XR_PREVIEW_LINES) {
            snprintf(line, XR_PREVIEW_CHARS, "...");
            return;
        }
        line = tile->lines[tile->n_lines++];
        snprintf(line, room + 1, "%s%s", first ? "" : "  ", word);
        return;
    }
    snprintf(line + used, room + 1 - used, " %s", word);
}

/* "name=value" of what was drawn; false for borders, seeds and long lists. */
static bool value_text(char *to, size_t size, const cJSON *item)
{
    int n = cJSON_GetArraySize(item), at;

    if (!strcmp(item->string, "name") || !strcmp(item->string, "border") ||
        !strcmp(item->string, "field"))
        return false;
    if (cJSON_IsString(item) && strlen(item->valuestring) < 12)
        snprintf(to, size, "%s=%s", item->string, item->valuestring);
    else if (cJSON_IsNumber(item))
        snprintf(to, size, fabs(item->valuedouble) < 1000 ? "%s=%.3g" : "%s=%.0f",
                 item->string, item->valuedouble);
    else if (cJSON_IsArray(item) && cJSON_IsArray(cJSON_GetArrayItem(item, 0)))
        snprintf(to, size, "%d %s", n, item->string);
    else if (cJSON_IsArray(item) && n > 0 && n < 5) {
        at = snprintf(to, size, "%s=", item->string);
        for (int i = 0; i < n; i++)
            at += snprintf(to + at, size - (size_t)at, "%s%.3g", i ? "," : "",
                           cJSON_GetArrayItem(item, i)->valuedouble);
    } else
        return false;
    return true;
}

/* What was applied, a paragraph each. */
static void describe(struct tile *tile, size_t room, const cJSON *applied)
{
    const cJSON *entry, *item;
    char word[96];

    cJSON_ArrayForEach(entry, applied)
    {
        add_word(tile, room, xr_json_text(entry, "name", "?"), true);
        cJSON_ArrayForEach(item, entry)
        {
            if (value_text(word, sizeof word, item))
                add_word(tile, room, word, false);
        }
    }
    if (!cJSON_GetArraySize(applied))
        add_word(tile, room, "(nothing)", true);
}

size_t xr_preview_lines(char (*lines)[XR_PREVIEW_CHARS], size_t room,
                        const cJSON *applied)
{
    struct tile tile = {.lines = lines};

    describe(&tile, room, applied);
    return tile.n_lines;
}

static int copy_image(struct xr_image *to, const struct xr_image *from,
                      struct xr_err *err)
{
    if (xr_image_alloc(to, from->width, from->height, from->channels, from->depth, err))
        return -1;
    memcpy(to->data, from->data,
           from->width * from->height * from->channels * (from->depth == 16 ? 2 : 1));
    return 0;
}

/* An array of a record as an image, and its own. */
static int image_of(struct xr_image *to, const struct xr_array *array, struct xr_err *err)
{
    struct xr_image view = {array->shape[1], array->shape[0],
                            array->n_dims == 3 ? array->shape[2] : 1,
                            array->dtype == XR_U16 ? 16 : 8, array->data};

    return copy_image(to, &view, err);
}

/* The film as it was fitted. */
static int first_tile(struct tile *tile, const struct xr_record *record, size_t room,
                      struct xr_err *err)
{
    struct xr_array mask = {0};
    int got;

    if (image_of(&tile->image, &record->image, err))
        return -1;
    got = xr_record_array(&mask, record, "mask.npy", err);
    if (got < 0 || (got == 1 && image_of(&tile->mask, &mask, err))) {
        xr_array_free(&mask);
        return -1;
    }
    xr_array_free(&mask);
    add_word(tile, room, record->key, true);
    return 0;
}

/* The film in an epoch. */
static int variant(struct tile *tile, const struct tile *first,
                   const struct xr_chain *chain, uint64_t seed, size_t epoch,
                   const char *key, size_t room, struct xr_err *err)
{
    struct xr_subject film = {&tile->image, first->mask.data ? &tile->mask : NULL, NULL,
                              0};
    cJSON *applied = cJSON_CreateArray();
    int rc = copy_image(&tile->image, &first->image, err) ||
             (film.mask && copy_image(&tile->mask, &first->mask, err)) ||
             xr_chain_apply(chain, &film, seed, epoch, key, applied, err);

    if (rc == 0)
        describe(tile, room, applied);
    cJSON_Delete(applied);
    return rc ? -1 : 0;
}

/* Is it a pixel of the mask beside one that is not? */
static bool on_outline(const struct xr_image *mask, size_t x, size_t y)
{
    const uint8_t *p = (const uint8_t *)mask->data + y * mask->width + x;

    return *p && (x == 0 || !p[-1] || x + 1 == mask->width || !p[1] || y == 0 ||
                  !*(p - mask->width) || y + 1 == mask->height || !p[mask->width]);
}

void xr_preview_draw(struct xr_image *to, size_t x0, size_t y0,
                     const struct xr_image *film, const struct xr_image *mask)
{
    size_t c = film->channels;

    for (size_t y = 0; y < film->height; y++) {
        for (size_t x = 0; x < film->width; x++) {
            uint8_t *at = (uint8_t *)to->data + ((y0 + y) * to->width + x0 + x) * 3;
            const uint8_t *from = (const uint8_t *)film->data + (y * film->width + x) * c;

            if (mask->data && on_outline(mask, x, y))
                from = outline;
            for (size_t k = 0; k < 3; k++)
                at[k] = from[c == 1 && from != outline ? 0 : k];
        }
    }
}

static void draw_tile(struct xr_image *sheet, size_t x0, size_t height,
                      const struct tile *tile)
{
    xr_preview_draw(sheet, x0, GAP, &tile->image, &tile->mask);
    for (size_t i = 0; i < tile->n_lines; i++)
        xr_font_draw(sheet, x0, GAP + height + 4 + i * XR_FONT_HEIGHT, tile->lines[i],
                     ink);
}

/* What the sheet is made of: rows of RGB, one below the other. */
struct sheet {
    size_t columns, tile_width, tile_height, width, height;
    struct xr_buf rows;
};

/* Draw the tiles of a film as a strip and put it below the others. */
static int add_strip(struct sheet *sheet, const struct tile *tiles, struct xr_err *err)
{
    struct xr_image strip;
    size_t lines = 1, height;
    int rc;

    for (size_t i = 0; i < sheet->columns; i++)
        lines = tiles[i].n_lines > lines ? tiles[i].n_lines : lines;
    height = sheet->tile_height + lines * XR_FONT_HEIGHT + 2 * GAP;
    if (xr_image_check(sheet->width, sheet->height + height, err))
        return xr_fail_in(err, "the sheet");
    if (xr_image_alloc(&strip, sheet->width, height, 3, 8, err))
        return -1;
    memset(strip.data, GROUND, sheet->width * height * 3);
    for (size_t i = 0; i < sheet->columns; i++)
        draw_tile(&strip, GAP + i * (sheet->tile_width + GAP), sheet->tile_height,
                  &tiles[i]);
    rc = xr_buf_put(&sheet->rows, strip.data, sheet->width * height * 3, err);
    sheet->height += height;
    xr_image_free(&strip);
    return rc;
}

/* One film with all its variants. */
static int add_film(struct sheet *sheet, const struct xr_prepare *run,
                    const struct xr_chain *chain, const struct xr_record *record,
                    struct xr_err *err)
{
    size_t room = sheet->tile_width / XR_FONT_WIDTH;
    struct tile *tiles = xr_alloc_array(sheet->columns, sizeof *tiles, err);
    int rc = tiles ? 0 : -1;

    for (size_t i = 0; i < sheet->columns && rc == 0; i++) {
        tiles[i].lines = xr_alloc_array(XR_PREVIEW_LINES, sizeof *tiles[i].lines, err);
        if (!tiles[i].lines)
            rc = -1;
        else
            rc = i == 0 ? first_tile(&tiles[0], record, room, err)
                        : variant(&tiles[i], &tiles[0], chain, run->seed, i, record->key,
                                  room, err);
    }
    for (size_t i = 0; i < sheet->columns && rc == 0; i++)
        rc = xr_to8(&tiles[i].image, err);
    if (rc == 0)
        rc = add_strip(sheet, tiles, err);
    for (size_t i = 0; i < sheet->columns && tiles; i++)
        tile_free(&tiles[i]);
    free(tiles);
    return rc;
}

static int write_sheet(const struct sheet *sheet, const char *path, struct xr_err *err)
{
    struct xr_image image = {sheet->width, sheet->height, 3, 8, sheet->rows.data};
    struct xr_buf png = {0};
    int rc = xr_image_png(&png, &image, err) ||
             xr_write_file(path, png.data, png.size, XR_OUT_BINARY, err);

    xr_buf_free(&png);
    return rc ? -1 : 0;
}

int xr_preview(struct xr_prepare *run, size_t n, size_t variants, size_t threads,
               const char *path, struct xr_err *err)
{
    const struct xr_chain *chain = run->chain;
    struct sheet sheet = {.columns = variants + 1};
    struct xr_pool_job job = xr_prepare_job(run);
    struct xr_pool *pool = NULL;
    int got = 1, failed, rc = -1;
    void *slot;

    sheet.tile_height = run->fit.height > run->height ? run->fit.height : run->height;
    sheet.tile_width = run->fit.width > run->width ? run->fit.width : run->width;
    sheet.width = GAP + sheet.columns * (sheet.tile_width + GAP);
    if (xr_image_check(sheet.width, sheet.tile_height, err))
        return xr_fail_in(err, "the sheet");
    run->chain = NULL; /* here films are varied, not on the way */
    run->epochs = 1;
    run->height = run->fit.height;
    run->width = run->fit.width;
    if (xr_pool_open(&pool, &job, threads, err))
        return -1;
    for (size_t i = 0; i < n && got > 0; i++) {
        got = xr_pool_next(pool, &slot, &failed, err);
        if (got > 0 && (failed || add_film(&sheet, run, chain,
                                           &((struct xr_prepared *)slot)->record, err)))
            got = -1;
    }
    xr_pool_close(pool);
    if (got >= 0)
        rc = sheet.height ? write_sheet(&sheet, path, err)
                          : xr_fail(err, "no films to show");
    xr_buf_free(&sheet.rows);
    return rc;
}
