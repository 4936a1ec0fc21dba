/** D-Bus values as bytes (D-Bus Specification, "Marshaling"). Pure. */
import { alignmentOf, BusFormatError, type BusType, depthMax, parseSingle } from "./signature.ts";

/**
 * A value in TypeScript: x and t are bigints, other numbers are numbers, h is an index into the
 * message's descriptors, ay is a Uint8Array, a dictionary by texts is an object and any other one
 * an array of pairs, a structure is an array. A variant is a Variant when it is sent and its bare
 * value when it was received.
 */
export type BusValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | Variant
  | readonly BusValue[]
  | { readonly [name: string]: BusValue };

/** A value that names its type. */
export class Variant {
  readonly signature: string;
  readonly value: BusValue;

  constructor(signature: string, value: BusValue) {
    this.signature = signature;
    this.value = value;
  }
}

/** As long as the specification allows an array to be. */
const arrayBytesMax = 1 << 26;

/** Writes values one after the other, little-endian. Offsets count from the first byte. */
export class ValueWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** What was written; a copy. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  align(to: number): void {
    this.#grow(-this.#length & (to - 1));
  }

  /** Throws BusFormatError when the value is not of the type. */
  write(type: BusType, value: BusValue): void {
    if (type.code === "a") this.#writeArray(type.of, value);
    else if (type.code === "(") this.#writeFields(type.fields, value);
    else if (type.code === "{") this.#writeFields([type.key, type.value], value);
    else if (type.code === "v") this.#writeVariant(value);
    else this.#writeBasic(type.code, value);
  }

  #writeArray(of: BusType, value: BusValue): void {
    const at = this.#number("u", 0);
    this.align(alignmentOf(of));
    const from = this.#length;
    if (of.code === "y" && value instanceof Uint8Array) {
      this.#raw(value);
    } else {
      const isDictionary = of.code === "{" && !Array.isArray(value) && typeof value === "object";
      const items = isDictionary ? Object.entries(value) : value;
      if (!Array.isArray(items)) throw mismatch("a", value);
      for (const item of items) this.write(of, item);
    }
    this.#view.setUint32(at, this.#length - from, true);
  }

  #writeFields(fields: readonly BusType[], value: BusValue): void {
    if (!Array.isArray(value) || value.length !== fields.length) throw mismatch("(", value);
    this.align(8);
    for (const [i, field] of fields.entries()) this.write(field, value[i]);
  }

  #writeVariant(value: BusValue): void {
    if (!(value instanceof Variant)) throw mismatch("v", value);
    this.#text("g", value.signature);
    this.write(parseSingle(value.signature), value.value);
  }

  #writeBasic(code: BusType["code"], value: BusValue): void {
    if (code === "s" || code === "o" || code === "g") this.#text(code, value);
    else if (code === "b") this.#number("u", value === true ? 1 : 0);
    else if (code === "x" || code === "t") this.#long(code, value);
    else if (typeof value === "number") this.#number(code, value);
    else throw mismatch(code, value);
  }

  #text(code: string, value: BusValue): void {
    if (typeof value !== "string" || value.includes("\0")) throw mismatch(code, value);
    const bytes = new TextEncoder().encode(value);
    this.#number(code === "g" ? "y" : "u", bytes.length);
    this.#raw(bytes);
    this.#grow(1);
  }

  #long(code: string, value: BusValue): void {
    if (typeof value !== "bigint") throw mismatch(code, value);
    this.align(8);
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
  }

  #raw(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at); // only now, as growing may have moved them
  }

  /** Returns where it was written. */
  #number(code: string, value: number): number {
    const bytes = code === "y" ? 1 : code === "n" || code === "q" ? 2 : code === "d" ? 8 : 4;
    this.align(bytes);
    const at = this.#grow(bytes);
    if (code === "d") this.#view.setFloat64(at, value, true);
    else if (bytes === 1) this.#view.setUint8(at, value);
    else if (bytes === 2) this.#view.setUint16(at, value, true);
    else this.#view.setUint32(at, value, true);
    return at;
  }

  /** Adds bytes of 0 and returns where they begin. */
  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const wider = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      wider.set(this.#bytes);
      this.#bytes = wider;
      this.#view = new DataView(wider.buffer);
    }
    return at;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads values one after the other out of bytes from outside. */
