/*
 * The builder of EfficientNets and MobileNets: blocks as in timm's
 * _efficientnet_blocks.py, initialised as TensorFlow does.
 */
#include "mbconv.h"

#include <math.h>
#include <stdio.h>

/* Where the builder stands. */
struct state {
    struct xk_graph *g;
    const struct xk_mb_net *net;
    const struct xk_mb_row *row;
    enum xk_act act; /* of the row */
    char prefix[32];
};

size_t xk_mb_round(double v)
{
    size_t rounded = (size_t)(v + 4) / 8 * 8;

    rounded = rounded < 8 ? 8 : rounded;
    return (double)rounded < 0.9 * v ? rounded + 8 : rounded;
}

static size_t scaled(const struct xk_mb_net *net, size_t channels)
{
    return xk_mb_round((double)channels * (net->width > 0 ? net->width : 1));
}

static int conv(struct state *s, int x, size_t out, size_t kernel, size_t stride,
                size_t groups, bool bias, const char *name)
{
    struct xk_conv c = {.out = out,
                        .kernel = kernel,
                        .stride = stride,
                        .groups = groups,
                        .pad = kernel / 2,
                        .same = s->net->same,
                        .bias = bias};

    c.init_deviation = sqrt(2.0 / (double)(kernel * kernel * out / groups));
    return xk_conv(s->g, x, &c, "%s%s", s->prefix, name);
}

static int bn(struct state *s, int x, const char *name)
{
    return xk_bn(s->g, x, s->net->eps, 1, "%s%s", s->prefix, name);
}

static int bn_act(struct state *s, int x, const char *name)
{
    return xk_act(s->g, bn(s, x, name), s->act);
}

static int squeeze_excite(struct state *s, int x, size_t width, size_t in)
{
    const struct xk_mb_net *net = s->net;
    double share = s->row->se * (double)(net->se_of_expanded ? width : in);
    size_t reduced = net->se_round ? xk_mb_round(share) : (size_t)rint(share);
    int y;

    if (s->row->se <= 0)
        return x;
    y = conv(s, xk_gap(s->g, x), reduced, 1, 1, 1, true, ".se.conv_reduce");
    y = xk_act(s->g, y, net->se_act ? net->se_act : s->act);
    y = conv(s, y, width, 1, 1, 1, true, ".se.conv_expand");
    return xk_gate(s->g, x, y, net->se_gate);
}

/* The branch of a block: from `in` channels to `out`. */
static int branch(struct state *s, int x, size_t in, size_t out, size_t stride)
{
    const struct xk_mb_row *row = s->row;
    size_t width = xk_mb_round((double)in * row->expansion);
    int y;

    switch (row->kind) {
    case XK_MB_CONV:
        return bn_act(s, conv(s, x, out, row->kernel, stride, 1, false, ".conv"), ".bn1");
    case XK_MB_EDGE:
        y = conv(s, x, width, row->kernel, stride, 1, false, ".conv_exp");
        y = squeeze_excite(s, bn_act(s, y, ".bn1"), width, in);
        return bn(s, conv(s, y, out, 1, 1, 1, false, ".conv_pwl"), ".bn2");
    case XK_MB_SEPARABLE:
        y = conv(s, x, in, row->kernel, stride, in, false, ".conv_dw");
        y = squeeze_excite(s, bn_act(s, y, ".bn1"), in, in);
        return bn(s, conv(s, y, out, 1, 1, 1, false, ".conv_pw"), ".bn2");
    default:
        y = bn_act(s, conv(s, x, width, 1, 1, 1, false, ".conv_pw"), ".bn1");
        y = conv(s, y, width, row->kernel, stride, width, false, ".conv_dw");
        y = squeeze_excite(s, bn_act(s, y, ".bn2"), width, in);
        return bn(s, conv(s, y, out, 1, 1, 1, false, ".conv_pwl"), ".bn3");
    }
}

/* With a shortcut wherever shapes allow it; MobileNetV3's last stage is a plain layer. */
static int block(struct state *s, int x, size_t in, size_t out, size_t stride, float drop)
{
    int y = branch(s, x, in, out, stride);

    if (stride != 1 || in != out)
        return y;
    return xk_add(s->g, xk_drop_path(s->g, y, drop, "%s.drop_path", s->prefix), x);
}

static size_t repeats(const struct xk_mb_net *net, const struct xk_mb_row *row)
{
    bool end = row->stage == 0 || row->stage == net->rows[net->n_rows - 1].stage;
    double depth = net->depth > 0 && !(net->fixed_ends && end) ? net->depth : 1;

    return (size_t)ceil((double)row->repeats * depth);
}

static int trunk(struct state *s, int x, size_t *channels, float drop_path_rate)
{
    const struct xk_mb_net *net = s->net;
    size_t n_blocks = 0, done = 0, in_stage = 0;

    for (size_t r = 0; r < net->n_rows; r++)
        n_blocks += repeats(net, &net->rows[r]);
    for (size_t r = 0; r < net->n_rows; r++) {
        const struct xk_mb_row *row = s->row = &net->rows[r];
        size_t out = scaled(net, row->out);

        s->act = row->act ? row->act : net->act;
        if (r > 0 && row->stage != row[-1].stage)
            in_stage = 0;
        for (size_t b = 0; b < repeats(net, row); b++, done++) {
            float drop = drop_path_rate * (float)done / (float)n_blocks;

            snprintf(s->prefix, sizeof s->prefix, "blocks.%zu.%zu", row->stage,
                     in_stage++);
            x = block(s, x, *channels, out, b == 0 ? row->stride : 1, drop);
            xk_layer(s->g, x, "%s", s->prefix);
            *channels = out;
        }
        if (r + 1 == net->n_rows || row[1].stage != row->stage)
            xk_layer(s->g, x, "blocks.%zu", row->stage);
    }
    s->prefix[0] = '\0';
    s->act = net->act;
    return x;
}

void xk_mb_build(struct xk_graph *graph, const struct xk_mb_net *net,
                 const struct xk_spec *spec)
{
    struct state s = {.g = graph, .net = net, .act = net->act};
    size_t channels = net->fixed_stem ? net->stem : scaled(net, net->stem);
    size_t features = net->fixed_stem ? net->features : scaled(net, net->features);
    int x = xk_input(graph, spec->channels, spec->height, spec->width);

    x = bn_act(&s, conv(&s, x, channels, 3, 2, 1, false, "conv_stem"), "bn1");
    xk_layer(graph, x, "bn1");
    x = trunk(&s, x, &channels, spec->drop_path_rate);
    if (net->head_behind_pool) {
        x = conv(&s, xk_gap(graph, x), features, 1, 1, 1, true, "conv_head");
        x = xk_act(graph, x, net->act);
    } else {
        x = conv(&s, x, features, 1, 1, 1, false, "conv_head");
        xk_layer(graph, x, "conv_head");
        x = bn_act(&s, x, "bn2");
        xk_layer(graph, x, "bn2");
        x = xk_gap(graph, x);
    }
    x = xk_dropout(graph, x, spec->drop_rate);
    xk_linear(graph, x, spec->n_classes, 1.0 / sqrt((double)spec->n_classes), 0,
              "classifier");
}
