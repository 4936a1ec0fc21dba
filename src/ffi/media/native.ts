/** The functions of libpf_media, which carries sealing, UDP, sending and receiving. */
import { openLibrary } from "../library.ts";

const symbols = {
  pf_port_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_port_start: { args: ["ptr"], returns: "i32" },
  pf_port_stop: { args: ["ptr"], returns: "void" },
  pf_port_close: { args: ["ptr"], returns: "void" },
  pf_port_number: { args: ["ptr"], returns: "u32" },
  pf_port_counters_block: { args: ["ptr"], returns: "ptr" },
  pf_session_open: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
  pf_session_close: { args: ["ptr"], returns: "void" },
  pf_session_counters_block: { args: ["ptr"], returns: "ptr" },
  pf_session_cipher: { args: ["ptr"], returns: "cstring" },
  pf_send_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_send_start: { args: ["ptr"], returns: "i32" },
  pf_send_stop: { args: ["ptr"], returns: "void" },
  pf_send_close: { args: ["ptr"], returns: "void" },
  pf_send_sink: { args: ["ptr", "ptr"], returns: "void" },
  pf_send_set: { args: ["ptr", "u32", "i64"], returns: "i32" },
  pf_send_set_parity: { args: ["ptr", "u32", "ptr"], returns: "i32" },
  pf_send_take_timings: { args: ["ptr", "ptr", "u32"], returns: "i32" },
  pf_send_counters_block: { args: ["ptr"], returns: "ptr" },
  pf_receive_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_receive_close: { args: ["ptr"], returns: "void" },
  pf_receive_set: { args: ["ptr", "u32", "i64"], returns: "i32" },
  pf_receive_take_losses: { args: ["ptr", "ptr", "u32"], returns: "i32" },
  pf_receive_counters_block: { args: ["ptr"], returns: "ptr" },
  pf_filler_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_filler_start: { args: ["ptr"], returns: "i32" },
  pf_filler_stop: { args: ["ptr"], returns: "void" },
  pf_filler_close: { args: ["ptr"], returns: "void" },
  pf_filler_begin: { args: ["ptr", "u32", "u32"], returns: "i32" },
  pf_filler_halt: { args: ["ptr"], returns: "void" },
  pf_filler_counters_block: { args: ["ptr"], returns: "ptr" },
  pf_meter_open: { args: ["ptr"], returns: "i32" },
  pf_meter_close: { args: ["ptr"], returns: "void" },
  pf_meter_sink: { args: ["ptr", "ptr"], returns: "void" },
  pf_meter_begin: { args: ["ptr"], returns: "void" },
  pf_meter_counters_block: { args: ["ptr"], returns: "ptr" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;

export const media = () => (library ??= openLibrary("media", symbols));
