/* Films that no table names: lists of files, folders of classes; what an input is. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "films_parts.h"
#include "frames.h"

#define MAX_LIST ((size_t)1 << 30) /* bytes of a list of files */
#define MAX_DEPTH 16               /* folders below that of a class; links may go round */

/* --- lists ------------------------------------------------------------------- */

/* Cut the text into paths, in place; how many there are. */
static int cut(size_t *n, struct xr_films *f, const struct xr_buf *buf, bool nul,
               struct xr_err *err)
{
    char *end = buf->data + buf->size;

    *n = 0;
    for (char *p = buf->data, *next; p < end; p = next) {
        size_t len;

        next = memchr(p, nul ? '\0' : '\n', (size_t)(end - p));
        next = next ? next : end;
        len = (size_t)(next - p);
        *next++ = '\0'; /* the buffer has a byte more than its size */
        if (!nul && len && p[len - 1] == '\r')
            p[--len] = '\0';
        if (strlen(p) != len)
            return xr_fail(err, "%s:%zu: a NUL byte: is it for --null?", f->name, *n + 1);
        if (!len)
            return xr_fail(err, "%s:%zu: an empty path", f->name, *n + 1);
        ++*n;
    }
    return *n ? 0 : xr_fail(err, "%s: no path in it", f->name);
}

int xr_films_list(struct xr_films *films, const char *path, bool nul,
                  const struct xr_films_rule *rule, struct xr_err *err)
{
    struct xr_buf buf;
    char **paths = NULL, *p;
    size_t n = 0;
    int rc;

    memset(films, 0, sizeof *films);
    films->name = xr_input_name(path);
    if (xr_read_file(&buf, path, MAX_LIST, films->digest, err))
        return -1;
    films->text = p = buf.data;
    rc = cut(&n, films, &buf, nul, err) ||
         !(paths = xr_alloc_array(n, sizeof *paths, err));
    for (size_t i = 0; rc == 0 && i < n; i++) {
        paths[i] = p;
        p += strlen(p) + 1;
        p += !nul && *p == '\0' && i + 1 < n; /* where a CR stood */
    }
    rc = rc || xr_films_paths(films, paths, n, rule, err);
    free(paths);
    if (rc)
        xr_films_free(films);
    return rc ? -1 : 0;
}

/* --- folders ----------------------------------------------------------------- */

/* What was found: paths in text, one behind the other, each with its class. */
struct walk {
    struct xr_films *films;
    struct xr_buf text, labels;
    size_t n;
};

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* 'd' a folder, 'f' a file, 0 anything else; through links. */
static int kind_of(const char *path)
{
    struct stat st;

    if (stat(path, &st))
        return 0;
    return S_ISDIR(st.st_mode) ? 'd' : S_ISREG(st.st_mode) ? 'f' : 0;
}

static int walk_folder(struct walk *w, const char *folder, int64_t label, int depth,
                       struct xr_err *err);

/* One entry of a folder; label -1: of the folder of all classes. */
static int walk_entry(struct walk *w, const char *path, int64_t label, int depth,
                      struct xr_err *err)
{
    const char *name = xr_last_part(path);
    int kind = kind_of(path);

    if (kind == 'd' && label < 0) {
        label = xr_films_class(w->films, name);
        if (label < 0)
            return xr_fail(err, "%s: unknown class '%s'", path, name);
    }
    if (kind == 'd')
        return walk_folder(w, path, label, depth + 1, err);
    if (!xr_image_suffix(name)) {
        w->films->n_others++;
        return 0;
    }
    if (kind != 'f')
        return xr_fail(err, "%s: not a file", path);
    if (label < 0)
        return xr_fail(err, "%s: an image beside the folders of classes", path);
    w->n++;
    return xr_buf_put(&w->text, path, strlen(path) + 1, err) ||
                   xr_buf_put(&w->labels, &label, sizeof label, err)
               ? -1
               : 0;
}

static int walk_folder(struct walk *w, const char *folder, int64_t label, int depth,
                       struct xr_err *err)
{
    struct dirent **entries;
    int n, rc = 0;

