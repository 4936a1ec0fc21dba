#include "rival.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libavformat/avformat.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "depacketizer.h"

/* How soon a receiver without packets sees that it is to stop. */
#define WAIT_US 50000
#define PACKET_BYTES 65536
#define SOCKET_BYTES (4 << 20)

struct pf_rival_receiver {
  uint32_t kind, port;
  pf_sink sink;
  pthread_t thread;
  bool running;
  atomic_bool stopping;
  uint64_t units;
  /* bare */
  int socket;
  pf_depacketizer depacketizer;
  uint8_t *packet;
  /* libavformat */
  AVFormatContext *format;
  AVIOContext *text_io;
  char text[256]; /* SDP */
  size_t text_at;
};

static void push(pf_rival_receiver *receiver, const uint8_t *data, uint32_t bytes) {
  pf_access_unit unit = {
      .data = data,
      .bytes = bytes,
      .frame = (uint32_t)receiver->units,
      .flags = pf_h264_is_key(data, bytes) ? PF_FRAME_FLAG_KEY : 0,
      .codec = PF_CODEC_H264,
      .times = {.complete_ns = pf_now_ns()},
  };
  pf_sink_push(&receiver->sink, &unit);
  pf_count(receiver->units, 1);
}

static pf_result open_bare(pf_rival_receiver *receiver) {
  receiver->packet = malloc(PACKET_BYTES);
  receiver->depacketizer.data = malloc(PF_DEPACKETIZER_BYTES);
  if (receiver->packet == NULL || receiver->depacketizer.data == NULL)
    return pf_fail(PF_E_MEMORY, "no memory for the receiver");
  receiver->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)receiver->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct timeval wait = {.tv_usec = WAIT_US};
  int bytes = SOCKET_BYTES;
  if (receiver->socket < 0 ||
      setsockopt(receiver->socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
      setsockopt(receiver->socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) != 0 ||
      bind(receiver->socket, (struct sockaddr *)&address, sizeof address) != 0)
    return pf_fail(PF_E_SYSTEM, "port %u: %s", receiver->port, strerror(errno));
  return PF_OK;
}

static void run_bare(pf_rival_receiver *receiver) {
  pf_depacketizer *depacketizer = &receiver->depacketizer;
  while (!atomic_load(&receiver->stopping)) {
    ssize_t bytes = recv(receiver->socket, receiver->packet, PACKET_BYTES, 0);
    if (bytes < 0 && errno != EAGAIN && errno != EINTR) break;
    if (bytes > 0 && pf_depacketizer_take(depacketizer, receiver->packet, (uint32_t)bytes))
      push(receiver, depacketizer->data, depacketizer->bytes);
  }
}

static int is_stopping(void *context) {
  return atomic_load(&((pf_rival_receiver *)context)->stopping);
}

static int read_text(void *context, uint8_t *out, int bytes) {
  pf_rival_receiver *receiver = context;
  size_t left = strlen(receiver->text) - receiver->text_at;
  if (left == 0) return AVERROR_EOF;
  size_t count = left < (size_t)bytes ? left : (size_t)bytes;
  memcpy(out, receiver->text + receiver->text_at, count);
  receiver->text_at += count;
  return (int)count;
}

/* Hands the SDP (RFC 8866) to the demuxer as if it was a file. */
static pf_result describe_rtp(pf_rival_receiver *receiver) {
  const int buffer_bytes = 4096;
  snprintf(receiver->text, sizeof receiver->text,
           "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
           "m=video %u RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
           "a=fmtp:96 packetization-mode=1\r\n",
           receiver->port);
  uint8_t *buffer = av_malloc((size_t)buffer_bytes);
  if (buffer == NULL) return pf_fail(PF_E_MEMORY, "no memory for the receiver");
  receiver->text_io =
      avio_alloc_context(buffer, buffer_bytes, 0, receiver, read_text, NULL, NULL);
  if (receiver->text_io == NULL) {
    av_free(buffer);
    return pf_fail(PF_E_MEMORY, "no memory for the receiver");
  }
  receiver->format->pb = receiver->text_io;
  return PF_OK;
}

