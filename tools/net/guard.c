/* A batch that breaks a training run is named and saved. */
#include <stdlib.h>

#include "trainer_state.h"

static int save(const struct xr_trainer *t, const char *path, struct xr_err *err)
{
    const struct xr_batch *b = &t->batch;
    struct xr_stream_header h;
    struct xr_writer *out = NULL;
    int rc = -1;

    if (xr_stream_header_copy(&h, &t->header, err))
        return -1;
    cJSON_Delete(h.history);
    h.history = t->c.history ? cJSON_Duplicate(t->c.history, 1) : NULL;
    h.epochs = 1;
    h.records_per_epoch = (int64_t)b->n;
    for (size_t c = 0; h.class_counts && c < h.n_classes; c++) {
        h.class_counts[c] = 0;
        for (size_t i = 0; i < b->n; i++)
            h.class_counts[c] += b->labels[i] == (int64_t)c;
    }
    if (xr_writer_open(&out, path, &h, err))
        goto done;
    for (size_t i = 0; i < b->n; i++) {
        struct xr_record r = xr_batch_record(b, i);

        if (xr_writer_put(out, &r, err))
            goto done;
    }
    rc = xr_writer_finish(out, err);
done:
    xr_writer_close(out);
    xr_stream_header_free(&h);
    return rc;
}

int xr_guard(struct xr_trainer *t, const char *what, struct xr_err *err)
{
    const struct xr_batch *b = &t->batch;
    char *path = t->set->checkpoint ? xr_checkpoint_path(t, "nan-batch.tar", err)
                                    : xr_sprintf(err, "%s.nan-batch.tar", t->cli->output);
    struct xr_buf keys = {0};
    struct xr_err why = {0};
    bool saved;

    for (size_t i = 0; path && i < b->n && keys.size < 600; i++) {
        if (xr_buf_printf(&keys, err, "%s%s", i ? ", " : "", b->records[i].key))
            break;
    }
    if (!path || !keys.data) {
        free(path);
        return -1;
    }
    saved = save(t, path, &why) == 0;
    xr_fail(err,
            "%s is not finite in epoch %lld, step %llu (a smaller --lr, or --clip?); its "
            "batch, %s%s: %s",
            what, (long long)t->epoch, (unsigned long long)t->epoch_step,
            saved ? "saved as " : "not saved because of ", saved ? path : why.text,
            keys.data);
    xr_buf_free(&keys);
    free(path);
    return -1;
}
