/*
 * Which optional libraries are there: asked of the compiler, and by the Makefile of this
 * file, so that what is compiled and what is linked agree. -DXR_NO_CXX: no C++ compiler.
 */
#ifndef XR_OPTIONAL_H
#define XR_OPTIONAL_H

#if __has_include(<dcmtk/dcmdata/dcfilefo.h>) && !defined(XR_NO_CXX)
#define XR_HAS_DCMTK 1
#endif
#if __has_include(<openjpeg-2.5/openjpeg.h>)
#define XR_HAS_OPENJPEG 1
#endif
#if __has_include(<nifti/nifti2_io.h>)
#define XR_HAS_NIFTI 1
#endif

#endif
