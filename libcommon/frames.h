/*
 * Frames and slices in paths: a.dcm#3 (frame 3, from 1), a.tif#2, vol.nii.gz#z12 (axis x,
 * y or z, slice from 1), vol.nii#z12t2 (of the second volume).
 */
#ifndef XR_FRAMES_H
#define XR_FRAMES_H

#include "image.h"

#define XR_FRAMES_TEXT 48 /* of "#z12t2" and "_z012_t002" */

/* The length of the path before the choice, and the choice; the whole length and {0}
 * where the text ends in none. Looks at no file. */
size_t xr_frames_split(struct xr_pick *pick, const char *text);

/* The same, but a file whose own name is the text is that file. */
size_t xr_frames_find(struct xr_pick *pick, const char *path);

/* How a choice is written behind a path ("#z12"; nothing for {0}), and in a key
 * ("_f003", "_z012", "_z012_t002"). */
void xr_frames_choice(char text[XR_FRAMES_TEXT], const struct xr_pick *pick);
void xr_frames_suffix(char text[XR_FRAMES_TEXT], const struct xr_pick *pick);

/* What can be chosen from a file, by reading as little of it as will do; n 1 for what
 * cannot be read, which is found when it is. */
void xr_frames_count(struct xr_frames *frames, const char *path);
/* The i-th of them, from 0: frames in order, slices along z, volume after volume. */
struct xr_pick xr_frames_nth(const struct xr_frames *frames, size_t i);

/* Read and decode a picture named by such a path. Errors do not name it twice. */
int xr_frames_read(struct xr_image *image, struct xr_image_info *info, const char *path,
                   enum xr_color color, const struct xr_image_least *least,
                   struct xr_err *err) XR_MUST_USE;

#endif
