/* xr-train: a record stream in, a trained model out, its log on standard output. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/trainer.h"
#include "net/devices.h"
#include "net/threads.h"

static struct settings {
    struct xr_train train;
    bool list_models;
} settings = {.train = XR_TRAIN_DEFAULT};

#define AT(field) offsetof(struct settings, train.field)
#define TEXT(name, letter, field, arg, help)                                             \
    {                                                                                    \
        name, letter, XR_OPT_TEXT, AT(field), arg, help, 0, 0, NULL, 0                   \
    }
#define REAL(name, field, lo, hi, help)                                                  \
    {                                                                                    \
        name, 0, XR_OPT_REAL, AT(field), "X", help, lo, hi, NULL, 0                      \
    }
#define WHOLE(name, letter, field, lo, hi, help)                                         \
    {                                                                                    \
        name, letter, XR_OPT_INT, AT(field), "N", help, lo, hi, NULL, 0                  \
    }
#define ONE_OF(name, field, choices, help)                                               \
    {                                                                                    \
        name, 0, XR_OPT_CHOICE, AT(field), NULL, help, 0, 0, choices, 0                  \
    }
#define FLAG(name, field, help)                                                          \
    {                                                                                    \
        name, 0, XR_OPT_FLAG, AT(field), NULL, help, 0, 0, NULL, 0                       \
    }

static const struct xr_opt options[] = {
    TEXT("model", 'm', model, "NAME", "architecture, by timm's name"),
    TEXT("val", 0, val, "FILE", "record stream to validate on after every epoch"),
    TEXT("certificate", 0, certificate, "FILE", "both streams must be of this split"),
    TEXT("init", 0, init, "FILE", "start from these weights (timm's names)"),
    ONE_OF("precision", precision, XR_PRECISIONS, "how activations are stored"),
    ONE_OF("head-init", head_init, XR_TRAIN_HEADS, "first weights of a new classifier"),
    WHOLE("batch", 'b', batch, 1, 4096, "images a batch"),
    WHOLE("accumulate", 0, accumulate, 1, 100000, "batches an update"),
    REAL("mixup", mixup, 0, 100, "alpha of MixUp; 0: none"),
    REAL("cutmix", cutmix, 0, 100, "alpha of CutMix; 0: none"),
    REAL("mix-prob", mix_prob, 0, 1, "share of the batches that are mixed"),
    REAL("mix-switch", mix_switch, 0, 1, "share of CutMix where both are wanted"),
    REAL("mask-loss", mask_loss, 0, 1000, "weight of a second task: where the mask lies"),
    ONE_OF("optimizer", optimizer, XR_TRAIN_OPTIMIZERS, "how weights move"),
    REAL("lr", lr, 0, 1e3, "learning rate behind the warm-up"),
    REAL("min-lr", min_lr, 0, 1e3, "learning rate at the end of the schedule"),
    ONE_OF("schedule", schedule, XR_TRAIN_SCHEDULES, "course of the learning rate"),
    REAL("warmup", warmup, 0, 1e6,
         "epochs of linear warm-up (1; onecycle: of the rise, 30 % of the run)"),
    WHOLE("step-every", 0, step_every, 0, 1e6, "step: epochs between two steps"),
    TEXT("milestones", 0, milestones, "LIST", "step: epochs behind which it steps"),
    REAL("factor", factor, 0, 1, "step, plateau: what the rate is multiplied by"),
    WHOLE("plateau-patience", 0, plateau_patience, 0, 1e6,
          "plateau: epochs without a better figure"),
    REAL("plateau-threshold", plateau_threshold, 0, 1,
         "plateau: what counts as better, relative"),
    WHOLE("plateau-cooldown", 0, plateau_cooldown, 0, 1e6,
          "plateau: epochs of rest behind a step"),
    FLAG("fixed-momentum", fixed_momentum, "onecycle: leave momentum or beta1 alone"),
    REAL("layer-decay", layer_decay, 0, 1,
         "factor of the rate for every block below the head; 0: none"),
    REAL("momentum", momentum, 0, 1, "sgd: momentum"),
    FLAG("nesterov", nesterov, "sgd: Nesterov's momentum"),
    REAL("beta1", beta1, 0, 1, "decay of the first moment"),
    REAL("beta2", beta2, 0, 1, "decay of the second moment"),
    REAL("eps", eps, 0, 1, "added to the root of the second moment"),
    REAL("weight-decay", weight_decay, 0, 10, "weight decay (adamw, lion: decoupled)"),
    FLAG("decay-1d", decay_1d, "decay biases and norms too"),
    REAL("clip", clip, 0, 1e9, "largest norm of the gradients; 0: no clipping"),
    REAL("ema", ema, 0, 0.999999, "decay of a moving average of the weights; 0: none"),
    FLAG("ema-warmup", ema_warmup, "let the average follow fast in the beginning"),
    ONE_OF("loss", loss, XR_TRAIN_LOSSES, "what is minimised"),
    TEXT("class-weights", 0, class_weights, "LIST", "none, auto, or one number a class"),
    FLAG("weights-on-balanced", weights_on_balanced,
         "take class weights for a stream that is balanced already"),
    REAL("gamma", gamma, 0, 20, "focal: exponent"),
    TEXT("alpha", 0, alpha, "LIST", "focal: class weights, as --class-weights"),
    REAL("label-smoothing", label_smoothing, 0, 1,
         "cross_entropy: smoothing of the labels"),
    REAL("drop", drop, 0, 0.99, "dropout before the classifier"),
    REAL("drop-path", drop_path, 0, 0.99, "stochastic depth, rising to this rate"),
    WHOLE("freeze-epochs", 0, freeze_epochs, 0, 1e6,
          "train the head alone for the first N epochs"),
    {"feature-cache", 0, XR_OPT_INT, AT(feature_cache), "MIB",
     "features that are kept where the head alone is trained", 0, 1 << 20, NULL, true},
    WHOLE("channels", 0, channels, 0, 3,
          "input channels of the network; 0: 3, gray replicated"),
    TEXT("monitor", 0, monitor, "COLUMN",
         "figure that decides the best epoch: [train:|val:]auc"),
    WHOLE("patience", 0, patience, 0, 1e6,
          "stop after N epochs without a better figure; 0: never"),
    REAL("min-delta", min_delta, 0, 1e9, "a smaller gain does not count as better"),
    {"checkpoint", 0, XR_OPT_TEXT, AT(checkpoint), "DIR",
     "keep best, last and state in DIR; go on from it", 0, 0, NULL, true},
    {"checkpoint-minutes", 0, XR_OPT_REAL, AT(checkpoint_minutes), "X",
     "save the state this often within an epoch; 0: never", 0, 1e6, NULL, true},
    {"list-models", 0, XR_OPT_FLAG, offsetof(struct settings, list_models), NULL,
     "print the architectures and exit", 0, 0, NULL, true},
    {0},
};

static const struct xr_tool tool = {
    .name = "xr-train",
    .summary =
        "Train a classifier from a record stream; write the model with -o, the log to "
        "standard output.",
    .operands = "[FILE]",
    .options = options,
    .devices = xr_device_versions,
    .common = XR_CLI_OUTPUT | XR_CLI_JOBS | XR_CLI_SEED | XR_CLI_HISTORY | XR_CLI_DEVICE |
              XR_CLI_PROGRESS,
    .max_operands = 1,
};

static volatile int stop;

static void on_signal(int number)
{
    stop = number;
}

/* With a checkpoint a signal means "save and go"; without one it means what it always
 * means. */
