/*
 * What the tools say of the device they run on.
 */
#ifndef XR_DEVICES_H
#define XR_DEVICES_H

#include "cli.h"
#include "net.h"

/* For --version: the GPU plugin that was built in, and the GPUs that were found. */
void xr_device_versions(void);
/* With -v the device that was opened. Where "auto" became the CPU although a plugin is
 * installed: a line that says why, if auto was asked for in words or a GPU seems to be
 * there; else with -v alone, since on most machines without a GPU that is no news. */
void xr_device_say(const struct xr_cli *cli, const struct xk_net *net);
/* At the end, with -v: the most memory of the GPU that was taken. */
void xr_device_say_peak(const struct xr_cli *cli, const struct xk_net *net);

#endif
