// SCALE as contracts use it: strict, canonical, one encoding for each value.
// Written by `vm bindgen`; the same for every contract.

/** Writes and reads values of one type. */
export interface Codec<T> {
  write(to: Writer, value: T): void;
  read(from: Reader): T;
}

/** Bytes that are no encoding of the type that was asked for, or a value that the type does not have. */
export class ScaleError extends Error {}

/** Bytes that grow. */
export class Writer {
  private parts: number[] = [];

  byte(value: number): void {
    this.parts.push(value & 0xff);
  }

  bytes(values: Uint8Array): void {
    for (const value of values) this.parts.push(value);
  }

  /** A length or count, in the shortest form. */
  compact(value: number): void {
    if (value < 1 << 6) {
      this.little(BigInt(value) << 2n, 1);
    } else if (value < 1 << 14) {
      this.little((BigInt(value) << 2n) | 1n, 2);
    } else if (value < 1 << 30) {
      this.little((BigInt(value) << 2n) | 2n, 4);
    } else {
      throw new ScaleError(`a count of ${value} is too large`);
    }
  }

  little(value: bigint, width: number): void {
    for (let index = 0; index < width; index += 1) {
      this.parts.push(Number((value >> BigInt(8 * index)) & 0xffn));
    }
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.parts);
  }
}

/** Bytes that are read from their beginning. */
export class Reader {
  private at = 0;
  private readonly data: Uint8Array;

  constructor(data: Uint8Array) {
    this.data = data;
  }

