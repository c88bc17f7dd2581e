/* xr-csv(5): a table read whole and unquoted in place; fields written; keys from file
 * names. */
#include "csv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "frames.h"
#include "text.h"

#define MAX_BYTES ((size_t)UINT32_MAX - 16)
#define MAX_COLS ((size_t)1 << 16)

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

static size_t line_of(const char *text, size_t at)
{
    size_t line = 1;

    for (const char *p = text; (p = memchr(p, '\n', at - (size_t)(p - text))); p++)
        line++;
    return line;
}

/* Every byte belongs to UTF-8 text without NUL; counts the line feeds on the way. */
static int check_text(size_t *n_lf, const char *name, const char *text, size_t size,
                      size_t skipped, struct xr_err *err)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t i = 0, lf = 0, n;

    while (i < size) {
        if (i + 8 <= size) {
            uint64_t w, x;

            memcpy(&w, p + i, 8);
            x = w ^ ONES * '\n';
            if (!((w | (w - ONES)) & HIGHS)) { /* no byte above 0x7f, none 0 */
                /* exact for bytes below 0x80: the high bit of x + 0x7f is clear only for
                 * x = 0 */
                lf += 8 - (size_t)__builtin_popcountll((x + ONES * 0x7f) & HIGHS);
                i += 8;
                continue;
            }
        }
        if (p[i] == 0)
            return xr_fail(err, "%s:%zu: a NUL byte: this is not a CSV file", name,
                           skipped + line_of(text, i));
        n = xr_utf8_length(p + i);
        if (n == 0)
            return xr_fail(
                err,
                "%s:%zu: not UTF-8 (byte 0x%02x); convert it first, for example: "
                "iconv -f LATIN1 -t UTF-8",
                name, skipped + line_of(text, i), p[i]);
        lf += p[i] == '\n';
        i += n;
    }
    *n_lf = lf;
    return 0;
}

/* What a parser keeps between fields. */
struct parser {
    const char *name;
    char *at; /* next byte */
    char *end;
    size_t line; /* of `at` */
};

enum {
    END_FIELD,
    END_ROW
};

/* Bytes at which an unquoted field may end or be wrong. */
static const unsigned char stops[256] = {
    [','] = 1, ['\n'] = 1, ['\r'] = 1, ['"'] = 1, ['\0'] = 1};

/* A quoted field, from behind its first quote; *field becomes its text. */
static int quoted(struct parser *ps, char **field, struct xr_err *err)
{
    char *from = ps->at, *to = from;
    size_t first_line = ps->line;

    *field = from;
    for (;;) {
        char *quote = memchr(from, '"', (size_t)(ps->end - from));
        size_t n;

        if (!quote)
            return xr_fail(err,
                           "%s:%zu: a quoted field is still open at the end of the input",
                           ps->name, first_line);
        n = (size_t)(quote - from);
        for (char *p = from; (p = memchr(p, '\n', (size_t)(quote - p))); p++)
            ps->line++;
        if (to != from)
            memmove(to, from, n);
        to += n;
        from = quote + 1;
        if (*from != '"')
            break;
        *to++ = '"';
        from++;
    }
    ps->at = from;
    if (from < ps->end && *from != ',' && *from != '\n' &&
        !(*from == '\r' && from[1] == '\n'))
        return xr_fail(err, "%s:%zu: text behind a closing quote", ps->name, ps->line);
    if (to != from) /* always: the closing quote lies between */
        *to = '\0';
    return 0;
}

