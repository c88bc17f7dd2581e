/* Lists and templates of xr-split. */
#include "split_parts.h"

#include <stdlib.h>
#include <string.h>

void xr_names_free(struct xr_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->items[i]);
    free(names->items);
    memset(names, 0, sizeof *names);
}

int xr_names_add(struct xr_names *names, const char *text, size_t len, struct xr_err *err)
{
    char **items = realloc(names->items, (names->n + 1) * sizeof *items);

    if (!items)
        return xr_fail(err, "out of memory");
    names->items = items;
    items[names->n] = xr_sprintf(err, "%.*s", (int)len, text);
    return items[names->n] ? (names->n++, 0) : -1;
}

int xr_names_find(const struct xr_names *names, const char *text)
{
    for (size_t i = 0; i < names->n; i++) {
        if (!strcmp(names->items[i], text))
            return (int)i;
    }
    return -1;
}

/* "a,b,c" of option `name`: no empty item, none twice. */
int xr_names_parse(struct xr_names *names, const char *option, const char *text,
                   struct xr_err *err)
{
    for (;;) {
        size_t len = strcspn(text, ",");

        if (len == 0)
            return xr_fail_usage(err, "%s: an empty name in the list", option);
        if (xr_names_add(names, text, len, err))
            return -1;
        if (xr_names_find(names, names->items[names->n - 1]) != (int)names->n - 1)
            return xr_fail_usage(err, "%s: '%s' is named twice", option,
                                 names->items[names->n - 1]);
        if (!text[len])
            return 0;
        text += len + 1;
    }
}

int xr_tmpl_add(struct xr_tmpl *t, int col, const char *text, size_t len,
                struct xr_err *err)
{
    struct xr_piece *pieces = realloc(t->pieces, (t->n + 1) * sizeof *pieces);

    if (!pieces)
        return xr_fail(err, "out of memory");
    t->pieces = pieces;
    pieces[t->n++] = (struct xr_piece){col, text, len};
    return 0;
}

int xr_tmpl_parse(struct xr_tmpl *t, const char *option, const char *text,
                  const struct xr_table *table, struct xr_err *err)
{
    if (!*text)
        return xr_fail_usage(err, "%s: an empty template", option);
    while (*text) {
        size_t len = strcspn(text, "{}");

        if (len && xr_tmpl_add(t, PIECE_TEXT, text, len, err))
            return -1;
        text += len;
        if ((text[0] == '{' || text[0] == '}') && text[1] == text[0]) { /* {{ and }} */
            if (xr_tmpl_add(t, PIECE_TEXT, text, 1, err))
                return -1;
            text += 2;
        } else if (*text == '{' && strchr(text, '}')) {
            char *name;
            int col = PIECE_KEY, bad = 0;

            len = (size_t)(strchr(text, '}') - text) - 1;
            name = xr_sprintf(err, "%.*s", (int)len, text + 1);
            if (!name)
                return -1;
            if (strcmp(name, "key")) {
                bad = xr_table_need(&col, table, name, err);
                if (bad)
                    xr_fail_in(err, "%s", option);
            }
            free(name);
            if (bad || xr_tmpl_add(t, col, NULL, 0, err))
                return -1;
            text += len + 2;
        } else if (*text) {
            return xr_fail_usage(err, "%s: a single '%c' (write it twice to mean itself)",
                                 option, *text);
        }
    }
    return 0;
}

int xr_tmpl_fill(struct xr_split *s, const struct xr_tmpl *t, size_t row, const char *key,
                 bool *empty, struct xr_err *err)
{
    *empty = false;
    s->scratch.size = 0;
    if (xr_buf_reserve(&s->scratch, 0, err))
        return -1;
    s->scratch.data[0] = '\0';
    for (size_t i = 0; i < t->n; i++) {
        const struct xr_piece *p = &t->pieces[i];
        const char *text = p->col == PIECE_KEY ? key
                           : p->col == PIECE_TEXT
                               ? p->text
                               : xr_cell(s->table, row, (size_t)p->col);
        size_t len = p->col == PIECE_TEXT ? p->len : strlen(text);

        *empty |= len == 0;
        if (xr_buf_put(&s->scratch, text, len, err))
            return -1;
    }
    return 0;
}
