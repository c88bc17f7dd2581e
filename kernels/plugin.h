/*
 * What a plugin shows: one symbol, `xk_plugin`, by which the loader knows that it was
 * built from the same headers.
 */
#ifndef XK_PLUGIN_H
#define XK_PLUGIN_H

#include "device.h"

/* Raised with every change of device.h, graph.h or net.h that sizes do not show. */
#define XK_PLUGIN_ABI 1

/* Sizes of everything that both sides look into. */
#define XK_PLUGIN_SIZES                                                                  \
    {                                                                                    \
        sizeof(struct xk_backend), sizeof(struct xk_step), sizeof(struct xk_node),       \
            sizeof(struct xk_pass), sizeof(struct xk_run), sizeof(struct xk_span),       \
            sizeof(struct xk_tensor_info), sizeof(struct xk_device_spec),                \
            sizeof(struct xr_err)                                                        \
    }

enum {
    XK_PLUGIN_N_SIZES = 9
};

struct xk_plugin {
    uint32_t abi;
    uint32_t sizes[XK_PLUGIN_N_SIZES];
    const char *version; /* of xr-tools */
    const char *built;   /* with what, for --version */
    const struct xk_backend *backend;
};

/* Is it of this build's headers? -1 with *err. path: for the message. */
int xk_plugin_check(const struct xk_plugin *plugin, const char *path,
                    struct xr_err *err) XR_MUST_USE;

/* --- what the tools say of devices ------------------------------------------------- */

/* Where the plugin is looked for: ../libexec/xr/xr-cuda.so beside the folder of the
 * running program, or XR_PLUGIN. NULL: it is not there. */
const char *xk_plugin_path(void);
/* Two lines for --version: built in, found. The driver is asked. */
void xk_plugin_describe(char *built, char *found, size_t size);
/* Why "auto" is the CPU though a plugin is there: a line, or NULL. *has_gpu: the kernel
 * knows a GPU all the same. */
const char *xk_plugin_refused(bool *has_gpu);

#endif
