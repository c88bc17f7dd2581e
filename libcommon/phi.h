/*
 * What a stream still says that may identify somebody: xr-cat --check-phi. It finds what
 * looks like it; what it does not find can be there all the same.
 */
#ifndef XR_PHI_H
#define XR_PHI_H

#include "stream.h"

struct xr_phi; /* used by one thread */

int xr_phi_open(struct xr_phi **phi, struct xr_err *err) XR_MUST_USE;
void xr_phi_close(struct xr_phi *phi);

/* Look at a header and at a record. */
void xr_phi_header(struct xr_phi *phi, const struct xr_stream_header *header);
void xr_phi_record(struct xr_phi *phi, const struct xr_record *record, bool epochs);

/* How many kinds of findings there are. */
size_t xr_phi_found(const struct xr_phi *phi);

/* One line a place and kind: place, kind, how often, an example, separated by tabs; the
 * last one says what DICOM files said of text burnt into their pixels. */
int xr_phi_print(struct xr_out *out, const struct xr_phi *phi,
                 struct xr_err *err) XR_MUST_USE;

#endif
