/* What every transform gave when its schema was settled; see transforms.c. */
#ifndef TRANSFORMS_DIGESTS_H
#define TRANSFORMS_DIGESTS_H

#include <stdint.h>

#define DIGESTS_SCHEMA 2

static const struct {
    const char *name;
    uint64_t digest;
} digests[] = {
    {"hflip", UINT64_C(0x1deb4c02033af903)},
    {"vflip", UINT64_C(0x42522c88afdc5527)},
    {"rot90", UINT64_C(0x5b8cfb0a66f4dacf)},
    {"transpose", UINT64_C(0x3b3fdbafa870427b)},
    {"shift_scale_rotate", UINT64_C(0x2faada834985b520)},
    {"affine", UINT64_C(0x3b82cd966bf9b87d)},
    {"perspective", UINT64_C(0xb0389d0dda35628f)},
    {"elastic", UINT64_C(0xfae7921425519f5f)},
    {"grid_distortion", UINT64_C(0x4d6b9d88d47cc3ce)},
    {"optical_distortion", UINT64_C(0xb7b84df0be816c23)},
    {"resize", UINT64_C(0x08fcf742b1402ef3)},
    {"letterbox", UINT64_C(0xdf5be641eef807cf)},
    {"center_crop", UINT64_C(0x3c8d01a80809e937)},
    {"random_crop", UINT64_C(0x6985a3dbf6920cf7)},
    {"random_resized_crop", UINT64_C(0x5084e29e0c0b10f2)},
    {"clahe", UINT64_C(0x287124821063cdb4)},
    {"equalize", UINT64_C(0x360aa5da037fd181)},
    {"match_histogram", UINT64_C(0xc11e7ac84152a935)},
    {"window", UINT64_C(0xf9143ba26113555f)},
    {"brightness_contrast", UINT64_C(0x765b81974b5bffe8)},
    {"brightness", UINT64_C(0x57439f6738bc4b5e)},
    {"contrast", UINT64_C(0x1f45aa688ab474be)},
    {"autocontrast", UINT64_C(0x45ae7f173680b8e1)},
    {"gamma", UINT64_C(0x5e348b34a49e55ae)},
    {"posterize", UINT64_C(0xf460e9b160b95f96)},
    {"solarize", UINT64_C(0x70184eb3be957c5c)},
    {"invert", UINT64_C(0x90389c7f24123b53)},
    {"blur", UINT64_C(0x66ad4fd61e13d42a)},
    {"median", UINT64_C(0x086d3d49589f2fd7)},
    {"gauss_noise", UINT64_C(0xa642136f7dec1e7b)},
    {"coarse_dropout", UINT64_C(0xdad13437187c7c49)},
    {"one_of", UINT64_C(0x17fe0fcbb5550d02)},
    {"some_of", UINT64_C(0x411b6dca7fed4e2e)},
    {"sequence", UINT64_C(0x411b6dca7fed4e2e)},
};

#endif
