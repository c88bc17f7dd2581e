/*
 * Records from one or several streams or WebDataset shards, one behind the other, a part
 * of them, and, where asked, in another order.
 */
#ifndef XR_SOURCE_H
#define XR_SOURCE_H

#include "stream.h"

/* What is read; texts and paths are borrowed. */
struct xr_source_rule {
    char *const *paths; /* "-": standard input; at least one */
    size_t n_paths;
    size_t shard, n_shards; /* of each epoch: the records shard, shard + n_shards, ... */
    size_t buffer;          /* records to draw the next one from; below 2: as they come */
    uint64_t seed;
    int64_t epoch; /* where to begin: from 1 */
    uint64_t at;   /* and at which record of it, from 0, in the new order */
};

struct xr_source; /* used by one thread at a time */

/*
 * Open all of them for their headers, which must agree; shards without a header go
 * together only. The header is that of the first with the counts of all, as far as they
 * are known (xr_stream_join).
 */
int xr_source_open(struct xr_source **source, const struct xr_source_rule *rule,
                   struct xr_err *err) XR_MUST_USE;
/* json is NULL where the shards have no header. */
const struct xr_stream_header *xr_source_header(const struct xr_source *source);
/* At the end: were parts of an output read, but not all? */
bool xr_source_partial(const struct xr_source *source);

/*
 * The next record (*record is freed first), and the input's name for messages. 1, or 0
 * at the end, or -1. From a buffer of N records each next one is drawn evenly, as a
 * function of seed and epoch, and replaced by the next that is read; epochs do not mix.
 */
int xr_source_next(struct xr_source *source, struct xr_record *record, const char **name,
                   struct xr_err *err) XR_MUST_USE;
void xr_source_close(struct xr_source *source);

#endif
