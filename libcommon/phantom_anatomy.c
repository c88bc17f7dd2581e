/* The bones and soft tissue of seven anatomies, in millimetres, and how patients differ.
 */
#include "phantom_int.h"

#include <math.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))
#define TUBE(b, s, c0, c1, ...)                                                          \
    .bone = (b), .segment = (s), .cap = {(c0), (c1)},                                    \
    .n = (int)(sizeof((double[][6]){__VA_ARGS__}) / sizeof(double[6])),                  \
    .st = {__VA_ARGS__}
/* centre, half axes, wall */
#define BLOB(b, s, x, y, z, ax, ay, az, t)                                               \
    .bone = (b), .segment = (s), .n = 1, .cap = {(ay), (ay)}, .st = {{x, y, z, ax, az, t}}

static const struct ph_part knee[] = {
    {TUBE(0, 0, 1, 12, {0, -300, 5, 15, 15, 6.5}, {0, -130, 4, 15.5, 15.5, 6},
          {0, -80, 2, 20, 17, 3.6}, {0, -45, 0, 32, 22, 1.9}, {0, -27, 0, 40, 27, 1.4}),
     .physis = PH_PHYSIS_LAST},
    {BLOB(0, 0, -20, -21, -5, 20, 21, 30, 1.3)},
    {BLOB(0, 0, 20, -21, -5, 20, 20, 29, 1.3)},
    {BLOB(1, 0, 0, -30, 36, 22, 23, 10, 1.6)},
    {TUBE(2, 1, 10, 1, {0, 13, 0, 37, 24, 1.4}, {0, 28, 0, 33, 23, 1.7},
          {0, 52, 2, 24, 20, 2.6}, {-1, 90, 4, 16.5, 17, 4.6}, {-2, 300, 6, 13, 14, 5.5}),
     .physis = PH_PHYSIS_FIRST},
    {BLOB(2, 1, -18, 11, -2, 20, 9, 22, 1.3)},
    {BLOB(2, 1, 18, 11, -2, 20, 9, 22, 1.3)},
    {BLOB(2, 1, 0, 4, 0, 6, 7, 6, 1.2)},
    {TUBE(3, 1, 10, 1, {33, 32, -18, 9, 9, 1.5}, {32, 46, -16, 7, 7, 2},
          {28, 78, -12, 5.5, 5.5, 2.2}, {25, 300, -10, 6, 6, 2.6})},
    {.layer = PH_SOFT,
     TUBE(0, 0, 1, 30, {0, -310, 0, 74, 76, 13}, {0, -120, 0, 62, 62, 10},
          {0, -40, 4, 54, 56, 7}, {0, 0, 2, 52, 54, 6})},
    {.layer = PH_SOFT,
     TUBE(0, 1, 30, 1, {0, -12, 0, 52, 54, 6}, {0, 40, -6, 50, 54, 6},
          {0, 115, -12, 55, 60, 7}, {0, 310, -8, 44, 46, 6})},
};
static const struct ph_site knee_sites[] = {
    {0, 1.6, 3.3, 5}, {4, 0.6, 2.6, 4}, {8, 0.3, 1.8, 1}, {0, 0.7, 1.4, 1}};