    if (depth > MAX_DEPTH)
        return xr_fail(err, "%s: more than %d folders deep", folder, MAX_DEPTH);
    n = scandir(folder, &entries, visible, by_name);
    if (n < 0)
        return xr_fail_errno(err, "%s: cannot read the folder", folder);
    for (int i = 0; i < n; i++) {
        char *path = rc ? NULL : xr_sprintf(err, "%s/%s", folder, entries[i]->d_name);

        rc = rc || !path || walk_entry(w, path, label, depth, err);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return rc ? -1 : 0;
}

/* The names of the folders, sorted, are the classes. */
static int folder_classes(struct xr_films *f, const char *folder, struct xr_err *err)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, visible, by_name), rc = 0;

    if (n < 0)
        return xr_fail_errno(err, "%s: cannot read the folder", folder);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        char *path = rc ? NULL : xr_sprintf(err, "%s/%s", folder, name);

        rc = rc || !path ||
             (kind_of(path) == 'd' && xr_films_class_add(f, name, strlen(name), err));
        free(path);
        free(entries[i]);
    }
    free(entries);
    if (rc == 0 && !f->n_classes)
        return xr_fail(err, "%s: no folder of a class in it", folder);
    return rc ? -1 : 0;
}

/* The films of what was found. */
static int folder_films(struct walk *w, const struct xr_films_rule *rule, size_t stem,
                        struct xr_err *err)
{
    struct xr_films *f = w->films;
    const int64_t *labels = (const int64_t *)(void *)w->labels.data;
    const char *path = f->text;

    f->class_counts = xr_alloc_array(f->n_classes, sizeof *f->class_counts, err);
    if (!f->class_counts)
        return -1;
    for (size_t i = 0; i < w->n; i++, path += strlen(path) + 1) {
        char *key = xr_strdup(path + stem, err);
        int rc;

        for (char *p = key; p && *p; p++)
            *p = *p == '/' ? '_' : *p;
        rc = !key || xr_films_add(f, path, key, labels[i], i, rule, err);
        free(key);
        if (rc)
            return xr_fail_in(err, "%s", path);
    }
    return xr_films_distinct(f, err);
}

int xr_films_folder(struct xr_films *films, const char *path,
                    const struct xr_films_rule *rule, struct xr_err *err)
{
    struct walk w = {.films = films};
    size_t len = strlen(path);
    char *folder;
    int rc;

    memset(films, 0, sizeof *films);
    while (len > 1 && path[len - 1] == '/')
        len--;
    folder = xr_sprintf(err, "%.*s", (int)len, path);
    if (!folder)
        return -1;
    rc = (rule->classes ? xr_films_classes_given(films, rule->classes, err)
                        : folder_classes(films, folder, err)) ||
         walk_folder(&w, folder, -1, 0, err);
    if (rc == 0 && !w.n)
        rc = xr_fail(err, "%s: no image in the folders of classes", folder);
    films->text = w.text.data;
    if (rc == 0)
        rc = folder_films(&w, rule, len + 1, err);
    xr_buf_free(&w.labels);
    free(folder);
    if (rc)
        xr_films_free(films);
    return rc ? -1 : 0;
}

/* --- kinds ------------------------------------------------------------------- */

/* What standard input will give, without taking it: of a pipe, what has arrived so far.
 */
static size_t peek(unsigned char *head, size_t size)
{
    off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);
    ssize_t n = -1;
    int twin[2];

    if (at >= 0) {
        n = pread(STDIN_FILENO, head, size, at);
    } else if (pipe(twin) == 0) {
        n = tee(STDIN_FILENO, twin[1], size, 0); /* waits for the first byte */
        close(twin[1]);
        n = n > 0 ? read(twin[0], head, size) : n;
        close(twin[0]);
    }
    return n > 0 ? (size_t)n : 0;
}

int xr_films_sniff(const char *path)
{
    unsigned char head[512] = {0};
    bool standard = strcmp(path, "-") == 0;
    struct xr_pick pick;
    char *name;
    size_t n = 0;
    FILE *file;
    bool image;

    if (!standard && kind_of(path) == 'd')
        return 'd';
    name = xr_sprintf(NULL, "%.*s", (int)xr_frames_find(&pick, path), path);
    file = standard || !name ? NULL : fopen(name, "rb");
    image = name && xr_image_suffix(name) > 0;
    free(name);
    if (file) {
        n = fread(head, 1, sizeof head, file);
        fclose(file);
    } else if (standard) {
        n = peek(head, sizeof head);
    }
    if (xr_image_sniff(head, n))
        return 'i';
    if (n >= 4 && (!memcmp(head, "\x1f\x8b", 2) || !memcmp(head, "\x28\xb5\x2f\xfd", 4) ||
                   (n >= 263 && !memcmp(head + 257, "ustar", 5))))
        return 't';
    if (n >= 100 && memchr(head, 0, 100)) /* a tar header begins with a name and NULs */
        return 't';
    return image ? 'i' : 'c';
}
