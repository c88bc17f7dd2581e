/*
 * What was found by trying, in a small file of lines that only grows.
 */
#include "cuda.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The path, its folders made if `make`; false: there is no place for it. */
static bool path_of(char *path, size_t size, const char *name, bool make)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool own = cache && *cache == '/';
    int n;

    if (!own && (!home || *home != '/'))
        return false;
    n = snprintf(path, size, "%s%s/xr/%s", own ? cache : home, own ? "" : "/.cache",
                 name);
    if (n < 0 || (size_t)n >= size)
        return false;
    for (char *p = path + 1; make && *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0777) && errno != EEXIST)
            make = false; /* then opening fails too */
        *p = '/';
    }
    return true;
}

int xk_tuned_get(const char *name, const char *key)
{
    char path[PATH_MAX], line[512];
    size_t n = strlen(key);
    int found = -1;
    FILE *f;

    if (!path_of(path, sizeof path, name, false))
        return -1;
    f = fopen(path, "re");
    if (!f)
        return -1;
    while (fgets(line, sizeof line, f)) {
        char *end;
        long value;

        if (strncmp(line, key, n) != 0 || line[n] != ' ')
            continue;
        value = strtol(line + n + 1, &end, 10);
        if (*end == '\n' && value >= 0 && value < 1000)
            found = (int)value; /* the last one counts */
    }
    fclose(f);
    return found;
}

void xk_tuned_put(const char *name, const char *key, int value)
{
    char path[PATH_MAX], line[512];
    int n = snprintf(line, sizeof line, "%s %d\n", key, value), fd;

    if (n < 0 || (size_t)n >= sizeof line || !path_of(path, sizeof path, name, true))
        return;
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    /* one write: lines of other processes do not fall into it */
    if (write(fd, line, (size_t)n) != n)
        (void)!ftruncate(fd, 0);
    close(fd);
}
