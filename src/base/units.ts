/** Branded units, so that a value of one can't be passed where another is meant. */

declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]: Name };

/** Kilobits (1,000 bits) a second. */
export type Kbps = Unit<"kbps">;
/** Milliseconds of duration. */
export type Millis = Unit<"ms">;
/** Microseconds of duration. */
export type Micros = Unit<"us">;
/** Thousandths of a hertz: 59,940 is 59.94 Hz. */
export type MilliHz = Unit<"mHz">;
/** Thousandths: a share of 200 is 20%. */
export type PerMille = Unit<"permille">;

export const kbps = (value: number) => value as Kbps;
export const millis = (value: number) => value as Millis;
export const micros = (value: number) => value as Micros;
export const milliHz = (value: number) => value as MilliHz;
export const perMille = (value: number) => value as PerMille;

/** Nanoseconds of CLOCK_MONOTONIC or a difference of two such, exact as a bigint. */
export type Nanos = bigint;
