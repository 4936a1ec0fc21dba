/*
 * producer_test NAME WIDTH HEIGHT [FLAG…]: a video node of its own in PipeWire, for
 * tests of the screencast. Reads commands from the file "commands" in its XDG_RUNTIME_DIR (a FIFO
 * that is there before it starts), one a line, and prints "streaming" when its consumer is ready,
 * "sent" when a picture is on its way and "none" when no buffer is free for it. A consumer that
 * rested gets the last picture again.
 *   alloc: the buffers are memory files of its own, sealed; few: two buffers
 *   dmabuf: it prefers DMA buffers (memory files by that name: what has no GPU has no others)
 *   broken: those can't be mapped; mute: it sends no picture in them
 *   frame COLOUR [WORD…]  a picture in one colour (hex RRGGBB) with a white upper left pixel
 *     nothing | corrupted   size 0; marked as corrupted
 *     damage=X,Y,W,H | still            damage; none
 *     pointer=X,Y | picture=W,H,RRGGBBAA | away   the pointer; its picture; it leaves
 *     crop=X,Y,W,H  turn=N  age=MS (of the header's time)
 *   size WIDTH HEIGHT     changes its format
 */
#include "../pipewire/connection.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <spa/buffer/meta.h>
#include <spa/param/buffers.h>
#include <spa/param/param.h>
#include <spa/param/video/format-utils.h>

enum { POINTER_EDGE = 64 };

typedef struct producer {
  pf_pipewire connection;
  struct pw_stream *stream;
  struct spa_hook hook;
  uint32_t width, height;
  bool alloc, few, dmabuf, broken, mute, streaming;
  bool modifier; /* the agreed format has one, so DMA buffers are wanted */
  char command[256];
  char last[256]; /* words of the picture that was sent last */
} producer;

static uint32_t pointer_bytes(void) {
  return (uint32_t)(sizeof(struct spa_meta_cursor) + sizeof(struct spa_meta_bitmap)) +
         POINTER_EDGE * POINTER_EDGE * 4;
}

static const struct spa_pod *format(producer *self, struct spa_pod_builder *builder,
                                    bool modifier) {
  struct spa_pod_frame frame;
  spa_pod_builder_push_object(builder, &frame, SPA_TYPE_OBJECT_Format, SPA_PARAM_EnumFormat);
  spa_pod_builder_add(builder, SPA_FORMAT_mediaType, SPA_POD_Id(SPA_MEDIA_TYPE_video),
                      SPA_FORMAT_mediaSubtype, SPA_POD_Id(SPA_MEDIA_SUBTYPE_raw),
                      SPA_FORMAT_VIDEO_format, SPA_POD_Id(SPA_VIDEO_FORMAT_BGRx),
                      SPA_FORMAT_VIDEO_size,
                      SPA_POD_Rectangle(&SPA_RECTANGLE(self->width, self->height)),
                      SPA_FORMAT_VIDEO_framerate, SPA_POD_Fraction(&SPA_FRACTION(0, 1)), 0);
  if (modifier) {
    spa_pod_builder_prop(builder, SPA_FORMAT_VIDEO_modifier, SPA_POD_PROP_FLAG_MANDATORY);
    spa_pod_builder_long(builder, 0);
  }
  return spa_pod_builder_pop(builder, &frame);
}

/* Into params[2]; returns how many. */
static uint32_t formats(producer *self, struct spa_pod_builder *builder,
                        const struct spa_pod *params[]) {
  uint32_t count = 0;
  if (self->dmabuf) params[count++] = format(self, builder, true);
  params[count++] = format(self, builder, false);
  return count;
}

static const struct spa_pod *meta(struct spa_pod_builder *builder, uint32_t type, uint32_t bytes) {
  return spa_pod_builder_add_object(builder, SPA_TYPE_OBJECT_ParamMeta, SPA_PARAM_Meta,
                                    SPA_PARAM_META_type, SPA_POD_Id(type), SPA_PARAM_META_size,
                                    SPA_POD_Int((int32_t)bytes));
}

