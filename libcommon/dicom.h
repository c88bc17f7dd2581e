/*
 * DICOM behind image_codec.h: what a dataset says, its stored values, and the picture
 * made of them. Private to libcommon/dicom* and its tests.
 */
#ifndef XR_DICOM_H
#define XR_DICOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "image_codec.h"

#define XR_DICOM_MAX_FRAMES 1000000

/* A table of PS3.3 C.11: entry i stands for the value first + i; n 0: there is none. */
struct xr_dicom_lut {
    uint16_t *entries; /* owned */
    size_t n;
    int first;
    unsigned bits; /* of an entry, 8..16 */
};

/* What the dataset says of one frame; texts are empty where it says nothing. */
struct xr_dicom {
    size_t rows, cols, frames;
    unsigned samples, allocated, stored, high;
    bool is_signed, planar;
    char photometric[20], transfer[68], modality[20], view[20], laterality[20],
        image_laterality[20], body_part[20], intent[20], burned_in[20];
    double spacing[2]; /* mm between rows, between columns; 0: unknown */
    char spacing_kind[28];
    bool has_rescale, has_window;
    double slope, intercept, center, width;
    char function[20]; /* LINEAR, LINEAR_EXACT, SIGMOID */
    struct xr_dicom_lut modality_lut, voi_lut, palette[3];
};

/* Stored values of one frame, rows x cols x samples, interleaved, before rescale, window,
 * palette and colour conversion; of signed files the 16 bits are an int16_t. Subsampled
 * chroma is repeated. */
struct xr_dicom_values {
    uint16_t *data; /* owned: free() */
    size_t n;
};

/* --- dicom_file.cc: the only place that knows DCMTK. One thread at a time an object. */

struct xr_dicom_file;

/* head: stop before the pixels. The bytes must outlive it. */
int xr_dicom_open(struct xr_dicom_file **file, const void *data, size_t size, bool head,
                  struct xr_err *err) XR_MUST_USE;
void xr_dicom_close(struct xr_dicom_file *file);
/* frame counts from 0; free what it holds with xr_dicom_free. */
int xr_dicom_describe(struct xr_dicom *dicom, struct xr_dicom_file *file, size_t frame,
                      struct xr_err *err) XR_MUST_USE;
void xr_dicom_free(struct xr_dicom *dicom);
/* All bytes of uncompressed pixels, words in the machine's order; borrowed. */
int xr_dicom_native(const unsigned char **data, size_t *size, struct xr_dicom_file *file,
                    struct xr_err *err) XR_MUST_USE;
/* The compressed bytes of a frame, its fragments joined; `first` is the number of its
 * first fragment. */
int xr_dicom_fragments(struct xr_buf *bytes, uint32_t *first, struct xr_dicom_file *file,
                       size_t frame, size_t frames, struct xr_err *err) XR_MUST_USE;
/* A frame through DCMTK's codecs into `out` of exactly `size` bytes, interleaved. */
int xr_dicom_codec(void *out, size_t size, struct xr_dicom_file *file, size_t frame,
                   uint32_t first, struct xr_err *err) XR_MUST_USE;

/* --- the rest in C */

/* A JPEG 2000 code stream or JP2 file of exactly that shape: every sample as 16 bits. */
int xr_j2k_stored(uint16_t *out, size_t width, size_t height, size_t channels,
                  const void *data, size_t size, struct xr_err *err) XR_MUST_USE;

int xr_dicom_stored(struct xr_dicom_values *values, const struct xr_dicom *dicom,
                    struct xr_dicom_file *file, size_t frame,
                    struct xr_err *err) XR_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
