/*
 * How deep a parameter lies below the head, in blocks: for layer-wise learning rates.
 */
#include <string.h>

#include "net_impl.h"

/* The blocks of all families, % for a number: a parameter's block is what the first
 * pattern takes of its name. */
static const char *const blocks[] = {
    "layer%.%",
    "blocks.%.%",
    "stages.%.blocks.%",
    "stages.%.downsample",
    "features.denseblock%.denselayer%",
    "features.%",
};

/* Length of what the pattern takes, which must end where a part of the name ends. */
static size_t match(const char *pattern, const char *name)
{
    const char *at = name;

    for (; *pattern; pattern++) {
        if (*pattern == '%') {
            size_t digits = strspn(at, "0123456789");

            if (!digits)
                return 0;
            at += digits;
        } else if (*at++ != *pattern) {
            return 0;
        }
    }
    return *at == '.' ? (size_t)(at - name) : 0;
}

static size_t block_of(const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks && !n; i++)
        n = match(blocks[i], name);
    return n;
}

void xk_net_depths(const struct xk_net *net, int *depth)
{
    const char *last = ""; /* the stem is what comes before the first block */
    size_t length = 0;
    int top = 0;

    for (int i = 0; i < net->graph.n_params; i++) {
        const char *name = net->graph.params[i].param.name;
        size_t n = block_of(name);

        if (n && (n != length || strncmp(name, last, n) != 0)) {
            last = name;
            length = n;
            top++;
        }
        depth[i] = top; /* what stands between blocks goes with the one before it */
    }
    for (int i = 0; i < net->graph.n_params; i++)
        depth[i] = net->graph.params[i].param.head ? 0 : top + 1 - depth[i];
}
