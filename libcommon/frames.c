/* Frames and slices in paths, and reading what they name. */
#include "frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image_codec.h"
#include "io.h"

#define MAX_FILE ((size_t)1 << 30)
#define HEAD ((size_t)1 << 18) /* of a DICOM file, where its number of frames stands */
#define MAX_INDEX 100000000

/* A number behind `*at`, which moves past it; 0: there is none that counts from 1. */
static size_t number(const char **at)
{
    size_t v = 0;

    while (**at >= '0' && **at <= '9' && v < MAX_INDEX)
        v = v * 10 + (size_t)(*(*at)++ - '0');
    return v < MAX_INDEX ? v : 0;
}

size_t xr_frames_split(struct xr_pick *pick, const char *text)
{
    const char *hash = strrchr(text, '#'), *at = hash ? hash + 1 : "";
    struct xr_pick found = {0};

    *pick = found;
    if (*at == 'x' || *at == 'y' || *at == 'z')
        found.axis = *at++;
    found.index = number(&at);
    if (found.axis && *at == 't') {
        at++;
        found.volume = number(&at);
        if (!found.volume)
            return strlen(text);
    }
    if (!found.index || *at || hash == text || hash[-1] == '/')
        return strlen(text);
    *pick = found;
    return (size_t)(hash - text);
}

size_t xr_frames_find(struct xr_pick *pick, const char *path)
{
    size_t n = xr_frames_split(pick, path);

    if (!pick->index || access(path, F_OK))
        return n;
    memset(pick, 0, sizeof *pick);
    return strlen(path);
}

void xr_frames_choice(char text[XR_FRAMES_TEXT], const struct xr_pick *pick)
{
    char axis[2] = {pick->axis, '\0'};
    int n = 0;

    *text = '\0';
    if (pick->index)
        n = snprintf(text, XR_FRAMES_TEXT, "#%s%zu", axis, pick->index);
    if (pick->volume)
        snprintf(text + n, XR_FRAMES_TEXT - (size_t)n, "t%zu", pick->volume);
}

void xr_frames_suffix(char text[XR_FRAMES_TEXT], const struct xr_pick *pick)
{
    int n = 0;

    *text = '\0';
    if (pick->index)
        n = snprintf(text, XR_FRAMES_TEXT, "_%c%03zu", pick->axis ? pick->axis : 'f',
                     pick->index);
    if (pick->volume)
        snprintf(text + n, XR_FRAMES_TEXT - (size_t)n, "_t%03zu", pick->volume);
}

/* At most `most` bytes from the beginning of a file; -1 where it cannot be read. */
static int read_head(struct xr_buf *buf, FILE *file, size_t most)
{
    if (xr_buf_reserve(buf, most - buf->size, NULL))
        return -1;
    buf->size += fread(buf->data + buf->size, 1, most - buf->size, file);
    return ferror(file) ? -1 : 0;
}

void xr_frames_count(struct xr_frames *frames, const char *path)
{
    FILE *file = fopen(path, "rb");
    struct xr_buf buf = {0};
    bool dicom, done = false;

    *frames = (struct xr_frames){.n = 1};
    if (!file)
        return;
    if (read_head(&buf, file, 512) == 0 && xr_image_sniff(buf.data, buf.size) &&
        xr_image_many(buf.data, buf.size)) {
        dicom = xr_dicom_is((const unsigned char *)buf.data, buf.size);
        done = dicom && read_head(&buf, file, HEAD) == 0 &&
               xr_image_frames(frames, buf.data, buf.size, NULL) == 0;
    } else {
        done = true;
    }
    fclose(file);
    xr_buf_free(&buf); /* reading begins anew */
    if (!done && (xr_read_file(&buf, path, MAX_FILE, NULL, NULL) ||
                  xr_image_frames(frames, buf.data, buf.size, NULL)))
        *frames = (struct xr_frames){.n = 1};
    xr_buf_free(&buf);
}

struct xr_pick xr_frames_nth(const struct xr_frames *frames, size_t i)
{
    struct xr_pick pick = {0};

    if (frames->n == 1)
        return pick;
    pick.index = i + 1;
    if (frames->side[2]) {
        pick.axis = 'z';
        pick.index = i % frames->side[2] + 1;
        pick.volume = frames->volumes > 1 ? i / frames->side[2] + 1 : 0;
    }
    return pick;
}

int xr_frames_read(struct xr_image *image, struct xr_image_info *info, const char *path,
                   enum xr_color color, const struct xr_image_least *least,
                   struct xr_err *err)
{
    struct xr_buf buf = {0};
    struct xr_pick pick;
    size_t n = xr_frames_find(&pick, path);
    char *file = xr_sprintf(err, "%.*s", (int)n, path);
    int rc = -1;

    if (!file)
        return -1;
    if (xr_read_file(&buf, file, MAX_FILE, NULL, err) == 0)
        rc = xr_image_decode_least(image, info, buf.data, buf.size, &pick, color, least,
                                   err);
    else if (err && strncmp(err->text, file, n) == 0 &&
             strncmp(err->text + n, ": ", 2) == 0) /* callers name it */
        memmove(err->text, err->text + n + 2, strlen(err->text + n + 2) + 1);
    xr_buf_free(&buf);
    free(file);
    return rc;
}
