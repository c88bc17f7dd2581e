/*
 * Batches from a record stream: consecutive records of one epoch, their pixels packed for
 * a net.
 */
#ifndef XR_BATCH_H
#define XR_BATCH_H

#include "classifier.h"
#include "cli.h"

struct xr_batch {
    size_t n, room;
    int64_t epoch;             /* of all its records, from 1 */
    struct xr_record *records; /* [n], their images moved to pixels */
    int64_t *labels;           /* [n], -1 where unknown */
    void *pixels;              /* [n][H][W][C] uint8 or uint16, or [n][C][H][W] float32 */
    /* inside */
    size_t image_bytes;
    enum xr_dtype dtype;
    size_t height, width, channels;
    struct xr_record ahead; /* read, but of the next epoch */
    bool has_ahead, at_end;
};

int xr_batch_open(struct xr_batch *batch, const struct xr_stream_header *header,
                  size_t room, struct xr_err *err) XR_MUST_USE;
/* 1: up to room records of one epoch; 0: the stream is at its end; -1: error. */
int xr_batch_next(struct xr_batch *batch, struct xr_reader *reader,
                  struct xr_err *err) XR_MUST_USE;
/* At the end of a stream: warn where it was parts of an output, but not all. */
void xr_batch_warn(struct xr_cli *cli, const struct xr_reader *reader, const char *input);
/* The batch as the net's input, normalised with the classifier's mean and deviation. */
int xr_batch_input(const struct xr_batch *batch, struct xk_net *net,
                   const struct xr_preprocess *pre, struct xr_err *err) XR_MUST_USE;
/* The same as floats, dst [n][net_channels][H][W]. */
void xr_batch_floats(float *dst, const struct xr_batch *batch,
                     const struct xr_preprocess *pre);
/* Turn left and right of every image round. */
void xr_batch_mirror(struct xr_batch *batch);
/* Record i with its image, which the batch still owns: not to be freed. */
struct xr_record xr_batch_record(const struct xr_batch *batch, size_t i);
void xr_batch_close(struct xr_batch *batch);

#endif
