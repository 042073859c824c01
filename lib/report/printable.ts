/** Names and paths as text that stays on its line: whoever named a folder wrote what the terminal gets. */

// Control characters, among them what terminals obey, and Unicode's ends of lines.
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/gu;

/** With control characters escaped as in JSON: a new line is "\n", an escape "\u001b". */
export function printable(text: string): string {
  return text.replace(CONTROL, (each) => {
    const json = JSON.stringify(each).slice(1, -1);
    // JSON leaves some of them as they are.
    return json === each ? `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}` : json;
  });
}