static const struct ph_part tibia[] = {
    {TUBE(0, 0, 1, 7, {0, -330, 0, 20, 20, 4.5}, {0, -290, 0, 16, 17, 5.2},
          {-1, -180, 0, 13, 14, 6}, {0, -75, 0, 12.5, 13, 4.6}, {0, -36, 0, 17, 17, 2.3},
          {0, -10, 0, 23, 19, 1.4}),
     .physis = PH_PHYSIS_LAST},
    {BLOB(0, 0, -20, 0, 0, 7, 14, 9, 1.4)},
    {TUBE(1, 0, 1, 14, {26, -330, -10, 6, 6, 2.3}, {23, -180, -9, 5.5, 5.5, 2.6},
          {24, -80, -8, 5.5, 5.5, 2.5}, {25, -30, -6, 7.5, 7.5, 1.8},
          {26, 0, -5, 9, 9, 1.4}),
     .physis = PH_PHYSIS_LAST},
    {BLOB(2, 1, 0, 17, 4, 22, 14, 27, 1.3)},
    {BLOB(3, 1, 3, 40, -22, 19, 17, 36, 1.4)},
    {BLOB(4, 1, -6, 30, 36, 17, 13, 10, 1.2)},
    {TUBE(5, 1, 8, 8, {-10, 36, 48, 9, 9, 1.5}, {-12, 48, 85, 6, 6, 2},
          {-14, 56, 112, 8, 8, 1.4})},
    {.layer = PH_SOFT,
     TUBE(0, 0, 1, 25, {6, -350, -14, 56, 58, 7}, {6, -210, -14, 52, 58, 7},
          {4, -85, -4, 33, 37, 5}, {4, -20, -2, 34, 39, 4}, {4, 15, 0, 36, 42, 4})},
    {.layer = PH_SOFT, BLOB(0, 1, 2, 34, 28, 37, 32, 66, 5)},
    {.layer = PH_SOFT, BLOB(0, 1, 3, 40, -22, 30, 28, 44, 6)},
};
static const struct ph_site tibia_sites[] = {
    {0, 1.2, 3.4, 3}, {0, 3.3, 4.5, 5}, {2, 2.2, 3.4, 2}};

static const struct ph_part femur[] = {
    {TUBE(0, 0, 16, 1, {36, 12, 0, 16, 15, 1.7}, {35, 34, 0, 21, 17, 2},
          {36, 62, 0, 19, 17, 3.6}, {37, 100, 1, 15.5, 15, 6},
          {34, 220, 6, 14.5, 15, 6.6}, {28, 360, 5, 15, 15, 6})},
    {BLOB(0, 0, 0, 0, 0, 24, 24, 24, 1.5)},
    {TUBE(0, 0, 8, 8, {6, 4, 0, 18, 16, 1.5}, {20, 16, 0, 15.5, 14, 2},
          {36, 32, 0, 19, 16, 2})},
    {BLOB(0, 0, 46, 20, -4, 13, 19, 15, 1.5)},
    {BLOB(0, 0, 22, 60, -8, 9, 11, 9, 1.5)},
    {TUBE(1, 0, 14, 1, {-6, -12, 0, 30, 12, 2}, {-8, -46, 0, 27, 16, 2},
          {-26, -95, 2, 46, 9, 2}, {-38, -150, 4, 56, 7, 2})},
    {TUBE(2, 0, 6, 10, {-22, 2, 4, 13, 11, 1.8}, {-50, 14, 12, 9, 8, 1.6},
          {-78, 20, 16, 12, 8, 1.6})},
    {TUBE(3, 0, 8, 12, {-14, 22, -8, 15, 14, 1.8}, {-26, 52, -16, 12, 12, 1.6},
          {-36, 80, -16, 15, 12, 1.6})},
    {TUBE(4, 0, 8, 6, {-38, 86, -12, 10, 8, 1.6}, {-58, 56, 4, 7, 6, 1.6},
          {-76, 28, 14, 9, 7, 1.5})},
    {.layer = PH_SOFT,
     TUBE(0, 0, 1, 1, {-20, -190, 0, 140, 92, 22}, {0, -60, 0, 118, 92, 20},
          {20, 40, 0, 92, 88, 17}, {32, 140, 0, 82, 82, 14}, {28, 380, 0, 72, 74, 12})},
    {.layer = PH_GAS, BLOB(0, 0, -60, -70, 20, 14, 10, 10, 0)},
    {.layer = PH_GAS, BLOB(0, 0, -80, -95, 20, 18, 11, 10, 0)},
};
static const struct ph_site femur_sites[] = {
    {0, 0.8, 2.4, 5}, {0, 2.4, 4.0, 3}, {2, 0.6, 1.6, 2}, {5, 0.8, 2.0, 1.5}};

