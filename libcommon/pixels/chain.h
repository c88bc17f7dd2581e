/*
 * A chain as it is parsed. Private to libcommon/pixels/.
 */
#ifndef XR_CHAIN_H
#define XR_CHAIN_H

#include "transform.h"

struct xr_chain {
    struct xr_step *steps;
    size_t n;
};

#endif
