#include "terminal.h"

#include <stdlib.h>
#include <string.h>

extern char **environ;

/* Side of a cell in the pixels that chafa matches symbols against. */
#define SYMBOL_PIXELS 8
/* A cell of a terminal that does not tell its pixels: twice as high as wide, as almost all are. */
#define CELL_WIDTH 10
#define CELL_HEIGHT 20
/* More than this per picture no terminal decodes in the time between two. */
#define GRAPHICS_PIXELS_MAX (1280u * 720u)
#define SYMBOLS_INTERVAL_NS 33000000u
#define GRAPHICS_INTERVAL_NS 66000000u

static bool is_set(const char *name) {
  const char *value = getenv(name);
  return value != NULL && value[0] != '\0';
}

static bool starts_with(const char *text, const char *start) {
  return text != NULL && strncmp(text, start, strlen(start)) == 0;
}

/* Multiplexers keep cells, not pixels: graphics for the terminal around them get lost or smear. */
static bool inside_multiplexer(void) {
  const char *term = getenv("TERM");
  return is_set("TMUX") || is_set("STY") || starts_with(term, "tmux") ||
         starts_with(term, "screen");
}

static ChafaPixelMode choose_mode(const ChafaTermInfo *terminal) {
  if (inside_multiplexer()) return CHAFA_PIXEL_MODE_SYMBOLS;
  if (chafa_term_info_have_seq(terminal, CHAFA_TERM_SEQ_BEGIN_KITTY_IMMEDIATE_IMAGE_V1))
    return CHAFA_PIXEL_MODE_KITTY;
  if (chafa_term_info_have_seq(terminal, CHAFA_TERM_SEQ_BEGIN_SIXELS))
    return CHAFA_PIXEL_MODE_SIXELS;
  return CHAFA_PIXEL_MODE_SYMBOLS;
}

static ChafaCanvasMode choose_colours(const ChafaTermInfo *terminal, ChafaPixelMode mode) {
  /* tmux takes true colour and turns it into what the terminal around it has. */
  if (mode != CHAFA_PIXEL_MODE_SYMBOLS || is_set("TMUX") ||
      chafa_term_info_have_seq(terminal, CHAFA_TERM_SEQ_SET_COLOR_FGBG_DIRECT))
    return CHAFA_CANVAS_MODE_TRUECOLOR;
  if (chafa_term_info_have_seq(terminal, CHAFA_TERM_SEQ_SET_COLOR_FGBG_256))
    return CHAFA_CANVAS_MODE_INDEXED_240; /* the first 16 are the person's theme */
  if (chafa_term_info_have_seq(terminal, CHAFA_TERM_SEQ_SET_COLOR_FGBG_16))
    return CHAFA_CANVAS_MODE_INDEXED_16;
  return CHAFA_CANVAS_MODE_FGBG;
}

pf_result pf__canvas_open(pf__canvas *canvas) {
  const char *term = getenv("TERM");
  if (term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0)
    return pf_fail(PF_E_UNSUPPORTED, "a terminal of type \"%s\" can't show pictures; set TERM, or "
                   "choose --present window or none", term == NULL ? "" : term);
  ChafaTermDb *known = chafa_term_db_get_default();
  canvas->terminal = chafa_term_db_detect(known, environ);
  canvas->mode = choose_mode(canvas->terminal);
  canvas->colours = choose_colours(canvas->terminal, canvas->mode);
  /* Only now: the fallback knows how to ask for everything, which is no sign that it is there. */
  ChafaTermInfo *fallback = chafa_term_db_get_fallback_info(known);
  chafa_term_info_supplement(canvas->terminal, fallback);
  chafa_term_info_unref(fallback);
  canvas->symbols = chafa_symbol_map_new();
  chafa_symbol_map_add_by_tags(canvas->symbols,
                               CHAFA_SYMBOL_TAG_SPACE | CHAFA_SYMBOL_TAG_HALF |
                                   CHAFA_SYMBOL_TAG_QUAD | CHAFA_SYMBOL_TAG_SOLID);
  return PF_OK;
}

