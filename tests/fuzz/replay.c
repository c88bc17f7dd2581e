/* JSON lines of what was applied: a film, or one line of error. */
#include "film.h"
#include "replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *inputs = cJSON_CreateObject();
    struct xr_replay *replay;
    struct xr_err err = {0};
    const cJSON *applied;

    if (xr_replay_open(&replay, fuzz_file(data, size), inputs, &err)) {
        if (!err.text[0])
            abort();
        cJSON_Delete(inputs);
        return 0;
    }
    applied = xr_replay_find(replay, "k");
    for (size_t kind = 0; kind < 4 && applied && fuzz_small(applied); kind++) {
        struct fuzz_film film;

        fuzz_film(&film, kind);
        if (xr_chain_replay(&film.subject, applied, 0, &err) &&
            (!err.text[0] || err.usage))
            abort();
        fuzz_film_free(&film);
    }
    xr_replay_close(replay);
    cJSON_Delete(inputs);
    return 0;
}
