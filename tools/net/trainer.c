/* Training a classifier from a record stream: epochs, the log, the best model. */
#include "trainer.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "json.h"
#include "trainer_state.h"

static double seconds_since(const struct timespec *then)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) +
           1e-9 * (double)(now.tv_nsec - then->tv_nsec);
}

static int evaluate(struct xr_trainer *t, struct xr_log_row *row, struct xr_err *err)
{
    struct xr_scores scores = {.k = t->header.n_classes};
    struct xr_reader *reader = NULL;
    struct xr_batch batch = {0};
    struct timespec start;
    double loss, weight;
    int got = -1;

    clock_gettime(CLOCK_MONOTONIC, &start);
    if (xr_reader_open(&reader, t->set->val, false, err) ||
        xr_batch_open(&batch, xr_reader_header(reader), (size_t)t->set->batch, err))
        goto done;
    while ((got = xr_batch_next(&batch, reader, err)) > 0) {
        got = -1;
        if (xr_trainer_infer(t, &batch, err))
            goto done;
        loss = xk_loss_forward(NULL, t->logits, batch.labels, batch.n, scores.k, &t->loss,
                               &weight);
        if (xr_scores_add(&scores, t->logits, batch.labels, batch.n, loss, weight, err))
            goto done;
    }
    if (got == 0)
        got = xr_scores_row(row, &scores, err);
    row->seconds = seconds_since(&start);
    row->images_per_second = (double)scores.n / row->seconds;
done:
    xr_scores_free(&scores);
    xr_batch_close(&batch);
    xr_reader_close(reader);
    return got;
}

/* Print the rows that standard output has not seen yet. It may be gone: training goes on.
 */
static void print_log(struct xr_trainer *t, const char *text, size_t size, bool *lost)
{
    while (size && !*lost) {
        ssize_t put = write(STDOUT_FILENO, text, size);

        if (put < 0) {
            xr_cli_warn(t->cli,
                        "standard output cannot take the log any more; training goes on");
            *lost = true;
            return;
        }
        text += put;
        size -= (size_t)put;
    }
}

static int add_row(struct xr_trainer *t, const struct xr_log_row *row, bool *lost,
                   struct xr_err *err)
{
    size_t before = t->log.size;

    if (xr_log_format(&t->log, row, err))
        return -1;
    print_log(t, t->log.data + before, t->log.size - before, lost);
    return 0;
}

/* This epoch is the result so far: keep its values. */
static int keep(struct xr_trainer *t, const struct xr_log_row *row, struct xr_err *err)
{
    char *path;
    int rc;

    cJSON_Delete(t->best_row);
    t->best_row = xr_log_json(row);
    if (xr_net_values(t->best_values, t->c.net, err))
        return -1;
    if (!t->set->checkpoint)
        return 0;
    path = xr_checkpoint_path(t, "best.safetensors", err);
    rc = path ? xr_trainer_write(t, path, err) : -1;
    free(path);
    return rc;
}

/* The row may hold the monitored figure: keep the best, count the epochs that were not
 * better. */
static int judge(struct xr_trainer *t, const struct xr_log_row *row, struct xr_err *err)
{
    double value = NAN, gain;

    if (!t->monitored || !xr_monitor_read(&value, &t->monitor, row))
        return 0;
    gain = t->monitor.lower ? t->best - value : value - t->best;
    if (isnan(value))
        xr_cli_warn(t->cli, "%s of %s is undefined in epoch %lld", t->monitor.column,
                    row->split, (long long)row->epoch);
    if (t->set->schedule == XK_PLATEAU)
        t->schedule.base = xk_plateau_rate(&t->plateau, t->schedule.base, value);
    if (t->best_row && !(gain > t->set->min_delta)) {
        t->stale++;
        return 0;
    }
    t->stale = isnan(value) ? t->stale + 1 : 0;
    t->best = isnan(value) ? (t->monitor.lower ? 1e300 : -1e300) : value;
    return keep(t, row, err);
}

/* Save where the run is; the clock of the epoch goes on. */
static int save(struct xr_trainer *t, struct xr_err *err)
{
    t->spent += seconds_since(&t->epoch_start);
    clock_gettime(CLOCK_MONOTONIC, &t->epoch_start);
    if (!t->scores.n)
        t->spent = 0;
    return xr_checkpoint_save(t, err);
}

