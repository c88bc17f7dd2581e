/*
 * Looks at test sets, for all modes of xr-metrics(1).
 */
#ifndef XR_METRICS_LEDGER_H
#define XR_METRICS_LEDGER_H

#include "cli.h"
#include "predictions.h"

/*
 * Where --ledger is given, add {"test_set", "predictions"} as "ledger" to json: what
 * xr_metrics_look needs. texts [n]: what makes the test set (keys with their truth), in
 * any order; sorted in place. Else nothing is done.
 */
int xr_metrics_set(cJSON *json, const struct xr_cli *cli, const char **texts, size_t n,
                   struct xr_err *err) XR_MUST_USE;
/* The digest of one more file of predictions of that test set; "" is none. */
void xr_metrics_set_file(cJSON *json, const char *path, const char *digest);
/* Those of an object "name" -> digest. */
void xr_metrics_set_files(cJSON *json, const cJSON *inputs);
/* Both for a table of predictions: keys with their labels. */
int xr_metrics_set_rows(cJSON *json, const struct xr_cli *cli,
                        const struct xr_predictions *predictions,
                        struct xr_err *err) XR_MUST_USE;

/* Write the look that json is of into the ledger (xr_ledger_look), add its number to
 * json, and say it in a warning. */
int xr_metrics_look(cJSON *json, const struct xr_cli *cli, const char *path,
                    struct xr_err *err) XR_MUST_USE;

#endif
