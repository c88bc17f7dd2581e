/*
 * Heat maps of a classifier: one batch after another, with overlays and scores against
 * lesion masks.
 */
#ifndef XR_EXPLAIN_H
#define XR_EXPLAIN_H

#include "batch.h"
#include "cam.h"
#include "cli.h"

struct xr_explain {
    char *weights, *layer, *target, *scores, *certificate; /* certificate: or NULL */
    int method;                                            /* index in xk_cam_at */
    int colormap;                                          /* index in XR_COLORMAPS */
    double film_weight;
    int64_t batch;
};

#define XR_EXPLAIN_METHODS                                                               \
    "gradcam|gradcampp|hirescam|layercam|xgradcam|gradcam_elementwise"
#define XR_EXPLAIN_DEFAULT                                                               \
    {                                                                                    \
        .target = "pred", .film_weight = 0.5, .batch = 16, .colormap = 2                 \
    }

/* Records of `input` with KEY.cam.npy and KEY.png to cli->output; set->scores gets a CSV.
 */
int xr_explain_run(const struct xr_explain *set, struct xr_cli *cli, const char *input,
                   struct xr_err *err) XR_MUST_USE;

#endif
