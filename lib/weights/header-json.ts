/**
 * JSON of file headers. Objects come as Maps: JSON.parse takes the last of two equal keys in silence, and of millions of keys makes objects that
 * take half a minute to go through.
 */

/** Why a text is not taken: "... is no JSON: ..." or "... has the key ... twice". */
export class JsonFault extends Error {}

// As deep as the reference implementation's parser goes (serde_json). Deeper ones would exhaust JavaScript's stack.
const MAX_DEPTH = 128;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
// Texts must escape these.
const CONTROL = /[\0-\x1f]/;
const LITERALS = [["true", true], ["false", false], ["null", null]] as const;

/** The value of a JSON text, with Maps for its objects. @throws JsonFault */
export function parseJson(text: string): unknown {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new JsonFault(`is nested more than ${MAX_DEPTH} deep`);
    switch (this.#next()) {
      case "{": return this.#object(depth + 1);
      case "[": return this.#array(depth + 1);
      case '"': return this.#string();
      default: return this.#number() ?? this.#literal();
    }
  }

  end(): void {
    if (this.#next() !== undefined) throw this.#fault();
  }

  /** The next character that is no space. */
  #next(): string | undefined {
    const character = this.#text[this.#at];
    if (character === undefined || character > " ") return character;
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
    return this.#text[this.#at];
  }

  #take(character: string): void {
    if (this.#next() !== character) throw this.#fault();
    this.#at++;
  }

  /** Whether a comma follows, and not the end of a list, which is taken as well. */
  #more(end: string): boolean {
    const character = this.#next();
    if (character !== "," && character !== end) throw this.#fault();
    this.#at++;
    return character === ",";
  }

  #object(depth: number): Map<string, unknown> {
    const object = new Map<string, unknown>();
    this.#at++;
    if (this.#next() === "}") {
      this.#at++;
      return object;
    }
    do {
      if (this.#next() !== '"') throw this.#fault();
      const key = this.#string();
      if (object.has(key)) throw new JsonFault(`has the key ${JSON.stringify(key.slice(0, 120))} twice`);
      this.#take(":");
      object.set(key, this.value(depth));
    } while (this.#more("}"));
    return object;
  }

  #array(depth: number): unknown[] {
    const array: unknown[] = [];
    this.#at++;
    if (this.#next() === "]") {
      this.#at++;
      return array;
    }
    do array.push(this.value(depth));
    while (this.#more("]"));
    return array;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at;
    const end = text.indexOf('"', start + 1);
    if (end < 0) throw this.#fault();
    const plain = text.slice(start + 1, end);
    if (!plain.includes("\\")) {
      if (CONTROL.test(plain)) throw this.#fault();
      this.#at = end + 1;
      return plain;
    }
    // A regular expression would fail at texts of many megabytes.
    let at = start + 1;
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    try {
      const value = JSON.parse(text.slice(start, at + 1)) as string;
      this.#at = at + 1;
      return value;
    } catch {
      throw this.#fault();
    }
  }

  #number(): number | undefined {
    const text = this.#text;
    let at = this.#at;
    let value = 0;
    for (let code = text.charCodeAt(at); code >= 0x30 && code <= 0x39; code = text.charCodeAt(++at)) value = 10 * value + code - 0x30;
    const digits = at - this.#at;
    // What nearly all are; 15 digits are exact. The rest is for JavaScript to read.
    if (digits > 0 && digits <= 15 && (digits === 1 || text[this.#at] !== "0") && !/[.eE]/.test(text[at] ?? "")) {
      this.#at = at;
      return value;
    }
    NUMBER.lastIndex = this.#at;
    const found = NUMBER.exec(text);
    if (found === null) return undefined;
    this.#at = NUMBER.lastIndex;
    return Number(found[0]);
  }

  #literal(): boolean | null {
    const found = LITERALS.find(([name]) => this.#text.startsWith(name, this.#at));
    if (found === undefined) throw this.#fault();
    this.#at += found[0].length;
    return found[1];
  }

  #fault(): JsonFault {
    const found = this.#text[this.#at];
    return new JsonFault(`is no JSON: ${found === undefined ? "it ends too soon" : `unexpected ${JSON.stringify(found)}`} at character ${this.#at}`);
  }
}