static void watch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGUSR1};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
}

static int list_models(struct xr_err *err)
{
    const struct xk_arch *arch;

    printf("name\tparameters\tmacs\tsize\n");
    for (size_t i = 0; (arch = xk_arch_at(i)); i++) {
        struct xk_spec spec = {.arch = arch->name,
                               .device = "cpu",
                               .n_classes = 1000,
                               .channels = 3,
                               .height = arch->size,
                               .width = arch->size,
                               .batch = 1};
        uint64_t params, macs;

        if (xk_arch_size(&spec, &params, &macs, err))
            return -1;
        printf("%s\t%llu\t%llu\t%zu\n", arch->name, (unsigned long long)params,
               (unsigned long long)macs, arch->size);
    }
    return fflush(stdout) ? xr_fail_errno(err, "standard output: cannot write") : 0;
}

int main(int argc, char **argv)
{
    enum xr_train_end end;
    struct xr_err err = {0};
    bool log_lost = false;
    struct xr_cli cli;

    xr_threads_wait_briefly(argv);
    xr_cli_parse(&cli, &tool, &settings, argc, argv);
    if (settings.list_models)
        return xr_cli_end(&cli, list_models(&err) ? EXIT_FAILURE : EXIT_SUCCESS, &err);
    if (!cli.output || !strcmp(cli.output, "-"))
        xr_cli_usage(&cli, "-o FILE is needed: standard output is the log");
    if (!xk_arch_find(settings.train.model))
        xr_cli_usage(&cli, "--model: '%s' is not known (see --list-models)",
                     settings.train.model);
    if (settings.train.channels == 2)
        xr_cli_usage(&cli, "--channels: '2': not 1 or 3");
    if (settings.train.label_smoothing > 0 && settings.train.loss)
        xr_cli_usage(&cli, "--label-smoothing goes with --loss cross_entropy");
    signal(SIGPIPE, SIG_IGN);
    if (settings.train.checkpoint)
        watch_signals();
    end = xr_train_run(&settings.train, &cli, xr_cli_input(&cli), &stop, &log_lost, &err);
    if (end == XR_TRAIN_STOPPED)
        return xr_cli_end(&cli, 75, &err);
    if (end == XR_TRAIN_DONE && log_lost)
        xr_fail(&err, "the log could not be written whole to standard output");
    return xr_cli_end(
        &cli, end == XR_TRAIN_DONE && !log_lost ? EXIT_SUCCESS : EXIT_FAILURE, &err);
}
