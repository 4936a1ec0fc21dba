#include "speaker.h"

#include <SDL.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 };

struct pf_speaker {
  pf_sink source;
  uint32_t channel_count;
  SDL_AudioDeviceID device;
};

/* By SDL's channel (FL FR FC LFE BL BR SL SR) that of Vorbis, RFC 7845, 5.1.1.2. */
static const uint8_t six[] = {0, 2, 1, 5, 3, 4};
static const uint8_t eight[] = {0, 2, 1, 7, 5, 6, 3, 4};

static void reorder(float *samples, uint32_t frames, uint32_t channel_count) {
  const uint8_t *order = channel_count == 6 ? six : eight;
  float sample[PF_SOUND_CHANNELS_MAX];
  for (; frames > 0; frames--, samples += channel_count) {
    memcpy(sample, samples, sizeof *samples * channel_count);
    for (uint32_t c = 0; c < channel_count; c++) samples[c] = sample[order[c]];
  }
}

static void SDLCALL fill(void *context, Uint8 *stream, int bytes) {
  pf_speaker *speaker = context;
  uint32_t frames = (uint32_t)bytes / (speaker->channel_count * (uint32_t)sizeof(float));
  pf_sound_block block = {.samples = (float *)stream, .frames = frames};
  pf_sink_push(&speaker->source, &block);
  if (speaker->channel_count > 2) reorder(block.samples, frames, speaker->channel_count);
}

pf_result pf_speaker_open(const pf_speaker_config *config, pf_speaker **out) {
  uint32_t channels = config->channel_count;
  bool known = channels == 1 || channels == 2 || channels == 6 || channels == 8;
  if (config->sink_push == NULL || !known)
    return pf_fail(PF_E_ARGUMENT, "nothing to play, or %u channels", channels);
  if (SDL_InitSubSystem(SDL_INIT_AUDIO) != 0)
    return pf_fail(PF_E_MISSING, "no sound device: %s", SDL_GetError());
  pf_speaker *speaker = calloc(1, sizeof *speaker);
  if (speaker == NULL) {
    SDL_QuitSubSystem(SDL_INIT_AUDIO);
    return pf_fail(PF_E_MEMORY, "no memory for a sound device");
  }
  memcpy(&speaker->source.push, &config->sink_push, sizeof config->sink_push);
  speaker->source.context = config->sink_context;
  speaker->channel_count = channels;
  const SDL_AudioSpec wanted = {.freq = PF_SOUND_RATE_HZ,
                                .format = AUDIO_F32SYS,
                                .channels = (Uint8)channels,
                                .samples = BLOCK,
                                .callback = fill,
                                .userdata = speaker};
  speaker->device = SDL_OpenAudioDevice(NULL, 0, &wanted, NULL, 0);
  if (speaker->device == 0) {
    pf_result result = pf_fail(PF_E_MISSING, "no sound device: %s", SDL_GetError());
    pf_speaker_close(speaker);
    return result;
  }
  *out = speaker;
  return PF_OK;
}

pf_result pf_speaker_start(pf_speaker *speaker) {
  SDL_PauseAudioDevice(speaker->device, 0);
  return PF_OK;
}

void pf_speaker_stop(pf_speaker *speaker) {
  if (speaker == NULL || speaker->device == 0) return;
  SDL_CloseAudioDevice(speaker->device);
  speaker->device = 0;
}

void pf_speaker_close(pf_speaker *speaker) {
  if (speaker == NULL) return;
  pf_speaker_stop(speaker);
  SDL_QuitSubSystem(SDL_INIT_AUDIO);
  free(speaker);
}