static uint32_t memory_type(const producer *self) {
  if (self->modifier) return SPA_DATA_DmaBuf;
  return self->alloc ? SPA_DATA_MemFd : SPA_DATA_MemPtr;
}

static void on_param_changed(void *data, uint32_t id, const struct spa_pod *param) {
  producer *self = data;
  if (id != SPA_PARAM_Format || param == NULL) return;
  self->modifier = spa_pod_find_prop(param, NULL, SPA_FORMAT_VIDEO_modifier) != NULL;
  uint8_t bytes[2048];
  struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(bytes, sizeof bytes);
  const int32_t stride = (int32_t)self->width * 4, count = self->few ? 2 : 16;
  const struct spa_pod *params[] = {
      spa_pod_builder_add_object(
          &builder, SPA_TYPE_OBJECT_ParamBuffers, SPA_PARAM_Buffers, SPA_PARAM_BUFFERS_buffers,
          SPA_POD_CHOICE_RANGE_Int(count, 2, count), SPA_PARAM_BUFFERS_blocks, SPA_POD_Int(1),
          SPA_PARAM_BUFFERS_size, SPA_POD_Int(stride * (int32_t)self->height),
          SPA_PARAM_BUFFERS_stride, SPA_POD_Int(stride), SPA_PARAM_BUFFERS_dataType,
          SPA_POD_CHOICE_FLAGS_Int(1 << memory_type(self))),
      meta(&builder, SPA_META_Header, sizeof(struct spa_meta_header)),
      meta(&builder, SPA_META_Cursor, pointer_bytes()),
      meta(&builder, SPA_META_VideoDamage, 4 * sizeof(struct spa_meta_region)),
      meta(&builder, SPA_META_VideoCrop, sizeof(struct spa_meta_region)),
      meta(&builder, SPA_META_VideoTransform, sizeof(struct spa_meta_videotransform)),
  };
  pw_stream_update_params(self->stream, params, PF_ARRAY_COUNT(params));
}