static pf_result open_format(pf_rival_receiver *receiver) {
  bool srt = receiver->kind == PF_RIVAL_PLAYER_SRT;
  char url[128] = "";
  receiver->format = avformat_alloc_context();
  if (receiver->format == NULL) return pf_fail(PF_E_MEMORY, "no memory for the receiver");
  receiver->format->interrupt_callback =
      (AVIOInterruptCB){.callback = is_stopping, .opaque = receiver};
  receiver->format->flags |= AVFMT_FLAG_NOBUFFER;
  /* One PES packet is one access unit: SRT needs no parser, which would wait for the next one. */
  if (srt) receiver->format->flags |= AVFMT_FLAG_NOPARSE;
  pf_result result = PF_OK;
  if (srt)
    snprintf(url, sizeof url, "srt://127.0.0.1:%u?mode=listener&latency=0&linger=0",
             receiver->port);
  else
    result = describe_rtp(receiver);
  if (result != PF_OK) return result;
  AVDictionary *options = NULL;
  av_dict_set(&options, "protocol_whitelist", "udp,rtp,srt", 0);
  av_dict_set(&options, "reorder_queue_size", "0", 0);
  av_dict_set(&options, "max_delay", "0", 0);
  av_dict_set(&options, "probesize", "32768", 0);
  const AVInputFormat *input = av_find_input_format(srt ? "mpegts" : "sdp");
  int error = avformat_open_input(&receiver->format, url, input, &options); /* frees on failure */
  av_dict_free(&options);
  return error < 0 ? pf_fail(PF_E_LIBRARY, "%s: %s", url, av_err2str(error)) : PF_OK;
}

static void run_format(pf_rival_receiver *receiver) {
  AVPacket *packet = av_packet_alloc();
  if (packet == NULL) return;
  /* A listener of SRT opens when its sender comes. */
  if (receiver->format == NULL && open_format(receiver) != PF_OK) {
    av_packet_free(&packet);
    return;
  }
  while (!atomic_load(&receiver->stopping)) {
    int error = av_read_frame(receiver->format, packet);
    if (error == AVERROR(EAGAIN)) continue;
    if (error < 0) break;
    const AVStream *stream = receiver->format->streams[packet->stream_index];
    if (packet->size > 0 && stream->codecpar->codec_id == AV_CODEC_ID_H264)
      push(receiver, packet->data, (uint32_t)packet->size);
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
}

static void *run(void *context) {
  pf_rival_receiver *receiver = context;
  pf_thread_name("pf-rival");
  pf_thread_urgent();
  if (receiver->kind == PF_RIVAL_BARE_RTP) run_bare(receiver);
  else run_format(receiver);
  return NULL;
}

PF_EXPORT pf_result pf_rival_receiver_open(uint32_t kind, uint32_t port, const pf_sink *sink,
                                           pf_rival_receiver **out) {
  av_log_set_level(AV_LOG_QUIET);
  if (kind > PF_RIVAL_PLAYER_SRT || port == 0 || port > 65535)
    return pf_fail(PF_E_ARGUMENT, "there is no such receiver");
  pf_rival_receiver *receiver = calloc(1, sizeof *receiver);
  if (receiver == NULL) return pf_fail(PF_E_MEMORY, "no memory for the receiver");
  receiver->kind = kind;
  receiver->port = port;
  receiver->sink = *sink;
  receiver->socket = -1;
  pf_result result = kind == PF_RIVAL_BARE_RTP     ? open_bare(receiver)
                     : kind == PF_RIVAL_PLAYER_RTP ? open_format(receiver)
                                                   : PF_OK;
  if (result != PF_OK) {
    pf_rival_receiver_close(receiver);
    return result;
  }
  *out = receiver;
  return PF_OK;
}

PF_EXPORT pf_result pf_rival_receiver_start(pf_rival_receiver *receiver) {
  if (receiver->running || atomic_load(&receiver->stopping))
    return pf_fail(PF_E_STATE, "it was started before");
  int error = pthread_create(&receiver->thread, NULL, run, receiver);
  if (error != 0) return pf_fail(PF_E_SYSTEM, "no thread: %s", strerror(error));
  receiver->running = true;
  return PF_OK;
}

PF_EXPORT void pf_rival_receiver_stop(pf_rival_receiver *receiver) {
  atomic_store(&receiver->stopping, true);
  if (receiver->running) pthread_join(receiver->thread, NULL);
  receiver->running = false;
}

PF_EXPORT uint64_t pf_rival_receiver_units(const pf_rival_receiver *receiver) {
  return __atomic_load_n(&receiver->units, __ATOMIC_RELAXED);
}

PF_EXPORT void pf_rival_receiver_close(pf_rival_receiver *receiver) {
  if (receiver == NULL) return;
  pf_rival_receiver_stop(receiver);
  if (receiver->format != NULL) avformat_close_input(&receiver->format);
  if (receiver->text_io != NULL) {
    av_freep(&receiver->text_io->buffer);
    avio_context_free(&receiver->text_io);
  }
  if (receiver->socket >= 0) close(receiver->socket);
  free(receiver->packet);
  free(receiver->depacketizer.data);
  free(receiver);
}
