/*
 * Errors and memory: the two things every layer may use.
 */
#ifndef XR_ERR_H
#define XR_ERR_H

#include <stddef.h>

#define XR_MUST_USE __attribute__((warn_unused_result))
#define XR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* One line for a person, without the tool's name and without a full stop:
 * "splits.csv:41: cannot read 'a.jpg': Premature end of JPEG file". */
struct xr_err {
    int usage; /* 1: the caller's settings are wrong (exit 2), 0: the data or the machine
                */
    char text[1024];
};

/*
 * Fill *err and return -1, so that a function can end with `return xr_fail(err, ...)`.
 * Control characters become '?', the text is cut at its end if it is too long. err may be
 * NULL. An error already in *err is replaced (its text may be an argument).
 */
int xr_fail(struct xr_err *err, const char *fmt, ...) XR_PRINTF(2, 3);

/* The same for wrong settings: the tool will exit with 2. */
int xr_fail_usage(struct xr_err *err, const char *fmt, ...) XR_PRINTF(2, 3);

/* The same, followed by ": " and the text of errno. */
int xr_fail_errno(struct xr_err *err, const char *fmt, ...) XR_PRINTF(2, 3);

/* Put "prefix: " before the text in *err; returns -1. */
int xr_fail_in(struct xr_err *err, const char *fmt, ...) XR_PRINTF(2, 3);

/*
 * n elements of `size` bytes, zeroed, aligned to 64 bytes; free with free(). NULL with
 * *err set if the product overflows, is larger than half the address space, or memory is
 * short. n = 0 gives a valid pointer.
 */
void *xr_alloc_array(size_t n, size_t size, struct xr_err *err) XR_MUST_USE;

/* strdup and asprintf that set *err. Free with free(). */
char *xr_strdup(const char *text, struct xr_err *err) XR_MUST_USE;
char *xr_sprintf(struct xr_err *err, const char *fmt, ...) XR_PRINTF(2, 3) XR_MUST_USE;

/* A growing byte buffer: {0} is empty. Text put into it is always followed by a NUL that
 * does not count in size. */
struct xr_buf {
    char *data;
    size_t size, room;
};

int xr_buf_put(struct xr_buf *buf, const void *data, size_t size,
               struct xr_err *err) XR_MUST_USE;
int xr_buf_text(struct xr_buf *buf, const char *text, struct xr_err *err) XR_MUST_USE;
int xr_buf_printf(struct xr_buf *buf, struct xr_err *err, const char *fmt, ...)
    XR_PRINTF(3, 4) XR_MUST_USE;
int xr_buf_reserve(struct xr_buf *buf, size_t more, struct xr_err *err) XR_MUST_USE;
void xr_buf_free(struct xr_buf *buf);

#endif
