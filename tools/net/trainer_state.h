/*
 * A training run in memory, shared by setup.c, steps.c, trainer.c (epochs) and
 * checkpoint.c (files). Not for tools.
 */
#ifndef XR_TRAINER_STATE_H
#define XR_TRAINER_STATE_H

#include <time.h>

#include "features.h"
#include "map_head.h"
#include "mix.h"
#include "progress.h"
#include "schedule.h"

struct xr_trainer {
    const struct xr_train *set;
    struct xr_cli *cli;
    struct xr_reader *in;
    struct xr_stream_header header; /* of the training stream, as it began */
    struct xr_classifier c; /* net, classes, preprocessing, history (of stream and run) */
    struct xk_optim *optim;
    struct xk_schedule schedule;
    struct xk_plateau plateau; /* moves schedule.base */
    struct xk_loss loss;
    double *weights; /* [n_classes], of the loss; NULL: none */
    struct xr_monitor monitor;
    bool monitored;  /* false: the last epoch is the result */
    cJSON *training; /* settings, as the model file shows them */
    struct xr_batch batch;
    float *logits, *d_logits;
    struct xr_features *features; /* NULL: not kept */
    struct xr_map_head map;
    struct xk_mix mix;
    float *mixed;    /* images of a batch that was mixed; NULL: none ever is */
    int64_t *labels; /* of the batch, the larger part of what was mixed */
    float *values, *best_values; /* all values of the net */

    /* where the run is: all of it is in a checkpoint */
    uint64_t steps_per_epoch, updates_per_epoch;
    uint64_t step;       /* batches trained on */
    uint64_t epoch_step; /* of them in this epoch */
    int64_t group;       /* batches whose gradients were added up since the last update */
    double group_weight; /* what their sum is to be divided by */
    int64_t epoch;       /* 0: none yet */
    struct xr_scores scores;
    struct xr_sha256 *seen; /* of keys, labels and pixels trained on */
    struct xr_buf log;      /* rows so far */
    double best, spent;     /* spent: seconds of this epoch before a stop */
    int64_t stale;          /* epochs without a better figure */
    cJSON *best_row;        /* NULL: no best yet */
    bool finished;

    struct timespec epoch_start, last_save;
};

/* setup.c: all of the run but its place; _close frees it, also where _open failed. */
int xr_trainer_open(struct xr_trainer *t, const char *input,
                    struct xr_err *err) XR_MUST_USE;
void xr_trainer_close(struct xr_trainer *t);

/* recipe.c: what the settings say, as the kernels take it. */
int xr_recipe_check(const struct xr_train *set, struct xr_err *err) XR_MUST_USE;
struct xk_optim_spec xr_recipe_optim(const struct xr_train *set);
int xr_recipe_schedule(struct xr_trainer *t, struct xr_err *err) XR_MUST_USE;
struct xk_mix xr_recipe_mix(const struct xr_train *set);
int xr_recipe_loss(struct xr_trainer *t, struct xr_err *err) XR_MUST_USE;

/* steps.c: train on t->batch. */
int xr_trainer_step(struct xr_trainer *t, struct xr_err *err) XR_MUST_USE;
/* Logits of a batch without training; of features where the backbone stands still. */
int xr_trainer_infer(struct xr_trainer *t, const struct xr_batch *batch,
                     struct xr_err *err) XR_MUST_USE;
/* The update of a group of batches that is not full: an epoch is at its end. */
int xr_trainer_update(struct xr_trainer *t, struct xr_err *err) XR_MUST_USE;
/* The learning rate of the last batch. */
double xr_trainer_rate(const struct xr_trainer *t);

/* guard.c: -1, with a message that names t->batch, which is saved. */
int xr_guard(struct xr_trainer *t, const char *what, struct xr_err *err) XR_MUST_USE;

/* Take a batch into t->seen: key, label, pixels of every record. */
void xr_trainer_see(struct xr_trainer *t, const struct xr_batch *batch);

/* DIR/last.safetensors: all of the state above. Nothing without --checkpoint. */
int xr_checkpoint_save(struct xr_trainer *t, struct xr_err *err) XR_MUST_USE;
/* Go on from DIR/last.safetensors: 1 done, 0 there is none, -1 error (other settings,
 * other data). The batches that were trained on are read from t->in and compared. */
int xr_checkpoint_resume(struct xr_trainer *t, struct xr_err *err) XR_MUST_USE;
/* Write t->best_values as a model file. */
int xr_trainer_write(struct xr_trainer *t, const char *path,
                     struct xr_err *err) XR_MUST_USE;
/* The path of a file in the checkpoint folder; free with free(). */
char *xr_checkpoint_path(const struct xr_trainer *t, const char *name,
                         struct xr_err *err) XR_MUST_USE;

#endif
