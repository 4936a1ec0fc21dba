/**
 * Layout tables: a packet or a struct is a list of named fields. From one table come the C struct
 * (src/ffi/common/wire.h), the reader and writer in TypeScript, and the table in docs/protocol.md.
 * All integers are little-endian; fields lie in order at natural alignment without implicit gaps.
 */
import { assert } from "../base/errors.ts";

export type FieldType = "u8" | "u16" | "u32" | "u64" | "i32" | "i64" | "pointer" | "chars" | "u16s";

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** Number of elements of an array type (chars, u16s). */
  readonly count?: number;
  readonly purpose: string;
}

export interface Layout {
  readonly name: string;
  readonly purpose: string;
  readonly fields: readonly Field[];
  readonly bytes: number;
  readonly offsets: Readonly<Record<string, number>>;
}

const elementBytes: Record<FieldType, number> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  i32: 4,
  i64: 8,
  pointer: 8,
  chars: 1,
  u16s: 2,
};

export type FieldSpec = readonly [name: string, type: FieldType, purpose: string, count?: number];

/**
 * A layout from its fields. Asserts natural alignment and a size that is a multiple of the largest
 * element, so that the C compiler adds no padding of its own.
 */
export function layout(name: string, purpose: string, specs: readonly FieldSpec[]): Layout {
  const offsets: Record<string, number> = {};
  const fields: Field[] = [];
  let offset = 0;
  let alignMax = 1;
  for (const [fieldName, type, fieldPurpose, count] of specs) {
    const size = elementBytes[type];
    assert(offset % size === 0, `${name}.${fieldName} at ${offset} is aligned to ${size}`);
    assert(!(fieldName in offsets), `${name}.${fieldName} is there once`);
    offsets[fieldName] = offset;
    alignMax = Math.max(alignMax, size);
    offset += size * (count ?? 1);
    fields.push(
      count === undefined
        ? { name: fieldName, type, purpose: fieldPurpose }
        : { name: fieldName, type, purpose: fieldPurpose, count },
    );
  }
  assert(offset % alignMax === 0, `${name} of ${offset} bytes is a multiple of ${alignMax}`);
  return { name, purpose, fields, bytes: offset, offsets };
}

export type FieldValue = number | bigint | string | ArrayLike<number> | undefined;

/**
 * Writes a value per field into a new buffer; a field without a value is 0. Throws RangeError when
 * a text (UTF-8, zero-terminated) or an array is longer than its field, and on an unknown name.
 */
export function writeLayout(table: Layout, values: Record<string, FieldValue>): Uint8Array {
  const bytes = new Uint8Array(table.bytes);
  const view = new DataView(bytes.buffer);
  for (const name of Object.keys(values)) {
    assert(name in table.offsets, `${table.name} has a field ${name}`);
  }
  for (const field of table.fields) {
    const value = values[field.name];
    if (value === undefined) continue;
    writeField(view, field, table.offsets[field.name] as number, value);
  }
  return bytes;
}

function writeField(view: DataView, field: Field, offset: number, value: FieldValue): void {
  const many = field.count ?? 1;
  switch (field.type) {
    case "u8":
      view.setUint8(offset, Number(value));
      return;
    case "u16":
      view.setUint16(offset, Number(value), true);
      return;
    case "u32":
      view.setUint32(offset, Number(value), true);
      return;
    case "i32":
      view.setInt32(offset, Number(value), true);
      return;
    case "u64":
    case "pointer":
      view.setBigUint64(offset, BigInt(value as number | bigint), true);
      return;
    case "i64":
      view.setBigInt64(offset, BigInt(value as number | bigint), true);
      return;
    case "chars": {
      const raw = typeof value === "string" ? new TextEncoder().encode(value) : value;
      const list = raw as ArrayLike<number>;
      const room = typeof value === "string" ? many - 1 : many;
      if (list.length > room) throw new RangeError(`${field.name} holds ${room} bytes at most`);
      for (let i = 0; i < list.length; i++) view.setUint8(offset + i, list[i] as number);
      return;
    }
    case "u16s": {
      const list = value as ArrayLike<number>;
      if (list.length > many) throw new RangeError(`${field.name} holds ${many} values at most`);
      for (let i = 0; i < list.length; i++) view.setUint16(offset + 2 * i, list[i] as number, true);
      return;
    }
  }
}

/** Reads one integer field at `base` of `view`; 64-bit ones as bigint. */
export function readField(view: DataView, table: Layout, name: string, base = 0): number | bigint {
  const field = table.fields.find((candidate) => candidate.name === name);
  assert(field !== undefined, `${table.name} has a field ${name}`);
  const offset = base + (table.offsets[name] as number);
  switch (field.type) {
    case "u8":
      return view.getUint8(offset);
    case "u16":
      return view.getUint16(offset, true);
    case "u32":
      return view.getUint32(offset, true);
    case "i32":
      return view.getInt32(offset, true);
    case "u64":
    case "pointer":
      return view.getBigUint64(offset, true);
    case "i64":
      return view.getBigInt64(offset, true);
    default:
      throw new TypeError(`${table.name}.${name} is an array`);
  }
}

/** A zero-terminated text field. */
export function readText(bytes: Uint8Array, table: Layout, name: string, base = 0): string {
  const field = table.fields.find((candidate) => candidate.name === name);
  assert(field?.type === "chars", `${table.name}.${name} is a text`);
  const start = base + (table.offsets[name] as number);
  const raw = bytes.subarray(start, start + (field.count ?? 1));
  const end = raw.indexOf(0);
  return new TextDecoder().decode(end < 0 ? raw : raw.subarray(0, end));
}
