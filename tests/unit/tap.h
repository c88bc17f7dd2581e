/*
 * TAP for unit tests: ok(), near(), skip_all(), and the folder of reference data.
 */
#ifndef TAP_H
#define TAP_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3), unused)) static int ok(int good, const char *fmt,
                                                            ...)
{
    va_list ap;

    va_start(ap, fmt);
    printf("%sok %d - ", good ? "" : "not ", ++tap_count);
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
    if (!good)
        tap_failed++;
    return good;
}

__attribute__((unused)) static int near(double got, double want, double tolerance,
                                        const char *what)
{
    int good = fabs(got - want) <= tolerance;

    ok(good, "%s", what);
    if (!good)
        printf("# got %.17g, want %.17g, off by %g, allowed %g\n", got, want,
               fabs(got - want), tolerance);
    return good;
}

/* One result for a whole test of reference data that is not there. */
__attribute__((unused)) static void tap_skip(const char *what, const char *why)
{
    printf("ok %d - %s # SKIP %s\n", ++tap_count, what, why);
}

/* The folder of reference data, or NULL. */
__attribute__((unused)) static const char *tap_shared(void)
{
    const char *dir = getenv("XR_SHARED");
    static char path[4096];
    FILE *f;

    dir = dir && *dir ? dir : "../shared";
    snprintf(path, sizeof path, "%s/README.md", dir);
    f = fopen(path, "r");
    if (!f)
        return NULL;
    fclose(f);
    return dir;
}

__attribute__((unused)) static int tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed ? 1 : 0;
}

#endif