static const struct ph_part humerus[] = {
    {TUBE(0, 0, 14, 8, {4, 8, 0, 21, 20, 1.6}, {6, 34, 0, 18, 17, 2.2},
          {7, 72, 0, 12.5, 12, 4}, {5, 180, 0, 11, 11.5, 4.6}, {4, 255, 0, 14, 9.5, 2.8},
          {4, 280, 0, 25, 9, 1.6}),
     .physis = PH_PHYSIS_FIRST},
    {BLOB(0, 0, -4, 0, 0, 23, 23, 23, 1.3)},
    {BLOB(0, 0, 17, 8, 3, 9, 15, 10, 1.3)},
    {TUBE(1, 0, 16, 10, {-34, 6, -4, 9, 14, 1.8}, {-50, 30, -14, 15, 5, 1.2},
          {-78, 96, -22, 18, 4, 1.2}, {-92, 135, -24, 9, 4, 1.4})},
    {TUBE(2, 0, 8, 10, {-64, -26, -20, 6, 6, 1.4}, {-20, -33, -8, 7, 6, 1.4},
          {10, -33, 4, 9, 8, 1.3})},
    {TUBE(3, 0, 1, 8, {-150, -42, 20, 6, 6, 1.8}, {-90, -50, 18, 6, 6, 1.8},
          {-12, -42, 6, 8, 6, 1.5})},
    {TUBE(4, 0, 1, 1, {-170, 10, -70, 5, 3, 1.2}, {-110, -2, -70, 5, 3, 1.2},
          {-70, 30, -70, 5, 3, 1.2})},
    {TUBE(5, 0, 1, 1, {-170, 42, -70, 5, 3, 1.2}, {-100, 26, -70, 5, 3, 1.2},
          {-62, 66, -70, 5, 3, 1.2})},
    {TUBE(6, 0, 1, 1, {-170, 76, -70, 5, 3, 1.2}, {-98, 60, -70, 5, 3, 1.2},
          {-58, 104, -70, 5, 3, 1.2})},
    {TUBE(7, 0, 1, 1, {-170, 112, -70, 5, 3, 1.2}, {-98, 96, -70, 5, 3, 1.2},
          {-56, 142, -70, 5, 3, 1.2})},
    {TUBE(8, 1, 10, 1, {-8, 284, -6, 11, 12, 2}, {-9, 312, 0, 8, 9, 2.8},
          {-8, 460, 0, 7, 7, 3})},
    {TUBE(9, 1, 6, 1, {14, 290, 2, 10, 10, 1.6}, {13, 312, 2, 7, 7, 2.5},
          {14, 460, 2, 7.5, 7, 3})},
    {.layer = PH_SOFT,
     TUBE(0, 0, 40, 20, {0, -10, 0, 54, 52, 9}, {5, 60, 0, 47, 49, 9},
          {4, 190, 0, 39, 41, 7}, {3, 285, 0, 38, 37, 6})},
    {.layer = PH_SOFT,
     TUBE(0, 1, 20, 1, {3, 280, 0, 38, 37, 6}, {3, 340, 0, 37, 36, 6},
          {2, 470, 0, 29, 29, 4})},
    {.layer = PH_SOFT, BLOB(0, 0, -130, 90, -95, 96, 190, 82, 14)},
    {.layer = PH_GAS, BLOB(0, 0, -135, 95, -95, 72, 120, 56, 0)},
};
static const struct ph_site humerus_sites[] = {
    {0, 0.5, 2.2, 6}, {0, 2.1, 3.3, 3}, {0, 3.2, 4.3, 1}};

