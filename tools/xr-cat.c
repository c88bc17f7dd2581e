/* xr-cat: print, check, take from and join record streams; print what a model file is. */
#include <stdlib.h>
#include <string.h>

#include "cat.h"
#include "cli.h"

static struct xr_cat settings = {.first = -1};

#define AT(field) offsetof(struct xr_cat, field)
static const struct xr_opt options[] = {
    {"text", 't', XR_OPT_FLAG, AT(text), NULL, "print as text, one line a record", 0, 0,
     NULL, 0},
    {"header", 0, XR_OPT_FLAG, AT(header), NULL, "print the header as JSON", 0, 0, NULL,
     0},
    {"check", 0, XR_OPT_FLAG, AT(check), NULL, "read everything, print counts and digest",
     0, 0, NULL, 0},
    {"digests", 0, XR_OPT_FLAG, AT(digests), NULL,
     "print key and digest of the image, one line a record", 0, 0, NULL, 0},
    {"check-phi", 0, XR_OPT_FLAG, AT(phi), NULL,
     "list what looks as if it could identify somebody; exit 1 if any does", 0, 0, NULL,
     0},
    {"key", 'k', XR_OPT_LIST, AT(keys), "KEY", "take only this record (again for more)",
     0, 0, NULL, 0},
    {"keys", 0, XR_OPT_TEXT, AT(keys_file), "FILE",
     "take only the records FILE names, one a line", 0, 0, NULL, 0},
    {"first", 'n', XR_OPT_INT, AT(first), "N", "take only the first N records; -1: all",
     -1, 1e15, NULL, 0},
    {"extract", 'x', XR_OPT_TEXT, AT(extract), "SUFFIX",
     "write one member, e.g. png, of the one record taken", 0, 0, NULL, 0},
    {0},
};

static const struct xr_tool tool = {
    .name = "xr-cat",
    .summary =
        "Print, check, take from and join record streams; print what a model file is.",
    .operands = "[FILE...]",
    .options = options,
    .common = XR_CLI_OUTPUT | XR_CLI_HISTORY,
    .max_operands = -1,
};

static bool reads_standard_input(const struct xr_cli *cli)
{
    for (size_t i = 0; i < cli->n_operands; i++) {
        if (!strcmp(cli->operands[i], "-"))
            return true;
    }
    return !cli->n_operands;
}

int main(int argc, char **argv)
{
    char *standard_input[] = {"-"};
    struct xr_err err = {0};
    struct xr_cli cli;
    int rc;

    xr_cli_parse(&cli, &tool, &settings, argc, argv);
    if (settings.text + settings.header + settings.check + settings.digests +
            settings.phi + !!settings.extract >
        1)
        xr_cli_usage(&cli, "--text, --header, --check, --digests, --check-phi and "
                           "--extract exclude each other");
    if (settings.keys_file && !strcmp(settings.keys_file, "-") &&
        reads_standard_input(&cli))
        xr_cli_usage(&cli, "--keys and a stream cannot both be standard input");
    settings.history = xr_cli_history(&cli, NULL);
    rc = xr_cat_run(&settings, cli.n_operands ? cli.operands : standard_input,
                    cli.n_operands ? cli.n_operands : 1, cli.output, &err);
    cJSON_Delete(settings.history);
    return xr_cli_end(&cli, rc ? EXIT_FAILURE : EXIT_SUCCESS, &err);
}
