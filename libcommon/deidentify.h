/*
 * Records that name nobody: keys and ids become a keyed hash, of what else is said only
 * an allow-list stays (xr-augment(1), --deidentify).
 */
#ifndef XR_DEIDENTIFY_H
#define XR_DEIDENTIFY_H

#include <cjson/cJSON.h>

#include "films.h"
#include "stream.h"

#define XR_DEIDENTIFY_ENV "XR_DEIDENTIFY_KEY"
#define XR_DEIDENTIFY_MIN 16  /* bytes of a key, at least */
#define XR_DEIDENTIFY_TEXT 33 /* 32 hex digits: 128 bits of HMAC-SHA256 */

struct xr_deidentify; /* the key; read-only once made: threads may share it */

/* The key is all of a file but ends of line at its end, or without a file the value of
 * XR_DEIDENTIFY_KEY. None, or one of less than 16 bytes, is refused. */
int xr_deidentify_open(struct xr_deidentify **deidentify, const char *file,
                       struct xr_err *err) XR_MUST_USE;
void xr_deidentify_close(struct xr_deidentify *deidentify); /* wipes the key */

/* The hash of a text: equal texts give equal hashes, and without the key nothing else. */
void xr_deidentify_hash(char hash[XR_DEIDENTIFY_TEXT], const struct xr_deidentify *d,
                        const char *text);
/* Is this what xr_deidentify_hash gives? */
bool xr_deidentify_hashed(const char *text);

/* The keys of all films become hashes, before anything depends on them. */
int xr_deidentify_films(struct xr_films *films, const struct xr_deidentify *d,
                        struct xr_err *err) XR_MUST_USE;
/* A record's key: EPOCH/ before (with epochs) and @N behind stay. */
int xr_deidentify_key(char **key, const struct xr_deidentify *d, bool epochs,
                      struct xr_err *err) XR_MUST_USE;
/* KEY.json: what is not on the list goes. *meta is replaced. */
int xr_deidentify_meta(cJSON **meta, const struct xr_deidentify *d,
                       struct xr_err *err) XR_MUST_USE;
/* boxes.json, where there is one: the ids of annotations become their numbers. */
int xr_deidentify_boxes(struct xr_record *record, struct xr_err *err) XR_MUST_USE;
/* The header: no history of others, no names of files. */
void xr_deidentify_header(struct xr_stream_header *header);
/* This run's entry of the history, without operands, files and digests. */
void xr_deidentify_history(cJSON *entry);

#endif
