/* YAML settings: a list of keys and texts, or one line of error. */
#include "config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xr_config config;
    struct xr_err err = {0};

    if (xr_config_read(&config, fuzz_file(data, size), "augment", &err))
        return 0;
    for (size_t i = 0; i < config.n; i++) {
        if (!config.items[i].key || !config.items[i].value || !config.items[i].line)
            abort();
    }
    xr_config_free(&config);
    return 0;
}
