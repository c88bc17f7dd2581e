/*
 * How many blocks of which threads a kernel is launched with: plain arithmetic on the
 * host, so that it can be tested without a GPU.
 */
#ifndef XK_CUDA_GEOMETRY_H
#define XK_CUDA_GEOMETRY_H

#include <stddef.h>

enum {
    XK_THREADS = 256,        /* of every block */
    XK_MAX_BLOCKS = 1 << 20, /* along x: kernels go on in strides of the whole grid */
    XK_MAX_SIDE = 65535,     /* along y: CUDA's limit */
    XK_MAX_CHUNKS = 256      /* parts of a sum over rows */
};

struct xk_grid {
    unsigned x, y, tx, ty; /* blocks, threads: tx * ty = XK_THREADS */
};

static inline size_t xk_parts(size_t n, size_t part)
{
    return n / part + (n % part != 0);
}

/* Something for each of n elements. */
static inline struct xk_grid xk_grid_flat(size_t n)
{
    size_t blocks = xk_parts(n, XK_THREADS);
    struct xk_grid g = {1, 1, XK_THREADS, 1};

    g.x = (unsigned)(blocks < 1                       ? 1
                     : blocks < (size_t)XK_MAX_BLOCKS ? blocks
                                                      : (size_t)XK_MAX_BLOCKS);
    return g;
}

/* Threads side by side over `packs` packs of channels: a power of two from 1 to 32. */
static inline unsigned xk_lanes(size_t packs)
{
    unsigned lanes = 1;

    while (lanes < 32 && lanes < packs)
        lanes *= 2;
    return lanes;
}

/* Sums over rows of matrices [rows][channels]: threads tx over packs of channels, ty over
 * rows; blocks x over packs, y over chunks of rows. */
struct xk_columns {
    struct xk_grid grid;
    size_t chunks, per_chunk; /* rows */
};

static inline struct xk_columns xk_columns_of(size_t rows, size_t packs)
{
    struct xk_columns c;
    size_t tiles, want;

    c.grid.tx = xk_lanes(packs);
    c.grid.ty = XK_THREADS / c.grid.tx;
    tiles = xk_parts(packs, c.grid.tx);
    c.grid.x = (unsigned)tiles;
    want = xk_parts(rows, (size_t)4 * c.grid.ty); /* four rows a thread at least */
    if (want > XK_MAX_CHUNKS)
        want = XK_MAX_CHUNKS;
    if (tiles >= 1 && want > xk_parts(2048, tiles))
        want = xk_parts(2048, tiles);
    if (want < 1)
        want = 1;
    c.per_chunk = xk_parts(rows, want);
    if (c.per_chunk < 1)
        c.per_chunk = 1;
    c.chunks = xk_parts(rows, c.per_chunk);
    if (c.chunks < 1)
        c.chunks = 1;
    c.grid.y = (unsigned)c.chunks;
    return c;
}

/* Floats of the partial sums, n for each channel. */
static inline size_t xk_columns_floats(size_t rows, size_t channels, size_t n)
{
    /* what the narrowest packs need is enough for all: chunks fall with the tiles */
    struct xk_columns one = xk_columns_of(rows, channels),
                      eight = xk_columns_of(rows, xk_parts(channels, 8)),
                      four = xk_columns_of(rows, xk_parts(channels, 4));
    size_t chunks = one.chunks > eight.chunks ? one.chunks : eight.chunks;

    return (chunks > four.chunks ? chunks : four.chunks) * channels * n;
}

/* Sums over the pixels of each image: blocks x over packs, y over images in strides. */
static inline struct xk_grid xk_grid_images(size_t images, size_t packs)
{
    struct xk_grid g;

    g.tx = xk_lanes(packs);
    g.ty = XK_THREADS / g.tx;
    g.x = (unsigned)xk_parts(packs, g.tx);
    g.y = (unsigned)(images < (size_t)XK_MAX_SIDE ? images : (size_t)XK_MAX_SIDE);
    return g;
}

/* Rows of a matrix, 32 threads each. */
static inline struct xk_grid xk_grid_rows(size_t rows)
{
    size_t blocks = xk_parts(rows, XK_THREADS / 32);
    struct xk_grid g = {1, 1, 32, XK_THREADS / 32};

    g.x = (unsigned)(blocks < 1                       ? 1
                     : blocks < (size_t)XK_MAX_BLOCKS ? blocks
                                                      : (size_t)XK_MAX_BLOCKS);
    return g;
}

#endif
