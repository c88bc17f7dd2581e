/* Scripts for gnuplot, and running it. */
#include "plot.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "io.h"

#define IMAGE_MAX ((size_t)1 << 28)
#define CM_PER_INCH 2.54
#define SVG_DPI 96.0   /* what a CSS pixel is */
#define PANGO_DPI 96.0 /* what gnuplot's cairo terminals take a point of text from */

extern char **environ;

void xr_script_put(struct xr_script *script, const char *fmt, ...)
{
    struct xr_buf *buf = &script->buf;
    va_list ap, again;
    int n;

    if (script->failed)
        return;
    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    script->failed = n < 0 || xr_buf_reserve(buf, (size_t)n + 1, script->err);
    if (!script->failed) {
        vsnprintf(buf->data + buf->size, (size_t)n + 1, fmt, again);
        buf->size += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

static size_t characters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

void xr_script_text(struct xr_script *script, const char *text, size_t most, bool tic)
{
    size_t n = 0, all = characters(text), from = all, to = all;

    if (most && all > most) { /* what is cut out of the middle */
        from = most / 2;
        to = all - (most - most / 2 - 1);
    }
    xr_script_put(script, "'");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        n += (c & 0xc0) != 0x80;
        if (n > from && n <= to) {
            if (n == to && (c & 0xc0) != 0x80)
                xr_script_put(script, "\xe2\x80\xa6");
            continue;
        }
        if (c < 0x20 || c == 0x7f)
            c = ' ';
        xr_script_put(script, "%c%s", c, c == '\'' ? "'" : tic && c == '%' ? "%" : "");
    }
    xr_script_put(script, "'");
}

const char *xr_plot_color(size_t i)
{
    static const char *const colors[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                         "#56B4E9", "#E69F00", "#000000"};

    return colors[i % (sizeof colors / sizeof *colors)];
}

void xr_script_head(struct xr_script *script, const struct xr_plot_style *style,
                    double height)
{
    double h = style->height > 0 ? style->height : height;

    xr_script_put(script, "# made by xr-plot; run: gnuplot -d THIS > PICTURE\n");
    if (style->format == XR_PLOT_SVG)
        xr_script_put(
            script,
            "set terminal svg size %.0f,%.0f fixed font 'Helvetica,%.2f' noenhanced "
            "background 'white' linewidth 1\n",
            style->width / CM_PER_INCH * SVG_DPI, h / CM_PER_INCH * SVG_DPI,
            style->font * SVG_DPI / 72.0);
    else if (style->format == XR_PLOT_PNG)
        xr_script_put(
            script,
            "set terminal pngcairo size %.0f,%.0f font 'Helvetica,%.4g' fontscale %.4g "
            "noenhanced linewidth %.4g dashlength %.4g pointscale %.4g\n",
            style->width / CM_PER_INCH * style->dpi, h / CM_PER_INCH * style->dpi,
            style->font, style->dpi / PANGO_DPI, style->dpi / PANGO_DPI, 0.6,
            style->dpi / PANGO_DPI);
    else
        xr_script_put(script,
                      "set terminal pdfcairo size %.4gcm,%.4gcm font 'Helvetica,%.4g' "
                      "fontscale 0.75 " /* 72 / PANGO_DPI */
                      "noenhanced linewidth 1\n",
                      style->width, h, style->font);
    xr_script_put(script, "set encoding utf8\n"
                          "set border 3 linewidth 0.5\n"
                          "set tics nomirror out scale 0.5\n"
                          "set format '%%g'\nunset key\n");
    if (style->title) {
        xr_script_put(script, "set label 1000 ");
        xr_script_text(script, style->title, 0, false);
        xr_script_put(script, " at screen 0.5,%.4f center\n",
                      1.0 - 0.8 * xr_plot_line(style) / h);
    }
}

double xr_plot_line(const struct xr_plot_style *style)
{
    return (style->format == XR_PLOT_SVG ? 1.5 : 1.25) * style->font / 72.0 * CM_PER_INCH;
}

double xr_plot_rise(const struct xr_plot_style *style, double lines)
{
    return style->format == XR_PLOT_SVG ? 0.75 * lines : lines;
}

double xr_plot_font(const struct xr_plot_style *style, double relative)
{
    return relative * style->font * (style->format == XR_PLOT_SVG ? SVG_DPI / 72.0 : 1.0);
}

void xr_script_box(struct xr_script *script, const struct xr_plot_style *style,
                   double height, double left, double right, double top, double bottom)
{
    double h = style->height > 0 ? style->height : height, line = xr_plot_line(style);

    xr_script_put(script,
                  "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
                  "set tmargin at screen %.4f\nset bmargin at screen %.4f\n",
                  left * line / style->width, 1.0 - right * line / style->width,
                  1.0 - top * line / h, bottom * line / h);
}

/* --- running ---------------------------------------------------------------------- */

static int memory_file(struct xr_err *err)
{
    int fd = memfd_create("xr-plot", MFD_CLOEXEC);

    return fd < 0 ? xr_fail_errno(err, "cannot make a file in memory") : fd;
}

static int write_all(int fd, const char *data, size_t size, struct xr_err *err)
{
    while (size) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return xr_fail_errno(err, "cannot write the script");
        data += n;
        size -= (size_t)n;
    }
    return lseek(fd, 0, SEEK_SET) < 0 ? xr_fail_errno(err, "cannot write the script") : 0;
}

