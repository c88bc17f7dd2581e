/* xr-synth: a folder of phantom radiographs with lesion masks, boxes and dataset.csv. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "phantom.h"

static struct settings {
    struct xr_phantom_config config;
    struct xr_phantom_files files;
    char *dir, *ratio, *per_patient;
    int format;
} settings = {
    .config = XR_PHANTOM_DEFAULT, .ratio = "1879:1525:342", .per_patient = "1:4"};

#define AT(field) offsetof(struct settings, field)
static const struct xr_opt options[] = {
    {"output", 'o', XR_OPT_TEXT, AT(dir), "DIR", "write into this folder (needed)", 0, 0,
     NULL, true},
    {"images", 'n', XR_OPT_INT, AT(config.images), "N", "how many images, exactly", 1,
     XR_PHANTOM_MAX_IMAGES, NULL, 0},
    {"size", 0, XR_OPT_INT, AT(config.size), "PIXELS", "longest side",
     XR_PHANTOM_MIN_SIZE, XR_PHANTOM_MAX_SIZE, NULL, 0},
    {"square", 0, XR_OPT_FLAG, AT(config.square), NULL,
     "every image PIXELS x PIXELS, not of many sizes", 0, 0, NULL, 0},
    {"ratio", 0, XR_OPT_TEXT, AT(ratio), "A:B:C", "images normal:benign:malignant", 0, 0,
     NULL, 0},
    {"per-patient", 0, XR_OPT_TEXT, AT(per_patient), "LO:HI",
     "images of one patient, 1:8", 0, 0, NULL, 0},
    {"difficulty", 0, XR_OPT_REAL, AT(config.difficulty), "X",
     "0: lesions are plain, 1: faint", 0, 1, NULL, 0},
    {"format", 0, XR_OPT_CHOICE, AT(format), "FORMAT", "of the images", 0, 0, "jpg|png",
     0},
    {"force", 0, XR_OPT_FLAG, AT(files.force), NULL, "replace the set that DIR holds", 0,
     0, NULL, true},
    {0},
};

static const struct xr_tool tool = {
    .name = "xr-synth",
    .summary = "Make phantom radiographs with lesion masks, boxes and a table.",
    .operands = "",
    .options = options,
    .common = XR_CLI_JOBS | XR_CLI_SEED | XR_CLI_PROGRESS,
};

/* n numbers with colons between them, each lo..hi. */
static int numbers(double *out, int n, const char *name, const char *text, double lo,
                   double hi, struct xr_err *err)
{
    char field[32];

    for (int i = 0; i < n; i++) {
        size_t len = strcspn(text, ":");

        if (len >= sizeof field || (text[len] == ':') != (i + 1 < n))
            return xr_fail_usage(err, "--%s: not %d numbers with colons between", name,
                                 n);
        memcpy(field, text, len);
        field[len] = '\0';
        if (xr_parse_real(&out[i], field, lo, hi, err)) {
            xr_fail_usage(err, "--%s: %s", name, err->text);
            return -1;
        }
        text += len + (text[len] == ':');
    }
    return 0;
}

static void progress(void *user, uint64_t done, uint64_t total)
{
    xr_cli_progress(user, "images", done, total);
}

int main(int argc, char **argv)
{
    struct xr_phantom *phantom = NULL;
    struct xr_err err = {0};
    double range[2];
    struct xr_cli cli;
    int status = EXIT_FAILURE;

    xr_cli_parse(&cli, &tool, &settings, argc, argv);
    if (!settings.dir)
        xr_cli_usage(&cli, "-o DIR is needed: the folder to write into");
    settings.config.seed = (uint64_t)cli.seed;
    if (numbers(settings.config.ratio, 3, "ratio", settings.ratio, 0, 1e9, &err) ||
        numbers(range, 2, "per-patient", settings.per_patient, 1, 8, &err))
        xr_cli_usage(&cli, "%s", err.text);
    if (range[0] != (double)(int64_t)range[0] || range[1] != (double)(int64_t)range[1] ||
        range[0] > range[1])
        xr_cli_usage(&cli, "--per-patient: '%s': not two whole numbers, LO up to HI",
                     settings.per_patient);
    settings.config.patient_lo = (int64_t)range[0];
    settings.config.patient_hi = (int64_t)range[1];
    if (xr_phantom_open(&phantom, &settings.config, &err))
        goto done;
    settings.files.dir = settings.dir;
    settings.files.png = settings.format == 1;
    settings.files.jobs = cli.jobs > 0 ? cli.jobs : 1;
    settings.files.progress = progress;
    settings.files.user = &cli;
    if (xr_phantom_write(phantom, &settings.files, &err) == 0)
        status = EXIT_SUCCESS;
done:
    xr_phantom_close(phantom);
    return xr_cli_end(&cli, status, &err);
}
