/* Texts from outside: are they UTF-8, and fit to be a name? */
#include "text.h"

#include <stdlib.h>
#include <string.h>

size_t xr_utf8_length(const unsigned char *p)
{
    unsigned lo = 0x80, hi = 0xbf, n;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        n = 1;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        n = 2;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        n = 3;
    else
        return 0;
    if (p[0] == 0xe0)
        lo = 0xa0;
    else if (p[0] == 0xed)
        hi = 0x9f;
    else if (p[0] == 0xf0)
        lo = 0x90;
    else if (p[0] == 0xf4)
        hi = 0x8f;
    if (p[1] < lo || p[1] > hi)
        return 0;
    for (unsigned i = 2; i <= n; i++) {
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    }
    return n + 1;
}

bool xr_is_name(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    if (!*p)
        return false;
    while (*p) {
        size_t n = xr_utf8_length(p);

        /* C0, DEL, and C1 (0xc2 0x80 to 0xc2 0x9f) */
        if (!n || *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
            return false;
        p += n;
    }
    return true;
}

int xr_parse_bytes(uint64_t *bytes, const char *text, struct xr_err *err)
{
    static const struct {
        const char *name;
        double factor;
    } units[] = {{"", 1},        {"B", 1},           {"kB", 1e3},
                 {"MB", 1e6},    {"GB", 1e9},        {"TB", 1e12},
                 {"KiB", 1024},  {"MiB", 1048576.0}, {"GiB", 1073741824.0},
                 {"TiB", 0x1p40}};
    char *end;
    double v = strtod(text, &end);

    while (*end == ' ')
        end++;
    for (size_t i = 0; end != text && i < sizeof units / sizeof *units; i++) {
        double total = v * units[i].factor;

        if (!strcmp(end, units[i].name) && total >= 1 && total < 0x1p62) {
            *bytes = (uint64_t)total;
            return 0;
        }
    }
    return xr_fail_usage(err, "'%s': not a size, as in 1GiB or 500MB", text);
}
