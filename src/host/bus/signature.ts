/** Types of D-Bus values (D-Bus Specification, "Type System"). Pure. */

/** A complete type; `code` is its letter, "a" of "{" is a dictionary. */
export type BusType =
  | { readonly code: BasicCode | "v" }
  | { readonly code: "a"; readonly of: BusType }
  | { readonly code: "("; readonly fields: readonly BusType[] }
  | { readonly code: "{"; readonly key: BusType; readonly value: BusType };

const basicCodes = ["y", "b", "n", "q", "i", "u", "x", "t", "d", "s", "o", "g", "h"] as const;
export type BasicCode = (typeof basicCodes)[number];

/** What does not follow the specification: from us a mistake, from the bus a reason to leave. */
export class BusFormatError extends Error {
  override readonly name = "BusFormatError";
}

/** The specification's: a signature's length, and arrays and structures within each other. */
const signatureBytesMax = 255;
export const depthMax = 64;

/** The complete types of a signature. Throws BusFormatError. */
export function parseSignature(signature: string): readonly BusType[] {
  if (signature.length > signatureBytesMax) throw new BusFormatError("too long a signature");
  const types: BusType[] = [];
  for (let at = 0; at < signature.length; ) {
    const parsed = parseType(signature, at, 0);
    types.push(parsed.type);
    at = parsed.end;
  }
  return types;
}

/** The one type of a variant's signature. Throws BusFormatError. */
export function parseSingle(signature: string): BusType {
  const [type, ...more] = parseSignature(signature);
  if (type === undefined || more.length > 0) throw bad(signature);
  return type;
}

/** To what multiple of bytes a value of the type begins. */
export function alignmentOf({ code }: BusType): number {
  if (code === "y" || code === "g" || code === "v") return 1;
  if (code === "n" || code === "q") return 2;
  return code === "x" || code === "t" || code === "d" || code === "(" || code === "{" ? 8 : 4;
}

function parseType(signature: string, at: number, depth: number): { type: BusType; end: number } {
  const code = signature[at];
  if (code === undefined || depth > depthMax) throw bad(signature);
  if (code === "v" || isBasic(code)) return { type: { code }, end: at + 1 };
  if (code === "(") return parseFields(signature, at + 1, depth);
  if (code !== "a") throw bad(signature);
  if (signature[at + 1] !== "{") {
    const { type, end } = parseType(signature, at + 1, depth + 1);
    return { type: { code: "a", of: type }, end };
  }
  const key = parseType(signature, at + 2, depth + 2);
  if (!isBasic(key.type.code)) throw bad(signature);
  const value = parseType(signature, key.end, depth + 2);
  if (signature[value.end] !== "}") throw bad(signature);
  const entry: BusType = { code: "{", key: key.type, value: value.type };
  return { type: { code: "a", of: entry }, end: value.end + 1 };
}

function parseFields(signature: string, from: number, depth: number) {
  const fields: BusType[] = [];
  let at = from;
  while (signature[at] !== ")") {
    const { type, end } = parseType(signature, at, depth + 1);
    fields.push(type);
    at = end;
  }
  if (fields.length === 0) throw bad(signature);
  return { type: { code: "(", fields } as const, end: at + 1 };
}

const isBasic = (code: string): code is BasicCode =>
  (basicCodes as readonly string[]).includes(code);

const bad = (signature: string) => new BusFormatError(`"${signature}" is no signature`);
