/*
 * Style sheet and script of the pages of xr-plot. Not for tools.
 */
#ifndef XR_PLOT_PAGE_H
#define XR_PLOT_PAGE_H

extern const char xr_plot_page_style[], xr_plot_page_script[];

#endif
