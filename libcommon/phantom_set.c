/* A set of phantoms as a folder: images, masks, boxes.csv, and dataset.csv when all is
 * there. */
#include "phantom.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"

#define JPEG_QUALITY 90
#define NAME_ROOM 32

/* What a drawing leaves behind for the tables. */
struct row {
    struct xr_phantom_box box[XR_PHANTOM_MAX_BOXES];
    int n_boxes;
};

struct job {
    const struct xr_phantom *phantom;
    const struct xr_phantom_files *files;
    size_t n;
    struct row *rows;
    pthread_mutex_t lock;
    /* under the lock */
    size_t next, done;
    size_t bad; /* the first image that failed, n: none */
    struct xr_err err;
};

/* --- boxes
 * ------------------------------------------------------------------------------------ */

int xr_phantom_boxes(struct xr_phantom_box *boxes, int room, const struct xr_image *mask,
                     struct xr_err *err)
{
    size_t w = mask->width, h = mask->height, *stack;
    uint8_t *seen = xr_alloc_array(w * h, 1, err);
    const uint8_t *m = mask->data;
    int n = 0;

    stack = xr_alloc_array(w * h, sizeof *stack, err);
    if (!seen || !stack) {
        free(seen);
        free(stack);
        return -1;
    }
    for (size_t i = 0; i < w * h && n < room; i++) {
        struct xr_phantom_box b = {UINT32_MAX, UINT32_MAX, 0, 0, 0};
        size_t top = 0;

        if (!m[i] || seen[i])
            continue;
        seen[i] = 1;
        stack[top++] = i;
        while (top) {
            size_t at = stack[--top], x = at % w, y = at / w;

            b.x0 = x < b.x0 ? (uint32_t)x : b.x0;
            b.y0 = y < b.y0 ? (uint32_t)y : b.y0;
            b.x1 = x + 1 > b.x1 ? (uint32_t)x + 1 : b.x1;
            b.y1 = y + 1 > b.y1 ? (uint32_t)y + 1 : b.y1;
            b.area++;
            for (size_t v = y ? y - 1 : 0; v <= y + 1 && v < h; v++) {
                for (size_t u = x ? x - 1 : 0; u <= x + 1 && u < w; u++) {
                    if (m[v * w + u] && !seen[v * w + u]) {
                        seen[v * w + u] = 1;
                        stack[top++] = v * w + u;
                    }
                }
            }
        }
        boxes[n++] = b;
    }
    free(seen);
    free(stack);
    return n;
}

/* --- the folder
 * ------------------------------------------------------------------------------- */

static void image_name(char name[NAME_ROOM], size_t i, const char *suffix)
{
    snprintf(name, NAME_ROOM, "IMG%06zu.%s", i + 1, suffix);
}

/* IMG and six digits: a file that an earlier run left. */
static bool is_ours(const char *name)
{
    return strncmp(name, "IMG", 3) == 0 && strspn(name + 3, "0123456789") == 6 &&
           (strcmp(name + 9, ".jpg") == 0 || strcmp(name + 9, ".png") == 0);
}

static int sweep(const char *dir, const char *sub, struct xr_err *err)
{
    char *path = xr_sprintf(err, "%s/%s", dir, sub);
    struct dirent *entry;
    DIR *d;
    int rc = -1;

    if (!path)
        return -1;
    d = opendir(path);
    if (!d) {
        rc = errno == ENOENT ? 0 : xr_fail_errno(err, "%s", path);
        free(path);
        return rc;
    }
    while ((entry = readdir(d))) {
        if (is_ours(entry->d_name) && unlinkat(dirfd(d), entry->d_name, 0)) {
            xr_fail_errno(err, "%s/%s", path, entry->d_name);
            goto done;
        }
    }
    rc = 0;
done:
    closedir(d);
    free(path);
    return rc;
}

static int drop(const char *dir, const char *name, struct xr_err *err)
{
    char *path = xr_sprintf(err, "%s/%s", dir, name);
    int rc = 0;

    if (!path)
        return -1;
    if (unlink(path) && errno != ENOENT)
        rc = xr_fail_errno(err, "%s", path);
    free(path);
    return rc;
}

static int make_dir(const char *dir, const char *sub, struct xr_err *err)
{
    char *path = xr_sprintf(err, sub ? "%s/%s" : "%s", dir, sub);
    int rc = 0;

    if (!path)
        return -1;
    if (mkdir(path, 0777) && errno != EEXIST)
        rc = xr_fail_errno(err, "%s", path);
    free(path);
    return rc;
}

