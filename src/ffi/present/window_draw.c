#include "window.h"

#define FONT_PIXELS 16
#define OVERLAY_MARGIN 6
#define OVERLAY_OPACITY 176 /* dark enough for white text on a white picture */

static void open_font(pf_presenter *presenter) {
  if (presenter->config.font[0] == '\0' || TTF_Init() != 0) return;
  int window_width, output_width, output_height;
  SDL_GetWindowSize(presenter->window, &window_width, NULL);
  pf__window_output_size(presenter, &output_width, &output_height);
  int scale = window_width > 0 && output_width > window_width ? output_width / window_width : 1;
  presenter->draw.font = TTF_OpenFont(presenter->config.font, FONT_PIXELS * scale);
}

pf_result pf__window_draw_open(pf_presenter *presenter) {
  pf__window_gpu_open(presenter);
  pf_result result = presenter->draw.renderer != NULL ? PF_OK : pf__window_cpu_open(presenter);
  if (result == PF_OK) open_font(presenter);
  return result;
}

void pf__window_draw_close(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  pf__window_gpu_close(presenter);
  pf__window_cpu_close(presenter);
  SDL_FreeSurface(draw->overlay);
  if (draw->font != NULL) TTF_CloseFont(draw->font);
  if (TTF_WasInit()) TTF_Quit();
  draw->overlay = NULL;
  draw->font = NULL;
}

const char *pf__window_draw_name(pf_presenter *presenter) {
  SDL_RendererInfo info;
  if (presenter->draw.renderer == NULL) return "shared memory";
  return SDL_GetRendererInfo(presenter->draw.renderer, &info) == 0 ? info.name : "renderer";
}

void pf__window_output_size(pf_presenter *presenter, int *width, int *height) {
  if (presenter->draw.renderer != NULL)
    SDL_GetRendererOutputSize(presenter->draw.renderer, width, height);
  else
    SDL_GetWindowSize(presenter->window, width, height);
}

bool pf__window_draw_upload(pf_presenter *presenter, pf_picture *picture) {
  pf__window_draw *draw = &presenter->draw;
  if (picture->width == 0 || picture->height == 0) return false;
  bool taken = true;
  if (draw->renderer != NULL)
    taken = pf__window_gpu_upload(presenter, picture);
  else
    pf__window_cpu_keep(presenter, picture);
  draw->picture_width = picture->width;
  draw->picture_height = picture->height;
  return taken;
}

/* The largest rectangle of the picture's shape in the middle of the window. */
static SDL_Rect letterbox(int width, int height, uint32_t picture_width, uint32_t picture_height) {
  SDL_Rect area = {.w = width, .h = height};
  if (picture_width == 0) return (SDL_Rect){0};
  int64_t wide = (int64_t)width * picture_height, tall = (int64_t)height * picture_width;
  if (wide > tall)
    area.w = SDL_max((int)(tall / picture_height), 1);
  else
    area.h = SDL_max((int)(wide / picture_width), 1);
  area.x = (width - area.w) / 2;
  area.y = (height - area.h) / 2;
  return area;
}

bool pf__window_draw_stale(pf_presenter *presenter) {
  char text[PF_OVERLAY_BYTES];
  return pf__frontend_overlay(&presenter->front, text) != presenter->draw.overlay_version;
}

/* White words on a dark, half transparent box. */
static SDL_Surface *make_overlay(TTF_Font *font, const char *text) {
  SDL_Color white = {.r = 255, .g = 255, .b = 255, .a = 255};
  SDL_Surface *words = TTF_RenderUTF8_Blended_Wrapped(font, text, white, 0);
  if (words == NULL) return NULL;
  SDL_Surface *box =
      SDL_CreateRGBSurfaceWithFormat(0, words->w + 2 * OVERLAY_MARGIN,
                                     words->h + 2 * OVERLAY_MARGIN, 32, SDL_PIXELFORMAT_ARGB8888);
  if (box != NULL) {
    SDL_Rect place = {.x = OVERLAY_MARGIN, .y = OVERLAY_MARGIN};
    SDL_FillRect(box, NULL, SDL_MapRGBA(box->format, 0, 0, 0, OVERLAY_OPACITY));
    SDL_BlitSurface(words, NULL, box, &place);
    SDL_SetSurfaceBlendMode(box, SDL_BLENDMODE_BLEND);
  }
  SDL_FreeSurface(words);
  return box;
}

static void update_overlay(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  char text[PF_OVERLAY_BYTES];
  uint32_t version = pf__frontend_overlay(&presenter->front, text);
  if (version == draw->overlay_version) return;
  draw->overlay_version = version;
  SDL_FreeSurface(draw->overlay);
  if (draw->overlay_texture != NULL) SDL_DestroyTexture(draw->overlay_texture);
  draw->overlay_texture = NULL;
  bool shown = text[0] != '\0' && draw->font != NULL;
  draw->overlay = shown ? make_overlay(draw->font, text) : NULL;
}

bool pf__window_draw_show(pf_presenter *presenter) {
  pf__window_draw *draw = &presenter->draw;
  int width, height;
  pf__window_output_size(presenter, &width, &height);
  draw->area = letterbox(width, height, draw->picture_width, draw->picture_height);
  update_overlay(presenter);
  return draw->renderer != NULL ? pf__window_gpu_show(presenter) : pf__window_cpu_show(presenter);
}