static int read_all(struct xr_buf *buf, int fd, struct xr_err *err)
{
    off_t size = lseek(fd, 0, SEEK_END), done = 0;

    if (size < 0 || (uint64_t)size > IMAGE_MAX)
        return xr_fail(err, "gnuplot gave a picture of %lld bytes", (long long)size);
    if (xr_buf_reserve(buf, (size_t)size + 1, err))
        return -1;
    while (done < size) {
        ssize_t n = pread(fd, buf->data + buf->size, (size_t)(size - done), done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return xr_fail_errno(err, "cannot read the picture");
        buf->size += (size_t)n;
        done += n;
    }
    buf->data[buf->size] = 0;
    return 0;
}

/* The first line in which gnuplot says what is wrong, without its echo of the script. */
static void first_message(char *message, size_t room, const char *text)
{
    const char *best = NULL;

    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        bool said = n && *line != ' ' && *line != '\t' && *line != '^' &&
                    strncmp(line, "gnuplot>", 8) != 0;

        if (said && !best)
            best = line;
        line += n + (line[n] == '\n');
    }
    snprintf(message, room, "%.*s", best ? (int)strcspn(best, "\n") : 0,
             best ? best : "");
}

static int spawn_gnuplot(const int fds[3], struct xr_err *err)
{
    char *const argv[] = {(char[]){"gnuplot"}, (char[]){"-d"}, (char[]){"-"}, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int rc, status;

    rc = posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < 3 && !rc; i++)
        rc = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
    if (!rc)
        rc = posix_spawnp(&pid, "gnuplot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc) {
        errno = rc;
        return xr_fail_errno(err, rc == ENOENT
                                      ? "cannot run gnuplot (Debian: gnuplot-nox)"
                                      : "cannot run gnuplot");
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return xr_fail_errno(err, "cannot wait for gnuplot");
    if (WIFSIGNALED(status))
        return xr_fail(err, "gnuplot was ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status) ? xr_fail(err, "gnuplot failed") : 0;
}

/* --- bytes that do not change ----------------------------------------------------- */

static char *find(char *data, size_t size, const char *what)
{
    return memmem(data, size, what, strlen(what));
}

/* The date in a PDF, overwritten in place: offsets in the file stay right. */
static void fix_pdf(char *data, size_t size)
{
    static const char key[] = "/CreationDate (D:";
    char *at = find(data, size, key), *end = data + size;

    for (at = at ? at + sizeof key - 1 : end; at < end && *at >= '0' && *at <= '9'; at++)
        *at = '0';
}

static void put32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* A chunk pHYs behind the IHDR of a PNG: without it the picture has no size on paper. */
static int fix_png(struct xr_buf *buf, size_t from, int dpi, struct xr_err *err)
{
    const size_t at = from + 8 + 25;
    unsigned char chunk[21] = {0, 0, 0, 9, 'p', 'H', 'Y', 's'};
    uint32_t per_meter = (uint32_t)lround(dpi / CM_PER_INCH * 100.0);

    if (buf->size < at || find(buf->data + from, buf->size - from, "pHYs"))
        return 0;
    put32(chunk + 8, per_meter);
    put32(chunk + 12, per_meter);
    chunk[16] = 1;
    put32(chunk + 17, (uint32_t)crc32(0, chunk + 4, 13));
    if (xr_buf_reserve(buf, sizeof chunk + 1, err))
        return -1;
    memmove(buf->data + at + sizeof chunk, buf->data + at, buf->size - at);
    memcpy(buf->data + at, chunk, sizeof chunk);
    buf->size += sizeof chunk;
    buf->data[buf->size] = 0;
    return 0;
}

/* Fonts with names to fall back to: an SVG is drawn where gnuplot's fonts may not be. */
static int fix_svg(struct xr_buf *buf, size_t from, struct xr_err *err)
{
    static const char family[] = "font-family=\"Helvetica\"",
                      title[] = "<title>Gnuplot</title>";
    struct xr_buf fixed = {0};
    char *at = buf->data + from, *end = buf->data + buf->size, *next;
    int bad = 0;

    next = find(at, (size_t)(end - at), title);
    if (next)
        memcpy(next, "<title>xr-plot</title>", sizeof title - 1);
    while (!bad && (next = find(at, (size_t)(end - at), family))) {
        bad = xr_buf_put(&fixed, at, (size_t)(next - at), err) ||
              xr_buf_text(&fixed, "font-family=\"Helvetica,Arial,sans-serif\"", err);
        at = next + sizeof family - 1;
    }
    bad = bad || xr_buf_put(&fixed, at, (size_t)(end - at), err);
    buf->size = from;
    bad = bad || xr_buf_put(buf, fixed.data, fixed.size, err);
    xr_buf_free(&fixed);
    return bad ? -1 : 0;
}

static int fix_image(struct xr_buf *image, size_t from, const struct xr_plot_style *style,
                     struct xr_err *err)
{
    static const char *const starts[] = {"<?xml", "\x89PNG", "%PDF"};
    static const char *const names[] = {"an SVG", "a PNG", "a PDF"};
    char *data = image->data + from;
    size_t size = image->size - from;

    if (size < 64 ||
        memcmp(data, starts[style->format], strlen(starts[style->format])) != 0)
        return xr_fail(err, "gnuplot did not give %s", names[style->format]);
    if (style->format == XR_PLOT_PDF)
        fix_pdf(data, size);
    else if (style->format == XR_PLOT_PNG)
        return fix_png(image, from, style->dpi, err);
    else
        return fix_svg(image, from, err);
    return 0;
}

int xr_plot_run(struct xr_buf *image, const struct xr_buf *script,
                const struct xr_plot_style *style, struct xr_err *err)
{
    int fds[3] = {-1, -1, -1}, status = -1;
    size_t from = image->size;
    struct xr_buf said = {0};

    for (int i = 0; i < 3; i++)
        if ((fds[i] = memory_file(err)) < 0)
            goto done;
    if (write_all(fds[0], script->data, script->size, err))
        goto done;
    if (spawn_gnuplot(fds, err)) {
        char message[400];

        if (read_all(&said, fds[2], NULL) == 0 && said.size) {
            first_message(message, sizeof message, said.data);
            if (*message)
                xr_fail(err, "%s: %s", err->text, message);
        }
        goto done;
    }
    if (read_all(image, fds[1], err) == 0)
        status = fix_image(image, from, style, err);
done:
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    xr_buf_free(&said);
    return status;
}
