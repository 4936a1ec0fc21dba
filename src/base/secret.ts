/** Keeps a secret out of logs and JSON: it shows itself only to who asks for it by `reveal`. */
import { inspect } from "node:util";

const shown = "[secret]";

export class Secret<Value> {
  readonly #value: Value;

  constructor(value: Value) {
    this.#value = value;
  }

  reveal(): Value {
    return this.#value;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [inspect.custom](): string {
    return shown;
  }
}
