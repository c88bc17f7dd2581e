/*
 * What the files share that decide which group goes to which part. Not for tools.
 */
#ifndef XR_SPLIT_DEAL_H
#define XR_SPLIT_DEAL_H

#include "split.h"

#define XR_NO_TYPE UINT32_MAX

struct xr_deal_count {
    uint32_t class, n;
};

/* Groups with equal class counts are one type: only how many of a type a part gets
 * matters. */
struct xr_deal_type {
    uint32_t at, len; /* its counts, by class */
    uint32_t size;    /* rows of one such group */
    uint32_t first;   /* where its groups begin in `members` */
    uint32_t n;       /* groups */
    uint32_t next;    /* of the same hash, while types are collected */
    uint64_t tie;
};

struct xr_deal {
    const struct xr_split_problem *pb;
    struct xr_deal_type *types;
    size_t n_types, room_types;
    struct xr_deal_count *counts;
    size_t n_counts, room_counts;
    uint32_t *bucket; /* [n_buckets] first type of a hash */
    size_t n_buckets;
    uint32_t *type_of; /* [n_groups] */
    uint32_t *members; /* groups by type, then by order */
    uint32_t *dealt;   /* [n_types][n_parts] */
    double *
        dev; /* [n_classes + 1][n_parts]: rows above the exact share; last: all classes */
    uint16_t *prefer; /* [n_parts] parts in the order that settles ties */
    uint64_t steps;
};

/* Make the types: in canonical order, each with its groups in random order. _rehash must
 * have run once. */
int xr_deal_rehash(struct xr_deal *w, struct xr_err *err) XR_MUST_USE;
int xr_deal_types(struct xr_deal *w, struct xr_err *err) XR_MUST_USE;
int xr_deal_arrange(struct xr_deal *w, struct xr_err *err) XR_MUST_USE;
uint64_t xr_deal_hash(const struct xr_deal_count *c, size_t len);

/* Every type has groups of one row of one class: all entries, all part sizes exact to a
 * row. */
int xr_deal_round(struct xr_deal *w, size_t n_rows, struct xr_err *err) XR_MUST_USE;
/* Larger groups; dev says what every part lacks. */
int xr_deal_search(struct xr_deal *w, struct xr_err *err) XR_MUST_USE;

/* floor of x, where x is a product that may have lost its last digit */
double xr_deal_floor(double x);

#endif
