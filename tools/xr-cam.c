/* xr-cam: where a classifier looked: records in, records with heat maps and overlays out.
 */
#include <stdlib.h>

#include "net/explain.h"
#include "net/devices.h"
#include "net/threads.h"
#include "pixels/overlay.h"

static struct xr_explain settings = XR_EXPLAIN_DEFAULT;

#define AT(field) offsetof(struct xr_explain, field)
static const struct xr_opt options[] = {
    {"weights", 'w', XR_OPT_TEXT, AT(weights), "FILE", "the model, from xr-train", 0, 0,
     NULL, 0},
    {"method", 'm', XR_OPT_CHOICE, AT(method), "NAME", XR_EXPLAIN_METHODS, 0, 0,
     XR_EXPLAIN_METHODS, 0},
    {"target", 't', XR_OPT_TEXT, AT(target), "CLASS",
     "pred, true, or the name of a class", 0, 0, NULL, 0},
    {"layer", 'l', XR_OPT_TEXT, AT(layer), "NAME",
     "layer, by timm's name (the last before pooling)", 0, 0, NULL, 0},
    {"certificate", 0, XR_OPT_TEXT, AT(certificate), "FILE",
     "the stream must be of this split", 0, 0, NULL, 0},
    {"scores", 0, XR_OPT_TEXT, AT(scores), "FILE",
     "CSV of how maps and lesion masks agree", 0, 0, NULL, true},
    {"colormap", 0, XR_OPT_CHOICE, AT(colormap), "NAME", XR_COLORMAPS, 0, 0, XR_COLORMAPS,
     0},
    {"film-weight", 0, XR_OPT_REAL, AT(film_weight), "X",
     "share of the film in the overlay", 0, 1, NULL, 0},
    {"batch", 'b', XR_OPT_INT, AT(batch), "N", "films at a time", 1, 1024, NULL, 0},
    {0},
};

static const struct xr_tool tool = {
    .name = "xr-cam",
    .summary = "Heat maps of what a classifier looked at, over the films.",
    .operands = "[FILE]",
    .options = options,
    .devices = xr_device_versions,
    .common =
        XR_CLI_OUTPUT | XR_CLI_JOBS | XR_CLI_HISTORY | XR_CLI_DEVICE | XR_CLI_PROGRESS,
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
    rc = xr_explain_run(&settings, &cli, xr_cli_input(&cli), &err);
    return xr_cli_end(&cli, rc ? EXIT_FAILURE : EXIT_SUCCESS, &err);
}
