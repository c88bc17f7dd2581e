/*
 * The cases that are measured, and their groups: from a table, or as they come.
 */
#ifndef XR_CASES_H
#define XR_CASES_H

#include <stdbool.h>

#include "split_index.h"

/* Different texts, numbered as they come. */
struct xr_texts {
    char **text; /* [n] */
    size_t n, room;
    struct xr_index index;
};

/* The number of a text, which is copied. 1: it is new, 0: it was there, -1: *err. */
int xr_texts_put(struct xr_texts *names, uint32_t *i, const char *text,
                 struct xr_err *err) XR_MUST_USE;
void xr_texts_free(struct xr_texts *names);

/* Numbered 0..n-1. {0} is empty; one thread at a time. */
struct xr_cases {
    struct xr_texts keys, groups, others; /* others: of other splits of the table */
    uint32_t *group;                      /* [keys.n] of each case; NULL: none */
    size_t room;
    bool closed;                        /* of a table: no others are measured */
    char digest[XR_SHA256_TEXT], *name; /* of the table; NULL: none */
};

/*
 * The rows of a table with a column key, or path, whose last part less its suffix is the
 * key. split: only rows of it (NULL: all); group: a column (NULL: none; a row with an
 * empty cell is a group of its own). Refused: a key twice, no row left.
 */
int xr_cases_read(struct xr_cases *cases, const char *path, const char *split,
                  const char *group, struct xr_err *err) XR_MUST_USE;

/*
 * The number of a case. Where there is no table it is added if it is new, with its group
 * (text; NULL: none is asked for). 1: *i is it. 0: the table has it in another split. -1:
 * *err: it is not in the table, or memory is short.
 */
int xr_cases_number(struct xr_cases *cases, uint32_t *i, const char *key,
                    const char *group, struct xr_err *err) XR_MUST_USE;

void xr_cases_free(struct xr_cases *cases);

/* The last part of a path less the suffix of a picture; free it with free(). */
char *xr_case_key(const char *path, struct xr_err *err) XR_MUST_USE;

#endif