/* The next field: 0 another follows in this row, 1 it was the row's last, -1 error. */
static int next_field(struct parser *ps, char **field, struct xr_err *err)
{
    char *p = ps->at;

    if (*p == '"') {
        ps->at = p + 1;
        if (quoted(ps, field, err))
            return -1;
        p = ps->at;
    } else {
        *field = p;
        while (!stops[(unsigned char)*p])
            p++;
    }
    if (*p == ',') {
        *p = '\0';
        ps->at = p + 1;
        return END_FIELD;
    }
    if (*p == '\r' && p[1] == '\n')
        *p++ = '\0';
    if (*p == '\n') {
        *p = '\0';
        ps->at = p + 1;
        ps->line++;
        return END_ROW;
    }
    if (p == ps->end) {
        ps->at = p;
        return END_ROW;
    }
    if (*p == '\r')
        return xr_fail(err, "%s:%zu: a carriage return that no line feed follows",
                       ps->name, ps->line);
    return xr_fail(err, "%s:%zu: a quote inside a field that does not begin with one",
                   ps->name, ps->line);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_names(const struct xr_table *t, struct xr_err *err)
{
    const char **sorted;
    int status = 0;

    for (size_t i = 0; i < t->n_cols; i++) {
        if (!*t->names[i])
            return xr_fail(err, "%s:1: column %zu has no name%s", t->name, i + 1,
                           i == 0 ? " (an index that pandas wrote? use index=False)"
                                  : "");
    }
    sorted = xr_alloc_array(t->n_cols, sizeof *sorted, err);
    if (!sorted)
        return -1;
    memcpy(sorted, t->names, t->n_cols * sizeof *sorted);
    qsort(sorted, t->n_cols, sizeof *sorted, by_text);
    for (size_t i = 1; i < t->n_cols && !status; i++) {
        if (!strcmp(sorted[i - 1], sorted[i]))
            status = xr_fail(err, "%s:1: two columns named '%s'", t->name, sorted[i]);
    }
    free(sorted);
    return status;
}

static int read_header(struct xr_table *t, struct parser *ps, struct xr_err *err)
{
    size_t room = 0;
    char *field;
    int got;

    do {
        got = next_field(ps, &field, err);
        if (got < 0)
            return -1;
        if (t->n_cols == MAX_COLS)
            return xr_fail(err, "%s:1: more than %zu columns", t->name, MAX_COLS);
        if (t->n_cols == room) {
            const char **names;

            room = room ? 2 * room : 32;
            names = realloc(t->names, room * sizeof *names);
            if (!names)
                return xr_fail(err, "out of memory");
            t->names = names;
        }
        t->names[t->n_cols++] = field;
    } while (got == END_FIELD);
    if (t->n_cols == 1 && !*t->names[0])
        return xr_fail(err, "%s:1: no header line", t->name);
    return check_names(t, err);
}

static int read_rows(struct xr_table *t, struct parser *ps, struct xr_err *err)
{
    uint32_t *cell = t->cells;

    while (ps->at < ps->end) {
        size_t line = ps->line, n = 0;
        char *field;
        int got;

        do {
            got = next_field(ps, &field, err);
            if (got < 0)
                return -1;
            if (n < t->n_cols)
                cell[n] = (uint32_t)(field - t->text);
            n++;
        } while (got == END_FIELD);
        if (n != t->n_cols) {
            if (n == 1 && !*field)
                return xr_fail(err, "%s:%zu: an empty line", t->name, line);
            return xr_fail(err, "%s:%zu: %zu field%s where the header has %zu", t->name,
                           line, n, n == 1 ? "" : "s", t->n_cols);
        }
        t->lines[t->n_rows++] = (uint32_t)line;
        cell += n;
    }
    return 0;
}

/*
 * Room for the rows: a row costs a line feed (but the last) and a byte before each
 * further column, so cells never outnumber bytes and a short hostile file cannot ask for
 * much. Not zeroed: what no row fills is never touched, and so never becomes memory.
 */
static int alloc_rows(struct xr_table *t, size_t n_lf, size_t size, struct xr_err *err)
{
    size_t most = size / t->n_cols + 2;

    if (most > n_lf + 1)
        most = n_lf + 1;
    t->cells = malloc(most * t->n_cols * sizeof *t->cells);
    t->lines = malloc(most * sizeof *t->lines);
    if (!t->cells || !t->lines)
        return xr_fail(err, "%s: out of memory", t->name);
    return 0;
}

int xr_table_parse(struct xr_table *table, struct xr_buf *text, const char *name,
                   struct xr_err *err)
{
    return xr_table_parse_at(table, text, name, 0, err);
}

int xr_table_parse_at(struct xr_table *table, struct xr_buf *text, const char *name,
                      size_t skipped, struct xr_err *err)
{
    static const char bom[] = "\xef\xbb\xbf";
    struct parser ps = {0};
    size_t n_lf = 0, size = text->size;

    memset(table, 0, sizeof *table);
    table->text = text->data; /* with the NUL behind it, on which the scanner relies */
    memset(text, 0, sizeof *text);
    table->name = xr_strdup(name, err);
    if (!table->name)
        goto fail;
    if (size > MAX_BYTES) {
        xr_fail(err, "%s: larger than %zu bytes", name, MAX_BYTES);
        goto fail;
    }
    ps.name = table->name;
    ps.at = table->text;
    ps.end = table->text + size;
    ps.line = 1;
    if (size >= 3 && !memcmp(ps.at, bom, 3))
        ps.at += 3;
    if (ps.at == ps.end) {
        xr_fail(err, "%s: empty input: did the previous command fail?", name);
        goto fail;
    }
    if (check_text(&n_lf, name, table->text, size, skipped, err) ||
        read_header(table, &ps, err) || alloc_rows(table, n_lf, size, err))
        goto fail;
    ps.line += skipped;
    if (read_rows(table, &ps, err))
        goto fail;
    return 0;
fail:
    xr_table_free(table);
    return -1;
}

int xr_table_read(struct xr_table *table, const char *path, struct xr_err *err)
{
    struct xr_buf text = {0};
    char digest[XR_SHA256_TEXT];

    memset(table, 0, sizeof *table);
    if (xr_read_file(&text, path, MAX_BYTES, digest, err) ||
        xr_table_parse(table, &text, xr_input_name(path), err))
        return -1;
    memcpy(table->digest, digest, sizeof digest);
    return 0;
}

void xr_table_free(struct xr_table *table)
{
    free((char *)table->name);
    free(table->names);
    free(table->text);
    free(table->cells);
    free(table->lines);
    memset(table, 0, sizeof *table);
}

int xr_table_col(const struct xr_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_cols; i++) {
        if (!strcmp(table->names[i], name))
            return (int)i;
    }
    return -1;
}

