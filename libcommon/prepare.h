/*
 * From films to records: the plan of a run (epochs, order, shard), and for each film
 * decoding, fitting, transforms, and everything that is said about it.
 */
#ifndef XR_PREPARE_H
#define XR_PREPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "balance.h"
#include "deidentify.h"
#include "cache.h"
#include "films.h"
#include "pixels/augment.h"
#include "pixels/pixels.h"
#include "pool.h"
#include "replay.h"
#include "source.h"

/* The settings of a run, and its place in the plan; what it points to must outlive it.
 * Films come from a table or files, or from streams (source not NULL), which are read
 * once. */
struct xr_prepare {
    const struct xr_films *films;
    struct xr_source *source;
    const char *classes;            /* names, for a stream that says none; or NULL */
    const struct xr_chain *chain;   /* NULL: no transforms */
    const struct xr_replay *replay; /* instead of a chain; or NULL */
    struct xr_fit fit;
    enum xr_color color;
    int depth;    /* of the records, 8 or 16 bits */
    bool stretch; /* these percentiles of a film become black and white */
    double stretch_ends[2];
    const char *split;
    bool split_given;             /* replaces that of a stream */
    int64_t fold;                 /* -1: none */
    bool shuffle;                 /* each epoch a permutation; else the table's order */
    enum xr_balance_kind balance; /* of what is shuffled */
    double balance_beta;
    int64_t epochs; /* at least 1; above 1 keys begin with the epoch */
    size_t shard,
        n_shards;  /* records shard, shard + n_shards, ... of each epoch; 0 of 1: all */
    size_t buffer; /* of a stream: records to draw the next one from, 0: none */
    int64_t start_epoch; /* where to begin, from 1 */
    uint64_t start_at;   /* and at which of that epoch's records of the shard, from 0 */
    uint64_t seed;
    struct xr_deidentify *deidentify; /* owned; NULL: keys and metadata stay */
    struct xr_coco *coco;             /* annotations of films, owned; NULL: none */
    const char *coco_name;
    char **box_names; /* of YOLO's classes, owned */
    size_t n_box_names;
    double min_visible;     /* share of a box's area that must be left */
    struct xr_cache *cache; /* owned; NULL: none */
    bool fast_decode;       /* where it is quicker, no larger than the fit needs */
    bool polygon_mask;      /* draw polygons where there is no mask */
    size_t height, width;   /* of the records, behind the chain; from xr_prepare_begin */
    /* the place */
    int64_t *quota; /* films of each class in an epoch; NULL: as in the table */
    size_t *order, *repeat, at; /* repeat: with quota */
    int64_t epoch;
};

/* One film on its way: a slot of the pool. */
struct xr_prepared {
    size_t film;         /* of films, or the number of the record */
    size_t repeat;       /* how often it has come in this epoch, from 1 */
    int64_t epoch;       /* from 1 */
    struct xr_record in; /* what a stream gave */
    const char *from;    /* the stream, for messages */
    struct xr_record record;
    struct xr_image_info info;
};

/* What is known of a film before it is fitted and varied; whoever has it frees it. */
struct xr_opened {
    struct xr_image image, mask; /* mask.data NULL: none */
    size_t width, height;        /* of the film, which may have been decoded smaller */
    bool fitted;                 /* the image has the run's size already */
    struct xr_boxes boxes;
    cJSON *source; /* what the file was; NULL: not known */
};

/* Decode the record of a stream (an array, or a WebDataset .jpg or .png) into *opened;
 * key, label and what is kept of meta move to to->record. Other members are left behind.
 */
int xr_prepare_open_record(struct xr_opened *opened, struct xr_prepared *to,
                           const struct xr_prepare *run, struct xr_err *err) XR_MUST_USE;
/* A COCO file (NULL: none) and YOLO's names with commas (NULL: none), freed by
 * xr_prepare_end. The file's digest goes into the object `inputs`. */
int xr_prepare_boxes_open(struct xr_prepare *run, const char *coco, const char *names,
                          cJSON *inputs, struct xr_err *err) XR_MUST_USE;
void xr_prepare_boxes_close(struct xr_prepare *run);
/* Boxes of a film of the table, and the mask drawn from them; of a record; into one. */
int xr_prepare_boxes(struct xr_opened *opened, const struct xr_prepare *run, size_t film,
                     struct xr_err *err) XR_MUST_USE;
int xr_prepare_boxes_record(struct xr_opened *opened, const struct xr_record *in,
                            struct xr_err *err) XR_MUST_USE;
int xr_prepare_boxes_put(struct xr_record *record, const struct xr_boxes *boxes,
                         const struct xr_prepare *run, struct xr_err *err) XR_MUST_USE;
/* {"format","mode","depth","height","width","orientation", what else the file said} */
cJSON *xr_prepare_source(const struct xr_image_info *info);
/* Decode a film of a table or list, or take it from the cache; key, label and the columns
 * of its row go to the record. */
int xr_prepare_open_film(struct xr_opened *opened, struct xr_prepared *to,
                         const struct xr_prepare *run, struct xr_err *err) XR_MUST_USE;
/* Bring image, mask and boxes to the run's size, the image to its depth, the mask to 8
 * bits. */
int xr_prepare_fit(struct xr_opened *opened, const struct xr_prepare *run,
                   struct xr_err *err) XR_MUST_USE;

/* Vary a film that has the run's size: by the chain, or as the replay says; what was
 * applied is added to the record's meta. */
int xr_prepare_vary(const struct xr_prepare *run, const struct xr_subject *film,
                    const struct xr_prepared *to, struct xr_err *err) XR_MUST_USE;
/* Settle the size of the records. */
int xr_prepare_size(struct xr_prepare *run, struct xr_err *err) XR_MUST_USE;
/* The chain that draws, or has drawn, as JSON, which the caller owns; NULL: none. */
cJSON *xr_prepare_chain_json(const struct xr_prepare *run);

/* Check the settings and make the plan; xr_prepare_end frees it. */
int xr_prepare_begin(struct xr_prepare *run, struct xr_err *err) XR_MUST_USE;
void xr_prepare_end(struct xr_prepare *run);

/* Records of one epoch of this run's shard; films only. */
size_t xr_prepare_records(const struct xr_prepare *run);
/* Records that are still to come once a run has begun; films only. */
uint64_t xr_prepare_left(const struct xr_prepare *run);

/* The header of the stream that will come, known before a film is read, behind
 * xr_prepare_begin. It borrows nothing. */
int xr_prepare_header(struct xr_stream_header *header, const struct xr_prepare *run,
                      struct xr_err *err) XR_MUST_USE;

/* The job for a pool; its slots are struct xr_prepared. */
struct xr_pool_job xr_prepare_job(struct xr_prepare *run);

#endif
