// Checks JSON from outside, field by field, and names the field that is wrong.

export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** One JSON value and the way to it. */
export class Shape {
  constructor(
    private readonly value: unknown,
    private readonly path = '$',
  ) {}

  field(name: string): Shape {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) {
      throw this.wrong('an object');
    }
    return new Shape((this.value as Record<string, unknown>)[name], `${this.path}.${name}`);
  }

  items(): Shape[] {
    if (!Array.isArray(this.value)) {
      throw this.wrong('a list');
    }
    return this.value.map((item: unknown, index) => new Shape(item, `${this.path}[${index}]`));
  }

  string(): string {
    if (typeof this.value !== 'string') {
      throw this.wrong('a text');
    }
    return this.value;
  }

  number(): number {
    if (typeof this.value !== 'number' || !Number.isFinite(this.value)) {
      throw this.wrong('a number');
    }
    return this.value;
  }

  flag(): boolean {
    if (typeof this.value !== 'boolean') {
      throw this.wrong('yes or no');
    }
    return this.value;
  }

  /** The fields of an object, in their order. */
  entries(): [string, Shape][] {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) {
      throw this.wrong('an object');
    }
    return Object.entries(this.value).map(([name, value]) => [name, new Shape(value, `${this.path}.${name}`)]);
  }

  /** The value as it is, for what is passed on unread. */
  raw(): unknown {
    return this.value;
  }

  oneOf<const T extends string>(known: readonly T[]): T {
    const found = known.find((word) => word === this.value);
    if (found === undefined) {
      throw this.wrong(`one of ${known.join(', ')}`);
    }
    return found;
  }

  /** `null` and an absent field are the same: nothing known. */
  optional<T>(read: (shape: Shape) => T): T | null {
    return this.value === null || this.value === undefined ? null : read(this);
  }

  private wrong(expected: string): ShapeError {
    return new ShapeError(`${this.path} is not ${expected}`);
  }
}
