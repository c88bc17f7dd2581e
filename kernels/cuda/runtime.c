/*
 * CUDA's runtime, as runtime.h has it.
 */
#include "runtime.h"

#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>

struct xk_rt_event {
    cudaEvent_t is;
};

static int failed(cudaError_t rc, const char *what, struct xr_err *err)
{
    if (rc == cudaSuccess)
        return 0;
    (void)cudaGetLastError(); /* said once */
    return xr_fail(err, "%s: %s", what, cudaGetErrorString(rc));
}

int xk_rt_open(xk_stream *stream, char *text, size_t size, int index, struct xr_err *err)
{
    struct cudaDeviceProp p;

    *stream = NULL;
    if (failed(cudaSetDevice(index), "the GPU", err) ||
        failed(cudaGetDeviceProperties(&p, index), "the GPU", err))
        return -1;
    if (p.major < 8)
        return xr_fail(err,
                       "%s has compute capability %d.%d, and 8.0 is the least that the "
                       "kernels were built for",
                       p.name, p.major, p.minor);
    snprintf(text, size, "%s (cuda:%d, compute capability %d.%d, %zu MiB)", p.name, index,
             p.major, p.minor, p.totalGlobalMem >> 20);
    return failed(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "a stream",
                  err);
}

void xk_rt_close(xk_stream stream)
{
    if (!stream)
        return;
    (void)cudaStreamSynchronize(stream);
    (void)cudaStreamDestroy(stream);
}

/* --- memory ------------------------------------------------------------------------ */

void *xk_rt_alloc(size_t bytes, struct xr_err *err)
{
    void *mem = NULL;
    size_t left = 0, all = 0;
    cudaError_t rc = cudaMalloc(&mem, bytes ? bytes : 1);

    if (rc == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError();
        (void)cudaMemGetInfo(&left, &all);
        xr_fail(err,
                "%zu MiB of the GPU's memory: %zu of %zu MiB are free (a smaller "
                "--batch needs less)",
                bytes >> 20, left >> 20, all >> 20);
        return NULL;
    }
    if (failed(rc, "memory of the GPU", err))
        return NULL;
    /* the default stream is not ours: wait for it */
    if (failed(cudaMemset(mem, 0, bytes), "memory of the GPU", err) ||
        failed(cudaDeviceSynchronize(), "memory of the GPU", err)) {
        (void)cudaFree(mem);
        return NULL;
    }
    return mem;
}

void xk_rt_free(void *mem)
{
    if (mem)
        (void)cudaFree(mem);
}

void *xk_rt_pinned(size_t bytes, struct xr_err *err)
{
    void *mem = NULL;

    return failed(cudaHostAlloc(&mem, bytes ? bytes : 1, cudaHostAllocDefault),
                  "pinned memory", err)
               ? NULL
               : mem;
}

void xk_rt_unpin(void *mem)
{
    if (mem)
        (void)cudaFreeHost(mem);
}

int xk_rt_upload(xk_stream s, void *dst, const void *src, size_t bytes,
                 struct xr_err *err)
{
    return failed(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyHostToDevice, s),
                  "a copy to the GPU", err);
}

int xk_rt_download(xk_stream s, void *dst, const void *src, size_t bytes,
                   struct xr_err *err)
{
    if (failed(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToHost, s),
               "a copy from the GPU", err))
        return -1;
    return xk_rt_wait(s, err);
}

int xk_rt_zero(xk_stream s, void *dst, size_t bytes, struct xr_err *err)
{
    return failed(cudaMemsetAsync(dst, 0, bytes, s), "memory of the GPU", err);
}

int xk_rt_wait(xk_stream s, struct xr_err *err)
{
    return failed(cudaStreamSynchronize(s), "the GPU", err);
}

int xk_rt_check(struct xr_err *err)
{
    return failed(cudaGetLastError(), "the GPU", err);
}

/* --- events ------------------------------------------------------------------------ */

struct xk_rt_event *xk_rt_event(struct xr_err *err)
{
    struct xk_rt_event *event = xr_alloc_array(1, sizeof *event, err);

    if (event && failed(cudaEventCreate(&event->is), "an event", err)) {
        free(event);
        return NULL;
    }
    return event;
}

void xk_rt_event_free(struct xk_rt_event *event)
{
    if (event)
        (void)cudaEventDestroy(event->is);
    free(event);
}

void xk_rt_mark(struct xk_rt_event *event, xk_stream s)
{
    (void)cudaEventRecord(event->is, s);
}

void xk_rt_wait_for(struct xk_rt_event *event)
{
    (void)cudaEventSynchronize(event->is);
}

float xk_rt_between(struct xk_rt_event *from, struct xk_rt_event *to)
{
    float ms = 0;

    xk_rt_wait_for(to);
    return cudaEventElapsedTime(&ms, from->is, to->is) == cudaSuccess ? ms : 1e30f;
}

/* --- recordings -------------------------------------------------------------------- */

int xk_rt_record(xk_stream s)
{
    if (cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal) == cudaSuccess)
        return 0;
    (void)cudaGetLastError();
    return -1;
}

void *xk_rt_recorded(xk_stream s)
{
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;

    if (cudaStreamEndCapture(s, &graph) != cudaSuccess || !graph ||
        cudaGraphInstantiate(&exec, graph, 0) != cudaSuccess) {
        (void)cudaGetLastError();
        exec = NULL;
    }
    if (graph)
        (void)cudaGraphDestroy(graph);
    return exec;
}

int xk_rt_replay(xk_stream s, void *recording, struct xr_err *err)
{
    return failed(cudaGraphLaunch(recording, s), "a recorded pass", err);
}

void xk_rt_forget(void *recording)
{
    if (recording)
        (void)cudaGraphExecDestroy(recording);
}