static const struct ph_part forearm[] = {
    {TUBE(0, 0, 6, 5, {9, -236, 0, 10, 10, 2}, {8, -214, 0, 7, 7, 2.6},
          {13, -120, 0, 7.5, 7, 3}, {12, -52, 0, 8, 7.5, 2.6}, {9, -20, 0, 13, 10, 1.5},
          {8, -5, 0, 16, 11, 1.2}),
     .physis = PH_PHYSIS_LAST},
    {TUBE(1, 0, 9, 6, {-8, -262, -6, 11, 13, 2}, {-10, -234, -2, 11, 13, 2},
          {-11, -190, 0, 8, 9, 2.8}, {-10, -100, 0, 7, 7, 3},
          {-12, -30, 0, 5.6, 5.6, 2.2}, {-12, -8, 0, 8, 8, 1.5}),
     .physis = PH_PHYSIS_LAST},
    {TUBE(2, 1, 1, 8, {0, -430, 0, 11, 11, 4.5}, {0, -310, 0, 14, 10, 3},
          {0, -278, 0, 26, 9, 1.6})},
    {BLOB(2, 1, -9, -266, 0, 14, 9, 10, 1.4)},
    {BLOB(2, 1, 14, -266, 0, 9, 9, 10, 1.4)},
    {BLOB(3, 0, 13, 6, 0, 8, 7, 8, 1.1)},
    {BLOB(4, 0, 2, 6, 0, 7, 6, 8, 1.1)},
    {BLOB(5, 0, -9, 6, 1, 7, 6, 7, 1.1)},
    {BLOB(6, 0, 14, 17, 0, 7, 6, 7, 1.1)},
    {BLOB(7, 0, 4, 18, 0, 7, 8, 8, 1.1)},
    {BLOB(8, 0, -8, 18, 1, 7, 7, 8, 1.1)},
    {TUBE(9, 0, 5, 5, {20, 26, 3, 7, 7, 1.3}, {27, 44, 6, 4.5, 4.5, 1.8},
          {34, 62, 8, 6.5, 6.5, 1.2})},
    {TUBE(10, 0, 5, 5, {11, 28, 0, 7, 7, 1.3}, {14, 54, 0, 4.2, 4.2, 1.9},
          {17, 86, 0, 6.5, 6.5, 1.2})},
    {TUBE(11, 0, 5, 5, {2, 29, 0, 6, 7, 1.3}, {2, 55, 0, 4.2, 4.2, 1.9},
          {2, 85, 0, 6.5, 6.5, 1.2})},
    {TUBE(12, 0, 5, 5, {-7, 28, 0, 6, 6, 1.3}, {-9, 52, 0, 4, 4, 1.8},
          {-12, 80, 0, 6, 6, 1.2})},
    {TUBE(13, 0, 5, 5, {-14, 26, 0, 6, 6, 1.3}, {-19, 48, 0, 4, 4, 1.7},
          {-25, 72, 0, 6, 6, 1.2})},
    {.layer = PH_SOFT,
     TUBE(0, 0, 20, 10, {0, -270, 0, 40, 38, 6}, {0, -200, 0, 42, 40, 6},
          {0, -90, 0, 32, 27, 4}, {0, -10, 0, 29, 21, 3}, {0, 20, 0, 34, 18, 3},
          {4, 80, 0, 44, 15, 3})},
    {.layer = PH_SOFT,
     TUBE(0, 1, 1, 20, {0, -440, 0, 42, 42, 8}, {0, -330, 0, 38, 40, 7},
          {0, -270, 0, 38, 37, 6})},
};
static const struct ph_site forearm_sites[] = {
    {0, 2.6, 4.4, 5}, {1, 2.6, 4.5, 2}, {0, 1.0, 2.6, 2}, {1, 1.0, 2.6, 2}};

