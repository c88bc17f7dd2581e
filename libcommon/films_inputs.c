/* What an input is, by its first bytes. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "films.h"

/* What standard input will give, without taking it: of a pipe, what has arrived so far.
 */
static size_t peek(unsigned char *head, size_t size)
{
    off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);
    ssize_t n = -1;
    int twin[2];

    if (at >= 0) {
        n = pread(STDIN_FILENO, head, size, at);
    } else if (pipe(twin) == 0) {
        n = tee(STDIN_FILENO, twin[1], size, 0); /* waits for the first byte */
        close(twin[1]);
        n = n > 0 ? read(twin[0], head, size) : n;
        close(twin[0]);
    }
    return n > 0 ? (size_t)n : 0;
}

int xr_films_sniff(const char *path)
{
    static const char *const suffixes[] = {".jpg", ".jpeg", ".png"};
    unsigned char head[512] = {0};
    bool standard = strcmp(path, "-") == 0;
    size_t n = 0, len = strlen(path);
    FILE *file = standard ? NULL : fopen(path, "rb");

    if (file) {
        n = fread(head, 1, sizeof head, file);
        fclose(file);
    } else if (standard) {
        n = peek(head, sizeof head);
    }
    if (n >= 4 && (!memcmp(head, "\xff\xd8\xff", 3) || !memcmp(head, "\x89PNG", 4)))
        return 'i';
    if (n >= 4 && (!memcmp(head, "\x1f\x8b", 2) || !memcmp(head, "\x28\xb5\x2f\xfd", 4) ||
                   (n >= 263 && !memcmp(head + 257, "ustar", 5))))
        return 't';
    if (n >= 100 && memchr(head, 0, 100)) /* a tar header begins with a name and NULs */
        return 't';
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t m = strlen(suffixes[i]);

        if (len > m && strcasecmp(path + len - m, suffixes[i]) == 0)
            return 'i';
    }
    return 'c';
}