void pf__canvas_close(pf__canvas *canvas) {
  if (canvas->canvas != NULL) chafa_canvas_unref(canvas->canvas);
  if (canvas->symbols != NULL) chafa_symbol_map_unref(canvas->symbols);
  if (canvas->terminal != NULL) chafa_term_info_unref(canvas->terminal);
  pf__pixels_free(&canvas->scratch);
  free(canvas->pixels);
  *canvas = (pf__canvas){0};
}

const char *pf__canvas_name(const pf__canvas *canvas) {
  if (canvas->mode == CHAFA_PIXEL_MODE_KITTY) return "kitty graphics";
  if (canvas->mode == CHAFA_PIXEL_MODE_SIXELS) return "sixel graphics";
  switch (canvas->colours) {
    case CHAFA_CANVAS_MODE_TRUECOLOR:
      return "half blocks, true colour";
    case CHAFA_CANVAS_MODE_INDEXED_240:
      return "half blocks, 256 colours";
    case CHAFA_CANVAS_MODE_INDEXED_16:
      return "half blocks, 16 colours";
    default:
      return "half blocks, two colours";
  }
}

uint64_t pf__canvas_interval_ns(const pf__canvas *canvas) {
  return canvas->mode == CHAFA_PIXEL_MODE_SYMBOLS ? SYMBOLS_INTERVAL_NS : GRAPHICS_INTERVAL_NS;
}

static uint32_t at_least_one(uint64_t value) { return value < 1 ? 1 : (uint32_t)value; }

/* Cells of the largest canvas of the picture's shape, at its place in the middle. */
static void place(pf__canvas *canvas, uint32_t cell_width, uint32_t cell_height) {
  uint64_t width = (uint64_t)canvas->screen.columns * cell_width;
  uint64_t height = (uint64_t)canvas->screen.rows * cell_height;
  if (width * canvas->picture_height > height * canvas->picture_width)
    width = height * canvas->picture_width / canvas->picture_height;
  else
    height = width * canvas->picture_height / canvas->picture_width;
  if (canvas->mode == CHAFA_PIXEL_MODE_SIXELS) { /* drawn pixel for pixel */
    while (width * height > GRAPHICS_PIXELS_MAX) {
      width = width * 3 / 4;
      height = height * 3 / 4;
    }
  }
  canvas->columns = at_least_one((width + cell_width / 2) / cell_width);
  canvas->rows = at_least_one((height + cell_height / 2) / cell_height);
  canvas->left = (canvas->screen.columns - canvas->columns) / 2;
  canvas->top = (canvas->screen.rows - canvas->rows) / 2;
}

static ChafaCanvas *make_canvas(pf__canvas *canvas, uint32_t cell_width, uint32_t cell_height) {
  ChafaCanvasConfig *config = chafa_canvas_config_new();
  chafa_canvas_config_set_geometry(config, (gint)canvas->columns, (gint)canvas->rows);
  chafa_canvas_config_set_cell_geometry(config, (gint)cell_width, (gint)cell_height);
  chafa_canvas_config_set_pixel_mode(config, canvas->mode);
  chafa_canvas_config_set_canvas_mode(config, canvas->colours);
  chafa_canvas_config_set_symbol_map(config, canvas->symbols);
  chafa_canvas_config_set_color_space(config, CHAFA_COLOR_SPACE_RGB);
  chafa_canvas_config_set_preprocessing_enabled(config, FALSE); /* colours as they are */
  chafa_canvas_config_set_optimizations(config, CHAFA_OPTIMIZATION_REUSE_ATTRIBUTES);
  ChafaCanvas *made = chafa_canvas_new(config);
  chafa_canvas_config_unref(config);
  return made;
}

static bool same_screen(const pf__screen *a, const pf__screen *b) {
  return a->columns == b->columns && a->rows == b->rows && a->cell_width == b->cell_width &&
         a->cell_height == b->cell_height;
}

