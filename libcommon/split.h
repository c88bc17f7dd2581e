/*
 * Dividing a table into parts: stratified by class, groups kept whole, the same for any
 * row order.
 */
#ifndef XR_SPLIT_H
#define XR_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "csv.h"

/* --- who goes where -------------------------------------------------------------- */

#define XR_SPLIT_NONE UINT16_MAX /* a class: the row takes no part */
#define XR_SPLIT_MAX_PARTS 1001
#define XR_SPLIT_MAX_SUBSETS 32
#define XR_SPLIT_MAX_INNER 1000

/* A plain value; everything is borrowed. */
struct xr_split_problem {
    size_t n_rows, n_classes, n_groups, n_parts;
    const uint16_t *class_of; /* [n_rows] below n_classes, or XR_SPLIT_NONE */
    const uint32_t *group_of; /* [n_rows] below n_groups; NULL: row i is group i */
    const uint64_t *order;    /* [n_groups] random numbers by seed and the group's name */
    const double *share;      /* [n_parts] not negative, sum 1; 0: the part stays empty */
    uint64_t seed;            /* settles ties */
};

/*
 * part[g] = the part of group g, for each of n_groups; what holds no row gets 0.
 *
 * Groups of one row each: every class count of a part is the floor or the ceiling of its
 * exact share, and so is the size of every part (a controlled rounding: Bacharach,
 * "Matrix rounding problems", 1966). Larger groups: groups with the same class counts are
 * dealt to the parts in proportion; what is left goes, largest first, where it fits best;
 * then groups are moved and exchanged between parts while the sum of squared deviations
 * from the exact shares falls.
 *
 * The result depends on the groups' contents, `order` and `seed`, never on the order of
 * the rows. Returns 0; -1 with *err set when memory is short. Memory: about 10 bytes a
 * row, and 4 n_parts bytes for each distinct vector of class counts. Threads may share
 * the problem.
 */
int xr_split_assign(uint16_t *part, const struct xr_split_problem *problem,
                    struct xr_err *err) XR_MUST_USE;

/* --- tables ---------------------------------------------------------------------- */

/* How the films themselves are looked at. */
enum {
    XR_DUPLICATES_JOIN,
    XR_DUPLICATES_DROP
};
#define XR_DUPLICATES "join|drop" /* what becomes of films with equal pixels */
struct xr_split_look {
    bool near;             /* join films that look alike */
    double threshold;      /* least correlation of detail */
    bool flips;            /* mirrored and turned copies too */
    bool skip_bad;         /* leave out what cannot be read */
    int duplicates;        /* XR_DUPLICATES */
    bool drop_conflicting; /* leave out equal pixels with different labels */
    char *root;            /* folder of relative paths, NULL: the current one */
    int jobs;              /* threads */
};

/* What the user asked for. Texts are borrowed; NULL where not given. */
struct xr_split_rule {
    /* column of class names; NULL with one_hot NULL: "label" */
    const char *label;
    /* columns of 0 and 1, separated by commas; the class of rows without a 1 */
    const char *one_hot, *rest;
    /* class names in order; NULL: settled from the table */
    const char *classes;
    /* columns, separated by commas; NULL: "group" if it exists; of runs, consecutive rows
     * that agree are one group */
    const char *group, *group_runs;
    /* column; NULL: "key" or else "path"; FROM=TO in keys */
    const char *key, *key_replace;
    /* templates with {column} and {key}; NULL: "path" or the key column; the column
     * "mask" if it exists */
    const char *path, *mask;
    /* classes that have a mask, separated by commas; NULL: all */
    const char *mask_labels;
    bool no_group, drop_unlabelled;
    bool has_ratio;    /* it was asked for */
    double ratio[3];   /* train, val, test; used where folds is 0 */
    int64_t folds;     /* 0: train/val/test */
    double test_ratio; /* with folds: share of a hold-out beside them */
    const char *by;    /* column: a fold for each of its values instead */
    /* an earlier split: its test rows stay test; where it was read from, NULL: none */
    const struct xr_table *holdout;
    const char *holdout_path;
    int64_t nested; /* folds within the rest of each fold; 0: none */
    struct xr_split_look look;
    const char *subsets; /* rising shares: nested subsets of what is trained on */
    uint64_t seed;
};

/* A split table, ready to write; opaque. The table must outlive it. */
struct xr_split;

/* "70/15/15", ".7,.15,.15", "80:0:20": three shares of train, val, test with sum 1 or
 * 100. A usage error names --ratio. */
int xr_split_ratio(double ratio[3], const char *text, struct xr_err *err) XR_MUST_USE;

/*
 * Settle classes, keys, groups and parts. Errors name file and line: an unknown, empty or
 * blank-edged label, two ones in a row, two rows with one key or path, an empty group,
 * more folds than groups.
 */
int xr_split_make(struct xr_split **split, const struct xr_table *table,
                  const struct xr_split_rule *rule, struct xr_err *err) XR_MUST_USE;
/* Lines (each ended by LF) that a person should see: no groups, shares missed, rows
 * dropped. */
const char *xr_split_warnings(const struct xr_split *split);
/* What cannot be meant together; a usage error. */
int xr_split_rule_check(const struct xr_split_rule *rule, struct xr_err *err) XR_MUST_USE;
/* key,path,mask?,label,class,group?,split and/or fold, inner_0...?, subset?, then the
 * other columns. */
/* Is this a column of nested folds: inner_ and a number? */
bool xr_split_is_inner(const char *name);
int xr_split_write(struct xr_split *split, struct xr_out *out,
                   struct xr_err *err) XR_MUST_USE;

/* Files beside a split; NULL: not wanted. Borrowed. */
struct xr_split_beside {
    const char *certificate;  /* certificate.h */
    const char *pairs;        /* films that look alike, as CSV */
    const char *flow;         /* rows read, left out by reason, kept, by part */
    const char *demographics; /* what each column says of each part */
};
/* What was read, as an object "last part of the path" -> digest; the caller owns it. */
cJSON *xr_split_inputs(const struct xr_split *split, struct xr_err *err) XR_MUST_USE;
/* Write them; history (may be NULL) is copied. */
int xr_split_beside(struct xr_split *split, const struct xr_split_beside *beside,
                    const cJSON *history, struct xr_err *err) XR_MUST_USE;
void xr_split_free(struct xr_split *split);

/*
 * Prove a split: -1 with the first violation in *err ("splits.csv:41: group 'p7' is in
 * train (line 3) and in test"), or 0 with a table of classes by part as CSV text in
 * *summary (part,rows,groups?, n_<class>...; the last row is "all"). group: column, NULL:
 * "group" if it exists; *grouped says whether one was looked at. Violations: a key twice;
 * a group or a path in two parts; a row without part; a value of split that is not train,
 * val, test; folds that are not 0..k-1; a label with two indices or an index with two
 * labels.
 */
int xr_split_check(struct xr_buf *summary, bool *grouped, const struct xr_table *table,
                   const char *group, bool no_group, struct xr_err *err) XR_MUST_USE;
/*
 * With the films at hand (column path): -1 if two that look alike are in two parts,
 * folds or nested folds; else *n_pairs of them. A film that cannot be read is an error
 * unless look->skip_bad.
 */
int xr_split_check_films(size_t *n_pairs, const struct xr_table *table,
                         const struct xr_split_look *look,
                         struct xr_err *err) XR_MUST_USE;

#endif
