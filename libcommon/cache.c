/* Decoded and fitted films in a folder. */
#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io.h"
#include "json.h"

#define MAGIC "xr-cache 1\n"
#define MAX_ENTRY ((size_t)1 << 31)

/* An entry: the magic, the digest of all that follows with a LF, the JSON in one line,
 * the array as .npy. */
#define HEAD (sizeof MAGIC - 1 + XR_SHA256_TEXT)

struct xr_cache {
    char *folder;
    uint64_t max, held; /* bytes */
    uint64_t asked, found;
    struct xr_err first; /* what went wrong first */
    bool stopped;
    pthread_mutex_t lock;
};

static void digest_of(char text[XR_SHA256_TEXT], const void *data, size_t size)
{
    struct xr_sha256 *sha = xr_sha256_new(NULL);

    memset(text, 0, XR_SHA256_TEXT);
    if (!sha)
        return;
    xr_sha256_add(sha, data, size);
    xr_sha256_text(sha, text);
    xr_sha256_free(sha);
}

/* FOLDER/ab/cdef...; its own folder ends at *slash. */
static char *path_of(const struct xr_cache *c, const char *name, size_t *slash)
{
    char hex[XR_SHA256_TEXT];

    digest_of(hex, name, strlen(name));
    *slash = strlen(c->folder) + 3;
    return hex[0] ? xr_sprintf(NULL, "%s/%.2s/%s", c->folder, hex + 7, hex + 9) : NULL;
}

static void problem(struct xr_cache *c, const struct xr_err *err)
{
    pthread_mutex_lock(&c->lock);
    if (!c->first.text[0])
        c->first = *err;
    c->stopped = true;
    pthread_mutex_unlock(&c->lock);
}

/* Bytes of all files two folders deep. */
static uint64_t measure(const char *folder, int depth)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    uint64_t sum = 0;

    while (dir && (entry = readdir(dir))) {
        char *path = entry->d_name[0] == '.'
                         ? NULL
                         : xr_sprintf(NULL, "%s/%s", folder, entry->d_name);
        struct stat st;

        if (path && stat(path, &st) == 0)
            sum += S_ISDIR(st.st_mode) && depth < 2 ? measure(path, depth + 1)
                                                    : (uint64_t)st.st_size;
        free(path);
    }
    if (dir)
        closedir(dir);
    return sum;
}

int xr_cache_open(struct xr_cache **cache, const char *folder, uint64_t max,
                  struct xr_err *err)
{
    struct xr_cache *c;

    *cache = NULL;
    if (mkdir(folder, 0777) && errno != EEXIST)
        return xr_fail_errno(err, "%s: cannot make the folder", folder);
    c = xr_alloc_array(1, sizeof *c, err);
    if (!c)
        return -1;
    pthread_mutex_init(&c->lock, NULL);
    c->folder = xr_strdup(folder, err);
    c->max = max;
    c->held = max ? measure(folder, 1) : 0;
    if (!c->folder) {
        xr_cache_close(c);
        return -1;
    }
    *cache = c;
    return 0;
}

/* The parts of an entry, which is checked. */
static bool parse(struct xr_array *array, cJSON **json, const struct xr_buf *buf)
{
    char digest[XR_SHA256_TEXT];
    const char *body = buf->data + HEAD, *line;

    if (buf->size < HEAD || memcmp(buf->data, MAGIC, sizeof MAGIC - 1))
        return false;
    digest_of(digest, body, buf->size - HEAD);
    if (!digest[0] || memcmp(digest, body - XR_SHA256_TEXT, XR_SHA256_TEXT - 1) ||
        !(line = memchr(body, '\n', buf->size - HEAD)))
        return false;
    *json = xr_json_parse(body, (size_t)(line - body), "cache", NULL);
    if (*json && xr_npy_parse(array, line + 1, (size_t)(buf->data + buf->size - line - 1),
                              NULL) == 0)
        return true;
    cJSON_Delete(*json);
    return false;
}

bool xr_cache_get(struct xr_array *array, cJSON **json, struct xr_cache *c,
                  const char *name)
{
    size_t slash;
    char *path = path_of(c, name, &slash);
    struct xr_buf buf = {0};
    bool found = path && xr_read_file(&buf, path, MAX_ENTRY, NULL, NULL) == 0 &&
                 parse(array, json, &buf);

    xr_buf_free(&buf);
    free(path);
    pthread_mutex_lock(&c->lock);
    c->asked++;
    c->found += found;
    pthread_mutex_unlock(&c->lock);
    return found;
}

static int format(struct xr_buf *buf, const struct xr_image *image, const cJSON *json,
                  struct xr_err *err)
{
    struct xr_array array = {.dtype = image->depth == 16 ? XR_U16 : XR_U8,
                             .n_dims = 3,
                             .shape = {image->height, image->width, image->channels},
                             .data = image->data};
    char blank[XR_SHA256_TEXT] = "";
    struct xr_buf npy = {0};
    int rc = xr_buf_text(buf, MAGIC, err) || xr_buf_put(buf, blank, sizeof blank, err) ||
             xr_json_line(buf, json, err) || xr_buf_text(buf, "\n", err) ||
             xr_npy_format(&npy, &array, err) || xr_buf_put(buf, npy.data, npy.size, err);

    xr_buf_free(&npy);
    if (rc)
        return -1;
    digest_of(buf->data + HEAD - XR_SHA256_TEXT, buf->data + HEAD, buf->size - HEAD);
    buf->data[HEAD - 1] = '\n';
    return 0;
}

/* May so many bytes be added? Then they are counted. */
static bool room(struct xr_cache *c, size_t size)
{
    bool may;

    pthread_mutex_lock(&c->lock);
    may = !c->stopped && (!c->max || c->held + size <= c->max);
    c->held += may ? size : 0;
    pthread_mutex_unlock(&c->lock);
    return may;
}

void xr_cache_put(struct xr_cache *c, const char *name, const struct xr_image *image,
                  const cJSON *json)
{
    size_t slash;
    char *path = path_of(c, name, &slash);
    struct xr_buf buf = {0};
    struct xr_err err = {0};

    if (path && format(&buf, image, json, &err) == 0 && room(c, buf.size)) {
        path[slash] = '\0';
        if (mkdir(path, 0777) && errno != EEXIST)
            xr_fail_errno(&err, "%s: cannot make the folder", path);
        path[slash] = '/';
        if (err.text[0] || xr_write_file(path, buf.data, buf.size, XR_OUT_NO_SYNC, &err))
            problem(c, &err);
    }
    xr_buf_free(&buf);
    free(path);
}

const char *xr_cache_said(const struct xr_cache *c, uint64_t *asked, uint64_t *found)
{
    *asked = c->asked;
    *found = c->found;
    return c->first.text[0] ? c->first.text : NULL;
}

void xr_cache_close(struct xr_cache *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    free(c->folder);
    free(c);
}
