/*
 * Training a classifier from a record stream: steps, epochs, log rows, checkpoints, the
 * best model.
 */
#ifndef XR_TRAINER_H
#define XR_TRAINER_H

#include "batch.h"
#include "cli.h"
#include "loss.h"
#include "optim.h"
#include "schedule.h"

/* What can be set; the tool's table of options fills it. */
struct xr_train {
    char *model, *val, *init, *checkpoint, *certificate;
    int64_t batch, accumulate; /* images a batch, batches an update */
    double mixup, cutmix, mix_prob, mix_switch;
    double mask_loss; /* weight of the second task, 0: none */
    /* optimiser and schedule */
    int optimizer; /* XR_TRAIN_OPTIMIZERS */
    /* lr, beta1, beta2, eps, weight_decay, clip: -1 is the optimiser's own */
    double lr, min_lr, momentum, beta1, beta2, eps, weight_decay, clip, ema, warmup;
    bool nesterov, decay_1d, ema_warmup;
    double layer_decay;
    int schedule;       /* XR_TRAIN_SCHEDULES; warmup -1: its own */
    char *milestones;   /* epochs by comma, or NULL */
    int64_t step_every; /* epochs, 0: none */
    double factor;      /* step, plateau */
    int64_t plateau_patience, plateau_cooldown;
    double plateau_threshold;
    bool fixed_momentum;
    /* loss */
    int loss;                    /* XR_TRAIN_LOSSES */
    char *class_weights, *alpha; /* "none", "auto" or numbers by comma */
    double gamma, label_smoothing;
    bool weights_on_balanced;
    /* the network */
    double drop, drop_path;
    int64_t freeze_epochs, channels;
    int64_t feature_cache; /* MiB */
    int head_init;         /* XR_TRAIN_HEADS */
    int precision;         /* XR_PRECISIONS */
    /* when to stop, what to keep */
    char *monitor; /* [SPLIT:]COLUMN */
    int64_t patience;
    double min_delta, checkpoint_minutes;
};

#define XR_TRAIN_OPTIMIZERS XK_OPTIM_NAMES
#define XR_TRAIN_SCHEDULES XK_SCHEDULE_NAMES
#define XR_TRAIN_HEADS "timm|zero"
#define XR_TRAIN_LOSSES "cross_entropy|focal"
#define XR_TRAIN_DEFAULT                                                                 \
    {                                                                                    \
        .model = "efficientnet_b0", .batch = 32, .accumulate = 1, .feature_cache = 256,  \
        .mix_prob = 1, .mix_switch = 0.5, .lr = -1, .momentum = 0.9, .beta1 = -1,        \
        .beta2 = -1, .eps = -1, .weight_decay = -1, .clip = -1, .warmup = -1,            \
        .factor = 0.1, .plateau_patience = 10, .plateau_threshold = 1e-4, .schedule = 1, \
        .class_weights = "none", .gamma = 2, .drop = 0.2                                 \
    }

/* How a run ended. */
enum xr_train_end {
    XR_TRAIN_FAILED = -1,
    XR_TRAIN_DONE,
    XR_TRAIN_STOPPED, /* by a signal, everything saved */
};

/*
 * Train from `input` ("-" is standard input), log to standard output, write the result to
 * cli->output. *stop is watched between steps: not 0 ends the run after a checkpoint.
 * Says with xr_cli_warn what does not stop it. *log_lost: standard output could not take
 * the log.
 */
enum xr_train_end xr_train_run(const struct xr_train *set, struct xr_cli *cli,
                               const char *input, const volatile int *stop,
                               bool *log_lost, struct xr_err *err);

/* One row of the log. */
struct xr_log_row {
    int64_t epoch;
    const char *split;
    double loss, accuracy, balanced_accuracy, auc, lr, seconds, images_per_second;
};

#endif
