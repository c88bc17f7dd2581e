/* Several streams as one, in parts, shuffled through a bounded buffer. */
#include "source.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "rng.h"
#include "stream_json.h"

/* A record that was read, and where. */
struct item {
    struct xr_record record;
    const char *name;
    int64_t epoch;
};

struct xr_source {
    struct xr_source_rule rule;
    struct xr_stream_header header;
    struct xr_reader *reader; /* of paths[next - 1]; NULL: the next is to be opened */
    struct xr_part_row parts; /* of those before it */
    size_t next;
    uint64_t read;       /* records of this epoch, of all shards */
    int64_t read_epoch;  /* of the last one read */
    struct item *buffer; /* [rule.buffer] */
    size_t held;
    struct item ahead;              /* of the epoch after that in the buffer */
    bool has_ahead, ended, reached; /* reached: the record to begin with */
    struct xr_rng rng;
    int64_t epoch;  /* of what is given */
    uint64_t given; /* of that epoch, with those before rule.at */
};

static int64_t epoch_of(const struct xr_record *r)
{
    double epoch = xr_json_number(r->meta, "epoch", 1);

    return epoch >= 1 && epoch < 1e9 ? (int64_t)epoch : 1;
}

/* --- opening ----------------------------------------------------------------- */

/* All inputs but the first are of its kind. */
static int check_kinds(const struct xr_source *s, struct xr_err *err)
{
    for (size_t i = 1; i < s->rule.n_paths; i++) {
        struct xr_reader *reader;
        const struct xr_stream_header *h;
        const char *path = s->rule.paths[i];
        int rc = 0;

        if (!strcmp(path, "-"))
            return xr_fail_usage(err, "standard input stands alone, or first");
        if (xr_reader_open(&reader, path, true, err))
            return -1;
        h = xr_reader_header(reader);
        if (!h->json != !s->header.json)
            rc = xr_fail(err, "%s: it has %s header, unlike '%s'", path,
                         h->json ? "a" : "no", xr_input_name(s->rule.paths[0]));
        else if (h->json && xr_header_agree(&s->header, h, err))
            rc = xr_fail_in(err, "%s", path);
        xr_reader_close(reader);
        if (rc)
            return -1;
    }
    return 0;
}

int xr_source_open(struct xr_source **source, const struct xr_source_rule *rule,
                   struct xr_err *err)
{
    struct xr_source *s = xr_alloc_array(1, sizeof *s, err);

    *source = NULL;
    if (!s)
        return -1;
    s->rule = *rule;
    s->epoch = s->read_epoch = -1;
    s->buffer = xr_alloc_array(rule->buffer, sizeof *s->buffer, err);
    if (!s->buffer || xr_reader_open(&s->reader, rule->paths[s->next++], true, err) ||
        xr_reader_follow(s->reader, &s->parts, rule->n_paths > 1, err) ||
        xr_stream_header_copy(&s->header, xr_reader_header(s->reader), err) ||
        check_kinds(s, err) ||
        (s->header.json && rule->n_paths > 1 &&
         xr_stream_join(&s->header, rule->paths, rule->n_paths, err))) {
        xr_source_close(s);
        return -1;
    }
    *source = s;
    return 0;
}

const struct xr_stream_header *xr_source_header(const struct xr_source *s)
{
    return &s->header;
}

/* --- reading ----------------------------------------------------------------- */

/* The next record of this shard. */
static int read_one(struct xr_source *s, struct item *item, struct xr_err *err)
{
    for (;;) {
        const char *path = s->rule.paths[s->next - 1];
        int got;

        if (!s->reader &&
            (xr_reader_open(&s->reader, path, true, err) ||
             xr_reader_follow(s->reader, &s->parts, s->next < s->rule.n_paths, err)))
            return -1;
        got = xr_reader_next(s->reader, &item->record, err);
        if (got < 0)
            return -1;
        if (got == 0) {
            s->parts = *xr_reader_parts(s->reader);
            if (s->next == s->rule.n_paths)
                return 0;
            xr_reader_close(s->reader);
            s->reader = NULL;
            s->next++;
            continue;
        }
        item->name = xr_input_name(path);
        item->epoch = epoch_of(&item->record);
        if (item->epoch != s->read_epoch)
            s->read = 0;
        s->read_epoch = item->epoch;
        if (s->read++ % s->rule.n_shards == s->rule.shard)
            return 1;
    }
}

/* Fill the buffer as far as the epoch goes. */
static int fill(struct xr_source *s, struct xr_err *err)
{
    while (!s->ended && s->held < s->rule.buffer) {
        if (!s->has_ahead) {
            int got = read_one(s, &s->ahead, err);

            if (got < 0)
                return -1;
            s->ended = got == 0;
            s->has_ahead = got == 1;
            continue;
        }
        if (s->held && s->ahead.epoch != s->buffer[0].epoch)
            break;
        s->buffer[s->held++] = s->ahead;
        memset(&s->ahead, 0, sizeof s->ahead);
        s->has_ahead = false;
    }
    return 0;
}

static int draw_one(struct xr_source *s, struct item *item, struct xr_err *err)
{
    size_t i;

    if (fill(s, err))
        return -1;
    if (!s->held)
        return 0;
    if (s->buffer[0].epoch != s->epoch)
        xr_rng_init(&s->rng, s->rule.seed, (uint64_t)s->buffer[0].epoch, "", "buffer");
    i = (size_t)xr_rng_below(&s->rng, s->held);
    xr_record_free(&item->record);
    *item = s->buffer[i];
    s->buffer[i] = s->buffer[--s->held];
    memset(&s->buffer[s->held], 0, sizeof *s->buffer);
    return 1;
}

int xr_source_next(struct xr_source *s, struct xr_record *record, const char **name,
                   struct xr_err *err)
{
    struct item item = {.record = *record};
    int got;

    for (;;) {
        got = s->rule.buffer > 1 ? draw_one(s, &item, err) : read_one(s, &item, err);
        if (got <= 0)
            break;
        if (item.epoch != s->epoch)
            s->given = 0;
        s->epoch = item.epoch;
        s->reached =
            s->reached || (item.epoch == s->rule.epoch && s->given == s->rule.at);
        if (s->reached)
            break;
        s->given++;
    }
    if (got == 0 && !s->reached && s->rule.at + (uint64_t)s->rule.epoch > 1)
        got = xr_fail(err, "--start-at: no record %lld:%llu", (long long)s->rule.epoch,
                      (unsigned long long)s->rule.at + 1);
    *record = item.record;
    *name = item.name;
    return got;
}

bool xr_source_partial(const struct xr_source *s)
{
    return xr_part_row_partial(&s->parts);
}

void xr_source_close(struct xr_source *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->buffer && i < s->held; i++)
        xr_record_free(&s->buffer[i].record);
    if (s->has_ahead)
        xr_record_free(&s->ahead.record);
    free(s->buffer);
    xr_reader_close(s->reader);
    xr_stream_header_free(&s->header);
    free(s);
}
