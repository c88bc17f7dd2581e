/*
 * How long each transform takes on one film of 224x224 gray, on one core:
 * transform.NAME<TAB>MICROSECONDS<TAB>us. usage: transforms [RAW [NAME...]], RAW a film
 * of 224x224 bytes, as tests/bench/transforms.bash gives to both sides.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image.h"
#include "io.h"
#include "pixels/augment.h"

#define SIDE 224
#define ROUNDS 5
#define REFERENCE "bench-reference.png"

static uint8_t film[SIDE * SIDE];

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void make_film(void)
{
    for (size_t i = 0; i < sizeof film; i++) {
        int x = (int)(i % SIDE) - 112, y = (int)(i / SIDE) - 112;
        int grain = (int)((uint32_t)i * 2654435761u >> 28);

        film[i] =
            (uint8_t)(40 + grain + (x * x + y * y < 9000 ? 120 - x * x / 100 : x / 8));
    }
}

/* One application to a copy, as albumentations gives back a new array. */
static int once(const struct xr_chain *chain, uint64_t epoch)
{
    struct xr_image im;
    int rc;

    if (xr_image_alloc(&im, SIDE, SIDE, 1, 8, NULL))
        return -1;
    memcpy(im.data, film, sizeof film);
    rc = xr_chain_apply(chain, &(struct xr_subject){&im, NULL, NULL, 0}, 1, epoch, "k",
                        NULL, NULL);
    xr_image_free(&im);
    return rc;
}

/* The best of some rounds, each of about a twentieth of a second. */
static void measure(const char *text)
{
    struct xr_chain *chain;
    double best = 1e9;
    uint64_t n = 1;

    if (xr_chain_parse(&chain, &text, 1, NULL) || once(chain, 0))
        exit(1);
    for (int round = -1; round < ROUNDS; round++) {
        double start = now(), spent;

        for (uint64_t i = 0; i < n; i++) {
            if (once(chain, i))
                exit(1);
        }
        spent = (now() - start) / (double)n;
        if (round >= 0)
            best = spent < best ? spent : best;
        else
            n = (uint64_t)(0.05 / (spent > 1e-7 ? spent : 1e-7)) + 1;
        if (round < 0 && n > 20 && spent > 1e-3 * 50)
            n = 20;
    }
    printf("transform.%.*s\t%.1f\tus\n", (int)strcspn(text, "("), text, 1e6 * best);
    fflush(stdout);
    xr_chain_free(chain);
}

static int wanted(const char *text, int n, char **names)
{
    size_t len = strcspn(text, "(");

    for (int i = 0; i < n; i++) {
        if (strlen(names[i]) == len && strncmp(names[i], text, len) == 0)
            return 1;
    }
    return n <= 0;
}

int main(int argc, char **argv)
{
    struct xr_image view = {SIDE, SIDE, 1, 8, film};
    struct xr_buf buf = {0}, png = {0}, raw = {0};

    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    make_film();
    if (argc > 1 &&
        (xr_read_file(&raw, argv[1], 1 << 20, NULL, NULL) || raw.size != sizeof film))
        return 1;
    if (raw.size)
        memcpy(film, raw.data, sizeof film);
    if (xr_image_png(&png, &view, NULL) ||
        xr_write_file(REFERENCE, png.data, png.size, 0, NULL) ||
        xr_chain_describe(&buf, NULL))
        return 1;
    for (char *line = strtok(buf.data, "\n"); line; line = strtok(NULL, "\n")) {
        char text[512], *file = strstr(line, "FILE"), *p = strstr(line, "p=0.5)");

        if (p)
            memcpy(p, "p=1)\0", 5);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(file ? file - line : 0), line,
                 file ? REFERENCE : "", file ? file + 4 : line);
        if (wanted(text, argc - 2, argv + 2))
            measure(text);
    }
    remove(REFERENCE);
    xr_buf_free(&buf);
    xr_buf_free(&png);
    xr_buf_free(&raw);
    return 0;
}
