/*
 * The little that the device needs of CUDA's runtime: memory, one stream, recordings. In
 * runtime.c by CUDA, in tests/emulated by the host.
 */
#ifndef XK_CUDA_RUNTIME_H
#define XK_CUDA_RUNTIME_H

#include "launch.h"

struct xk_rt_event;

/* GPU number `index`: its stream, and a line for a person. */
int xk_rt_open(xk_stream *stream, char *text, size_t size, int index,
               struct xr_err *err) XR_MUST_USE;
void xk_rt_close(xk_stream stream);

/* Zeroed memory of the device, and memory of the host that it reads by itself. */
void *xk_rt_alloc(size_t bytes, struct xr_err *err);
void xk_rt_free(void *mem);
void *xk_rt_pinned(size_t bytes, struct xr_err *err);
void xk_rt_unpin(void *mem);

/* In the order of the stream. upload: the source may change as soon as it returns, unless
 * it is pinned. download waits. */
int xk_rt_upload(xk_stream s, void *dst, const void *src, size_t bytes,
                 struct xr_err *err) XR_MUST_USE;
int xk_rt_download(xk_stream s, void *dst, const void *src, size_t bytes,
                   struct xr_err *err) XR_MUST_USE;
int xk_rt_zero(xk_stream s, void *dst, size_t bytes, struct xr_err *err) XR_MUST_USE;
/* Everything so far; what went wrong anywhere before it shows here at the latest. */
int xk_rt_wait(xk_stream s, struct xr_err *err) XR_MUST_USE;
/* Did a launch fail? Does not wait. */
int xk_rt_check(struct xr_err *err) XR_MUST_USE;

/* Points in the stream that the host can wait for, and time between two of them (ms). */
struct xk_rt_event *xk_rt_event(struct xr_err *err);
void xk_rt_event_free(struct xk_rt_event *event);
void xk_rt_mark(struct xk_rt_event *event, xk_stream s);
void xk_rt_wait_for(struct xk_rt_event *event);
float xk_rt_between(struct xk_rt_event *from, struct xk_rt_event *to);

/* What is put into the stream between the two is recorded and does not run. NULL: it
 * cannot be recorded; nothing is left of it. */
int xk_rt_record(xk_stream s);
void *xk_rt_recorded(xk_stream s);
int xk_rt_replay(xk_stream s, void *recording, struct xr_err *err) XR_MUST_USE;
void xk_rt_forget(void *recording);

#endif
