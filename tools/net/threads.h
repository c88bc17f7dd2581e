/*
 * How threads wait for each other: for the tools that run networks.
 */
#ifndef XR_THREADS_H
#define XR_THREADS_H

/* The first thing main does. Does nothing where the environment settles it already. */
void xr_threads_wait_briefly(char **argv);

#endif