int xr_table_need(int *col, const struct xr_table *table, const char *name,
                  struct xr_err *err)
{
    *col = xr_table_col(table, name);
    if (*col < 0)
        return xr_fail(err, "%s:1: no column '%s'", table->name, name);
    return 0;
}

/* --- writing --------------------------------------------------------------------- */

int xr_csv_put(struct xr_buf *buf, bool first, const char *text, struct xr_err *err)
{
    size_t n = strlen(text);

    if (xr_buf_reserve(buf, 2 * n + 3, err))
        return -1;
    if (!first)
        buf->data[buf->size++] = ',';
    if (!text[strcspn(text, ",\"\r\n")]) {
        memcpy(buf->data + buf->size, text, n);
        buf->size += n;
    } else {
        char *to = buf->data + buf->size;

        *to++ = '"';
        for (; *text; text++) {
            if (*text == '"')
                *to++ = '"';
            *to++ = *text;
        }
        *to++ = '"';
        buf->size = (size_t)(to - buf->data);
    }
    buf->data[buf->size] = '\0';
    return 0;
}

int xr_csv_field(struct xr_out *out, bool first, const char *text, struct xr_err *err)
{
    struct xr_buf buf = {0};
    int status = -1;

    if (!text[strcspn(text, ",\"\r\n")]) {
        if (!first && xr_out_write(out, ",", 1, err))
            return -1;
        return xr_out_write(out, text, strlen(text), err);
    }
    if (!xr_csv_put(&buf, first, text, err))
        status = xr_out_write(out, buf.data, buf.size, err);
    xr_buf_free(&buf);
    return status;
}

int xr_csv_end(struct xr_out *out, struct xr_err *err)
{
    return xr_out_write(out, "\n", 1, err);
}

/* --- keys ------------------------------------------------------------------------ */

size_t xr_image_suffix(const char *name)
{
    static const char *const known[] = {".nii.gz", ".nii",   ".jpg", ".jpeg", ".png",
                                        ".tif",    ".tiff",  ".pgm", ".ppm",  ".pbm",
                                        ".dcm",    ".dicom", NULL};
    size_t n = strlen(name);

    for (int i = 0; known[i]; i++) {
        size_t m = strlen(known[i]);

        if (n > m && !strcasecmp(name + n - m, known[i]))
            return m;
    }
    return 0;
}

/* stem with every FROM made TO. */
static int replace_all(char **out, const char *stem, const char *rule, struct xr_err *err)
{
    const char *equals =
        *rule ? strchr(rule + 1, '=') : NULL; /* FROM may be "=" itself */
    struct xr_buf buf = {0};
    size_t n;

    if (!equals)
        return xr_fail_usage(err, "--key-replace: '%s': not of the form FROM=TO", rule);
    n = (size_t)(equals - rule);
    while (*stem) {
        int hit = !strncmp(stem, rule, n);

        if (hit ? xr_buf_text(&buf, equals + 1, err) : xr_buf_put(&buf, stem, 1, err)) {
            xr_buf_free(&buf);
            return -1;
        }
        stem += hit ? n : 1;
    }
    *out = buf.data ? buf.data : xr_strdup("", err);
    return *out ? 0 : -1;
}

int xr_key_of(char **key, const char *path, const char *replace, struct xr_err *err)
{
    const char *last = xr_last_part(path);
    char frame[XR_FRAMES_TEXT], *stem;
    struct xr_pick pick;
    size_t n = xr_frames_split(&pick, last);

    *key = NULL;
    xr_frames_suffix(frame, &pick);
    stem = xr_sprintf(err, "%.*s", (int)n, last);
    if (!stem)
        return -1;
    stem[strlen(stem) - xr_image_suffix(stem)] = '\0';
    if (*frame) {
        char *made = xr_sprintf(err, "%s%s", stem, frame);

        free(stem);
        stem = made;
        if (!stem)
            return -1;
    }
    if (replace) {
        char *made = NULL;
        int bad = replace_all(&made, stem, replace, err);

        free(stem);
        if (bad)
            return -1;
        stem = made;
    }
    for (const char *p = stem; *p; p++) {
        if (*p == '.') {
            xr_fail(
                err,
                "the key '%s' has a dot, which a stream cannot tell from a suffix; give "
                "--key-replace .=_",
                stem);
            goto fail;
        }
        if (*p == '/' || (unsigned char)*p < 0x20 || *p == 0x7f) {
            xr_fail(err, "the key '%s' has a slash or a control character", stem);
            goto fail;
        }
    }
    if (!*stem) {
        xr_fail(err, "'%s' gives an empty key", path);
        goto fail;
    }
    *key = stem;
    return 0;
fail:
    free(stem);
    return -1;
}
