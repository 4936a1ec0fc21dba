#include "rival.h"

#include <libavformat/avformat.h>
#include <stdlib.h>
#include <string.h>

/* RTP's clock for video, RFC 6184 section 8.2.1, and that of a transport stream. */
#define TICKS_PER_SECOND 90000u
/* Ethernet's 1500 bytes less IP and UDP. */
#define RTP_PACKET_BYTES 1472

struct pf_rival_sender {
  AVFormatContext *format;
  AVPacket *packet;
  int64_t last_ticks;
  bool begun; /* the header is written */
  uint64_t failures;
};

static pf_result open_muxer(pf_rival_sender *sender, uint32_t kind, uint32_t port) {
  char url[128];
  const char *name = kind == PF_RIVAL_RTP ? "rtp" : "mpegts";
  if (kind == PF_RIVAL_RTP)
    snprintf(url, sizeof url, "rtp://127.0.0.1:%u?pkt_size=%d", port, RTP_PACKET_BYTES);
  else
    snprintf(url, sizeof url, "srt://127.0.0.1:%u?mode=caller&latency=0&linger=0", port);
  int error = avformat_alloc_output_context2(&sender->format, NULL, name, url);
  if (error < 0) return pf_fail(PF_E_UNSUPPORTED, "no muxer %s: %s", name, av_err2str(error));
  error = avio_open2(&sender->format->pb, url, AVIO_FLAG_WRITE, NULL, NULL);
  if (error == AVERROR_PROTOCOL_NOT_FOUND)
    return pf_fail(PF_E_UNSUPPORTED, "this libavformat has no %s", url);
  return error < 0 ? pf_fail(PF_E_SYSTEM, "%s: %s", url, av_err2str(error)) : PF_OK;
}

static pf_result begin(pf_rival_sender *sender, uint32_t width, uint32_t height) {
  AVStream *stream = avformat_new_stream(sender->format, NULL);
  sender->packet = av_packet_alloc();
  if (stream == NULL || sender->packet == NULL) return pf_fail(PF_E_MEMORY, "no memory");
  stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
  stream->codecpar->codec_id = AV_CODEC_ID_H264;
  stream->codecpar->width = (int)width;
  stream->codecpar->height = (int)height;
  stream->time_base = (AVRational){1, TICKS_PER_SECOND};
  sender->format->flush_packets = 1;
  sender->format->max_delay = 0;
  AVDictionary *options = NULL;
  av_dict_set(&options, "omit_video_pes_length", "0", 0);
  int error = avformat_write_header(sender->format, &options); /* leaves another muxer's options */
  av_dict_free(&options);
  sender->begun = error >= 0;
  return error < 0 ? pf_fail(PF_E_LIBRARY, "no header: %s", av_err2str(error)) : PF_OK;
}

PF_EXPORT pf_result pf_rival_sender_open(uint32_t kind, uint32_t port, uint32_t width,
                                         uint32_t height, pf_rival_sender **out) {
  av_log_set_level(AV_LOG_QUIET);
  if (kind > PF_RIVAL_SRT || port == 0 || port > 65535)
    return pf_fail(PF_E_ARGUMENT, "there is no such sender");
  pf_rival_sender *sender = calloc(1, sizeof *sender);
  if (sender == NULL) return pf_fail(PF_E_MEMORY, "no memory for the sender");
  sender->last_ticks = -1;
  pf_result result = open_muxer(sender, kind, port);
  if (result == PF_OK) result = begin(sender, width, height);
  if (result != PF_OK) {
    pf_rival_sender_close(sender);
    return result;
  }
  *out = sender;
  return PF_OK;
}

static void push_unit(void *context, void *item) {
  pf_rival_sender *sender = context;
  const pf_access_unit *unit = item;
  AVPacket *packet = sender->packet;
  if (av_new_packet(packet, (int)unit->bytes) < 0) {
    pf_count(sender->failures, 1);
    return;
  }
  memcpy(packet->data, unit->data, unit->bytes);
  AVRational time_base = sender->format->streams[0]->time_base;
  int64_t ticks =
      av_rescale_q((int64_t)unit->times.capture_ns, (AVRational){1, 1000000000}, time_base);
  if (ticks <= sender->last_ticks) ticks = sender->last_ticks + 1;
  sender->last_ticks = packet->pts = packet->dts = ticks;
  if ((unit->flags & PF_FRAME_FLAG_KEY) != 0) packet->flags |= AV_PKT_FLAG_KEY;
  if (av_write_frame(sender->format, packet) < 0) pf_count(sender->failures, 1);
  av_packet_unref(packet);
}

PF_EXPORT void pf_rival_sender_sink(pf_rival_sender *sender, pf_sink *out) {
  *out = (pf_sink){.push = push_unit, .context = sender};
}

PF_EXPORT uint64_t pf_rival_sender_failures(const pf_rival_sender *sender) {
  return __atomic_load_n(&sender->failures, __ATOMIC_RELAXED);
}

PF_EXPORT void pf_rival_sender_close(pf_rival_sender *sender) {
  if (sender == NULL) return;
  if (sender->format != NULL) {
    if (sender->begun) av_write_trailer(sender->format);
    avio_closep(&sender->format->pb);
    avformat_free_context(sender->format);
  }
  av_packet_free(&sender->packet);
  free(sender);
}
