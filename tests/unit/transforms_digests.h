/* What every transform gave when its schema was settled; see transforms.c. */
#ifndef TRANSFORMS_DIGESTS_H
#define TRANSFORMS_DIGESTS_H

#include <stdint.h>

#define DIGESTS_SCHEMA 3

static const struct {
    const char *name;
    uint64_t digest;
} digests[] = {
    {"hflip", UINT64_C(0x493978954c92362f)},
    {"vflip", UINT64_C(0x02a190b4e4806e87)},
    {"rot90", UINT64_C(0x9a70a1989d827461)},
    {"transpose", UINT64_C(0x46a2ce3e21c9c7eb)},
    {"shift_scale_rotate", UINT64_C(0xa2242db3cf55e69c)},
    {"affine", UINT64_C(0x8ad49df87bd33f83)},
    {"perspective", UINT64_C(0x4b702dfcaee3541a)},
    {"elastic", UINT64_C(0x6a442b85f2f50c6b)},
    {"grid_distortion", UINT64_C(0x79a4b3d3b961c3b2)},
    {"optical_distortion", UINT64_C(0x556eb224a2a9d17c)},
    {"resize", UINT64_C(0x11df1cc5ca16fbef)},
    {"letterbox", UINT64_C(0x6f28eeef9caa5a0f)},
    {"center_crop", UINT64_C(0x5ee431cc7f8735eb)},
    {"random_crop", UINT64_C(0x97973589b8c32953)},
    {"random_resized_crop", UINT64_C(0x1518b686c25367a8)},
    {"clahe", UINT64_C(0x36599264b2fc6852)},
    {"equalize", UINT64_C(0xd547f5cb293f9c55)},
    {"match_histogram", UINT64_C(0xe5f271a6d3f091d5)},
    {"window", UINT64_C(0x45c4fd4e996954f5)},
    {"brightness_contrast", UINT64_C(0x82d6af4747e5a5f6)},
    {"brightness", UINT64_C(0xef5197668c23ebc1)},
    {"contrast", UINT64_C(0xe6da75962dec12aa)},
    {"autocontrast", UINT64_C(0xbf871e0f84ddd54d)},
    {"gamma", UINT64_C(0xf06911b36010843f)},
    {"posterize", UINT64_C(0xef165259ab5bff30)},
    {"solarize", UINT64_C(0x755b8acb9ebc325a)},
    {"invert", UINT64_C(0xe044bbbf7fd4b3c7)},
    {"blur", UINT64_C(0x3b322689069b7dc9)},
    {"median", UINT64_C(0xcb36d8a895130f4f)},
    {"sharpen", UINT64_C(0x0deb0b8381df5c8b)},
    {"unsharp", UINT64_C(0x1f1fe85a9f4e4918)},
    {"sharpness", UINT64_C(0x271f3713400c7b9b)},
    {"jpeg", UINT64_C(0x5a8c22a4343055ac)},
    {"downscale", UINT64_C(0x149fc59b49735d5e)},
    {"gauss_noise", UINT64_C(0x9110b4a32c166cc3)},
    {"poisson", UINT64_C(0xa90654758e7f5ece)},
    {"coarse_dropout", UINT64_C(0x37fa092dff743471)},
    {"grid_dropout", UINT64_C(0x115279108174f703)},
    {"collimator", UINT64_C(0x351df39cf45cb1b3)},
    {"marker", UINT64_C(0x5c29d8d0884a6f95)},
    {"one_of", UINT64_C(0x9f063a0f3783cccc)},
    {"some_of", UINT64_C(0x7bd33343148213ec)},
    {"sequence", UINT64_C(0x7bd33343148213ec)},
    {"rand_augment", UINT64_C(0x117f780edf645379)},
    {"trivial_augment", UINT64_C(0x3132571571e4ab14)},
};

#endif
