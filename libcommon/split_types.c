/* Groups with equal class counts are one type; types in an order that no table can
 * change. */
#include "split_deal.h"

#include <stdlib.h>
#include <string.h>

static int cmp_u16(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static int grow(void **array, size_t *room, size_t need, size_t size, struct xr_err *err)
{
    size_t more = *room ? *room : 64;
    void *p;

    if (need <= *room)
        return 0;
    while (more < need)
        more *= 2;
    p = realloc(*array, more * size);
    if (!p)
        return xr_fail(err, "out of memory: %zu bytes", more * size);
    *array = p;
    *room = more;
    return 0;
}

uint64_t xr_deal_hash(const struct xr_deal_count *c, size_t len)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);

    for (size_t i = 0; i < len; i++) {
        h = (h ^ c[i].class) * UINT64_C(0x100000001B3);
        h = (h ^ c[i].n) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 29;
    }
    return h;
}

int xr_deal_rehash(struct xr_deal *w, struct xr_err *err)
{
    size_t n = w->n_buckets ? 4 * w->n_buckets : 1024;
    uint32_t *bucket = xr_alloc_array(n, sizeof *bucket, err);

    if (!bucket)
        return -1;
    memset(bucket, 0xff, n * sizeof *bucket);
    for (size_t t = 0; t < w->n_types; t++) {
        struct xr_deal_type *ty = &w->types[t];
        size_t b = xr_deal_hash(w->counts + ty->at, ty->len) & (n - 1);

        ty->next = bucket[b];
        bucket[b] = (uint32_t)t;
    }
    free(w->bucket);
    w->bucket = bucket;
    w->n_buckets = n;
    return 0;
}

/* The type of a group whose rows have these classes (sorted here). */
static int intern(struct xr_deal *w, uint32_t *type, uint16_t *classes, uint32_t n,
                  struct xr_err *err)
{
    struct xr_deal_count *c;
    struct xr_deal_type *ty;
    uint32_t len = 0;
    size_t b;

    if (n > 1)
        qsort(classes, n, sizeof *classes, cmp_u16);
    if (grow((void **)&w->counts, &w->room_counts, w->n_counts + n, sizeof *c, err))
        return -1;
    c = w->counts + w->n_counts; /* kept only if the type is new */
    for (uint32_t i = 0; i < n; i++) {
        if (len && c[len - 1].class == classes[i])
            c[len - 1].n++;
        else
            c[len++] = (struct xr_deal_count){classes[i], 1};
    }
    if (w->n_types >= w->n_buckets && xr_deal_rehash(w, err))
        return -1;
    b = xr_deal_hash(c, len) & (w->n_buckets - 1);
    for (uint32_t t = w->bucket[b]; t != XR_NO_TYPE; t = w->types[t].next) {
        if (w->types[t].len == len &&
            !memcmp(w->counts + w->types[t].at, c, len * sizeof *c)) {
            w->types[t].n++;
            *type = t;
            return 0;
        }
    }
    if (grow((void **)&w->types, &w->room_types, w->n_types + 1, sizeof *ty, err))
        return -1;
    if (w->n_counts > UINT32_MAX - n)
        return xr_fail(err, "too many kinds of groups");
    ty = &w->types[w->n_types];
    *ty = (struct xr_deal_type){(uint32_t)w->n_counts, len, n, 0, 1, w->bucket[b], 0};
    w->n_counts += len;
    w->bucket[b] = (uint32_t)w->n_types;
    *type = (uint32_t)w->n_types++;
    return 0;
}

int xr_deal_types(struct xr_deal *w, struct xr_err *err)
{
    const struct xr_split_problem *pb = w->pb;
    uint32_t *start = NULL;
    uint16_t *classes = NULL;
    int status = -1;

    if (!pb->group_of) {
        for (size_t i = 0; i < pb->n_rows; i++) {
            uint16_t c = pb->class_of[i];

            if (c != XR_SPLIT_NONE && intern(w, &w->type_of[i], &c, 1, err))
                return -1;
        }
        return 0;
    }
    start = xr_alloc_array(pb->n_groups + 1, sizeof *start, err);
    classes = xr_alloc_array(pb->n_rows, sizeof *classes, err);
    if (!start || !classes)
        goto done;
    for (size_t i = 0; i < pb->n_rows; i++) {
        if (pb->class_of[i] != XR_SPLIT_NONE)
            start[pb->group_of[i]]++;
    }
    for (size_t g = 0, sum = 0; g <= pb->n_groups;
         g++) { /* ends, which filling makes starts */
        sum += start[g];
        start[g] = (uint32_t)sum;
    }
    for (size_t i = pb->n_rows; i-- > 0;) {
        if (pb->class_of[i] != XR_SPLIT_NONE)
            classes[--start[pb->group_of[i]]] = pb->class_of[i];
    }
    for (size_t g = 0; g < pb->n_groups; g++) {
        uint32_t n = start[g + 1] - start[g];

        if (n && intern(w, &w->type_of[g], classes + start[g], n, err))
            goto done;
    }
    status = 0;
done:
    free(start);
    free(classes);
    return status;
}