static const struct ph_part pelvis[] = {
    {TUBE(0, 0, 16, 1, {124, 12, 0, 16, 15, 1.7}, {123, 34, 0, 21, 17, 2},
          {123, 62, 0, 19, 17, 3.6}, {122, 100, 1, 15.5, 15, 6},
          {116, 260, 6, 14.5, 15, 6.6}),
     .both = true},
    {BLOB(0, 0, 90, 0, 0, 24, 24, 24, 1.5), .both = true},
    {TUBE(0, 0, 8, 8, {96, 4, 0, 18, 16, 1.5}, {109, 16, 0, 15.5, 14, 2},
          {124, 32, 0, 19, 16, 2}),
     .both = true},
    {BLOB(0, 0, 134, 20, -4, 13, 19, 15, 1.5), .both = true},
    {BLOB(0, 0, 111, 60, -8, 9, 11, 9, 1.5), .both = true},
    {TUBE(1, 0, 12, 22, {84, -10, 0, 29, 12, 2}, {82, -44, 0, 25, 16, 2.2},
          {80, -86, 2, 44, 9, 2.2}, {84, -122, 4, 47, 7, 2.4}),
     .both = true},
    {TUBE(2, 0, 6, 10, {68, 2, 4, 13, 11, 1.8}, {40, 14, 12, 9, 8, 1.6},
          {14, 22, 16, 12, 8, 1.6}),
     .both = true},
    {TUBE(3, 0, 8, 12, {76, 22, -8, 15, 14, 1.8}, {64, 52, -16, 12, 12, 1.6},
          {54, 80, -16, 15, 12, 1.6}),
     .both = true},
    {TUBE(4, 0, 8, 6, {52, 86, -12, 10, 8, 1.6}, {32, 58, 4, 7, 6, 1.6},
          {14, 30, 14, 9, 7, 1.5}),
     .both = true},
    {TUBE(5, 0, 10, 12, {0, -118, -30, 50, 22, 1.6}, {0, -90, -38, 42, 18, 1.5},
          {0, -60, -46, 26, 12, 1.4}, {0, -30, -46, 13, 8, 1.2})},
    {TUBE(6, 0, 3, 3, {0, -160, -16, 27, 19, 1.8}, {0, -148, -16, 24, 18, 1.6},
          {0, -134, -18, 28, 19, 1.8})},
    {TUBE(7, 0, 3, 3, {0, -198, -12, 26, 19, 1.8}, {0, -184, -12, 23, 18, 1.6},
          {0, -168, -14, 27, 19, 1.8})},
    {BLOB(8, 0, 0, -146, -46, 6, 12, 14, 1.6)},
    {BLOB(9, 0, 0, -184, -42, 6, 12, 14, 1.6)},
    {.layer = PH_SOFT,
     TUBE(0, 0, 1, 45, {0, -230, 0, 165, 98, 24}, {0, -110, 0, 176, 98, 24},
          {0, 0, 0, 184, 92, 22}, {0, 40, 0, 180, 86, 18})},
    {.layer = PH_SOFT,
     TUBE(0, 0, 90, 1, {100, 60, 0, 86, 86, 16}, {104, 280, 0, 74, 76, 12}),
     .both = true},
    {.layer = PH_GAS, BLOB(0, 0, 34, -60, 20, 22, 13, 11, 0)},
    {.layer = PH_GAS, BLOB(0, 0, -10, -40, 20, 13, 18, 10, 0)},
    {.layer = PH_GAS, BLOB(0, 0, -66, -110, 20, 18, 22, 10, 0)},
    {.layer = PH_GAS, BLOB(0, 0, 70, -120, 20, 16, 20, 10, 0)},
};
static const struct ph_site pelvis_sites[] = {
    {5, 0.8, 2.4, 4}, {0, 0.8, 2.6, 4}, {2, 0.6, 1.6, 1.5}, {3, 0.3, 1.5, 1}};

/* The hand: five rays of four tubes, carpals, and the ends of the forearm. */
struct ray {
    double x, y, dx, len[4], w;
};
static const struct ray rays[] = {{24, -2, 0.62, {44, 32, 0, 24}, 6.2},
                                  {13, -8, 0.20, {66, 42, 25, 18}, 6.0},
                                  {2, -9, 0.02, {64, 46, 29, 19}, 6.0},
                                  {-8, -7, -0.14, {58, 42, 27, 19}, 5.4},
                                  {-16, -4, -0.30, {53, 34, 20, 17}, 5.0}};
static const struct ph_part wrist[] = {
    {TUBE(0, 0, 1, 5, {10, 170, 0, 7.5, 7, 3}, {11, 90, 0, 8, 7.5, 2.6},
          {9, 58, 0, 13, 10, 1.5}, {8, 44, 0, 16, 11, 1.2}),
     .physis = PH_PHYSIS_LAST},
    {TUBE(1, 0, 1, 5, {-12, 170, 0, 7, 7, 3}, {-12, 72, 0, 5.6, 5.6, 2.2},
          {-12, 48, 0, 8, 8, 1.5}),
     .physis = PH_PHYSIS_LAST},
    {BLOB(2, 0, 14, 27, 0, 8, 8, 8, 1.1)},
    {BLOB(3, 0, 3, 29, 0, 7, 7, 8, 1.1)},
    {BLOB(4, 0, -8, 28, 1, 7, 6, 7, 1.1)},
    {BLOB(5, 0, -11, 26, 6, 5, 5, 5, 1.1)},
    {BLOB(6, 0, 21, 13, 0, 7, 7, 7, 1.1)},
    {BLOB(7, 0, 13, 11, 0, 5, 6, 6, 1.1)},
    {BLOB(8, 0, 4, 11, 0, 7, 10, 8, 1.1)},
    {BLOB(9, 0, -9, 12, 1, 8, 8, 8, 1.1)},
    {.layer = PH_SOFT,
     TUBE(0, 0, 1, 26, {0, 180, 0, 32, 26, 4}, {0, 60, 0, 30, 21, 3},
          {2, 20, 0, 33, 18, 3}, {0, -20, 0, 40, 15, 3}, {0, -50, 0, 40, 12, 2})},
};

