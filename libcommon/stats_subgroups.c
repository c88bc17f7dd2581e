/* Levels of a column, and the rows of a level. */
#include "stats_subgroups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "split_index.h"

#define MAX_NUMBER 1e300

/* --- bands ------------------------------------------------------------------------ */

struct bands {
    size_t n; /* bands: one less than bounds */
    double bound[XR_MAX_LEVELS + 1];
    char *text; /* of the bounds, cut at the dashes */
    const char *from[XR_MAX_LEVELS + 1];
};

/* text: "0-18-40-"; owned by bands from here on, cut in place. */
static int parse_bands(struct bands *bands, const char *spec, struct xr_err *err)
{
    size_t n = 0;
    struct xr_err why;

    for (char *at = bands->text, *next; at; at = next, n++) {
        next = strchr(at, '-');
        if (next)
            *next++ = 0;
        if (n > XR_MAX_LEVELS)
            return xr_fail_usage(err, "--by: '%s': more than %d bands", spec,
                                 XR_MAX_LEVELS);
        bands->from[n] = at;
        if (!*at && (n == 0 || !next))
            bands->bound[n] = n ? INFINITY : -INFINITY;
        else if (xr_parse_real(&bands->bound[n], at, -MAX_NUMBER, MAX_NUMBER, &why))
            return xr_fail_usage(err, "--by: '%s': bound '%s' is not a number", spec, at);
        if (n && !(bands->bound[n] > bands->bound[n - 1]))
            return xr_fail_usage(err, "--by: '%s': bounds are not ascending", spec);
    }
    if (n < 2)
        return xr_fail_usage(err, "--by: '%s': a band has two bounds", spec);
    bands->n = n - 1;
    return 0;
}

static int cell_error(const struct xr_predictions *p, size_t i, const char *column,
                      const char *text, const char *what, struct xr_err *err)
{
    return xr_fail(err, "%s:%u: column '%s': '%s': %s", p->table.name,
                   p->table.lines[p->row[i]], column, text, what);
}

/* Rows by bands, then bands without rows left out. */
static int cut_bands(struct xr_cut *cut, const struct xr_predictions *p, size_t col,
                     const struct bands *bands, struct xr_err *err)
{
    size_t count[XR_MAX_LEVELS + 1] = {0};
    uint32_t to[XR_MAX_LEVELS + 1];

    for (size_t i = 0; i < p->n; i++) {
        const char *text = xr_cell(&p->table, p->row[i], col);
        struct xr_err why;
        size_t band = 0;
        double x;

        if (!*text) {
            cut->level[i] = (uint32_t)bands->n;
            count[bands->n]++;
            continue;
        }
        if (xr_parse_real(&x, text, -MAX_NUMBER, MAX_NUMBER, &why))
            return cell_error(p, i, cut->column, text, "not a number", err);
        while (band < bands->n &&
               !(x >= bands->bound[band] && x < bands->bound[band + 1]))
            band++;
        if (band == bands->n)
            return cell_error(p, i, cut->column, text, "in no band", err);
        cut->level[i] = (uint32_t)band;
        count[band]++;
    }
    for (size_t band = 0; band <= bands->n; band++) {
        char **name = &cut->levels[cut->n_levels];

        if (!count[band])
            continue;
        to[band] = (uint32_t)cut->n_levels++;
        *name = band < bands->n
                    ? xr_sprintf(err, "%s-%s", bands->from[band], bands->from[band + 1])
                    : xr_strdup("", err);
        if (!*name)
            return -1;
    }
    for (size_t i = 0; i < p->n; i++)
        cut->level[i] = to[cut->level[i]];
    return 0;
}

/* --- texts ------------------------------------------------------------------------ */

struct named {
    const char *text;
    double number;
    uint32_t id;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;

    if (!*x->text != !*y->text)
        return *x->text ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return strcmp(x->text, y->text);
}

static int name_levels(struct xr_cut *cut, const struct xr_predictions *p, size_t col,
                       const struct xr_index *index, struct xr_err *err)
{
    struct named names[XR_MAX_LEVELS];
    uint32_t to[XR_MAX_LEVELS];
    bool numbers = true;
    struct xr_err why;

    cut->n_levels = index->n;
    for (size_t l = 0; l < index->n; l++) {
        names[l] =
            (struct named){xr_cell(&p->table, index->first_row[l], col), 0, (uint32_t)l};
        if (*names[l].text &&
            xr_parse_real(&names[l].number, names[l].text, -MAX_NUMBER, MAX_NUMBER, &why))
            numbers = false;
    }
    for (size_t l = 0; !numbers && l < index->n; l++)
        names[l].number = 0;
    qsort(names, index->n, sizeof *names, by_name);
    for (size_t l = 0; l < index->n; l++) {
        to[names[l].id] = (uint32_t)l;
        cut->levels[l] = xr_strdup(names[l].text, err);
        if (!cut->levels[l])
            return -1;
    }
    for (size_t i = 0; i < p->n; i++)
        cut->level[i] = to[cut->level[i]];
    return 0;
}

