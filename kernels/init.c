/*
 * timm's initialisation, from counter-based random numbers keyed by the parameter's name.
 */
#include "net_impl.h"
#include "rng.h"

#include <stdlib.h>

int xk_net_init(struct xk_net *net, uint64_t seed, struct xr_err *err)
{
    for (size_t i = 0; i < (size_t)net->graph.n_params; i++) {
        const struct xk_tensor_info *info = &net->graph.params[i];
        float *values = xr_alloc_array(info->param.count, sizeof *values, err);
        struct xr_rng rng;
        int failed;

        if (!values)
            return -1;
        xr_rng_init(&rng, seed, 0, info->name, "init");
        for (size_t j = 0; j < info->param.count; j++) {
            double v = info->init_value;

            if (info->init == XK_INIT_NORMAL)
                v *= xr_rng_normal(&rng);
            else if (info->init == XK_INIT_UNIFORM)
                v = xr_rng_between(&rng, -v, v);
            values[j] = (float)v;
        }
        failed = xk_net_set(net, i, values, err);
        free(values);
        if (failed)
            return -1;
    }
    return 0;
}
