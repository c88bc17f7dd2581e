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
/* What goes with the block before it; anything else behind the blocks goes with the head.
 * That is as uneven as timm's group_matcher of each family. */
static const char *const tails[] = {"features.transition%", "conv_head", "bn2"};

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

static size_t first_match(const char *const *patterns, size_t n, const char *name)
{
    size_t taken = 0;

    for (size_t i = 0; i < n && !taken; i++)
        taken = match(patterns[i], name);
    return taken;
}

/* A stage's downsampling belongs to its first block, which follows it. */
static bool same_block(const char *a, size_t n_a, const char *b, size_t n_b)
{
    static const char down[] = ".downsample", first[] = ".blocks.0";
    size_t stem = n_b - (sizeof first - 1);

    if (n_a == n_b && strncmp(a, b, n_a) == 0)
        return true;
    return n_a == stem + sizeof down - 1 && n_b > sizeof first - 1 &&
           strncmp(a, b, stem) == 0 && strncmp(a + stem, down, sizeof down - 1) == 0 &&
           strncmp(b + stem, first, sizeof first - 1) == 0;
}

void xk_net_depths(const struct xk_net *net, int *depth)
{
    const char *last = ""; /* the stem is what comes before the first block */
    size_t length = 0;
    bool bn2 =
        false; /* a last convolution with no batch norm stands behind the pooling */
    int top = 0;

    for (int i = 0; i < net->graph.n_params; i++)
        bn2 |= strcmp(net->graph.params[i].param.name, "bn2.weight") == 0;
    for (int i = 0; i < net->graph.n_params; i++) {
        const char *name = net->graph.params[i].param.name;
        size_t n = first_match(blocks, sizeof blocks / sizeof *blocks, name);
        size_t tail = first_match(tails, bn2 ? 3 : 1, name);

        if (n && !same_block(last, length, name, n)) {
            last = name;
            length = n;
            top++;
        }
        depth[i] = n || tail || !top ? top : -1;
    }
    for (int i = 0; i < net->graph.n_params; i++) {
        bool head = net->graph.params[i].param.head || depth[i] < 0;

        depth[i] = head ? 0 : top + 1 - depth[i];
    }
}
