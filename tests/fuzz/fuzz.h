/*
 * Fuzzing without an engine: LLVMFuzzerTestOneInput as libFuzzer wants it, and a main
 * that replays files and then mutates them, by seed, for some seconds. An input that ends
 * the process is left in ./crash-NAME. With -DLIBFUZZER there is no main. NAME [-t
 * SECONDS] [-s SEED] FILE...
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a file that a reader can open by name: the path, valid until the next
 * call. */
__attribute__((unused)) static const char *fuzz_file(const uint8_t *data, size_t size)
{
    static char path[64];
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("fuzz", 0);
    if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

#ifndef LIBFUZZER

#define FUZZ_MAX ((size_t)1 << 20)

static uint8_t *fuzz_now;
static size_t fuzz_size;
static const char *fuzz_name;
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void fuzz_save(void)
{
    char path[300];
    int fd;

    if (!fuzz_now) /* a leak, found at the end */
        return;
    snprintf(path, sizeof path, "crash-%s", fuzz_name);
    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0666);
    if (fd >= 0 && write(fd, fuzz_now, fuzz_size) == (ssize_t)fuzz_size)
        fprintf(stderr, "the input is in ./%s\n", path);
    close(fd);
}

/* An input that takes longer than this many seconds hangs. */
#define FUZZ_HANG 30

static void fuzz_hang(int signal)
{
    static const char text[] = "it hangs\n";

    (void)signal;
    if (write(2, text, sizeof text - 1) > 0)
        fuzz_save();
    _exit(1);
}

static uint64_t fuzz_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A few changes: bits, bytes, numbers, texts of the format, cuts, repeated pieces. */
static void fuzz_mutate(uint64_t *state, const uint8_t *other, size_t n_other)
{
    static const char *const texts[] = {"\"",      "\n",          ",",   "{", "[",
                                        "-1",      "1e999",       ":",   "'", "0",
                                        "\\u0000", "99999999999", "\xff"};

    for (unsigned n = 1 + fuzz_random(state) % 6; n-- > 0 && fuzz_size;) {
        size_t at = fuzz_random(state) % fuzz_size, left = fuzz_size - at, k;
        const char *text;

        switch (fuzz_random(state) % 8) {
        case 0:
            fuzz_now[at] ^= (uint8_t)(1u << fuzz_random(state) % 8);
            break;
        case 1:
            fuzz_now[at] = (uint8_t)fuzz_random(state);
            break;
        case 2:
            memset(fuzz_now + at, fuzz_random(state) % 2 ? 0xff : 0, left < 4 ? left : 4);
            break;
        case 3:
            if (fuzz_random(state) % 4 == 0)
                fuzz_size = at;
            break;
        case 4: /* a piece, moved */
            k = fuzz_random(state) % fuzz_size;
            left = fuzz_size - (at > k ? at : k);
            memmove(fuzz_now + at, fuzz_now + k, left < 512 ? left : 512);
            break;
        case 5: /* a piece, out */
            k = fuzz_random(state) % (left < 64 ? left : 64);
            memmove(fuzz_now + at, fuzz_now + at + k, left - k);
            fuzz_size -= k;
            break;
        case 6: /* a text, in */
            text = texts[fuzz_random(state) % (sizeof texts / sizeof *texts)];
            k = strlen(text);
            if (fuzz_size + k > FUZZ_MAX)
                break;
            memmove(fuzz_now + at + k, fuzz_now + at, left);
            memcpy(fuzz_now + at, text, k);
            fuzz_size += k;
            break;
        default: /* the end of another file */
            if (fuzz_random(state) % 8 || !n_other)
                break;
            k = fuzz_random(state) % n_other;
            left = n_other - k < FUZZ_MAX - at ? n_other - k : FUZZ_MAX - at;
            memcpy(fuzz_now + at, other + k, left);
            fuzz_size = at + left;
        }
    }
}

/* Exactly as many bytes as the input has, so that reading past them is seen. */
static void fuzz_one(void)
{
    uint8_t *copy = malloc(fuzz_size ? fuzz_size : 1);

    memcpy(copy, fuzz_now, fuzz_size);
    alarm(FUZZ_HANG);
    LLVMFuzzerTestOneInput(copy, fuzz_size);
    free(copy);
}

int main(int argc, char **argv)
{
    static uint8_t *inputs[1024];
    static size_t sizes[1024];
    uint64_t state = 88172645463325252u, runs = 0;
    size_t n = 0;
    double seconds = 0;
    struct timespec start, now;

    fuzz_name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    fuzz_now = malloc(FUZZ_MAX);
    signal(SIGALRM, fuzz_hang);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(fuzz_save);
    for (int i = 1; i < argc && n < 1024; i++) {
        FILE *f;

        if (!strcmp(argv[i], "-t") && i + 1 < argc) {
            seconds = strtod(argv[++i], NULL);
            continue;
        }
        if (!strcmp(argv[i], "-s") && i + 1 < argc) {
            state ^= strtoull(argv[++i], NULL, 10) * 0x9e3779b97f4a7c15u;
            continue;
        }
        f = fopen(argv[i], "rb");
        if (!f) {
            perror(argv[i]);
            return 2;
        }
        inputs[n] = malloc(FUZZ_MAX);
        sizes[n] = fread(inputs[n], 1, FUZZ_MAX, f);
        fclose(f);
        memcpy(fuzz_now, inputs[n], sizes[n]);
        fuzz_size = sizes[n++];
        fuzz_one();
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (; n; runs++) {
        size_t from = fuzz_random(&state) % n, other = fuzz_random(&state) % n;

        clock_gettime(CLOCK_MONOTONIC, &now);
        if ((double)(now.tv_sec - start.tv_sec) +
                1e-9 * (double)(now.tv_nsec - start.tv_nsec) >=
            seconds)
            break;
        memcpy(fuzz_now, inputs[from], sizes[from]);
        fuzz_size = sizes[from];
        fuzz_mutate(&state, inputs[other], sizes[other]);
        fuzz_one();
    }
    printf("%s\t%zu files, %llu mutations\n", fuzz_name, n, (unsigned long long)runs);
    for (size_t i = 0; i < n; i++)
        free(inputs[i]);
    free(fuzz_now);
    fuzz_now = NULL;
    return n ? 0 : 2;
}

#endif
#endif
