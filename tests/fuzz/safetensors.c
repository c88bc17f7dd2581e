/* Model files: every tensor of a file that opens lies in it. */
#include "fuzz.h"
#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xr_preprocess pre;
    struct xr_model model;
    struct xr_err err = {0};
    const cJSON *item;

    if (xr_model_open(&model, fuzz_file(data, size), &err))
        return 0;
    for (size_t i = 0; i < model.n_tensors; i++) {
        size_t n = xr_array_count(&model.tensors[i].array);
        float *values = xr_alloc_array(n, sizeof *values, &err);

        if (n > size || !values)
            abort();
        if (xr_tensor_f32(values, &model.tensors[i], &err) && !err.text[0])
            abort();
        free(values);
    }
    cJSON_ArrayForEach(item, model.meta)
    {
        cJSON_Delete(xr_model_json(&model, item->string));
    }
    if (xr_model_preprocess(&pre, &model, &err) == 0)
        cJSON_Delete(xr_preprocess_json(&pre));
    xr_model_close(&model);
    return 0;
}
