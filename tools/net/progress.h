/*
 * What a training run has come to: the log so far, the best so far, when to stop. No
 * network here.
 */
#ifndef XR_TRAIN_PROGRESS_H
#define XR_TRAIN_PROGRESS_H

#include "trainer.h"

/* Which logged figure decides, and which way. */
struct xr_monitor {
    char split[8];   /* "train" or "val" */
    char column[32]; /* a column of the log */
    bool lower;      /* smaller is better: loss */
};

/* "auc", "val:loss": without a split, val where there is one. */
int xr_monitor_parse(struct xr_monitor *monitor, const char *text, bool has_val,
                     struct xr_err *err) XR_MUST_USE;
/* 1: the row has the figure, in *value; 0: it is of the other split. NaN: undefined
 * there. */
int xr_monitor_read(double *value, const struct xr_monitor *monitor,
                    const struct xr_log_row *row);

#define XR_LOG_HEADER                                                                    \
    "epoch,split,loss,accuracy,balanced_accuracy,auc,lr,seconds,images_per_second\n"
/* Append a row as CSV. An undefined figure is empty. */
int xr_log_format(struct xr_buf *buf, const struct xr_log_row *row,
                  struct xr_err *err) XR_MUST_USE;
/* The figures of a row as JSON, less the times: what a model file says of itself. */
cJSON *xr_log_json(const struct xr_log_row *row);

/* Labels, probabilities and loss of one pass over a set. */
struct xr_scores {
    size_t n, room, k;
    float *p;        /* [n][k] */
    int64_t *labels; /* [n] */
    double loss, weight;
};

int xr_scores_add(struct xr_scores *scores, const float *logits, const int64_t *labels,
                  size_t n, double loss, double weight, struct xr_err *err) XR_MUST_USE;
/* Fill the figures of a row: loss, accuracy, balanced_accuracy, auc (one-vs-rest, macro).
 */
int xr_scores_row(struct xr_log_row *row, const struct xr_scores *scores,
                  struct xr_err *err) XR_MUST_USE;
void xr_scores_clear(struct xr_scores *scores);
void xr_scores_free(struct xr_scores *scores);

#endif