bool pf__canvas_fit(pf__canvas *canvas, const pf__screen *screen, const pf_picture *picture) {
  if (canvas->canvas != NULL && same_screen(&canvas->screen, screen) &&
      canvas->picture_width == picture->width && canvas->picture_height == picture->height)
    return false;
  canvas->screen = *screen;
  canvas->picture_width = picture->width;
  canvas->picture_height = picture->height;
  uint32_t cell_width = screen->cell_width > 0 ? screen->cell_width : CELL_WIDTH;
  uint32_t cell_height = screen->cell_height > 0 ? screen->cell_height : CELL_HEIGHT;
  place(canvas, cell_width, cell_height);
  if (canvas->mode == CHAFA_PIXEL_MODE_SYMBOLS) cell_width = cell_height = SYMBOL_PIXELS;
  /* Kitty scales to the cells: what is over the limit is left to it. */
  uint64_t cells = (uint64_t)canvas->columns * canvas->rows;
  while (canvas->mode == CHAFA_PIXEL_MODE_KITTY && cell_width > 1 && cell_height > 1 &&
         cells * cell_width * cell_height > GRAPHICS_PIXELS_MAX) {
    cell_width = (cell_width + 1) / 2;
    cell_height = (cell_height + 1) / 2;
  }
  canvas->width = canvas->columns * cell_width;
  canvas->height = canvas->rows * cell_height;
  if (canvas->canvas != NULL) chafa_canvas_unref(canvas->canvas);
  canvas->canvas = make_canvas(canvas, cell_width, cell_height);
  free(canvas->pixels);
  canvas->pixels = malloc((size_t)canvas->width * canvas->height * 4);
  return true;
}

/* Packed pictures bring anything in the fourth byte, which chafa takes for opacity. */
static void make_opaque(uint8_t *pixels, size_t count) {
  for (size_t i = 0; i < count; i++) pixels[4 * i + 3] = 255;
}

/* Puts each row of chafa's lines at its place: a newline would go to the screen's first column. */
static void append_rows(const pf__canvas *canvas, const GString *drawn, GString *output) {
  const char *row = drawn->str, *end = drawn->str + drawn->len;
  for (uint32_t y = 0; y < canvas->rows && row < end; y++) {
    const char *stop = memchr(row, '\n', (size_t)(end - row));
    if (stop == NULL) stop = end;
    g_string_append_printf(output, "\x1b[%u;%uH", canvas->top + y + 1, canvas->left + 1);
    g_string_append_len(output, row, stop - row);
    row = stop + 1;
  }
}

pf_result pf__canvas_draw(pf__canvas *canvas, const pf_picture *picture, GString *output) {
  if (canvas->pixels == NULL) return pf_fail(PF_E_MEMORY, "no memory for the terminal's picture");
  pf_result result = pf__pixels_draw(&canvas->scratch, picture, canvas->pixels, canvas->width * 4,
                                     canvas->width, canvas->height);
  if (result != PF_OK) return result;
  make_opaque(canvas->pixels, (size_t)canvas->width * canvas->height);
  chafa_canvas_draw_all_pixels(canvas->canvas, CHAFA_PIXEL_BGRA8_UNASSOCIATED, canvas->pixels,
                               (gint)canvas->width, (gint)canvas->height, (gint)canvas->width * 4);
  GString *drawn = chafa_canvas_print(canvas->canvas, canvas->terminal);
  if (canvas->mode == CHAFA_PIXEL_MODE_SYMBOLS) {
    append_rows(canvas, drawn, output);
  } else {
    if (canvas->mode == CHAFA_PIXEL_MODE_KITTY) /* the picture before, with its memory */
      g_string_append(output, "\x1b_Ga=d,d=A,q=2\x1b\\");
    g_string_append_printf(output, "\x1b[%u;%uH", canvas->top + 1, canvas->left + 1);
    g_string_append_len(output, drawn->str, (gssize)drawn->len);
  }
  g_string_free(drawn, TRUE);
  return PF_OK;
}
