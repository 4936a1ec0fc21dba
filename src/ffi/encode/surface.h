/*
 * The encoder's input picture: converted once, encoded as often as need be. For VAAPI it is
 * uploaded into a hardware frame; the others take it from system memory.
 */
#ifndef PF_SURFACE_H
#define PF_SURFACE_H
#include "convert.h"
#include "import.h"
#include "words.h"

#include <libavcodec/avcodec.h>
#include <libavutil/hwcontext.h>

typedef struct pf_surface {
  AVFrame *picture;  /* I420 or NV12 in system memory */
  AVFrame *uploaded; /* the same in the device; NULL without one */
  AVBufferRef *device, *frames;
  pf_import *import;  /* of the last picture that came as a DMA buffer; NULL = none did */
  bool import_failed; /* the device refused one: all go through memory */
} pf_surface;

/* `hardware` AV_HWDEVICE_TYPE_NONE: no device. PF_E_MISSING when the device is not there. Closes
 * what it opened when it fails. */
pf_result pf_surface_open(pf_surface *surface, const pf_encode_config *config,
                          enum AVPixelFormat format, enum AVHWDeviceType hardware);
void pf_surface_close(pf_surface *surface);
/* Converts (and uploads) a picture of the configured size; one in a DMA buffer is imported instead
 * where the device can: then it has to stay until the surface was encoded. */
pf_result pf_surface_load(pf_surface *surface, const pf_picture *picture);
/* A plain grey picture, to try the encoder with. */
pf_result pf_surface_load_grey(pf_surface *surface);
/* What the encoder takes. */
static inline AVFrame *pf_surface_frame(const pf_surface *surface) {
  return surface->uploaded != NULL ? surface->uploaded : surface->picture;
}

#endif
