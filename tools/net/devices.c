/* What the tools say of the device they run on. */
#include "devices.h"

#include <stdio.h>
#include <stdlib.h>

#include "plugin.h"

void xr_device_versions(void)
{
    char built[512], found[2048];

    xk_plugin_describe(built, found, sizeof built);
    printf("%s\n", built);
    if (*found)
        printf("%s\n", found);
}

void xr_device_say(const struct xr_cli *cli, const struct xk_net *net)
{
    const char *env = getenv("XR_DEVICE"), *why;
    bool has_gpu;

    why = xk_plugin_refused(&has_gpu);
    if (why && (has_gpu || (env && *env) || xr_cli_given(cli, "device")))
        xr_cli_warn(cli, "%s", why);
    else if (why)
        xr_cli_note(cli, "%s", why);
    xr_cli_note(cli, "device: %s", xk_net_device(net));
}

void xr_device_say_peak(const struct xr_cli *cli, const struct xk_net *net)
{
    size_t peak = net ? xk_net_peak(net) : 0;

    if (peak)
        xr_cli_note(cli, "GPU memory: %.2f GiB at most", (double)peak / 0x1p30);
}
