/*
 * Options that go with one mode of a tool and not with another.
 */
#ifndef XR_CLI_MODES_H
#define XR_CLI_MODES_H

#include "cli.h"

struct xr_cli_mode {
    const char *name;  /* the option that chooses it; NULL: none of the others */
    const char *takes; /* " option option ": all it takes; NULL: all but .. */
    const char * not ; /* .. these */
};

/* The first mode whose option was given decides; the last has no name. What it does not
 * take, and what differs from its default, is wrong usage (exit 2). Options that cannot
 * change the output are passed over. */
void xr_cli_modes(const struct xr_cli *cli, const struct xr_cli_mode *modes);

#endif
