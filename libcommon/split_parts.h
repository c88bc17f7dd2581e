/*
 * What the files of a split table share. Not for tools.
 */
#ifndef XR_SPLIT_PARTS_H
#define XR_SPLIT_PARTS_H

#include "scan.h"
#include "split.h"

#define MAX_GROUP_COLS 64
#define PIECE_KEY (-1)
#define PIECE_TEXT (-2)

/* A template: its pieces in turn. */
struct xr_piece {
    int col; /* a column, PIECE_KEY or PIECE_TEXT */
    const char *text;
    size_t len;
};

struct xr_tmpl {
    struct xr_piece *pieces;
    size_t n;
};

struct xr_names {
    char **items;
    size_t n;
};

/* Why rows take no part. */
enum xr_left_out {
    XR_LEFT_UNLABELLED,
    XR_LEFT_UNREADABLE,
    XR_LEFT_CONFLICTING, /* equal pixels, different labels */
    XR_LEFT_DUPLICATE,
    XR_N_LEFT_OUT
};

struct xr_split {
    const struct xr_table *table;
    const struct xr_split_rule *rule;
    struct xr_names classes;
    unsigned char *has_mask; /* [n_classes], NULL: all */
    int *hot;                /* [n_hot] one-hot columns */
    int *hot_class;          /* [n_hot] their classes */
    size_t n_hot;
    int rest_class;
    int label_col, key_col, mask_col; /* mask_col -1: none */
    int group_cols[MAX_GROUP_COLS];
    size_t n_group_cols;
    bool by_cells, run_open; /* groups are named by their cells, else by a key */
    struct xr_tmpl path, mask;
    uint16_t *class_of;  /* [n_rows], XR_SPLIT_NONE: dropped */
    uint32_t *group_of;  /* [n_rows], NULL without groups */
    uint32_t *group_row; /* [n_groups] the row that names a group */
    size_t n_left_out[XR_N_LEFT_OUT];
    struct xr_scan *films; /* [n_films] where films were looked at, else NULL */
    uint32_t *film_row;    /* [n_films] their rows */
    uint16_t *film_class;  /* [n_rows] classes before films were left out */
    size_t n_films;
    struct xr_pair *pairs; /* of films */
    size_t n_pairs;
    uint32_t (*links)[2]; /* [n_links] rows whose groups are joined */
    size_t n_links, n_joined;
    uint16_t *part; /* [n_groups], or [n_rows] without groups */
    size_t n_groups, n_parts, n_kept;
    double *share;          /* [n_parts] */
    int by_col;             /* --by; parts are its values, -1: no */
    struct xr_names values; /* [n_parts] of --by, in order */
    bool has_test;          /* folds: the last part is the hold-out */
    bool *pinned;           /* [n_groups] --holdout: in test whatever comes; or NULL */
    uint16_t **inner;       /* [folds] of --nested: [n_groups] */
    size_t n_inner;
    double *subsets;  /* [n_subsets] rising, below 1 */
    uint16_t *subset; /* [n_groups] of --subsets, n_subsets: the rest */
    size_t n_subsets;
    struct xr_buf warnings, scratch;
};

/* Groups are numbered by rows that are kept; without groups the row is its group. */
static inline size_t xr_split_unit(const struct xr_split *s, size_t row)
{
    return s->group_of ? s->group_of[row] : row;
}

/* Folds, not train, val and test? */
static inline bool xr_split_folds(const struct xr_split *s)
{
    return s->rule->folds > 0 || s->by_col >= 0;
}

/* Put "table.csv:line: " before the text in *err; returns -1. */
int xr_split_at_line(const struct xr_split *s, size_t row, struct xr_err *err);
/* The key of a row; free(). Errors have the line. */
int xr_split_key(const struct xr_split *s, char **key, size_t row,
                 struct xr_err *err) XR_MUST_USE;
/* The name of a row's group, in *buf until the next call: the cell, the cells joined, or
 * the key of a run's first row. */
const char *xr_split_group(struct xr_buf *buf, const struct xr_split *s, size_t row,
                           struct xr_err *err) XR_MUST_USE;

/* Settle the class of every row, its names and order; which classes have masks. */
int xr_split_classes(struct xr_split *s, struct xr_err *err) XR_MUST_USE;
int xr_split_masks(struct xr_split *s, struct xr_err *err) XR_MUST_USE;

/* Look at the films where that is asked for: what is left out, who looks alike (links).
 */
int xr_split_films(struct xr_split *s, struct xr_err *err) XR_MUST_USE;
int xr_split_scan(struct xr_split *s, bool fine, struct xr_err *err) XR_MUST_USE;
int xr_split_pairs(struct xr_out *out, const struct xr_split *s,
                   struct xr_err *err) XR_MUST_USE;

/* Settle groups (links must be known), then parts and what lies beside them; what a
 * person should know of the shares. */
int xr_split_groups(struct xr_split *s, struct xr_err *err) XR_MUST_USE;
int xr_split_parts(struct xr_split *s, struct xr_err *err) XR_MUST_USE;
int xr_split_warn_shares(struct xr_split *s, struct xr_err *err) XR_MUST_USE;
/* "train", "fold 3", "test" */
const char *xr_split_part_name(const struct xr_split *s, size_t p, char text[32]);

/* The split as a table in memory: for what is made from it. */
int xr_split_result(struct xr_table *result, struct xr_split *s,
                    struct xr_err *err) XR_MUST_USE;
/* The rule as an object for a certificate: only what was given, and the seed. */
cJSON *xr_split_rule_json(const struct xr_split *s, struct xr_err *err) XR_MUST_USE;

/* Does this column say the label, the name, the group or the part? The others describe.
 */
bool xr_split_own_column(const struct xr_split *s, size_t col);

/* Tables beside a split: step,reason,rows; column,level,statistic,all, a column a part,
 * and its standardised difference from the other rows. */
int xr_split_flow(struct xr_out *out, const struct xr_split *s,
                  struct xr_err *err) XR_MUST_USE;
int xr_split_demographics(struct xr_out *out, const struct xr_split *s,
                          struct xr_err *err) XR_MUST_USE;

/* Lists of names. _add copies; _find gives -1 for none; _parse reads "a,b,c" of an
 * option: no empty name, none twice. */
void xr_names_free(struct xr_names *names);
int xr_names_add(struct xr_names *names, const char *text, size_t len,
                 struct xr_err *err) XR_MUST_USE;
int xr_names_find(const struct xr_names *names, const char *text);
int xr_names_parse(struct xr_names *names, const char *option, const char *text,
                   struct xr_err *err) XR_MUST_USE;

/* Templates. The text must outlive them. */
int xr_tmpl_add(struct xr_tmpl *t, int col, const char *text, size_t len,
                struct xr_err *err) XR_MUST_USE;
int xr_tmpl_parse(struct xr_tmpl *t, const char *option, const char *text,
                  const struct xr_table *table, struct xr_err *err) XR_MUST_USE;
/* Into s->scratch, from its start. *empty: a column it uses is empty. */
int xr_tmpl_fill(struct xr_split *s, const struct xr_tmpl *t, size_t row, const char *key,
                 bool *empty, struct xr_err *err) XR_MUST_USE;

#endif