  take(count: number): Uint8Array {
    if (count > this.data.length - this.at) throw new ScaleError("the bytes end too early");
    this.at += count;
    return this.data.slice(this.at - count, this.at);
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  little(width: number): bigint {
    return this.take(width).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  compact(): number {
    const first = this.byte();
    const width = [1, 2, 4, 0][first & 3]!;
    if (width === 0) throw new ScaleError("a count of more than 2^30");
    const rest = this.little(width - 1);
    const value = Number(((rest << 8n) | BigInt(first)) >> 2n);
    const least = [0, 1 << 6, 1 << 14][first & 3]!;
    if (value < least) throw new ScaleError("a count that is not in its shortest form");
    return value;
  }

  end(): void {
    if (this.at !== this.data.length) throw new ScaleError(`${this.data.length - this.at} bytes too many`);
  }
}

/** The encoding of a value. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer();
  codec.write(writer, value);
  return writer.finish();
}

/** The value of an encoding, which must end where the value does. */
export function decode<T>(codec: Codec<T>, data: Uint8Array): T {
  const reader = new Reader(data);
  const value = codec.read(reader);
  reader.end();
  return value;
}

/** `0x` and hex digits. */
export function toHex(data: Uint8Array): string {
  return "0x" + Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of hex digits, with or without `0x`. */
export function fromHex(text: string): Uint8Array {
  const digits = text.startsWith("0x") ? text.slice(2) : text;
  if (!/^([0-9a-fA-F]{2})*$/.test(digits)) throw new ScaleError(`${JSON.stringify(text)} is not hex`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function wide(bits: number, signed: boolean): Codec<bigint> {
  const [least, most] = signed
    ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n]
    : [0n, (1n << BigInt(bits)) - 1n];
  return {
    write(to, value) {
      if (typeof value !== "bigint" || value < least || value > most) {
        throw new ScaleError(`${String(value)} is not a bigint from ${least} to ${most}`);
      }
      to.little(BigInt.asUintN(bits, value), bits / 8);
    },
    read(from) {
      const value = from.little(bits / 8);
      return signed ? BigInt.asIntN(bits, value) : value;
    },
  };
}

function narrow(bits: number, signed: boolean): Codec<number> {
  const inner = wide(bits, signed);
  return {
    write(to, value) {
      if (!Number.isInteger(value)) throw new ScaleError(`${String(value)} is not a whole number`);
      inner.write(to, BigInt(value));
    },
    read: (from) => Number(inner.read(from)),
  };
}

export const u8 = narrow(8, false);
export const u16 = narrow(16, false);
export const u32 = narrow(32, false);
export const u64 = wide(64, false);
export const u128 = wide(128, false);
export const i8 = narrow(8, true);
export const i16 = narrow(16, true);
export const i32 = narrow(32, true);
export const i64 = wide(64, true);
export const i128 = wide(128, true);

export const bool: Codec<boolean> = {
  write(to, value) {
    if (typeof value !== "boolean") throw new ScaleError(`${String(value)} is not true or false`);
    to.byte(value ? 1 : 0);
  },
  read(from) {
    const byte = from.byte();
    if (byte > 1) throw new ScaleError(`${byte} is neither false nor true`);
    return byte === 1;
  },
};

export const bytes: Codec<Uint8Array> = {
  write(to, value) {
    to.compact(value.length);
    to.bytes(value);
  },
  read: (from) => from.take(from.compact()),
};

export const string: Codec<string> = {
  write: (to, value) => bytes.write(to, new TextEncoder().encode(value)),
  read(from) {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.read(from));
    } catch (error) {
      throw error instanceof ScaleError ? error : new ScaleError("a text that is not UTF-8");
    }
  },
};

/** 32 bytes: an address, an object's id, a hash. */
export const id: Codec<string> = {
  write(to, value) {
    const data = fromHex(value);
    if (data.length !== 32) throw new ScaleError(`${value} has ${data.length} bytes, not 32`);
    to.bytes(data);
  },
  read: (from) => toHex(from.take(32)),
};

/** `null`, or the value. */
export function option<T>(inner: Codec<T>): Codec<T | null> {
  return {
    write(to, value) {
      to.byte(value === null ? 0 : 1);
      if (value !== null) inner.write(to, value);
    },
    read: (from) => (bool.read(from) ? inner.read(from) : null),
  };
}

/** An option whose value may itself be `null`. */
export function nested<T>(inner: Codec<T>): Codec<{ some: T } | null> {
  const some: Codec<{ some: T }> = {
    write: (to, value) => inner.write(to, value.some),
    read: (from) => ({ some: inner.read(from) }),
  };
  return option(some);
}

export function vec<T>(inner: Codec<T>): Codec<T[]> {
  return {
    write(to, value) {
      to.compact(value.length);
      for (const element of value) inner.write(to, element);
    },
    read(from) {
      const value: T[] = [];
      // What the count claims is believed one element at a time.
      for (let left = from.compact(); left > 0; left -= 1) value.push(inner.read(from));
      return value;
    },
  };
}

export function array<T>(length: number, inner: Codec<T>): Codec<T[]> {
  return {
    write(to, value) {
      if (value.length !== length) throw new ScaleError(`${value.length} elements, not ${length}`);
      for (const element of value) inner.write(to, element);
    },
    read: (from) => Array.from({ length }, () => inner.read(from)),
  };
}

type Tuple = readonly unknown[];

export function tuple<T extends Tuple>(...members: { [K in keyof T]: Codec<T[K]> }): Codec<T> {
  const codecs = members as unknown as Codec<unknown>[];
  return {
    write: (to, value) => codecs.forEach((codec, index) => codec.write(to, value[index])),
    read: (from) => codecs.map((codec) => codec.read(from)) as unknown as T,
  };
}

/** Fields by name, in the order of their encodings. */
export type Fields = readonly (readonly [string, Codec<any>])[];

export function struct<T>(fields: Fields): Codec<T> {
  return {
    write(to, value) {
      for (const [name, codec] of fields) codec.write(to, (value as Record<string, unknown>)[name]);
    },
    read: (from) => Object.fromEntries(fields.map(([name, codec]) => [name, codec.read(from)])) as T,
  };
}

/** One of several variants: `{ variant, value }`. */
export function enumeration<T extends { variant: string; value: unknown }>(
  variants: readonly (readonly [string, Fields])[],
): Codec<T> {
  return {
    write(to, { variant, value }) {
      const index = variants.findIndex(([name]) => name === variant);
      if (index < 0) throw new ScaleError(`there is no variant ${variant}`);
      to.byte(index);
      struct<unknown>(variants[index]![1]).write(to, value);
    },
    read(from) {
      const index = from.byte();
      const found = variants[index];
      if (found === undefined) throw new ScaleError(`there is no variant ${index}`);
      return { variant: found[0], value: struct<unknown>(found[1]).read(from) } as unknown as T;
    },
  };
}

function bytewise(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 || at >= b.length ? a.length - b.length : a[at]! - b[at]!;
}

/** The order of keys: that of numbers, of false and true, and of bytes for texts and ids. */
function order<K>(codec: Codec<K>): (left: K, right: K) => number {
  return (left, right) => {
    if (typeof left === "string" && (codec as unknown) === string) {
      const encoder = new TextEncoder();
      return bytewise(encoder.encode(left), encoder.encode(right as string));
    }
    if (typeof left === "number" || typeof left === "bigint" || typeof left === "boolean") {
      return left < right ? -1 : left > right ? 1 : 0;
    }
    // An id, however its digits are written: its bytes have no length before them.
    if (typeof left === "string") return bytewise(encode(codec, left), encode(codec, right));
    return bytewise(left as Uint8Array, right as Uint8Array);
  };
}

function ascending<K>(codec: Codec<K>, keys: readonly K[]): void {
  const compare = order(codec);
  keys.slice(1).forEach((key, index) => {
    if (compare(keys[index]!, key) >= 0) throw new ScaleError("keys that are not strictly ascending");
  });
}

export function map<K, V>(key: Codec<K>, value: Codec<V>): Codec<Map<K, V>> {
  const entries = vec(tuple<[K, V]>(key, value));
  return {
    write(to, map) {
      const sorted = [...map].sort(([left], [right]) => order(key)(left, right));
      ascending(key, sorted.map(([key]) => key));
      entries.write(to, sorted);
    },
    read(from) {
      const read = entries.read(from);
      ascending(key, read.map(([key]) => key));
      return new Map(read);
    },
  };
}

export function set<T>(member: Codec<T>): Codec<Set<T>> {
  const members = vec(member);
  return {
    write(to, set) {
      const sorted = [...set].sort(order(member));
      ascending(member, sorted);
      members.write(to, sorted);
    },
    read(from) {
      const read = members.read(from);
      ascending(member, read);
      return new Set(read);
    },
  };
}

export function result<T, E>(ok: Codec<T>, err: Codec<E>): Codec<{ ok: T } | { err: E }> {
  return {
    write(to, value) {
      to.byte("ok" in value ? 0 : 1);
      if ("ok" in value) ok.write(to, value.ok);
      else err.write(to, value.err);
    },
    read: (from) => (bool.read(from) ? { err: err.read(from) } : { ok: ok.read(from) }),
  };
}

/** A function of a contract: how its arguments are encoded and its result is decoded. */
export interface ContractFunction<A, R> {
  readonly name: string;
  readonly kind: "init" | "call" | "view";
  readonly payable: boolean;
  readonly reentrant: boolean;
  encode(args: A): Uint8Array;
  decodeArguments(data: Uint8Array): A;
  decode(data: Uint8Array): R;
}

export function contractFunction<A, R>(
  name: string,
  kind: "init" | "call" | "view",
  flags: { payable: boolean; reentrant: boolean },
  params: Fields,
  returns: Codec<R>,
): ContractFunction<A, R> {
  const args = struct<A>(params);
  return {
    name,
    kind,
    ...flags,
    encode: (value) => encode(args, value),
    decodeArguments: (data) => decode(args, data),
    decode: (data) => decode(returns, data),
  };
}

/** An error that no contract of this interface names: the VM's own, or another contract's. */
export interface OtherError {
  name: null;
  code: number;
  data: Uint8Array;
}

/** The first code of a contract's own errors. */
export const CONTRACT_ERRORS = 65536;

/** Code and fields of what a call reverted with. */
export function splitError(data: Uint8Array): [number, Uint8Array] {
  const code = Number(new Reader(data).little(4));
  return [code, data.slice(4)];
}