static int end_epoch(struct xr_trainer *t, bool *lost, struct xr_err *err)
{
    struct xr_log_row row = {.epoch = t->epoch, .split = "train"};
    int rc;

    if (t->map.weight > 0 && t->epoch == 1 && !t->map.any)
        xr_cli_warn(t->cli, "no record of the first epoch has a mask");
    if (xr_trainer_update(t, err) || xr_scores_row(&row, &t->scores, err))
        return -1;
    row.lr = xr_trainer_rate(t);
    row.seconds = t->spent + seconds_since(&t->epoch_start);
    row.images_per_second = (double)t->scores.n / row.seconds;
    if (add_row(t, &row, lost, err) || xk_optim_swap_ema(t->optim, err))
        return -1;
    /* from here to the second swap the net holds the moving average, where there is one
     */
    rc = judge(t, &row, err);
    if (!rc && t->set->val) {
        row.split = "val";
        rc = evaluate(t, &row, err) || add_row(t, &row, lost, err) || judge(t, &row, err);
    }
    if (!rc && !t->monitored)
        rc = keep(t, &row, err);
    if (xk_optim_swap_ema(t->optim, rc ? NULL : err) || rc)
        return -1;
    xr_scores_clear(&t->scores);
    t->epoch_step = 0;
    t->spent = 0;
    t->finished = t->set->patience > 0 && t->stale >= t->set->patience;
    if (t->finished)
        xr_cli_note(t->cli, "stopped early: %s of %s has not improved for %lld epochs",
                    t->monitor.column, t->monitor.split, (long long)t->stale);
    return save(t, err);
}

static void begin_epoch(struct xr_trainer *t, int64_t epoch)
{
    t->epoch = epoch;
    xk_net_freeze(t->c.net, epoch <= t->set->freeze_epochs);
    clock_gettime(CLOCK_MONOTONIC, &t->epoch_start);
}

static enum xr_train_end run_steps(struct xr_trainer *t, const volatile int *stop,
                                   bool *lost, struct xr_err *err)
{
    uint64_t planned = t->steps_per_epoch * (uint64_t)t->header.epochs;

    while (!t->finished) {
        int got = xr_batch_next(&t->batch, t->in, err);

        if (got < 0 || *stop) {
            /* upstream died, or we are told to stop: nothing is lost */
            struct xr_err second = {0};
            int saved = t->step ? save(t, *stop ? err : &second) : 0;

            return got >= 0 && saved ? XR_TRAIN_FAILED
                   : *stop           ? XR_TRAIN_STOPPED
                                     : XR_TRAIN_FAILED;
        }
        /* an epoch that lost records upstream shows its end only by what follows it */
        if (t->scores.n && (got == 0 || t->batch.epoch != t->epoch) &&
            end_epoch(t, lost, err))
            return XR_TRAIN_FAILED;
        if (t->finished || got == 0)
            break;
        if (t->batch.epoch != t->epoch)
            begin_epoch(t, t->batch.epoch);
        if (xr_trainer_step(t, err))
            return XR_TRAIN_FAILED;
        if (t->scores.n == (size_t)t->header.records_per_epoch && end_epoch(t, lost, err))
            return XR_TRAIN_FAILED;
        xr_cli_progress(t->cli, "steps", t->step, planned);
        if (t->set->checkpoint_minutes > 0 &&
            seconds_since(&t->last_save) > 60 * t->set->checkpoint_minutes &&
            save(t, err))
            return XR_TRAIN_FAILED;
    }
    t->finished = true;
    return save(t, err) ? XR_TRAIN_FAILED : XR_TRAIN_DONE;
}

enum xr_train_end xr_train_run(const struct xr_train *set, struct xr_cli *cli,
                               const char *input, const volatile int *stop,
                               bool *log_lost, struct xr_err *err)
{
    struct xr_trainer t = {.set = set, .cli = cli};
    enum xr_train_end end = XR_TRAIN_FAILED;
    int resumed;

    if (xr_trainer_open(&t, input, err))
        goto done;
    clock_gettime(CLOCK_MONOTONIC, &t.last_save);
    begin_epoch(&t, 0);
    resumed = xr_checkpoint_resume(&t, err);
    if (resumed < 0)
        goto done;
    begin_epoch(&t, t.epoch);
    if (!resumed && xr_buf_text(&t.log, XR_LOG_HEADER, err))
        goto done;
    print_log(&t, t.log.data, t.log.size, log_lost);
    end = run_steps(&t, stop, log_lost, err);
    if (end == XR_TRAIN_DONE && t.batch.at_end)
        xr_batch_warn(cli, t.in, input);
    if (end == XR_TRAIN_DONE && !t.best_row) {
        xr_fail(err, "%s: no records to train on", xr_input_name(input));
        end = XR_TRAIN_FAILED;
    }
    if (end == XR_TRAIN_DONE && xr_trainer_write(&t, cli->output, err))
        end = XR_TRAIN_FAILED;
done:
    xr_trainer_close(&t);
    return end;
}
