/* xr-predict: records in, class probabilities out. */
#include <stdlib.h>

#include "net/predict.h"
#include "net/devices.h"
#include "net/threads.h"

static struct xr_predict settings = {.batch = 8};

#define AT(field) offsetof(struct xr_predict, field)
static const struct xr_opt options[] = {
    {"weights", 'w', XR_OPT_TEXT, AT(weights), "FILE", "the model, from xr-train", 0, 0,
     NULL, 0},
    {"certificate", 0, XR_OPT_TEXT, AT(certificate), "FILE",
     "the stream must be of this split", 0, 0, NULL, 0},
    {"batch", 'b', XR_OPT_INT, AT(batch), "N", "films at a time", 1, 4096, NULL, 0},
    {"precision", 0, XR_OPT_CHOICE, AT(precision), NULL, "how activations are stored", 0,
     0, XR_PRECISIONS, 0},
    {"tta", 0, XR_OPT_CHOICE, AT(tta), NULL, "average with the mirror image", 0, 0,
     XR_TTA, 0},
    {"calibration", 0, XR_OPT_TEXT, AT(calibration), "FILE",
     "calibrate, as xr-metrics --calibrate fitted it", 0, 0, NULL, 0},
    {0},
};

static const struct xr_tool tool = {
    .name = "xr-predict",
    .summary = "Class probabilities of the films in a record stream, as CSV.",
    .operands = "[FILE]",
    .options = options,
    .devices = xr_device_versions,
    .common = XR_CLI_OUTPUT | XR_CLI_JOBS | XR_CLI_DEVICE | XR_CLI_PROGRESS,
    .max_operands = 1,
};

int main(int argc, char **argv)
{
    struct xr_err err = {0};
    struct xr_cli cli;
    int rc;

    xr_threads_wait_briefly(argv);
    xr_cli_parse(&cli, &tool, &settings, argc, argv);
    if (!settings.weights)
        xr_cli_usage(&cli, "--weights FILE is needed");
    rc = xr_predict_run(&settings, &cli, xr_cli_input(&cli), &err);
    return xr_cli_end(&cli, rc ? EXIT_FAILURE : EXIT_SUCCESS, &err);
}