export class ValueReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  #at = 0;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#littleEndian = littleEndian;
  }

  align(to: number): void {
    this.#skip(-this.#at & (to - 1));
  }

  /** Throws BusFormatError when the bytes are no such value. */
  read(type: BusType, depth = 0): BusValue {
    if (depth > depthMax) throw new BusFormatError("values nested too deep");
    if (type.code === "a") return this.#readArray(type.of, depth + 1);
    if (type.code === "(") return this.#readFields(type.fields, depth + 1);
    if (type.code === "{") return this.#readFields([type.key, type.value], depth + 1);
    if (type.code === "v") return this.read(parseSingle(this.#text("g")), depth + 1);
    return this.#readBasic(type.code);
  }

  #readArray(of: BusType, depth: number): BusValue {
    const bytes = this.#number("u");
    if (bytes > arrayBytesMax) throw new BusFormatError("too long an array");
    this.align(alignmentOf(of));
    const end = this.#at + bytes;
    if (end > this.#bytes.length) throw new BusFormatError("an array beyond its message");
    if (of.code === "y") return this.#bytes.slice(this.#skip(bytes), end);
    const items: BusValue[] = [];
    // A type without bytes does not exist, so that this ends.
    while (this.#at < end) items.push(this.read(of, depth));
    if (this.#at !== end) throw new BusFormatError("an array that ends within a value");
    const isByText = of.code === "{" && ["s", "o", "g"].includes(of.key.code);
    return isByText ? Object.fromEntries(items as [string, BusValue][]) : items;
  }

  #readFields(fields: readonly BusType[], depth: number): BusValue {
    this.align(8);
    return fields.map((field) => this.read(field, depth));
  }

  #readBasic(code: string): BusValue {
    if (code === "s" || code === "o" || code === "g") return this.#text(code);
    if (code === "x" || code === "t") {
      this.align(8);
      const at = this.#skip(8);
      return code === "x"
        ? this.#view.getBigInt64(at, this.#littleEndian)
        : this.#view.getBigUint64(at, this.#littleEndian);
    }
    if (code !== "b") return this.#number(code);
    const truth = this.#number("u");
    if (truth > 1) throw new BusFormatError(`${truth} is no boolean`);
    return truth === 1;
  }

  #text(code: string): string {
    const count = this.#number(code === "g" ? "y" : "u");
    const at = this.#skip(count + 1);
    if (this.#bytes[at + count] !== 0) throw new BusFormatError("a text without its end");
    try {
      return utf8.decode(this.#bytes.subarray(at, at + count));
    } catch {
      throw new BusFormatError("a text that is not UTF-8");
    }
  }

  #number(code: string): number {
    const view = this.#view;
    const little = this.#littleEndian;
    if (code === "y") return view.getUint8(this.#skip(1));
    if (code === "n") return view.getInt16(this.#aligned(2), little);
    if (code === "q") return view.getUint16(this.#aligned(2), little);
    if (code === "i") return view.getInt32(this.#aligned(4), little);
    if (code === "d") return view.getFloat64(this.#aligned(8), little);
    return view.getUint32(this.#aligned(4), little);
  }

  #aligned(bytes: number): number {
    this.align(bytes);
    return this.#skip(bytes);
  }

  /** Returns where the skipped bytes begin. */
  #skip(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw new BusFormatError("a message that is too short");
    this.#at += count;
    return at;
  }
}

const mismatch = (code: string, value: unknown) =>
  new BusFormatError(`${typeof value} is no value of type ${code}`);
