#include "window.h"

#define FONT_PIXELS 16
#define OVERLAY_MARGIN 6

static SDL_Renderer *make_renderer(SDL_Window *window) {
  /* No vsync: waiting for the display's clock would add up to a refresh to every picture. */
  SDL_Renderer *renderer = SDL_CreateRenderer(window, -1, SDL_RENDERER_ACCELERATED);
  return renderer != NULL ? renderer : SDL_CreateRenderer(window, -1, SDL_RENDERER_SOFTWARE);
}

pf_result pf__window_draw_open(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  SDL_SetYUVConversionMode(SDL_YUV_CONVERSION_BT709);
  draw->renderer = make_renderer(presenter->window);
  if (draw->renderer == NULL) return pf_fail(PF_E_LIBRARY, "no renderer: %s", SDL_GetError());
  SDL_SetRenderDrawBlendMode(draw->renderer, SDL_BLENDMODE_BLEND);
  if (presenter->config.font[0] != '\0' && TTF_Init() == 0) {
    int window_width, output_width;
    SDL_GetWindowSize(presenter->window, &window_width, NULL);
    SDL_GetRendererOutputSize(draw->renderer, &output_width, NULL);
    int scale = window_width > 0 && output_width > window_width ? output_width / window_width : 1;
    draw->font = TTF_OpenFont(presenter->config.font, FONT_PIXELS * scale);
  }
  return PF_OK;
}

void pf__window_draw_reset(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  if (draw->texture != NULL) SDL_DestroyTexture(draw->texture);
  if (draw->overlay != NULL) SDL_DestroyTexture(draw->overlay);
  draw->texture = draw->overlay = NULL;
  draw->overlay_version = 0;
}

void pf__window_draw_close(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  pf__window_draw_reset(presenter);
  if (draw->font != NULL) TTF_CloseFont(draw->font);
  if (TTF_WasInit()) TTF_Quit();
  if (draw->renderer != NULL) SDL_DestroyRenderer(draw->renderer);
  draw->font = NULL;
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
  bool same = draw->format == picture->format && draw->width == picture->width &&
              draw->height == picture->height;
  if (same && (draw->texture != NULL || draw->size_refused)) return draw->texture != NULL;
  if (draw->texture != NULL) SDL_DestroyTexture(draw->texture);
  draw->format = picture->format;
  draw->width = picture->width;
  draw->height = picture->height;
  draw->texture =
      SDL_CreateTexture(draw->renderer, texture_format(picture->format),
                        SDL_TEXTUREACCESS_STREAMING, (int)picture->width, (int)picture->height);
  draw->size_refused = draw->texture == NULL;
  if (draw->size_refused) {
    char text[PF_EVENT_TEXT_BYTES];
    SDL_snprintf(text, sizeof text, "the display can't take pictures of %ux%u: %s", picture->width,
                 picture->height, SDL_GetError());
    pf_events_post(presenter->front.events, PF_EVENT_NOTE, presenter->front.stage, 0, 0, text);
  }
  return draw->texture != NULL;
}

bool pf__window_draw_upload(pf_presenter *presenter, const pf_picture *picture) {
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

/* The largest rectangle of the picture's shape in the middle of the window. */
static SDL_Rect letterbox(int width, int height, uint32_t picture_width, uint32_t picture_height) {
  SDL_Rect area = {.w = width, .h = height};
  int64_t wide = (int64_t)width * picture_height, tall = (int64_t)height * picture_width;
  if (wide > tall)
    area.w = (int)(tall / picture_height);
  else
    area.h = (int)(wide / picture_width);
  area.x = (width - area.w) / 2;
  area.y = (height - area.h) / 2;
  return area;
}

bool pf__window_draw_stale(pf_presenter *presenter) {
  char text[PF_OVERLAY_BYTES];
  return pf__frontend_overlay(&presenter->front, text) != presenter->draw.overlay_version;
}

static void render_overlay_text(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  char text[PF_OVERLAY_BYTES];
  uint32_t version = pf__frontend_overlay(&presenter->front, text);
  if (version == draw->overlay_version) return;
  draw->overlay_version = version;
  if (draw->overlay != NULL) SDL_DestroyTexture(draw->overlay);
  draw->overlay = NULL;
  if (text[0] == '\0' || draw->font == NULL) return;
  SDL_Surface *surface =
      TTF_RenderUTF8_Blended(draw->font, text, (SDL_Color){.r = 255, .g = 255, .b = 255, .a = 255});
  if (surface == NULL) return;
  draw->overlay = SDL_CreateTextureFromSurface(draw->renderer, surface);
  draw->overlay_width = surface->w;
  draw->overlay_height = surface->h;
  SDL_FreeSurface(surface);
}

static void draw_overlay(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  render_overlay_text(presenter);
  if (draw->overlay == NULL) return;
  SDL_Rect box = {.w = draw->overlay_width + 2 * OVERLAY_MARGIN,
                  .h = draw->overlay_height + 2 * OVERLAY_MARGIN};
  SDL_Rect words = {.x = OVERLAY_MARGIN, .y = OVERLAY_MARGIN, .w = draw->overlay_width,
                    .h = draw->overlay_height};
  SDL_SetRenderDrawColor(draw->renderer, 0, 0, 0, 176);
  SDL_RenderFillRect(draw->renderer, &box);
  SDL_RenderCopy(draw->renderer, draw->overlay, NULL, &words);
}

void pf__window_draw_show(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  SDL_SetRenderDrawColor(draw->renderer, 0, 0, 0, 255);
  SDL_RenderClear(draw->renderer);
  if (draw->texture != NULL) {
    int width, height;
    SDL_GetRendererOutputSize(draw->renderer, &width, &height);
    draw->area = letterbox(width, height, draw->width, draw->height);
    SDL_RenderCopy(draw->renderer, draw->texture, NULL, &draw->area);
  }
  draw_overlay(presenter);
  SDL_RenderPresent(draw->renderer);
}
