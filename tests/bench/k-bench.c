/*
 * Images a second of the networks, training and inference, batch 32 at 224: name, value,
 * unit. Best of some repeats, as the machine may be shared, and their median; memory as
 * planned, and the peak of the process so far. XR_PROFILE=1 adds the
 * time of every step on standard error. Operands choose networks; -b N another batch, -s
 * N another size, -n N repeats, -j N threads, -p bf16 activations in bfloat16, -t
 * training only, -i inference only.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "loss.h"
#include "optim.h"

/* With one thread its own time: that holds on a busy machine too. */
static double now(int n_threads)
{
    struct timespec t;

    clock_gettime(n_threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(int failed, const struct xr_err *err)
{
    if (failed) {
        fprintf(stderr, "k-bench: %s\n", err->text);
        exit(1);
    }
}

enum {
    MAX_STEPS = 4096
};

/* Times so far: what the warm-up took is taken off. */
static double before[MAX_STEPS][2];

static void note_profile(const struct xk_net *net)
{
    struct xk_profile p;

    for (size_t i = 0; i < MAX_STEPS && xk_net_profile(net, i, &p); i++) {
        before[i][0] = p.forward;
        before[i][1] = p.backward;
    }
}

static void print_profile(const struct xk_net *net, int passes)
{
    struct xk_profile p;

    for (size_t i = 0; i < MAX_STEPS && xk_net_profile(net, i, &p); i++) {
        p.forward -= before[i][0];
        p.backward -= before[i][1];
        if (p.forward + p.backward > 0)
            fprintf(stderr, "%-28s %-9s %4zux%-4zu %5zu %9.3f %9.3f ms\n", p.name, p.op,
                    p.h, p.w, p.c, 1e3 * p.forward / passes, 1e3 * p.backward / passes);
    }
}

static double step(struct xk_net *net, struct xk_optim *optim, float *logits,
                   float *d_logits, const int64_t *labels, size_t batch, int t,
                   int n_threads)
{
    struct xk_loss ce = {.kind = XK_LOSS_CROSS_ENTROPY};
    struct xr_err err = {0};
    double begin = now(n_threads);

    if (!optim) {
        must(xk_net_forward(net, logits, false, 0, 0, &err), &err);
        return now(n_threads) - begin;
    }
    must(xk_net_zero_grad(net, &err) ||
             xk_net_forward(net, logits, true, 1, (uint64_t)t, &err),
         &err);
    xk_loss_forward(d_logits, logits, labels, batch, 3, &ce, NULL);
    must(xk_net_backward(net, d_logits, &err) || xk_optim_step(optim, 1e-4, NULL, &err),
         &err);
    return now(n_threads) - begin;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(const char *arch, size_t batch, size_t size, bool training,
                    int repeats, int n_threads, enum xk_dtype dtype)
{
    struct xk_spec spec = {.arch = arch,
                           .n_classes = 3,
                           .channels = 3,
                           .height = size,
                           .width = size,
                           .batch = batch,
                           .training = training,
                           .dtype = dtype,
                           .n_threads = n_threads};
    struct xk_optim_spec adamw = {
        .kind = XK_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .decay = 0.01};
    float mean[3] = {0.5f, 0.5f, 0.5f}, std[3] = {0.5f, 0.5f, 0.5f};
    uint8_t *pixels = malloc(batch * size * size);
    float *logits = calloc(batch, 3 * sizeof *logits), *d = calloc(batch, 3 * sizeof *d);
    int64_t *labels = calloc(batch, sizeof *labels);
    struct xk_net *net;
    struct xk_optim *optim = NULL;
    struct rusage usage;
    struct xr_err err = {0};
    double *times = calloc((size_t)repeats, sizeof *times);
    const char *type = dtype == XK_BF16 ? "bf16" : "fp32";

    for (size_t i = 0; i < batch * size * size; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    must(xk_net_open(&net, &spec, &err) || xk_net_init(net, 1, &err), &err);
    if (training)
        must(xk_optim_open(&optim, net, &adamw, &err), &err);
    must(xk_net_input_u8(net, pixels, batch, 1, mean, std, &err), &err);
    step(net, optim, logits, d, labels, batch, 0, n_threads);
    note_profile(net);
    for (int i = 1; i <= repeats; i++)
        times[i - 1] = step(net, optim, logits, d, labels, batch, i, n_threads);
    qsort(times, (size_t)repeats, sizeof *times, by_value);
    printf("%s_%s_%s_b%zu\t%.2f\timg/s\n", arch, training ? "train" : "infer", type,
           batch, (double)batch / times[0]);
    printf("%s_%s_%s_median_b%zu\t%.2f\timg/s\n", arch, training ? "train" : "infer",
           type, batch, (double)batch / times[repeats / 2]);
    printf("%s_%s_%s_memory_b%zu\t%.0f\tMiB\n", arch, training ? "train" : "infer", type,
           batch, (double)xk_net_bytes(net) / 1048576);
    getrusage(RUSAGE_SELF, &usage);
    printf("%s_%s_%s_peak_b%zu\t%.0f\tMiB\n", arch, training ? "train" : "infer", type,
           batch, (double)usage.ru_maxrss / 1024);
    fflush(stdout);
    if (getenv("XR_PROFILE"))
        print_profile(net, repeats);
    xk_optim_close(optim);
    xk_net_close(net);
    free(pixels);
    free(logits);
    free(d);
    free(labels);
    free(times);
}

int main(int argc, char **argv)
{
    size_t batch = 32, size = 224;
    int repeats = 5, c, what = 3, n_threads = 0;
    enum xk_dtype dtype = XK_F32;

    while ((c = getopt(argc, argv, "b:s:n:j:p:ti")) != -1) {
        if (c == 'b')
            batch = strtoul(optarg, NULL, 10);
        else if (c == 's')
            size = strtoul(optarg, NULL, 10);
        else if (c == 'n')
            repeats = (int)strtol(optarg, NULL, 10);
        else if (c == 'j')
            n_threads = (int)strtol(optarg, NULL, 10);
        else if (c == 'p')
            dtype = strcmp(optarg, "bf16") ? XK_F32 : XK_BF16;
        else if (c == 't')
            what = 1;
        else if (c == 'i')
            what = 2;
        else
            return 2;
    }
    if (repeats < 1)
        return 2;
    for (size_t i = 0; xk_arch_at(i); i++) {
        const char *arch = xk_arch_at(i)->name;
        bool wanted = optind == argc;

        for (int a = optind; a < argc; a++)
            wanted |= strcmp(argv[a], arch) == 0;
        if (wanted && (what & 1))
            measure(arch, batch, size, true, repeats, n_threads, dtype);
        if (wanted && (what & 2))
            measure(arch, batch, size, false, repeats, n_threads, dtype);
    }
    return 0;
}
