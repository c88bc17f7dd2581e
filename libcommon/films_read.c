/* Reading films, their masks and annotations. */
#include <stdlib.h>
#include <string.h>

#include "films_parts.h"
#include "frames.h"
#include "pixels/pixels.h"

#define MAX_FILE ((size_t)1 << 30)
#define MAX_ANNOTATION ((size_t)1 << 26)

/* The reader may name the file itself: once is enough. */
static int fail_reading(const struct xr_films *films, size_t i, const char *full,
                        const struct xr_err *why, struct xr_err *err)
{
    size_t n = strlen(full);
    bool again = strncmp(why->text, full, n) == 0 && strncmp(why->text + n, ": ", 2) == 0;
    char where[512];

    xr_films_where(where, sizeof where, films, i);
    return xr_fail(err, "%scannot read '%s': %s", where, full,
                   why->text + (again ? n + 2 : 0));
}

static int read_one(struct xr_image *image, struct xr_image_info *info,
                    const struct xr_films *films, size_t i, const char *path,
                    enum xr_color color, const struct xr_image_least *least,
                    struct xr_err *err)
{
    char *full = xr_films_path(films, path, err);
    struct xr_err why = {0};
    int rc;

    if (!full)
        return -1;
    rc = xr_frames_read(image, info, full, color, least, &why);
    if (rc)
        fail_reading(films, i, full, &why, err);
    free(full);
    return rc;
}

int xr_films_boxes(struct xr_boxes *boxes, const struct xr_films *films, size_t i,
                   size_t width, size_t height, char *const *names, size_t n_names,
                   struct xr_err *err)
{
    const char *path = films->films[i].annotation;
    struct xr_buf buf = {0};
    struct xr_err why = {0};
    char *full;
    int rc;

    memset(boxes, 0, sizeof *boxes);
    if (!path || !*path)
        return 0;
    full = xr_films_path(films, path, err);
    if (!full)
        return -1;
    rc = xr_read_file(&buf, full, MAX_ANNOTATION, NULL, &why) ||
         xr_boxes_parse(boxes, &buf, width, height, names, n_names, &why);
    xr_buf_free(&buf);
    if (rc)
        fail_reading(films, i, full, &why, err);
    free(full);
    return rc ? -1 : 0;
}

int xr_films_mask(struct xr_image *mask, const struct xr_image_info *info,
                  const struct xr_films *films, size_t i, struct xr_err *err)
{
    const struct xr_film *film = &films->films[i];
    char where[512];

    memset(mask, 0, sizeof *mask);
    if (!film->mask || !*film->mask)
        return 0;
    if (read_one(mask, NULL, films, i, film->mask, XR_COLOR_GRAY, NULL, err) ||
        xr_to8(mask, err))
        return -1;
    if (mask->width == info->width && mask->height == info->height)
        return 0;
    xr_films_where(where, sizeof where, films, i);
    xr_fail(err, "%smask '%s' is %zux%zu, image '%s' is %zux%zu", where, film->mask,
            mask->width, mask->height, film->path, info->width, info->height);
    xr_image_free(mask);
    return -1;
}

int xr_films_read(struct xr_image *image, struct xr_image *mask,
                  struct xr_image_info *info, const struct xr_films *films, size_t i,
                  enum xr_color color, const struct xr_image_least *least,
                  struct xr_err *err)
{
    memset(mask, 0, sizeof *mask);
    if (read_one(image, info, films, i, films->films[i].path, color, least, err))
        return -1;
    if (xr_films_mask(mask, info, films, i, err) == 0)
        return 0;
    xr_image_free(image);
    return -1;
}

int xr_films_digest(char digest[XR_SHA256_TEXT], char choice[XR_FRAMES_TEXT],
                    const struct xr_films *films, size_t i, struct xr_err *err)
{
    struct xr_buf buf = {0};
    char *full = xr_films_path(films, films->films[i].path, err);
    struct xr_pick pick;
    int rc;

    if (!full)
        return -1;
    full[xr_frames_find(&pick, full)] = '\0';
    xr_frames_choice(choice, &pick);
    rc = xr_read_file(&buf, full, MAX_FILE, digest, err);
    xr_buf_free(&buf);
    free(full);
    return rc;
}
