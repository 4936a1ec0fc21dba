/**
 * The part of MessagePack that control messages use: nil, booleans, integers, floats, strings,
 * binary, arrays, and maps with string keys. A first pass over the bytes admits exactly that, so
 * that the decoder behind it never meets an extension type, a length that reaches past the end,
 * or a nesting deep enough to matter.
 */
import { Packr } from "msgpackr/pack";

/** No message nests deeper than this: a map that holds an array of maps is 3. */
const depthMax = 8;

/** `int64AsType` makes a number of a 64-bit integer that a number holds exactly. */
const codec = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  moreTypes: false,
  structuredClone: false,
  copyBuffers: true,
  // @ts-expect-error: the type misses what the decoder has.
  int64AsType: "auto",
});

/** MessagePack of a plain value. */
export function packValue(value: unknown): Uint8Array {
  return Uint8Array.from(codec.pack(value));
}

/** The value of one MessagePack item that fills `bytes`, or undefined when it is not admitted. */
export function unpackValue(bytes: Uint8Array): { readonly value: unknown } | undefined {
  if (!isAdmitted(bytes)) return undefined;
  try {
    return { value: codec.unpack(bytes) };
  } catch {
    return undefined;
  }
}

/** Whether `bytes` are exactly one item of the admitted part of MessagePack. */
function isAdmitted(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return skipItem(view, 0, 0) === bytes.byteLength;
}

/** Offset behind the item at `at`, or -1. Sizes: the MessagePack specification's format table. */
function skipItem(view: DataView, at: number, depth: number): number {
  if (at >= view.byteLength || depth > depthMax) return -1;
  const first = view.getUint8(at);
  if (first < 0x80 || first >= 0xe0) return at + 1;
  if (first < 0x90) return skipMap(view, at + 1, first & 0x0f, depth);
  if (first < 0xa0) return skipArray(view, at + 1, first & 0x0f, depth);
  if (first < 0xc0) return skipBytes(view, at + 1, first & 0x1f);
  const scalar = scalarBytes[first];
  if (scalar !== undefined) return skipBytes(view, at + 1, scalar);
  const width = lengthBytes[first];
  if (width === undefined || at + 1 + width > view.byteLength) return -1;
  const count = readLength(view, at + 1, width);
  const body = at + 1 + width;
  if (first >= 0xde) return skipMap(view, body, count, depth);
  if (first >= 0xdc) return skipArray(view, body, count, depth);
  return skipBytes(view, body, count);
}

/** Bytes behind the first one: nil, false, true, float 32 and 64, unsigned and signed integers. */
const scalarBytes: Readonly<Record<number, number>> = {
  192: 0,
  194: 0,
  195: 0,
  202: 4,
  203: 8,
  204: 1,
  205: 2,
  206: 4,
  207: 8,
  208: 1,
  209: 2,
  210: 4,
  211: 8,
};

/** Width of the length behind the first byte: bin, str, array, map. */
const lengthBytes: Readonly<Record<number, number>> = {
  196: 1,
  197: 2,
  198: 4,
  217: 1,
  218: 2,
  219: 4,
  220: 2,
  221: 4,
  222: 2,
  223: 4,
};

function readLength(view: DataView, at: number, width: number): number {
  if (width === 1) return view.getUint8(at);
  return width === 2 ? view.getUint16(at) : view.getUint32(at);
}

function skipBytes(view: DataView, at: number, count: number): number {
  return at + count <= view.byteLength ? at + count : -1;
}

function skipArray(view: DataView, from: number, count: number, depth: number): number {
  if (count > view.byteLength - from) return -1;
  let at = from;
  for (let i = 0; i < count && at >= 0; i++) at = skipItem(view, at, depth + 1);
  return at;
}

function skipMap(view: DataView, from: number, count: number, depth: number): number {
  if (2 * count > view.byteLength - from) return -1;
  let at = from;
  for (let i = 0; i < count && at >= 0; i++) {
    if (!isString(view, at)) return -1;
    at = skipItem(view, at, depth + 1);
    if (at >= 0) at = skipItem(view, at, depth + 1);
  }
  return at;
}

function isString(view: DataView, at: number): boolean {
  if (at >= view.byteLength) return false;
  const first = view.getUint8(at);
  return (first >= 0xa0 && first < 0xc0) || (first >= 0xd9 && first <= 0xdb);
}
