/*
 * Running kernels on the host: see emulated.h.
 */
#include "emulated.h"

#include <cstdio>
#include <cstdlib>
#include <ucontext.h>
#include <vector>

struct xk_dim threadIdx, blockIdx, blockDim, gridDim;

namespace
{
enum {
    STACK = 256 << 10
};

struct coroutine {
    ucontext_t context;
    std::vector<char> stack;
    struct xk_dim index;
    bool done;
    int waited; /* how often it has come to __syncthreads */
};

std::vector<coroutine> threads;
coroutine *running;
ucontext_t scheduler;
const std::function<void()> *body;

void enter()
{
    (*body)();
    running->done = true;
    swapcontext(&running->context, &scheduler);
}

/* All threads of a block from one wait to the next, until all have ended. A kernel in
 * which some threads wait and others do not is wrong on a GPU, and is caught here. */
void run_block(size_t n)
{
    size_t left = n;

    for (int round = 1; left; round++) {
        for (size_t i = 0; i < n; i++) {
            if (threads[i].done)
                continue;
            running = &threads[i];
            threadIdx = running->index;
            swapcontext(&scheduler, &running->context);
            left -= running->done;
        }
        for (size_t i = 0; i < n && left; i++)
            if (threads[i].done || threads[i].waited != round) {
                fprintf(stderr, "emulated: not all threads of a block wait\n");
                abort();
            }
    }
}
} // namespace

void __syncthreads(void)
{
    coroutine *me = running;

    me->waited++;
    swapcontext(&me->context, &scheduler);
    threadIdx = me->index;
}

static void run_waiting(unsigned tx, unsigned ty)
{
    size_t n = (size_t)tx * ty;

    if (threads.size() < n)
        threads.resize(n);
    for (size_t i = 0; i < n; i++) {
        coroutine *t = &threads[i];

        if (t->stack.empty())
            t->stack.resize(STACK);
        getcontext(&t->context);
        t->context.uc_stack.ss_sp = t->stack.data();
        t->context.uc_stack.ss_size = t->stack.size();
        t->context.uc_link = nullptr;
        t->index = {(unsigned)(i % tx), (unsigned)(i / tx)};
        t->done = false;
        t->waited = 0;
        makecontext(&t->context, enter, 0);
    }
    run_block(n);
}

void xk_emulate(unsigned x, unsigned y, unsigned tx, unsigned ty, bool waits,
                const std::function<void()> &thread)
{
    gridDim = {x, y};
    blockDim = {tx, ty};
    body = &thread;
    if (!x || !y || x > 0x7fffffffu || y > 65535 || !tx || !ty || tx * ty > 1024) {
        fprintf(stderr, "emulated: %u x %u blocks of %u x %u threads\n", x, y, tx, ty);
        abort();
    }
    for (unsigned by = 0; by < y; by++)
        for (unsigned bx = 0; bx < x; bx++) {
            blockIdx = {bx, by};
            if (waits) {
                run_waiting(tx, ty);
                continue;
            }
            for (unsigned j = 0; j < ty; j++)
                for (unsigned i = 0; i < tx; i++) {
                    threadIdx = {i, j};
                    thread();
                }
        }
}
