/**
 * What a C function returns: 0, or one of these negative numbers. The generator writes them as
 * `enum pf_result` into src/ffi/common/wire.h. Values never change their meaning; new ones go last.
 */
export const results = {
  PF_OK: [0, "done"],
  PF_E_ARGUMENT: [-1, "an argument is outside its documented range"],
  PF_E_MEMORY: [-2, "memory could not be allocated at open"],
  PF_E_SYSTEM: [-3, "a system call failed; pf_last_error() has errno's text"],
  PF_E_UNSUPPORTED: [-4, "this build, library or machine can't do that"],
  PF_E_MISSING: [-5, "a library, device, protocol or encoder is not there"],
  PF_E_TRUNCATED: [-6, "the input is shorter than its header says"],
  PF_E_BOUNDS: [-7, "a value exceeds what was negotiated"],
  PF_E_AUTHENTICATION: [-8, "the AEAD tag does not fit"],
  PF_E_REPLAY: [-9, "the sequence number was seen before or is too old"],
  PF_E_TOO_MANY_LOST: [-10, "more shards are lost than parity shards are there"],
  PF_E_FULL: [-11, "a bounded queue is full"],
  PF_E_EMPTY: [-12, "nothing is there to take"],
  PF_E_STATE: [-13, "the call does not fit the stage's state"],
  PF_E_LIBRARY: [-14, "a library failed; pf_last_error() has its words"],
  PF_E_CLOSED: [-15, "the other side is gone"],
} as const satisfies Record<string, readonly [number, string]>;

export type ResultName = keyof typeof results;

/** The name of a result value, or undefined for one that is not in the table. */
export function resultName(value: number): ResultName | undefined {
  return (Object.keys(results) as ResultName[]).find((name) => results[name][0] === value);
}
