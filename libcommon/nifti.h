/*
 * NIfTI behind image_codec.h: header and voxels as they are stored. Private to
 * libcommon/nifti*.c and its tests.
 */
#ifndef XR_NIFTI_H
#define XR_NIFTI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image_codec.h"

struct xr_nifti {
    size_t side[3], volumes, n; /* n: voxels of all volumes */
    int type;                   /* DT_... of libnifti */
    const char *type_name;      /* INT16 and the like */
    size_t width;               /* bytes of a voxel, 1..8 */
    bool swapped, color, scaled;
    double slope, inter, spacing[3], cal[2];
    char axes[4];                /* "RAS": where x, y, z go; empty: unknown */
    const unsigned char *voxels; /* [volumes][z][y][x]; NULL with head */
    unsigned char *unpacked;     /* owned, where the file is gzipped */
};

/* data must outlive it; head: nothing but the header is looked at. */
int xr_nifti_open(struct xr_nifti *nifti, const void *data, size_t size, bool head,
                  struct xr_err *err) XR_MUST_USE;
void xr_nifti_close(struct xr_nifti *nifti);
/* Voxel i as it is stored, before slope and intercept; not of colours. */
double xr_nifti_raw(const struct xr_nifti *nifti, size_t i);
/* The least and greatest finite one of all; INFINITY and -INFINITY: there is none. */
void xr_nifti_range(double *least, double *most, const struct xr_nifti *nifti);

#endif