/* An empty folder, or with force one from which the last set is taken first, its table
 * before all. */
static int prepare(const struct xr_phantom_files *f, struct xr_err *err)
{
    bool empty = true;
    struct dirent *entry;
    DIR *d;

    if (make_dir(f->dir, NULL, err))
        return -1;
    d = opendir(f->dir);
    if (!d)
        return xr_fail_errno(err, "%s", f->dir);
    while ((entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            empty = false;
    }
    closedir(d);
    if (!empty && !f->force)
        return xr_fail(err, "%s: the folder is not empty: --force replaces the set in it",
                       f->dir);
    if (!empty && (drop(f->dir, "dataset.csv", err) || drop(f->dir, "boxes.csv", err) ||
                   sweep(f->dir, "images", err) || sweep(f->dir, "masks", err)))
        return -1;
    return make_dir(f->dir, "images", err) || make_dir(f->dir, "masks", err) ? -1 : 0;
}

/* A whole file by a temporary name. It is not synced by itself: the set is, before its
 * table. */
static int put(const char *dir, const char *sub, const char *name,
               const struct xr_buf *buf, struct xr_err *err)
{
    char *path = xr_sprintf(err, "%s/%s/%s", dir, sub, name), *temp = NULL;
    size_t at = 0;
    int fd, rc = -1;

    if (path)
        temp = xr_sprintf(err, "%s/%s/.%s.tmp", dir, sub, name);
    if (!path || !temp)
        goto done;
    fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        xr_fail_errno(err, "%s", temp);
        goto done;
    }
    while (at < buf->size) {
        ssize_t n = write(fd, buf->data + at, buf->size - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    rc = at < buf->size;
    rc |= close(fd) != 0;
    if (rc || rename(temp, path)) {
        rc = xr_fail_errno(err, "%s", path);
        unlink(temp);
    }
done:
    free(temp);
    free(path);
    return rc ? -1 : 0;
}

static int one(struct job *job, size_t i, struct xr_err *err)
{
    const struct xr_phantom_files *f = job->files;
    struct xr_image image = {0}, mask = {0};
    struct row *row = &job->rows[i];
    struct xr_buf buf = {0};
    char name[NAME_ROOM];
    int rc = -1;

    if (xr_phantom_draw(&image, &mask, job->phantom, i, err))
        return -1;
    row->n_boxes = xr_phantom_boxes(row->box, XR_PHANTOM_MAX_BOXES, &mask, err);
    if (row->n_boxes < 0)
        goto done;
    image_name(name, i, f->png ? "png" : "jpg");
    if ((f->png ? xr_image_png(&buf, &image, err)
                : xr_image_jpeg(&buf, &image, JPEG_QUALITY, err)) ||
        put(f->dir, "images", name, &buf, err))
        goto done;
    if (row->n_boxes > 0) {
        buf.size = 0;
        image_name(name, i, "png");
        if (xr_image_png(&buf, &mask, err) || put(f->dir, "masks", name, &buf, err))
            goto done;
    }
    rc = 0;
done:
    xr_buf_free(&buf);
    xr_image_free(&image);
    xr_image_free(&mask);
    return rc;
}

static void *work(void *user)
{
    struct job *job = user;
    struct xr_err err = {0};

    for (;;) {
        size_t i;
        int rc;

        pthread_mutex_lock(&job->lock);
        i = job->bad < job->n ? job->n : job->next;
        if (i < job->n)
            job->next++;
        pthread_mutex_unlock(&job->lock);
        if (i >= job->n)
            return NULL;
        rc = one(job, i, &err);
        pthread_mutex_lock(&job->lock);
        if (rc && i < job->bad) {
            job->bad = i;
            job->err = err;
        }
        job->done++;
        if (!rc && job->files->progress)
            job->files->progress(job->files->user, job->done, job->n);
        pthread_mutex_unlock(&job->lock);
    }
}

/* All images; the calling thread is one of the workers. Signals are left to it. */
static int draw_all(struct job *job, struct xr_err *err)
{
    int64_t helpers = job->files->jobs - 1, started = 0;
    pthread_t *threads;
    sigset_t all, old;

    if (helpers > (int64_t)job->n)
        helpers = (int64_t)job->n;
    threads = xr_alloc_array((size_t)(helpers > 0 ? helpers : 0), sizeof *threads, err);
    if (!threads)
        return -1;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    while (started < helpers && pthread_create(&threads[started], NULL, work, job) == 0)
        started++; /* fewer threads are slower, not wrong */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    work(job);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    free(threads);
    if (job->bad < job->n) {
        *err = job->err;
        return -1;
    }
    return 0;
}

static int boxes_csv(const struct job *job, struct xr_err *err)
{
    const char *suffix = job->files->png ? "png" : "jpg";
    struct xr_buf buf = {0};
    char *path = xr_sprintf(err, "%s/boxes.csv", job->files->dir), name[NAME_ROOM];
    int rc = -1;

    if (!path || xr_buf_text(&buf, "image_id,label,x0,y0,x1,y1,area\n", err))
        goto done;
    for (size_t i = 0; i < job->n; i++) {
        const struct xr_phantom_case *c = xr_phantom_case(job->phantom, i);

        image_name(name, i, suffix);
        for (int k = 0; k < job->rows[i].n_boxes; k++) {
            const struct xr_phantom_box *b = &job->rows[i].box[k];

            if (xr_buf_printf(&buf, err,
                              "%s,%s,%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32
                              ",%" PRIu32 "\n",
                              name, xr_phantom_class_name(c->label), b->x0, b->y0, b->x1,
                              b->y1, b->area))
                goto done;
        }
    }
    rc = xr_write_file(path, buf.data, buf.size, 0, err);
done:
    xr_buf_free(&buf);
    free(path);
    return rc;
}

static int dataset_row(struct xr_buf *buf, const struct job *job, size_t i,
                       struct xr_err *err)
{
    const struct xr_phantom_case *c = xr_phantom_case(job->phantom, i);
    const struct row *row = &job->rows[i];
    char name[NAME_ROOM], mask[NAME_ROOM] = "";

    image_name(name, i, job->files->png ? "png" : "jpg");
    if (row->n_boxes > 0)
        image_name(mask, i, "png");
    if (xr_buf_printf(buf, err, "%s,images/%s,P%06u,%d,%d,%c,%s,%s,%s,%d,%d,%d,%s%s,",
                      name, name, (unsigned)c->patient, c->center, c->age, c->gender,
                      xr_phantom_anatomy_name(c->anatomy), xr_phantom_view_name(c->view),
                      xr_phantom_class_name(c->label), c->label != XR_PHANTOM_NORMAL,
                      c->label == XR_PHANTOM_BENIGN, c->label == XR_PHANTOM_MALIGNANT,
                      *mask ? "masks/" : "", mask))
        return -1;
    for (int k = 0; k < row->n_boxes; k++) {
        const struct xr_phantom_box *b = &row->box[k];

        if (xr_buf_printf(buf, err, "%s%" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32,
                          k ? ";" : "", b->x0, b->y0, b->x1, b->y1))
            return -1;
    }
    return xr_buf_printf(buf, err, ",%d,%d\n", c->width, c->height);
}

static int dataset_csv(const struct job *job, struct xr_err *err)
{
    struct xr_buf buf = {0};
    char *path = xr_sprintf(err, "%s/dataset.csv", job->files->dir);
    int rc = -1;

    if (!path ||
        xr_buf_text(&buf,
                    "image_id,path,patient_id,center,age,gender,anatomy,view,label,tumor,"
                    "benign,malignant,mask,boxes,width,height\n",
                    err))
        goto done;
    for (size_t i = 0; i < job->n; i++) {
        if (dataset_row(&buf, job, i, err))
            goto done;
    }
    rc = xr_write_file(path, buf.data, buf.size, 0, err);
done:
    xr_buf_free(&buf);
    free(path);
    return rc;
}

/* The images reach the disk before the table that says they are there. */
static int settle(const char *dir, struct xr_err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

    if (fd < 0)
        return xr_fail_errno(err, "%s", dir);
    if (syncfs(fd))
        rc = xr_fail_errno(err, "%s", dir);
    close(fd);
    return rc;
}

int xr_phantom_write(const struct xr_phantom *phantom,
                     const struct xr_phantom_files *files, struct xr_err *err)
{
    struct job job = {.phantom = phantom, .files = files, .n = xr_phantom_count(phantom)};
    int rc = -1;

    job.bad = job.n;
    if (prepare(files, err))
        return -1;
    job.rows = xr_alloc_array(job.n, sizeof *job.rows, err);
    if (!job.rows)
        return -1;
    pthread_mutex_init(&job.lock, NULL);
    if (draw_all(&job, err) == 0 && boxes_csv(&job, err) == 0 &&
        settle(files->dir, err) == 0 && dataset_csv(&job, err) == 0)
        rc = 0;
    pthread_mutex_destroy(&job.lock);
    free(job.rows);
    return rc;
}
