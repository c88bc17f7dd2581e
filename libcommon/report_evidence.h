/*
 * What the files of a report say to an item of a checklist. Not for tools.
 */
#ifndef XR_REPORT_EVIDENCE_H
#define XR_REPORT_EVIDENCE_H

#include "report_parts.h"

/* Write it, inline, into d->doc; false (and nothing written) where they say nothing. */
bool xr_evidence_write(struct report_data *d, enum xr_evidence what);

#endif
