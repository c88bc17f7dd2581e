/* What the films themselves say to a split: those that cannot be read, copies, copies
 * under different labels. */
#include "split_parts.h"

#include <stdlib.h>
#include <string.h>

/* --- the films ------------------------------------------------------------------- */

static int paths_of(char **paths, uint32_t *rows, size_t *n, struct xr_split *s,
                    struct xr_err *err)
{
    for (size_t i = 0; i < s->table->n_rows; i++) {
        bool empty;
        char *key;
        int bad;

        if (s->class_of[i] == XR_SPLIT_NONE)
            continue;
        if (xr_split_key(s, &key, i, err))
            return -1;
        bad = xr_tmpl_fill(s, &s->path, i, key, &empty, err);
        free(key);
        paths[*n] = bad ? NULL : xr_strdup(s->scratch.data, err);
        if (!paths[*n])
            return -1;
        rows[(*n)++] = (uint32_t)i;
    }
    return 0;
}

int xr_split_scan(struct xr_split *s, bool fine, struct xr_err *err)
{
    size_t n_rows = s->table->n_rows, n = 0;
    char **paths = xr_alloc_array(n_rows, sizeof *paths, err);
    int status = -1;

    s->film_row = xr_alloc_array(n_rows, sizeof *s->film_row, err);
    s->films = xr_alloc_array(s->n_kept, sizeof *s->films, err);
    if (paths && s->film_row && s->films && !paths_of(paths, s->film_row, &n, s, err)) {
        s->n_films = n;
        status = xr_scan_films(s->films, (const char *const *)paths, n,
                               s->rule->look.root, fine, s->rule->look.jobs, err);
    }
    for (size_t i = 0; paths && i < n_rows; i++)
        free(paths[i]);
    free(paths);
    return status;
}

static void leave_out(struct xr_split *s, size_t row, enum xr_left_out why)
{
    if (s->class_of[row] == XR_SPLIT_NONE)
        return;
    s->class_of[row] = XR_SPLIT_NONE;
    s->n_left_out[why]++;
    s->n_kept--;
}

static int leave_unreadable(struct xr_split *s, struct xr_err *err)
{
    for (size_t i = 0; i < s->n_films; i++) {
        if (!s->films[i].why)
            continue;
        if (!s->rule->look.skip_bad) {
            xr_fail(err, "%s", s->films[i].why);
            return xr_split_at_line(s, s->film_row[i], err);
        }
        leave_out(s, s->film_row[i], XR_LEFT_UNREADABLE);
    }
    return s->n_kept ? 0 : xr_fail(err, "%s: no film can be read", s->table->name);
}

/* --- copies ---------------------------------------------------------------------- */

/* A set of films with equal pixels, by the first of them. */
struct sets {
    uint32_t *first; /* [n_films] the set of a film */
    uint32_t *stays; /* [n_films] of a set: the film that stands for it */
    bool *differs;   /* [n_films] of a set: more than one label */
};

static int cmp_key(int *order, struct xr_split *s, uint32_t a, uint32_t b,
                   struct xr_err *err)
{
    char *x, *y;

    if (xr_split_key(s, &x, s->film_row[a], err))
        return -1;
    if (xr_split_key(s, &y, s->film_row[b], err)) {
        free(x);
        return -1;
    }
    *order = strcmp(x, y);
    free(x);
    free(y);
    return 0;
}

/* Pairs of equal pixels link a film to the next of its set: the first comes first. */
static int make_sets(struct sets *sets, struct xr_split *s, struct xr_err *err)
{
    for (size_t i = 0; i < s->n_films; i++)
        sets->first[i] = sets->stays[i] = (uint32_t)i;
    for (size_t i = 0; i < s->n_pairs; i++) {
        const struct xr_pair *p = &s->pairs[i];
        uint32_t set = sets->first[p->a];
        int order;

        if (p->kind != XR_PAIR_EXACT)
            continue;
        sets->first[p->b] = set;
        if (s->class_of[s->film_row[p->b]] != s->class_of[s->film_row[set]])
            sets->differs[set] = true;
        if (cmp_key(&order, s, p->b, sets->stays[set], err))
            return -1;
        if (order < 0)
            sets->stays[set] = p->b;
    }
    return 0;
}

static void leave_copies(struct xr_split *s, const struct sets *sets)
{
    for (size_t i = 0; i < s->n_pairs; i++) {
        const struct xr_pair *p = &s->pairs[i];
        uint32_t set = sets->first[p->a];
        const uint32_t both[2] = {p->a, p->b};

        if (p->kind != XR_PAIR_EXACT)
            continue;
        for (int j = 0; j < 2; j++) {
            if (sets->differs[set] && s->rule->look.drop_conflicting)
                leave_out(s, s->film_row[both[j]], XR_LEFT_CONFLICTING);
            else if (s->rule->look.duplicates == XR_DUPLICATES_DROP &&
                     both[j] != sets->stays[set])
                leave_out(s, s->film_row[both[j]], XR_LEFT_DUPLICATE);
        }
    }
}

