#include "window.h"

static bool is_bgrx(const SDL_Surface *surface) {
  return surface->format->format == SDL_PIXELFORMAT_XRGB8888 ||
         surface->format->format == SDL_PIXELFORMAT_ARGB8888;
}

pf_result pf__window_cpu_open(pf_presenter *presenter) {
  /* The attempt at a renderer may have left a window for OpenGL. */
  SDL_DestroyWindow(presenter->window);
  presenter->window = NULL;
  SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
  pf_result result = pf__window_make(presenter);
  if (result != PF_OK) return result;
  SDL_Surface *surface = SDL_GetWindowSurface(presenter->window);
  if (surface == NULL) return pf_fail(PF_E_LIBRARY, "can't draw: %s", SDL_GetError());
  if (!is_bgrx(surface))
    return pf_fail(PF_E_UNSUPPORTED, "the display's pixels are %s, not 24 or 32 bits",
                   SDL_GetPixelFormatName(surface->format->format));
  return PF_OK;
}

void pf__window_cpu_keep(pf_presenter *presenter, pf_picture *picture) {
  pf_picture *old = presenter->draw.picture;
  if (picture != NULL) pf_picture_retain(picture);
  presenter->draw.picture = picture;
  if (old != NULL) pf_picture_release(old);
}

void pf__window_cpu_close(pf_presenter *presenter) {
  pf__window_cpu_keep(presenter, NULL);
  pf__pixels_free(&presenter->draw.scratch);
}

/* Blackens what the picture does not cover. */
static void fill_borders(SDL_Surface *surface, const SDL_Rect *area) {
  SDL_Rect borders[4] = {
      {.w = surface->w, .h = area->y},
      {.y = area->y + area->h, .w = surface->w, .h = surface->h - area->y - area->h},
      {.y = area->y, .w = area->x, .h = area->h},
      {.x = area->x + area->w, .y = area->y, .w = surface->w - area->x - area->w, .h = area->h},
  };
  for (size_t i = 0; i < PF_ARRAY_COUNT(borders); i++)
    if (borders[i].w > 0 && borders[i].h > 0) SDL_FillRect(surface, &borders[i], 0);
}

bool pf__window_cpu_show(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  SDL_Surface *surface = SDL_GetWindowSurface(presenter->window);
  if (surface == NULL || SDL_LockSurface(surface) != 0) return false;
  pf_result result = PF_OK;
  /* A window may have changed its size since the area was worked out. */
  SDL_Rect whole = {.w = surface->w, .h = surface->h}, common;
  bool fits = SDL_RectEmpty(&draw->area) || (SDL_IntersectRect(&whole, &draw->area, &common) &&
                                             SDL_RectEquals(&common, &draw->area));
  if (draw->picture != NULL && fits) {
    uint8_t *corner = (uint8_t *)surface->pixels + draw->area.y * surface->pitch + draw->area.x * 4;
    result = pf__pixels_draw(&draw->scratch, draw->picture, corner, (uint32_t)surface->pitch,
                             (uint32_t)draw->area.w, (uint32_t)draw->area.h);
  }
  SDL_UnlockSurface(surface);
  fill_borders(surface, &draw->area);
  if (draw->overlay != NULL) SDL_BlitSurface(draw->overlay, NULL, surface, NULL);
  return result == PF_OK && fits && SDL_UpdateWindowSurface(presenter->window) == 0;
}
