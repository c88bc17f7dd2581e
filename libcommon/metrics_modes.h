/*
 * The modes of xr-metrics(1) besides those of tables of predictions, and what all modes
 * share: the format of the result, the ledger.
 */
#ifndef XR_METRICS_MODES_H
#define XR_METRICS_MODES_H

#include "metrics_classify.h"
#include "metrics_detect.h"
#include "metrics_power.h"
#include "metrics_segment.h"
#include "metrics_table.h"

/* What is asked for; the command line fills it. Nothing is owned. */
struct xr_modes {
    int task;   /* an index of XR_METRICS_TASKS */
    int format; /* an index of XR_METRICS_FORMATS */
    bool text;  /* the same as format text */
    char *ledger;
    char *table, *spacing, *per_record, *rates, *overlaps;
    double mask_threshold, froc_iou, nms;
    bool one_class;
    struct xr_power_set power;
};
#define XR_MODES_DEFAULT                                                                 \
    {                                                                                    \
        .mask_threshold = 0.5, .froc_iou = 0.5, .nms = 1                                 \
    }
#define XR_METRICS_TASKS "classify|segment|detect"

/* Options of another mode than the one that is asked for, or too few operands, are wrong
 * usage (exit 2). Settles the format. */
void xr_modes_check(struct xr_modes *modes, const struct xr_cli *cli);

/* Is it one of the modes here? Then xr_modes_run makes the object, which the caller
 * deletes; NULL with *err. */
bool xr_modes_has(const struct xr_modes *modes);
cJSON *xr_modes_run(const struct xr_modes *modes, const struct xr_classify *classify,
                    const struct xr_cli *cli, struct xr_err *err) XR_MUST_USE;

/*
 * The end of every mode: the look goes into the ledger, then the object to the output of
 * cli, in the format; text: what the mode itself has made for people, where it has.
 */
int xr_modes_write(cJSON *json, const struct xr_buf *text, const struct xr_modes *modes,
                   const struct xr_cli *cli, struct xr_err *err) XR_MUST_USE;

#endif