/* What stays is joined; where a copy was left out, by the one that stands for it. */
static int link_rows(struct xr_split *s, const struct sets *sets, struct xr_err *err)
{
    s->links = xr_alloc_array(s->n_pairs, sizeof *s->links, err);
    if (!s->links)
        return -1;
    for (size_t i = 0; i < s->n_pairs; i++) {
        const struct xr_pair *p = &s->pairs[i];
        uint32_t row[2] = {s->film_row[p->a], s->film_row[p->b]};
        const uint32_t both[2] = {p->a, p->b};

        for (int j = 0; j < 2; j++) {
            if (s->class_of[row[j]] == XR_SPLIT_NONE)
                row[j] = s->film_row[sets->stays[sets->first[both[j]]]];
        }
        if (row[0] == row[1] || s->class_of[row[0]] == XR_SPLIT_NONE ||
            s->class_of[row[1]] == XR_SPLIT_NONE)
            continue;
        s->links[s->n_links][0] = row[0];
        s->links[s->n_links++][1] = row[1];
    }
    return 0;
}

static int warn_labels(struct xr_split *s, const uint16_t *class_of, struct xr_err *err)
{
    size_t n = 0, exact = 0;

    for (size_t i = 0; i < s->n_pairs; i++) {
        const struct xr_pair *p = &s->pairs[i];

        if (class_of[s->film_row[p->a]] != class_of[s->film_row[p->b]]) {
            exact += p->kind == XR_PAIR_EXACT;
            n += p->kind != XR_PAIR_EXACT;
        }
    }
    if (exact && !s->rule->look.drop_conflicting &&
        xr_buf_printf(&s->warnings, err,
                      "%zu pairs of films have equal pixels and different labels "
                      "(--drop-conflicting leaves them out)\n",
                      exact))
        return -1;
    return !n ? 0
              : xr_buf_printf(&s->warnings, err,
                              "%zu pairs of films look alike and have different labels: "
                              "see --pairs\n",
                              n);
}

static int find_copies(struct xr_split *s, struct xr_err *err)
{
    struct sets sets = {
        xr_alloc_array(s->n_films, sizeof *sets.first, err),
        xr_alloc_array(s->n_films, sizeof *sets.stays, err),
        xr_alloc_array(s->n_films, sizeof *sets.differs, err),
    };
    const struct xr_split_look *look = &s->rule->look;
    int status = -1;

    if (!sets.first || !sets.stays || !sets.differs ||
        xr_similar(&s->pairs, &s->n_pairs, s->films, s->n_films, look->threshold,
                   look->flips, look->jobs, err) ||
        make_sets(&sets, s, err) || warn_labels(s, s->class_of, err))
        goto done;
    leave_copies(s, &sets);
    status = link_rows(s, &sets, err);
done:
    free(sets.first);
    free(sets.stays);
    free(sets.differs);
    return status;
}

static int warn_left_out(struct xr_split *s, struct xr_err *err)
{
    static const char *const why[XR_N_LEFT_OUT] = {
        [XR_LEFT_UNREADABLE] = "films that cannot be read",
        [XR_LEFT_CONFLICTING] = "films with equal pixels and different labels",
        [XR_LEFT_DUPLICATE] = "copies of films with equal pixels"};

    for (size_t i = 0; i < XR_N_LEFT_OUT; i++) {
        if (why[i] && s->n_left_out[i] &&
            xr_buf_printf(&s->warnings, err, "%zu %s are left out\n", s->n_left_out[i],
                          why[i]))
            return -1;
    }
    return 0;
}

int xr_split_films(struct xr_split *s, struct xr_err *err)
{
    if (!s->rule->look.near)
        return 0;
    if (xr_split_scan(s, true, err) || leave_unreadable(s, err) || find_copies(s, err))
        return -1;
    for (size_t i = 0; i < s->n_films; i++) { /* 4 KiB a film, no longer needed */
        free(s->films[i].fine);
        s->films[i].fine = NULL;
    }
    if (!s->n_kept)
        return xr_fail(err, "%s: no film is left", s->table->name);
    return warn_left_out(s, err);
}

/* --- the list of pairs ----------------------------------------------------------- */

static int write_pair(struct xr_out *out, const struct xr_split *s,
                      const struct xr_pair *p, struct xr_err *err)
{
    const uint32_t row[2] = {s->film_row[p->a], s->film_row[p->b]};
    const bool in[2] = {s->class_of[row[0]] != XR_SPLIT_NONE,
                        s->class_of[row[1]] != XR_SPLIT_NONE};

    for (int j = 0; j < 2; j++) {
        char *key;
        int bad;

        if (xr_split_key(s, &key, row[j], err))
            return -1;
        bad = xr_csv_field(out, j == 0, key, err);
        free(key);
        if (bad)
            return -1;
    }
    if (xr_out_printf(out, err, ",%s,%.4f", xr_pair_names[p->kind], p->r))
        return -1;
    for (int j = 0; j < 2; j++) {
        if (xr_csv_field(out, false, s->classes.items[s->film_class[row[j]]], err))
            return -1;
    }
    return xr_out_printf(out, err, ",%s\n",
                         in[0] && in[1]   ? "joined"
                         : in[0] || in[1] ? "one left out"
                                          : "both left out");
}

int xr_split_pairs(struct xr_out *out, const struct xr_split *s, struct xr_err *err)
{
    int status =
        xr_out_printf(out, err, "key_a,key_b,kind,correlation,label_a,label_b,done\n");

    for (size_t i = 0; i < s->n_pairs && !status; i++)
        status = write_pair(out, s, &s->pairs[i], err);
    return status;
}
