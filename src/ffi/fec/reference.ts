/**
 * The erasure code as it is defined, slowly, to hold the C kernel to.
 *
 * Field: GF(2)[x] / 0x1002D; an element is written by its coordinates in the Cantor basis. Parity
 * shard i belongs to the point i, data shard j to the point y = P + j, P the least power of two
 * that is not below the number of parity shards. The code words are the values c that, over each P
 * points in turn, interpolate to polynomials which add up to 0; for the parity points that means
 *
 *   parity(i) = sum over j of data(j) Z(y) / (i - y),   Z(y) = product of (y - z) over all z < P
 *
 * (Lin, Chung, Han, FOCS 2014, in Lagrange's form; Z' is 1 in this basis). With one data shard,
 * parity is a copy, by Leopard's convention.
 */

const polynomial = 0x1002d;
const order = 65535;
const cantorBasis = [
  0x0001, 0xacca, 0x3c0e, 0x163e, 0xc582, 0xed2e, 0x914c, 0x4012, 0x6c98, 0x10d8, 0x6a72, 0xb900,
  0xfdb8, 0xfb34, 0xff38, 0x991e,
] as const;

const log = new Uint16Array(order + 1);
const exp = new Uint16Array(2 * order);

function coordinatesToBits(coordinates: number): number {
  return cantorBasis.reduce((bits, basis, i) => ((coordinates >> i) & 1 ? bits ^ basis : bits), 0);
}

function makeLogarithms(): void {
  const coordinatesOf = new Uint16Array(order + 1);
  for (let c = 0; c <= order; c++) coordinatesOf[coordinatesToBits(c)] = c;
  for (let i = 0, power = 1; i < order; i++) {
    const element = coordinatesOf[power] as number;
    log[element] = i;
    exp[i] = element;
    exp[i + order] = element;
    power <<= 1;
    if (power > order) power ^= polynomial;
  }
}
makeLogarithms();

/** The product of two elements of the field. */
export function multiply(x: number, y: number): number {
  return x === 0 || y === 0 ? 0 : (exp[(log[x] as number) + (log[y] as number)] as number);
}

/** The inverse of an element other than 0. */
export function invert(x: number): number {
  if (x === 0) throw new RangeError("0 has no inverse");
  return exp[order - (log[x] as number)] as number;
}

/** matrix[i][j]: what data shard j contributes to parity shard i. */
export function parityMatrix(dataCount: number, parityCount: number): Uint16Array[] {
  let points = 1;
  while (points < parityCount) points *= 2;
  const vanishing = new Uint16Array(dataCount);
  for (let j = 0; j < dataCount; j++) {
    let value = 1;
    for (let z = 0; z < points; z++) value = multiply(value, (points + j) ^ z);
    vanishing[j] = value;
  }
  return Array.from({ length: parityCount }, (_, i) =>
    vanishing.map((z, j) => (dataCount === 1 ? 1 : multiply(z, invert(i ^ (points + j))))),
  );
}

/** Elements of a shard: each 64 bytes hold 32 low bytes, then 32 high bytes. */
function elementsOf(shard: Uint8Array): Uint16Array {
  return Uint16Array.from({ length: shard.length / 2 }, (_, i) => {
    const at = Math.floor(i / 32) * 64 + (i % 32);
    return (shard[at] as number) | ((shard[at + 32] as number) << 8);
  });
}

function shardOf(elements: Uint16Array): Uint8Array {
  const shard = new Uint8Array(elements.length * 2);
  elements.forEach((element, i) => {
    const at = Math.floor(i / 32) * 64 + (i % 32);
    shard[at] = element & 255;
    shard[at + 32] = element >> 8;
  });
  return shard;
}

function addProduct(sum: Uint16Array, factor: number, elements: Uint16Array): void {
  for (let i = 0; i < sum.length; i++) {
    sum[i] = (sum[i] as number) ^ multiply(factor, elements[i] as number);
  }
}

/** The parity shards of data shards of one length, a multiple of 64. */
export function encodeSlowly(data: readonly Uint8Array[], parityCount: number): Uint8Array[] {
  const elements = data.map(elementsOf);
  return parityMatrix(data.length, parityCount).map((row) => {
    const sum = new Uint16Array((data[0] as Uint8Array).length / 2);
    row.forEach((factor, j) => {
      addProduct(sum, factor, elements[j] as Uint16Array);
    });
    return shardOf(sum);
  });
}

/**
 * All data shards from `dataCount` or more shards, missing ones undefined, by elimination. Throws
 * RangeError when fewer are there.
 */
export function decodeSlowly(
  shards: readonly (Uint8Array | undefined)[],
  dataCount: number,
): Uint8Array[] {
  const matrix = parityMatrix(dataCount, shards.length - dataCount);
  const rows: { factors: Uint16Array; values: Uint16Array }[] = [];
  shards.forEach((shard, index) => {
    if (shard === undefined || rows.length === dataCount) return;
    const unit = Uint16Array.from({ length: dataCount }, (_, j) => (j === index ? 1 : 0));
    const factors = index < dataCount ? unit : (matrix[index - dataCount] as Uint16Array).slice();
    rows.push({ factors, values: elementsOf(shard) });
  });
  if (rows.length < dataCount) throw new RangeError("too many shards are lost");
  for (let column = 0; column < dataCount; column++) {
    const found = rows.findIndex((row, i) => i >= column && row.factors[column] !== 0);
    const pivot = rows[found] as (typeof rows)[number];
    rows[found] = rows[column] as (typeof rows)[number];
    rows[column] = pivot;
    const scale = invert(pivot.factors[column] as number);
    pivot.factors = pivot.factors.map((factor) => multiply(scale, factor));
    pivot.values = pivot.values.map((value) => multiply(scale, value));
    for (const row of rows) {
      const factor = row.factors[column] as number;
      if (row === pivot || factor === 0) continue;
      addProduct(row.factors, factor, pivot.factors);
      addProduct(row.values, factor, pivot.values);
    }
  }
  return rows.map((row) => shardOf(row.values));
}