/* Canonical order: largest first, then by counts, so that nothing depends on the rows'
 * order. */
static int cmp_types(const void *a, const void *b, void *arg)
{
    const struct xr_deal *w = arg;
    const struct xr_deal_type *x = a, *y = b;
    const struct xr_deal_count *cx = w->counts + x->at, *cy = w->counts + y->at;

    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    for (uint32_t i = 0; i < x->len && i < y->len; i++) {
        if (cx[i].class != cy[i].class)
            return cx[i].class < cy[i].class ? -1 : 1;
        if (cx[i].n != cy[i].n)
            return cx[i].n < cy[i].n ? 1 : -1;
    }
    return x->len < y->len ? -1 : x->len > y->len;
}

/* ids in rising order[]. The numbers are random, so one pass by their high bits leaves
 * almost nothing to insertion. */
static int sort_members(uint32_t *ids, size_t n, const uint64_t *order,
                        struct xr_err *err)
{
    unsigned bits = 1;
    uint32_t *count, *copy;
    size_t n_buckets;
    int shift;

    while (bits < 24 && ((size_t)1 << bits) < n / 2)
        bits++;
    n_buckets = (size_t)1 << bits;
    shift = 64 - (int)bits;
    count = xr_alloc_array(n_buckets + 1, sizeof *count, err);
    copy = xr_alloc_array(n, sizeof *copy, err);
    if (!count || !copy) {
        free(count);
        free(copy);
        return -1;
    }
    memcpy(copy, ids, n * sizeof *ids);
    for (size_t i = 0; i < n; i++)
        count[(order[ids[i]] >> shift) + 1]++;
    for (size_t b = 0; b < n_buckets; b++)
        count[b + 1] += count[b];
    for (size_t i = 0; i < n; i++)
        ids[count[order[copy[i]] >> shift]++] = copy[i];
    for (size_t i = 1; i < n; i++) {
        uint32_t id = ids[i];
        size_t j = i;

        for (; j > 0 && order[ids[j - 1]] > order[id]; j--)
            ids[j] = ids[j - 1];
        ids[j] = id;
    }
    free(count);
    free(copy);
    return 0;
}

/* Sort types, renumber type_of, list each type's groups in random order. */
int xr_deal_arrange(struct xr_deal *w, struct xr_err *err)
{
    const struct xr_split_problem *pb = w->pb;
    uint32_t *number, *fill, sum = 0;
    int status = -1;

    number = xr_alloc_array(w->n_types, sizeof *number, err);
    fill = xr_alloc_array(w->n_types, sizeof *fill, err);
    if (!number || !fill)
        goto done;
    for (size_t t = 0; t < w->n_types; t++)
        w->types[t].next = (uint32_t)t; /* the old number */
    qsort_r(w->types, w->n_types, sizeof *w->types, cmp_types, w);
    for (size_t t = 0; t < w->n_types; t++) {
        number[w->types[t].next] = (uint32_t)t;
        w->types[t].first = fill[t] = sum;
        sum += w->types[t].n;
    }
    w->members = xr_alloc_array(sum, sizeof *w->members, err);
    if (!w->members)
        goto done;
    for (size_t g = 0; g < pb->n_groups; g++) {
        if (w->type_of[g] != XR_NO_TYPE)
            w->members[fill[number[w->type_of[g]]]++] = (uint32_t)g;
    }
    for (size_t t = 0; t < w->n_types; t++) {
        if (sort_members(w->members + w->types[t].first, w->types[t].n, pb->order, err))
            goto done;
    }
    status = 0;
done:
    free(number);
    free(fill);
    return status;
}
