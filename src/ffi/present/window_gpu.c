#include "window.h"

/* What Mesa and others call a rasteriser that runs on the CPU. */
static bool draws_by_cpu(const char *name) {
  static const char *const names[] = {"llvmpipe", "softpipe", "swrast", "swiftshader", "Software"};
  for (size_t i = 0; i < PF_ARRAY_COUNT(names); i++)
    if (SDL_strcasestr(name, names[i]) != NULL) return true;
  return false;
}

/* OpenGL tells its device; other renderers that SDL calls accelerated are taken at their word. */
static bool is_gpu(SDL_Renderer *renderer) {
  typedef const unsigned char *(*get_string)(unsigned int name);
  const unsigned int device_name = 0x1f01; /* GL_RENDERER */
  SDL_RendererInfo info;
  if (SDL_GetRendererInfo(renderer, &info) != 0 || !(info.flags & SDL_RENDERER_ACCELERATED))
    return false;
  if (SDL_strncmp(info.name, "opengl", 6) != 0) return true;
  get_string get = (get_string)SDL_GL_GetProcAddress("glGetString");
  const unsigned char *device = get != NULL ? get(device_name) : NULL;
  return device == NULL || !draws_by_cpu((const char *)device);
}

void pf__window_gpu_open(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  SDL_SetYUVConversionMode(SDL_YUV_CONVERSION_BT709);
  /* No vsync: waiting for the display's clock would add up to a refresh to every picture. */
  draw->renderer = SDL_CreateRenderer(presenter->window, -1, SDL_RENDERER_ACCELERATED);
  if (draw->renderer == NULL) return;
  /* Only on X11 SDL 2 has shared memory for the other way; elsewhere any renderer is better. A
   * renderer that a person names by SDL_RENDER_DRIVER is used, whatever is behind it. */
  const char *driver = SDL_GetCurrentVideoDriver();
  bool has_shared_memory = driver != NULL && SDL_strcmp(driver, "x11") == 0;
  bool demanded = SDL_GetHint(SDL_HINT_RENDER_DRIVER) != NULL;
  if (has_shared_memory && !demanded && !is_gpu(draw->renderer)) {
    SDL_DestroyRenderer(draw->renderer);
    draw->renderer = NULL;
  }
}

void pf__window_gpu_reset(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  if (draw->texture != NULL) SDL_DestroyTexture(draw->texture);
  if (draw->overlay_texture != NULL) SDL_DestroyTexture(draw->overlay_texture);
  draw->texture = draw->overlay_texture = NULL;
}

void pf__window_gpu_close(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  pf__window_gpu_reset(presenter);
  if (draw->renderer != NULL) SDL_DestroyRenderer(draw->renderer);
  draw->renderer = NULL;
}

static Uint32 texture_format(uint32_t format) {
  switch (format) {
    case PF_PIXEL_I420:
      return SDL_PIXELFORMAT_IYUV;
    case PF_PIXEL_NV12:
      return SDL_PIXELFORMAT_NV12;
    case PF_PIXEL_RGBX:
      return SDL_PIXELFORMAT_XBGR8888; /* named by the bits of a little-endian word */
    default:
      return SDL_PIXELFORMAT_XRGB8888;
  }
}

/* A texture that fits the picture: the old one, or a new one when format or size has changed. */
static bool fit_texture(pf_presenter *presenter, const pf_picture *picture) {
  pf__window_draw *draw = &presenter->draw;
  if (draw->texture != NULL && draw->format == picture->format &&
      draw->picture_width == picture->width && draw->picture_height == picture->height)
    return true;
  if (draw->texture != NULL) SDL_DestroyTexture(draw->texture);
  draw->format = picture->format;
  draw->texture =
      SDL_CreateTexture(draw->renderer, texture_format(picture->format),
                        SDL_TEXTUREACCESS_STREAMING, (int)picture->width, (int)picture->height);
  return draw->texture != NULL;
}

bool pf__window_gpu_upload(pf_presenter *presenter, const pf_picture *picture) {
  if (!fit_texture(presenter, picture)) return false;
  SDL_Texture *texture = presenter->draw.texture;
  uint8_t *const *plane = picture->plane;
  const uint32_t *stride = picture->stride;
  switch (picture->format) {
    case PF_PIXEL_I420:
      return SDL_UpdateYUVTexture(texture, NULL, plane[0], (int)stride[0], plane[1], (int)stride[1],
                                  plane[2], (int)stride[2]) == 0;
    case PF_PIXEL_NV12:
      return SDL_UpdateNVTexture(texture, NULL, plane[0], (int)stride[0], plane[1],
                                 (int)stride[1]) == 0;
    default:
      return SDL_UpdateTexture(texture, NULL, plane[0], (int)stride[0]) == 0;
  }
}

bool pf__window_gpu_show(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  SDL_SetRenderDrawColor(draw->renderer, 0, 0, 0, 255);
  SDL_RenderClear(draw->renderer);
  if (draw->texture != NULL) SDL_RenderCopy(draw->renderer, draw->texture, NULL, &draw->area);
  if (draw->overlay != NULL && draw->overlay_texture == NULL)
    draw->overlay_texture = SDL_CreateTextureFromSurface(draw->renderer, draw->overlay);
  if (draw->overlay_texture != NULL) {
    SDL_Rect box = {.w = draw->overlay->w, .h = draw->overlay->h};
    SDL_RenderCopy(draw->renderer, draw->overlay_texture, NULL, &box);
  }
  SDL_RenderPresent(draw->renderer);
  return true;
}
