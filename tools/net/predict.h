/*
 * Predictions of a classifier over a record stream, as CSV.
 */
#ifndef XR_PREDICT_H
#define XR_PREDICT_H

#include "batch.h"
#include "cli.h"

struct xr_predict {
    char *weights, *certificate; /* certificate: or NULL */
    int64_t batch;
    int precision;     /* XR_PRECISIONS */
    int tta;           /* XR_TTA */
    char *calibration; /* a file of xr-metrics --calibration-out, or NULL */
};

/* What probabilities are averaged over besides the film itself: nothing, or its mirror
 * image. */
#define XR_TTA "none|hflip"

/* key,label,split,fold,group, p_<class>..., pred, with a calibration the column
 * calibration (its method and the digest of its file), then the other columns of the
 * rows. */
int xr_predict_run(const struct xr_predict *set, struct xr_cli *cli, const char *input,
                   struct xr_err *err) XR_MUST_USE;

#endif
