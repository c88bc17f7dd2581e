/*
 * xr-model(5): safetensors files. Names, shapes and order are timm's; __metadata__
 * carries what makes a network a classifier of radiographs.
 */
#ifndef XR_MODEL_H
#define XR_MODEL_H

#include <cjson/cJSON.h>

#include "array.h"
#include "io.h"

struct xr_tensor {
    const char *name;
    struct xr_array
        array; /* data points into the mapping (reading) or at the caller's (writing) */
};

/* A file opened for reading: mapped, checked whole, never changed. Threads may share it.
 */
struct xr_model {
    const char *path;
    char digest[XR_SHA256_TEXT]; /* filled by xr_model_digest */
    struct xr_tensor *tensors;   /* in file order */
    size_t n_tensors;
    cJSON *meta; /* __metadata__: an object of texts; never NULL */
    struct xr_model_map *map;
};

/*
 * Refused with a line: a pickle or a zip (.pth, .bin: says how to convert it), a header
 * above 100 MB, offsets that overlap, leave holes or pass the end, shapes whose product
 * overflows, unknown dtypes.
 */
int xr_model_open(struct xr_model *model, const char *path,
                  struct xr_err *err) XR_MUST_USE;
const struct xr_tensor *xr_model_tensor(const struct xr_model *model, const char *name);
/* The value of a metadata key parsed as JSON (caller frees), NULL if absent or not JSON.
 */
cJSON *xr_model_json(const struct xr_model *model, const char *key);
int xr_model_digest(struct xr_model *model, struct xr_err *err) XR_MUST_USE;
void xr_model_close(struct xr_model *model);

/* As float32, whatever the file holds (F16, BF16, F64, I64 are converted). dst has
 * xr_array_count(&tensor->array) elements. */
int xr_tensor_f32(float *dst, const struct xr_tensor *tensor,
                  struct xr_err *err) XR_MUST_USE;

/*
 * Write tensors in the order given; meta is an object whose texts are written as they are
 * and whose other values as JSON text. The output is not finished: the caller calls
 * xr_out_finish.
 */
int xr_model_write(struct xr_out *out, const struct xr_tensor *tensors, size_t n_tensors,
                   const cJSON *meta, struct xr_err *err) XR_MUST_USE;

/* What a classifier's metadata says of its input; a plain value. */
struct xr_preprocess {
    size_t height, width, channels; /* of the images in a stream; 1 is gray */
    size_t net_channels;            /* of the network: gray is replicated */
    float mean[4], std[4];          /* of values in 0..1, by channel of the network */
    char interpolation[16], fit[16];
};
/* Keys of __metadata__: architecture, classes (JSON array), preprocessing (JSON object
 * with height, width, channels, mean, std, interpolation, fit), training, metrics,
 * history. */
int xr_model_preprocess(struct xr_preprocess *pre, const struct xr_model *model,
                        struct xr_err *err) XR_MUST_USE;
cJSON *xr_preprocess_json(const struct xr_preprocess *pre);

#endif