static void on_add_buffer(void *context, struct pw_buffer *buffer) {
  producer *self = context;
  if (!self->alloc) return;
  struct spa_data *data = &buffer->buffer->datas[0];
  data->type = memory_type(self);
  data->flags = SPA_DATA_FLAG_READWRITE;
  data->maxsize = self->width * self->height * 4;
  data->mapoffset = 0;
  data->fd = memfd_create("producer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  const bool broken = self->broken && self->modifier;
  if (ftruncate((int)data->fd, broken ? 0 : data->maxsize) != 0) abort();
  fcntl((int)data->fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  data->data = mmap(NULL, data->maxsize, PROT_READ | PROT_WRITE, MAP_SHARED, (int)data->fd, 0);
}

static void on_remove_buffer(void *context, struct pw_buffer *buffer) {
  producer *self = context;
  if (!self->alloc) return;
  struct spa_data *data = &buffer->buffer->datas[0];
  munmap(data->data, data->maxsize);
  close((int)data->fd);
}

static void set_region(struct spa_meta_region *out, const char *numbers) {
  struct spa_region *region = &out->region;
  sscanf(numbers, "%d,%d,%u,%u", &region->position.x, &region->position.y, &region->size.width,
         &region->size.height);
}

static void set_picture(struct spa_meta_cursor *cursor, const char *words) {
  uint32_t width, height, colour;
  sscanf(words, "%u,%u,%x", &width, &height, &colour);
  cursor->bitmap_offset = sizeof *cursor;
  struct spa_meta_bitmap *bitmap = SPA_PTROFF(cursor, sizeof *cursor, struct spa_meta_bitmap);
  *bitmap = (struct spa_meta_bitmap){.format = SPA_VIDEO_FORMAT_RGBA,
                                     .size = {width, height},
                                     .stride = (int32_t)width * 4,
                                     .offset = sizeof *bitmap};
  uint8_t *pixel = SPA_PTROFF(bitmap, sizeof *bitmap, uint8_t);
  for (uint32_t i = 0; i < width * height; i++, pixel += 4) {
    for (int byte = 0; byte < 4; byte++) pixel[byte] = (uint8_t)(colour >> (24 - 8 * byte));
  }
}

static void paint(producer *self, struct spa_data *data, uint32_t colour) {
  uint32_t *pixels = data->data;
  *data->chunk = (struct spa_chunk){0};
  if (data->maxsize != self->width * self->height * 4) return; /* of the size before */
  for (uint32_t i = 0; i < self->width * self->height; i++) pixels[i] = colour;
  pixels[0] = 0xffffff;
  *data->chunk = (struct spa_chunk){.size = self->width * self->height * 4,
                                    .stride = (int32_t)self->width * 4};
}

static void *find(struct pw_buffer *buffer, uint32_t type) {
  return spa_buffer_find_meta_data(buffer->buffer, type, 0);
}

static void apply(struct pw_buffer *buffer, const char *word) {
  struct spa_meta_header *header = find(buffer, SPA_META_Header);
  struct spa_meta_cursor *cursor = find(buffer, SPA_META_Cursor);
  struct spa_meta_videotransform *turn = find(buffer, SPA_META_VideoTransform);
  const char *value = strchr(word, '=');
  value = value != NULL ? value + 1 : "";
  if (strcmp(word, "nothing") == 0) buffer->buffer->datas[0].chunk->size = 0;
  if (strcmp(word, "corrupted") == 0) header->flags = SPA_META_HEADER_FLAG_CORRUPTED;
  if (strncmp(word, "age=", 4) == 0) header->pts = (int64_t)pf_now_ns() - atol(value) * 1000000;
  if (strncmp(word, "damage=", 7) == 0) set_region(find(buffer, SPA_META_VideoDamage), value);
  if (strncmp(word, "crop=", 5) == 0) set_region(find(buffer, SPA_META_VideoCrop), value);
  if (strncmp(word, "turn=", 5) == 0) turn->transform = (uint32_t)atol(value);
  if (cursor == NULL) return;
  if (strcmp(word, "away") == 0) cursor->id = 0;
  if (strncmp(word, "pointer=", 8) == 0)
    sscanf(value, "%d,%d", &cursor->position.x, &cursor->position.y);
  if (strncmp(word, "picture=", 8) == 0) set_picture(cursor, value);
}

/* Whether a buffer was free for it. */
static bool send_frame(producer *self, char *words) {
  if (self->mute && self->modifier) return true;
  snprintf(self->last, sizeof self->last, "%s", words);
  struct pw_buffer *buffer = pw_stream_dequeue_buffer(self->stream);
  if (buffer == NULL) return false;
  for (uint32_t i = 0; i < buffer->buffer->n_metas; i++)
    memset(buffer->buffer->metas[i].data, 0, buffer->buffer->metas[i].size);
  struct spa_meta_cursor *cursor = find(buffer, SPA_META_Cursor);
  static struct spa_point last;
  if (cursor != NULL) *cursor = (struct spa_meta_cursor){.id = 1, .position = last};
  char *rest, *word = strtok_r(words, " ", &rest);
  paint(self, &buffer->buffer->datas[0], (uint32_t)strtoul(word, NULL, 16));
  set_region(find(buffer, SPA_META_VideoDamage), "0,0,100000,100000");
  while ((word = strtok_r(NULL, " ", &rest)) != NULL) {
    if (strcmp(word, "still") == 0)
      memset(find(buffer, SPA_META_VideoDamage), 0, sizeof(struct spa_meta_region));
    else apply(buffer, word);
  }
  if (cursor != NULL) last = cursor->position;
  pw_stream_queue_buffer(self->stream, buffer);
  pw_stream_trigger_process(self->stream);
  return true;
}

static void on_state_changed(void *data, enum pw_stream_state old, enum pw_stream_state state,
                             const char *error) {
  producer *self = data;
  const bool streams = state == PW_STREAM_STATE_STREAMING;
  if (streams && !self->streaming) puts("streaming");
  self->streaming = streams;
  /* Who rested gets the last picture again, which may have been on its way. */
  if (!streams || old != PW_STREAM_STATE_PAUSED || self->last[0] == 0) return;
  char words[sizeof self->last];
  memcpy(words, self->last, sizeof words);
  send_frame(self, words);
}

static const struct pw_stream_events events = {
    PW_VERSION_STREAM_EVENTS,
    .state_changed = on_state_changed,
    .param_changed = on_param_changed,
    .add_buffer = on_add_buffer,
    .remove_buffer = on_remove_buffer,
};

static void change_size(producer *self, const char *words) {
  sscanf(words, "%u %u", &self->width, &self->height);
  uint8_t bytes[1024];
  struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(bytes, sizeof bytes);
  const struct spa_pod *params[2];
  pw_stream_update_params(self->stream, params, formats(self, &builder, params));
}

static void obey(producer *self) {
  pf_pipewire_lock(&self->connection);
  if (strncmp(self->command, "frame ", 6) == 0)
    puts(send_frame(self, self->command + 6) ? "sent" : "none");
  if (strncmp(self->command, "size ", 5) == 0) change_size(self, self->command + 5);
  pf_pipewire_unlock(&self->connection);
}

static void connect_stream(producer *self, const char *name) {
  self->stream = pw_stream_new(
      self->connection.core, name,
      pw_properties_new(PW_KEY_NODE_NAME, name, PW_KEY_MEDIA_CLASS, "Video/Source", NULL));
  pw_stream_add_listener(self->stream, &self->hook, &events, self);
  uint8_t bytes[1024];
  struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(bytes, sizeof bytes);
  const struct spa_pod *params[2];
  const uint32_t count = formats(self, &builder, params);
  uint32_t flags = PW_STREAM_FLAG_DRIVER;
  flags |= self->alloc ? PW_STREAM_FLAG_ALLOC_BUFFERS : PW_STREAM_FLAG_MAP_BUFFERS;
  pw_stream_connect(self->stream, PW_DIRECTION_OUTPUT, PW_ID_ANY, flags, params, count);
}

int main(int count, char **arguments) {
  if (count < 4) return 2;
  static producer self;
  self.width = (uint32_t)atol(arguments[2]);
  self.height = (uint32_t)atol(arguments[3]);
  for (int i = 4; i < count; i++) {
    self.alloc |= strcmp(arguments[i], "alloc") == 0;
    self.few |= strcmp(arguments[i], "few") == 0;
    self.broken |= strcmp(arguments[i], "broken") == 0;
    self.mute |= strcmp(arguments[i], "mute") == 0;
    self.dmabuf |= strcmp(arguments[i], "dmabuf") == 0;
  }
  self.alloc |= self.dmabuf;
  setvbuf(stdout, NULL, _IOLBF, 0);
  char path[256];
  snprintf(path, sizeof path, "%s/commands", getenv("XDG_RUNTIME_DIR"));
  if (pf_pipewire_open(&self.connection, &(pf_pipewire_remote){.fd = -1}, "producer") != PF_OK) {
    fprintf(stderr, "%s\n", pf_last_error());
    return 1;
  }
  pf_pipewire_lock(&self.connection);
  connect_stream(&self, arguments[1]);
  pf_pipewire_unlock(&self.connection);
  int fd = open(path, O_RDWR | O_CLOEXEC); /* so that it never reaches an end */
  FILE *commands = fd >= 0 ? fdopen(fd, "r") : NULL;
  if (commands == NULL) return 1;
  while (fgets(self.command, sizeof self.command, commands) != NULL) {
    self.command[strcspn(self.command, "\n")] = '\0';
    obey(&self);
  }
  return 0;
}
