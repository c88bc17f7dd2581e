/*
 * The list of families: families.h is made by make from the names of kernels/models/ (one
 * X(name) a file), so that a new family is one new file.
 */
#include "graph.h"

#include <string.h>

#define X(name) extern const struct xk_family xk_family_##name;
#include "families.h"
#undef X

static const struct xk_family *const families[] = {
#define X(name) &xk_family_##name,
#include "families.h"
#undef X
};

enum {
    N_FAMILIES = sizeof families / sizeof *families
};

const struct xk_arch *xk_arch_at(size_t i)
{
    for (int f = 0; f < N_FAMILIES; f++)
        for (const struct xk_arch *a = families[f]->archs; a->name; a++)
            if (i-- == 0)
                return a;
    return NULL;
}

const struct xk_family *xk_family_find(const char *arch, size_t *row)
{
    for (int f = 0; f < N_FAMILIES; f++)
        for (size_t i = 0; families[f]->archs[i].name; i++)
            if (strcmp(families[f]->archs[i].name, arch) == 0) {
                *row = i;
                return families[f];
            }
    return NULL;
}

const struct xk_arch *xk_arch_find(const char *name)
{
    size_t row;
    const struct xk_family *family = xk_family_find(name, &row);

    return family ? &family->archs[row] : NULL;
}
