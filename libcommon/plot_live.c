/* Reading a table that is still being written. */
#include "plot_live.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define MAX_LOG ((size_t)64 << 20)
#define PIECE 4096

/* Bytes up to the end of the last whole line; lines are counted. */
static size_t whole(const struct xr_buf *text, size_t *lines)
{
    bool quoted = false;
    size_t end = 0;

    *lines = 0;
    for (size_t i = 0; i < text->size; i++) {
        quoted = quoted != (text->data[i] == '"');
        if (text->data[i] == '\n' && !quoted) {
            end = i + 1;
            ++*lines;
        }
    }
    return end;
}

static int hand_on(const struct xr_buf *text, size_t size, const char *name, bool last,
                   xr_live_draw *draw, void *of, struct xr_err *err)
{
    struct xr_buf copy = {0};
    struct xr_table table;
    int status;

    if (xr_buf_put(&copy, text->data ? text->data : "", size, err)) {
        xr_buf_free(&copy);
        return -1;
    }
    if (xr_table_parse(&table, &copy, name, err))
        return -1;
    status = draw(of, &table, last, err);
    xr_table_free(&table);
    return status;
}

/* 1: more was read. 0: the end. 2: nothing came for so long. -1: an error. */
static int read_more(struct xr_buf *text, int fd, double pause, const char *name,
                     struct xr_err *err)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char piece[PIECE];
    ssize_t n;
    int ready;

    do
        ready = poll(&poll_fd, 1, pause < 0 ? -1 : (int)(pause * 1000.0));
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return 2;
    do
        n = ready < 0 ? -1 : read(fd, piece, sizeof piece);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return xr_fail_errno(err, "%s: cannot read", name);
    if (text->size + (size_t)n > MAX_LOG)
        return xr_fail(err, "%s: a log of more than %zu bytes", name, MAX_LOG);
    return xr_buf_put(text, piece, (size_t)n, err) ? -1 : n > 0;
}

int xr_live_read(int fd, const char *name, double pause, xr_live_draw *draw, void *of,
                 struct xr_err *err)
{
    struct xr_buf text = {0};
    size_t drawn = 0, lines, size;
    int got = 1;

    while (got > 0) {
        size = whole(&text, &lines);
        /* nothing new: wait for as long as it takes; else for what belongs to it */
        got = read_more(&text, fd, lines > 1 && size > drawn ? pause : -1.0, name, err);
        if (got == 2) {
            drawn = size;
            if (hand_on(&text, size, name, false, draw, of, err))
                got = -1;
        }
    }
    if (got == 0)
        got = hand_on(&text, text.size, name, true, draw, of, err);
    xr_buf_free(&text);
    return got;
}