static const struct anatomy {
    const char *name;
    const struct ph_part *parts;
    int n_parts;
    const struct ph_site *sites;
    int n_sites;
    double weight;
    unsigned views;
    double pivot_y, pivot_z, bend[3]; /* degrees */
    double field_lo, field_hi, aspect_lo, aspect_hi;
    double landscape; /* share of films that lie on their side */
} anatomies[] = {
#define PARTS(x) x, COUNT(x), x##_sites, COUNT(x##_sites)
    {"knee", PARTS(knee), 6, 7, -18, -6, {6, 70, 12}, 170, 250, 0.45, 0.75, 0.0},
    {"tibia", PARTS(tibia), 3, 7, 8, 2, {15, 20, 15}, 170, 280, 0.38, 0.6, 0.0},
    {"femur", PARTS(femur), 4, 5, 0, 0, {0, 0, 0}, 180, 280, 0.5, 0.9, 0.0},
    {"humerus", PARTS(humerus), 3, 7, 272, 0, {10, 80, 25}, 150, 250, 0.5, 0.9, 0.05},
    {"forearm", PARTS(forearm), 2, 7, -262, 0, {8, 85, 30}, 130, 240, 0.35, 0.6, 0.05},
    {"hand", NULL, 0, NULL, 0, 2, 5, 0, 0, {0, 0, 0}, 100, 170, 0.55, 0.8, 0.0},
    {"pelvis", PARTS(pelvis), 2, 5, 0, 0, {0, 0, 0}, 220, 360, 0.7, 0.95, 0.8},
};

int ph_anatomies(void)
{
    return COUNT(anatomies);
}

const char *ph_anatomy_name(int anatomy)
{
    return anatomies[anatomy].name;
}

unsigned ph_anatomy_views(int anatomy)
{
    return anatomies[anatomy].views;
}

double ph_anatomy_weight(int anatomy)
{
    return anatomies[anatomy].weight;
}

double ph_film_aspect(int anatomy, struct xr_rng *rng, bool *landscape)
{
    const struct anatomy *a = &anatomies[anatomy];
    double aspect = xr_rng_between(rng, a->aspect_lo, a->aspect_hi);

    *landscape = xr_rng_uniform(rng) < a->landscape;
    return aspect;
}

static void add(struct ph_scene *s, const struct ph_part *part, bool mirror)
{
    struct ph_part *p = &s->part[s->n_parts++];

    *p = *part;
    if (!mirror)
        return;
    p->bone += 16;
    p->turn = -p->turn;
    for (int i = 0; i < p->n; i++)
        p->st[i].x = -p->st[i].x;
}

static void add_site(struct ph_scene *s, struct ph_site site)
{
    s->site[s->n_sites++] = site;
}

static void hand(struct ph_scene *s)
{
    int bone = 10;

    for (int i = 0; i < COUNT(wrist); i++)
        add(s, &wrist[i], false);
    add_site(s, (struct ph_site){0, 1.0, 2.6, 2});
    for (int r = 0; r < COUNT(rays); r++) {
        double n = sqrt(1 + rays[r].dx * rays[r].dx), ux = rays[r].dx / n, uy = -1 / n;
        double x = rays[r].x, y = rays[r].y, w = rays[r].w, z = r == 0 ? 9 : 0;
        struct ph_part soft = {.layer = PH_SOFT, .n = 2, .cap = {30, 9}};

        for (int k = 0; k < 4; k++) {
            double l = rays[r].len[k], e = 0.8 * w;
            struct ph_part p = {.bone = bone, .n = 4, .cap = {e * 0.7, e * 0.8}};

            if (l == 0)
                continue;
            p.st[0] = (struct ph_station){x + ux * e, y + uy * e, z, w * 1.08, w, 1.0};
            p.st[1] = (struct ph_station){x + ux * l * .4, y + uy * l * .4, z,
                                          w * .68,         w * .65,         1.7};
            p.st[2] = (struct ph_station){x + ux * l * .7, y + uy * l * .7, z,
                                          w * .70,         w * .65,         1.4};
            p.st[3] = (struct ph_station){
                x + ux * (l - e), y + uy * (l - e), z, w, w * .9, 0.9};
            if (k == 3) {
                p.st[3].wx *= 0.7;
                p.st[3].wz *= 0.7;
            }
            if (k == 0 || k == 1) {
                if (s->n_sites < PH_SITES && r > 0 && (k == 0 || r < 4))
                    add_site(s, (struct ph_site){s->n_parts, 0.5, 2.5, k ? 1 : 1.5});
            }
            add(s, &p, false);
            bone++;
            if (k == 0)
                soft.st[0] = (struct ph_station){x + ux * l * .5, y + uy * l * .5, z,
                                                 w * 2,           w * 1.9,         2};
            soft.st[1] =
                (struct ph_station){x + ux * l, y + uy * l, z, w * 1.5, w * 1.5, 2};
            x += ux * (l + 1.6);
            y += uy * (l + 1.6);
            w *= 0.87;
        }
        add(s, &soft, false);
    }
}

