/*
 * GNU's OpenMP lets a thread that waits for the others spin for milliseconds. Tools of a
 * pipe share the processors with its other ends, so the thread waited for is often not
 * running, and spinning keeps it from running: training and inference are 2 to 4 times
 * slower on a busy machine than with a wait of some ten microseconds, which costs nothing
 * that can be measured in batches on a quiet one and 8 % in batches of one film.
 *
 * The library reads its setting before main begins: the tool starts itself again with it.
 */
#include "threads.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

void xr_threads_wait_briefly(char **argv)
{
    char path[PATH_MAX];
    ssize_t n;

    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0 || setenv("GOMP_SPINCOUNT", "5000", 1))
        return;
    path[n] = '\0';
    execv(path, argv); /* where that fails, only speed is lost */
}
