/*
 * CUDA C++ on the host, as far as kernels/cuda uses it: blocks run one after the other,
 * their threads too, and those of kernels that wait for each other as coroutines that
 * change at __syncthreads. With it every kernel and the whole device run where no GPU is.
 */
#ifndef XK_EMULATED_H
#define XK_EMULATED_H

#include <cmath>
#include <cstddef>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __shared__ static /* blocks run one after the other */
#define __forceinline__ inline

struct xk_dim {
    unsigned x, y;
};

extern struct xk_dim threadIdx, blockIdx, blockDim, gridDim;
void __syncthreads(void);

/* Threads that run to their end without waiting; and with. */
void xk_emulate(unsigned x, unsigned y, unsigned tx, unsigned ty, bool waits,
                const std::function<void()> &thread);

#define XK_LAUNCH(kernel, grid, stream, ...)                                             \
    ((void)(stream), xk_emulate((grid).x, (grid).y, (grid).tx, (grid).ty, false,         \
                                [&] { (kernel)(__VA_ARGS__); }))
#define XK_LAUNCH_SYNC(kernel, grid, stream, ...)                                        \
    ((void)(stream), xk_emulate((grid).x, (grid).y, (grid).tx, (grid).ty, true,          \
                                [&] { (kernel)(__VA_ARGS__); }))

#endif
