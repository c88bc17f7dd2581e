/* Looks at test sets, counted in a file that only grows. */
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "json.h"

#define MAX_LEDGER ((off_t)1 << 28)

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int xr_ledger_set(char digest[XR_SHA256_TEXT], const char **texts, size_t n,
                  struct xr_err *err)
{
    struct xr_sha256 *sha = xr_sha256_new(err);

    if (!sha)
        return -1;
    if (n)
        qsort(texts, n, sizeof *texts, by_text);
    for (size_t i = 0; i < n; i++)
        xr_sha256_add(sha, texts[i], strlen(texts[i]) + 1);
    xr_sha256_text(sha, digest);
    xr_sha256_free(sha);
    return 0;
}

/* Lines that are of this test set. */
static int count(uint64_t *looks, const struct xr_buf *text, const char *set,
                 const char *path, struct xr_err *err)
{
    size_t line = 0;

    *looks = 0;
    for (const char *p = text->data, *end; p < text->data + text->size; p = end + 1) {
        cJSON *json;
        const char *own;

        line++;
        end = memchr(p, '\n', (size_t)(text->data + text->size - p));
        if (!end)
            return xr_fail(err,
                           "%s:%zu: the last line is cut: it is for a person to "
                           "repair",
                           path, line);
        json = cJSON_ParseWithLength(p, (size_t)(end - p));
        own = xr_json_text(json, "test_set", NULL);
        if (!own) {
            cJSON_Delete(json);
            return xr_fail(err, "%s:%zu: not a line of a ledger", path, line);
        }
        *looks += !strcmp(own, set);
        cJSON_Delete(json);
    }
    return 0;
}

static int read_locked(struct xr_buf *buf, int fd, off_t size, const char *path,
                       struct xr_err *err)
{
    if (xr_buf_reserve(buf, (size_t)size + 1, err))
        return -1;
    while (buf->size < (size_t)size) {
        ssize_t got =
            pread(fd, buf->data + buf->size, (size_t)size - buf->size, (off_t)buf->size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return xr_fail_errno(err, "%s: cannot read", path);
        buf->size += (size_t)got;
    }
    return 0;
}

/* At the end of the file, whole and on the disk, or not at all. */
static int append(int fd, const struct xr_buf *line, off_t size, const char *path,
                  struct xr_err *err)
{
    size_t done = 0;

    while (done < line->size) {
        ssize_t put =
            pwrite(fd, line->data + done, line->size - done, size + (off_t)done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            break;
        done += (size_t)put;
    }
    if (done == line->size && fsync(fd) == 0)
        return 0;
    xr_fail_errno(err, "%s: cannot write", path);
    if (ftruncate(fd, size))
        xr_fail_in(err, "the line may be cut");
    return -1;
}

static int make_line(struct xr_buf *line, const cJSON *entry, uint64_t look,
                     struct xr_err *err)
{
    cJSON *json = cJSON_CreateObject(), *item;
    time_t now = time(NULL);
    struct tm tm;
    char date[32];
    int status;

    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    cJSON_AddNumberToObject(json, "look", (double)look);
    cJSON_ArrayForEach(item, entry)
    {
        cJSON_AddItemToObject(json, item->string, cJSON_Duplicate(item, true));
    }
    cJSON_AddStringToObject(json, "date", date);
    status = xr_json_line(line, json, err) || xr_buf_text(line, "\n", err);
    cJSON_Delete(json);
    return status ? -1 : 0;
}

int xr_ledger_look(uint64_t *look, const char *path, const cJSON *entry,
                   struct xr_err *err)
{
    struct xr_buf text = {0}, line = {0};
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), status = -1;

    if (fd < 0)
        return xr_fail_errno(err, "%s: cannot open", path);
    while (flock(fd, LOCK_EX)) {
        if (errno == EINTR)
            continue;
        xr_fail_errno(err, "%s: cannot lock", path);
        goto done;
    }
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > MAX_LEDGER) {
        xr_fail(err, "%s: not a file of at most %lld bytes", path, (long long)MAX_LEDGER);
        goto done;
    }
    if (read_locked(&text, fd, st.st_size, path, err) ||
        count(look, &text, xr_json_text(entry, "test_set", ""), path, err))
        goto done;
    ++*look;
    if (make_line(&line, entry, *look, err) == 0)
        status = append(fd, &line, st.st_size, path, err);
done:
    xr_buf_free(&text);
    xr_buf_free(&line);
    if (close(fd) && status == 0)
        status = xr_fail_errno(err, "%s: cannot close", path);
    return status;
}
