/** Files that come in the place of weights: what they are, and what to do. */

import type { ByteSource } from "./input-file.js";

/** What a file of none of the formats is, where that can be told. */
export function bareFormat(file: ByteSource): string | undefined {
  const head = file.read(0, Math.min(file.length, 64));
  if (head.toString("latin1").startsWith("version https://git-lfs")) return "a pointer of Git LFS, not the weights; run git lfs pull";
  // Protocol 2 to 5. The older ones begin with no magic bytes.
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5)
    return "a bare pickle, as pickle.dump writes it; only those in a file of torch.save are read. In Python: torch.save(pickle.load(open(path, \"rb\")), other_path)";
  return undefined;
}
