// Checks JSON from outside, field by field, and names the field that is wrong. Where the type of an answer is known, a field
// that the server's document does not have, or has as something else, does not compile.

export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** Names of the fields there may be; of what nothing is known, all; of what may be null, none. */
type Name<T> = unknown extends T ? string : [T] extends [readonly unknown[]] ? never : [T] extends [object] ? keyof T & string : never;
type Field<T, K> = unknown extends T ? unknown : K extends keyof T ? T[K] : never;
type Item<T> = unknown extends T ? unknown : T extends readonly (infer I)[] ? I : never;
type Sure<T> = unknown extends T ? T : NonNullable<T>;
type Whole<T> = T extends readonly (infer I)[] ? readonly Whole<I>[] : T extends object ? { readonly [K in keyof T]-?: Whole<T[K]> } : T;
/** A value that is said to be one of these, or of which nothing is said. */
type Of<T, X> = Shape<unknown extends T ? T : X>;

/** One JSON value and the way to it; `T` is what it is said to be. */
export class Shape<T = unknown> {
  declare private readonly said: T;

  constructor(
    private readonly value: unknown,
    private readonly path = '$',
  ) {}

  field<K extends Name<T>>(name: K): Shape<Field<T, K>> {
    return new Shape(this.object()[name], `${this.path}.${name}`);
  }

  items(): Shape<Item<T>>[] {
    if (!Array.isArray(this.value)) {
      throw this.wrong('a list');
    }
    return this.value.map((item: unknown, index) => new Shape(item, `${this.path}[${index}]`));
  }

  string(this: Of<T, string>): string {
    if (typeof this.value !== 'string') {
      throw this.wrong('a text');
    }
    return this.value;
  }

  number(this: Of<T, number>): number {
    if (typeof this.value !== 'number' || !Number.isFinite(this.value)) {
      throw this.wrong('a number');
    }
    return this.value;
  }

  flag(this: Of<T, boolean>): boolean {
    if (typeof this.value !== 'boolean') {
      throw this.wrong('yes or no');
    }
    return this.value;
  }

  /** The fields of an object, in their order. */
  entries(): [string, Shape<Field<T, Name<T>>>][] {
    return Object.entries(this.object()).map(([name, value]) => [name, new Shape(value, `${this.path}.${name}`)]);
  }

  /** The value as it is, for what is passed on unread. */
  raw(): unknown {
    return this.value;
  }

  /** All the words there are: one that the document does not have, or has and is missing here, does not compile. */
  oneOf<const W extends unknown extends T ? string : T & string>(known: readonly W[]): W {
    const found = known.find((word) => word === this.value);
    if (found === undefined) {
      throw this.wrong(`one of ${known.join(', ')}`);
    }
    return found;
  }

  /** `null` and an absent field are the same: nothing known. */
  optional<R>(read: (shape: Shape<Sure<T>>) => R): R | null {
    return this.value === null || this.value === undefined ? null : read(new Shape(this.value, this.path));
  }

  /** What may be null, and is not here. */
  there(): Shape<Sure<T>> {
    if (this.value === null || this.value === undefined) {
      throw this.wrong('there');
    }
    return new Shape(this.value, this.path);
  }

  /** What may be sent with fields left out, and is answered with all of them. */
  whole(): Shape<Whole<T>> {
    return new Shape(this.value, this.path);
  }

  private object(): Record<string, unknown> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) {
      throw this.wrong('an object');
    }
    return this.value as Record<string, unknown>;
  }

  private wrong(expected: string): ShapeError {
    return new ShapeError(`${this.path} is not ${expected}`);
  }
}