static int cut_texts(struct xr_cut *cut, const struct xr_predictions *p, size_t col,
                     struct xr_err *err)
{
    const struct xr_index_column column = {&p->table, col};
    struct xr_index index = {0};
    int status = -1;

    for (size_t i = 0; i < p->n; i++) {
        const char *text = xr_cell(&p->table, p->row[i], col);

        if (xr_index_put(&index, &cut->level[i], text, p->row[i], xr_index_same_cell,
                         &column, err) < 0)
            goto done;
        if (index.n > XR_MAX_LEVELS) {
            xr_fail(
                err,
                "%s: column '%s' has more than %d values: of numbers --by %s:0-10-20- "
                "makes bands",
                p->table.name, cut->column, XR_MAX_LEVELS, cut->column);
            goto done;
        }
    }
    status = name_levels(cut, p, col, &index, err);
done:
    xr_index_free(&index);
    return status;
}

int xr_cut_make(struct xr_cut *cut, const struct xr_predictions *p, const char *spec,
                struct xr_err *err)
{
    struct bands bands = {0};
    char *colon;
    int col, status = -1;

    *cut = (struct xr_cut){0};
    cut->column = xr_strdup(spec, err);
    cut->levels = xr_alloc_array(XR_MAX_LEVELS + 1, sizeof *cut->levels, err);
    cut->level = xr_alloc_array(p->n, sizeof *cut->level, err);
    if (!cut->column || !cut->levels || !cut->level)
        goto done;
    colon = xr_table_col(&p->table, spec) < 0 ? strrchr(cut->column, ':') : NULL;
    if (colon) {
        *colon = 0;
        bands.text = xr_strdup(colon + 1, err);
        if (!bands.text || parse_bands(&bands, spec, err))
            goto done;
    }
    if (xr_table_need(&col, &p->table, cut->column, err))
        goto done;
    status = colon ? cut_bands(cut, p, (size_t)col, &bands, err)
                   : cut_texts(cut, p, (size_t)col, err);
done:
    free(bands.text);
    if (status)
        xr_cut_free(cut);
    return status;
}

void xr_cut_free(struct xr_cut *cut)
{
    for (size_t l = 0; cut->levels && l < cut->n_levels; l++)
        free(cut->levels[l]);
    free(cut->levels);
    free(cut->column);
    free(cut->level);
    *cut = (struct xr_cut){0};
}

/* --- the rows of a level ---------------------------------------------------------- */

static int renumber(struct xr_level *out, const struct xr_scored *s, struct xr_err *err)
{
    uint32_t *to = xr_alloc_array(s->n_groups, sizeof *to, err);

    if (!to)
        return -1;
    for (size_t i = 0; i < out->scored.n; i++) {
        uint32_t group = s->group[out->rows[i]];

        if (!to[group])
            to[group] = (uint32_t)++out->scored.n_groups;
        out->group[i] = to[group] - 1;
    }
    free(to);
    return 0;
}

int xr_level_make(struct xr_level *out, const struct xr_scored *s, const uint32_t *level,
                  uint32_t which, struct xr_err *err)
{
    size_t n = 0, k = s->k;

    for (size_t i = 0; i < s->n; i++)
        n += level[i] == which;
    *out = (struct xr_level){.scored = *s};
    out->p = xr_alloc_array(n * k, sizeof *out->p, err);
    out->label = xr_alloc_array(n, sizeof *out->label, err);
    out->group = xr_alloc_array(n, sizeof *out->group, err);
    out->rows = xr_alloc_array(n, sizeof *out->rows, err);
    if (!out->p || !out->label || !out->group || !out->rows)
        goto fail;
    n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (level[i] != which)
            continue;
        memcpy(out->p + n * k, s->p + i * k, k * sizeof *out->p);
        out->label[n] = s->label[i];
        out->rows[n++] = (uint32_t)i;
    }
    out->scored.n = n;
    out->scored.p = out->p;
    out->scored.label = out->label;
    out->scored.n_groups = 0;
    if (s->group && renumber(out, s, err))
        goto fail;
    out->scored.group = s->group ? out->group : NULL;
    return 0;
fail:
    xr_level_free(out);
    return -1;
}

void xr_level_free(struct xr_level *level)
{
    free(level->p);
    free(level->label);
    free(level->group);
    free(level->rows);
    *level = (struct xr_level){0};
}
