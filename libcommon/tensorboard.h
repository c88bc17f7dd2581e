/*
 * Event files of TensorBoard, made of a training log: so that boards people already have
 * show it.
 *
 * An event file is a row of records, each framed as TensorFlow's record writer does
 * (tensorflow/core/lib/io/record_writer.h): length, uint64, little-endian; masked CRC-32C
 * of those eight bytes; the data; masked CRC-32C of the data. The data are messages Event
 * of tensorflow/core/util/event.proto in protobuf's wire format: first the version of the
 * file ("brain.Event:2"), then one event an epoch with a Summary of scalars.
 */
#ifndef XR_TENSORBOARD_H
#define XR_TENSORBOARD_H

#include "csv.h"

/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), of the bytes before and these: begin with
 * crc 0. And masked, as records carry it: rotated right by 15 bits plus 0xa282ead8. Both
 * never fail; threads may call them.
 */
uint32_t xr_crc32c(uint32_t crc, const void *data, size_t size);
uint32_t xr_crc32c_masked(const void *data, size_t size);

/*
 * The event file of the rows whose column `split` is `split` (NULL: of all rows),
 * appended to buf. step = column epoch; tags = names of the other columns that hold
 * nothing but numbers (nan and inf too), values in float32; an empty cell gives no
 * scalar. Wall time, seconds since 1970: column `time` where there is one, else the sum
 * of column `seconds` over all rows of the log up to this one, so that boards show the
 * time since the start and equal logs give equal bytes; without either it is the epoch.
 * -1: no column epoch, an epoch or time that is not one, no memory; *err says the line.
 */
int xr_tensorboard_events(struct xr_buf *buf, const struct xr_table *log,
                          const char *split, struct xr_err *err) XR_MUST_USE;

/*
 * The event files of a log in folder `dir` (made where it is absent; not its parents):
 * one folder a value of column split, which boards draw over each other as runs, or none
 * where there is no such column: dir/SPLIT/events.out.tfevents.0.xr-plot. At most 64
 * splits, their names of letters, digits, '-', '_' and '.', not beginning with a dot.
 * Each file is complete or as it was. -1 with *err.
 */
int xr_tensorboard_write(const char *dir, const struct xr_table *log,
                         struct xr_err *err) XR_MUST_USE;

#endif