/* Patients differ in size, girth, build of each bone and thickness of its cortex. */
static void vary(struct ph_scene *s, struct xr_rng *rng)
{
    double size = 1 + 0.06 * xr_rng_normal(rng), girth = xr_rng_between(rng, 0.78, 1.3);
    double fat = xr_rng_between(rng, 0.5, 2.0), cortex = xr_rng_between(rng, 0.75, 1.25);
    double stout[40];

    for (int i = 0; i < COUNT(stout); i++)
        stout[i] = 1 + 0.06 * xr_rng_normal(rng);
    for (int i = 0; i < s->n_parts; i++) {
        struct ph_part *p = &s->part[i];
        double wide = p->layer == PH_BONE ? stout[p->bone % COUNT(stout)] : girth;

        p->cap[0] *= size;
        p->cap[1] *= size;
        p->turn += 0.1 * xr_rng_normal(rng);
        for (int k = 0; k < p->n; k++) {
            struct ph_station *t = &p->st[k];

            t->x *= size;
            t->y *= size;
            t->z *= size;
            t->wx *= size * wide * (1 + 0.035 * xr_rng_normal(rng));
            t->wz *= size * wide * (1 + 0.035 * xr_rng_normal(rng));
            t->wall *= p->layer == PH_BONE ? cortex : fat * girth;
            if (p->layer == PH_GAS) {
                t->x += 14 * xr_rng_normal(rng);
                t->y += 14 * xr_rng_normal(rng);
                t->wx *= xr_rng_between(rng, 0.5, 1.3);
                t->wz *= xr_rng_between(rng, 0.5, 1.3);
            } else if (p->layer == PH_BONE && p->n > 3 && k > 0 && k + 1 < p->n) {
                t->x += 0.5 * xr_rng_normal(rng);
                t->z += 0.8 * xr_rng_normal(rng);
            }
        }
    }
    s->field_lo *= size;
    s->field_hi *= size;
    s->pivot_y *= size;
    s->pivot_z *= size;
}

void ph_build(struct ph_scene *s, int anatomy, struct xr_rng *rng)
{
    const struct anatomy *a = &anatomies[anatomy];
    int top = 0;

    memset(s, 0, sizeof *s);
    s->pivot_y = a->pivot_y;
    s->pivot_z = a->pivot_z;
    for (int i = 0; i < 3; i++)
        s->bend[i] = a->bend[i] * (3.14159265358979 / 180);
    s->field_lo = a->field_lo;
    s->field_hi = a->field_hi;
    for (int i = 0; i < a->n_parts; i++)
        add(s, &a->parts[i], false);
    for (int i = 0; i < a->n_parts; i++) {
        if (a->parts[i].both)
            add(s, &a->parts[i], true);
    }
    for (int i = 0; i < a->n_sites; i++)
        add_site(s, a->sites[i]);
    if (a->n_parts == 0)
        hand(s);
    vary(s, rng);
    for (int i = 0; i < s->n_parts; i++) {
        if (s->part[i].layer == PH_BONE && s->part[i].bone >= top)
            top = s->part[i].bone + 1;
    }
    s->n_bones = top;
}
