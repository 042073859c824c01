/**
 * DomainBed's layout: root/DOMAIN/CLASS/image. In a class folder files may lie at any depth. Their order is torchvision's
 * (ImageFolder: class folders sorted, in each the folders sorted by path, in each the files sorted), so that a split by index is DomainBed's.
 */

import { readdirSync, realpathSync, statSync, type Dirent, type Stats } from "node:fs";
import path from "node:path";
import { DgsamError } from "../../errors.js";
import { sortNames, type Reading } from "./collection.js";
import type { ImageCollection, ImageRecord } from "./encoded-image.js";
import { FileImage, isHiddenName, isImageName, unreadable } from "./file-image.js";
import { describeProblem, problemsError, withoutPath, type DataProblem } from "./problems.js";
import type { UnreadablePolicy } from "./shards.js";

/** A folder as it was reached, and where it really lies. */
interface Folder {
  readonly path: string;
  readonly real: string;
}

interface Content {
  /** Names, sorted. */
  readonly files: readonly string[];
  /** What is neither file nor folder, nor a link to one, and in words what it is instead. */
  readonly others: readonly (readonly [name: string, what: string])[];
  readonly folders: readonly (Folder & { readonly name: string })[];
}

/**
 * Lists the images below a folder; none is opened.
 *
 * @param root the folder of the data set, in which every folder is a domain
 * @param unreadable what a folder below it does that cannot be listed; by "report" it is a problem, and nothing is said of what it may lack
 * @throws DgsamError `ERR_DATA` when `root` is no folder or cannot be listed, or by "throw" one in it
 */
export function scanDomainFolder(root: string, unreadable: UnreadablePolicy = "throw"): Reading {
  return new Scan(root, unreadable).run();
}

/** As {@link scanDomainFolder} for data to work with. @throws DgsamError `ERR_DATA` also when there is no domain or one without images */
export function readDomainFolder(root: string): Reading {
  const reading = scanDomainFolder(root);
  if (reading.collection.domains.length === 0) throw new DgsamError("ERR_DATA", `${root}: it holds no folders; expected one for each domain, in it one for each class`);
  const empty = reading.problems.filter(({ kind }) => kind === "empty-domain");
  if (empty.length > 0) throw problemsError(root, empty.map(describeProblem), "every folder counts as a domain: move away what is none");
  return reading;
}

class Scan {
  readonly #root: string;
  readonly #policy: UnreadablePolicy;
  readonly #problems: DataProblem[] = [];
  /** Folders that could not be listed. */
  readonly #unread: string[] = [];

  constructor(root: string, policy: UnreadablePolicy) {
    this.#root = root;
    this.#policy = policy;
  }

  run(): Reading {
    const root = { path: this.#root, real: realFolder(this.#root) };
    const { folders: domains } = this.#list(root, []);
    const found = domains.map((domain) => ({ name: domain.name, path: domain.path, classes: this.#scanDomain(domain, [root.real]) }));
    const classes = sortNames(new Set(found.flatMap((domain) => [...domain.classes.keys()])));
    const collection: ImageCollection = {
      name: path.basename(path.resolve(this.#root)),
      classes,
      domains: found.map(({ name, classes: own }) => ({
        name,
        records: classes.flatMap((each, label) => (own.get(each) ?? []).map((file): ImageRecord => ({ image: new FileImage(file), label }))),
      })),
    };
    for (const { name, path: folder, classes: own } of found) {
      if (this.#unread.includes(folder)) continue;
      if ([...own.values()].every((files) => files.length === 0)) {
        if (!this.#isPartlyUnread(folder)) this.#report("empty-domain", folder, `domain ${JSON.stringify(name)} has no image; expected CLASS/image files in it`);
        continue;
      }
      for (const each of classes) {
        const files = own.get(each);
        if (files === undefined) this.#report("missing-class", folder, `domain ${JSON.stringify(name)} has no folder of class ${JSON.stringify(each)}`);
        else if (files.length === 0 && !this.#isPartlyUnread(path.join(folder, each))) this.#report("empty-class", path.join(folder, each), `the folder of this class has no image in domain ${JSON.stringify(name)}`);
      }
    }
    return { collection, problems: this.#problems };
  }

  /** Whether it, or a folder below it, could not be listed, so that what is missing may be there. */
  #isPartlyUnread(folder: string): boolean {
    return this.#unread.some((each) => each === folder || each.startsWith(folder + path.sep));
  }

  /** The image files of each class folder. */
  #scanDomain(domain: Folder, above: readonly string[]): Map<string, string[]> {
    const { files, folders } = this.#list(domain, above);
    for (const file of files) {
      if (isImageName(file)) this.#report("not-an-image", path.join(domain.path, file), "lies in no class folder, so it has no label; it is left out");
    }
    const within = [...above, domain.real];
    return new Map(folders.map((each) => [each.name, this.#imagesBelow(each, within)]));
  }

  #imagesBelow(folder: Folder, above: readonly string[]): string[] {
    const found: { folder: string; names: string[] }[] = [];
    const seen = new Map<string, string>();
    const visit = (each: Folder, within: readonly string[]): void => {
      const first = seen.get(each.real);
      if (first !== undefined) {
        this.#report("duplicate", each.path, `is the same folder as ${first}; it is left out`);
        return;
      }
      seen.set(each.real, each.path);
      const { files, folders, others } = this.#list(each, within);
      for (const [name, what] of others) this.#report("not-an-image", path.join(each.path, name), `is ${what} and no file; it is left out`);
      found.push({ folder: each.path, names: files.filter((name) => this.#isImage(each.path, name)) });
      for (const child of folders) visit(child, [...within, each.real]);
    };
    visit(folder, above);
    const names = new Map(found.map((each) => [each.folder, each.names]));
    return sortNames(names.keys()).flatMap((each) => names.get(each)!.map((name) => `${each}${path.sep}${name}`));
  }

  #isImage(folder: string, name: string): boolean {
    const isImage = isImageName(name);
    if (!isImage) this.#report("not-an-image", path.join(folder, name), "is no image by its name; it is left out");
    return isImage;
  }

  /** What is in a folder, links followed, without hidden files and what systems add of their own. @param above the real paths of the folders that it is in */
  #list(folder: Folder, above: readonly string[]): Content {
    let entries: Dirent[];
    try {
      entries = readdirSync(folder.path, { withFileTypes: true });
    } catch (cause) {
      const error = unreadable(folder.path, cause);
      if (this.#policy === "throw" || folder.path === this.#root) throw error;
      this.#unread.push(folder.path);
      this.#report("unreadable", folder.path, `${withoutPath(error.message, folder.path)}; nothing in it was looked at`);
      return { files: [], others: [], folders: [] };
    }
    const files: string[] = [];
    const others: (readonly [string, string])[] = [];
    const folders = new Map<string, Folder>();
    for (const entry of entries) {
      const { name } = entry;
      if (isHiddenName(name)) continue;
      if (entry.isFile()) files.push(name);
      else if (entry.isDirectory()) folders.set(name, { path: path.join(folder.path, name), real: path.join(folder.real, name) });
      else if (entry.isSymbolicLink()) {
        const target = this.#follow(path.join(folder.path, name), [...above, folder.real]);
        if (target === "file") files.push(name);
        else if (typeof target === "string") others.push([name, target]);
        else if (target !== undefined) folders.set(name, target);
      } else others.push([name, strangeKind(entry)]);
    }
    return { files: sortNames(files), others, folders: sortNames(folders.keys()).map((name) => ({ name, ...folders.get(name)! })) };
  }

  /** What a link leads to, "file" or a folder or in words something else, unless that is nothing, or a folder that it lies in. */
  #follow(link: string, within: readonly string[]): Folder | string | undefined {
    try {
      const status = statSync(link);
      if (status.isFile()) return "file";
      if (!status.isDirectory()) return `a link to ${strangeKind(status)}`;
      const real = realpathSync(link);
      if (!within.some((each) => each === real || each.startsWith(real.endsWith(path.sep) ? real : real + path.sep))) return { path: link, real };
      this.#report("symlink-loop", link, `leads back to ${real}, in which it lies; it is left out`);
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code === "ELOOP") this.#report("symlink-loop", link, "leads back to itself; it is left out");
      else this.#report("broken-link", link, `leads to nothing that is there (${message}); it is left out`);
    }
    return undefined;
  }

  #report(kind: DataProblem["kind"], where: string, message: string): void {
    this.#problems.push({ kind, path: where, message });
  }
}

function strangeKind(entry: Dirent | Stats): string {
  return entry.isFIFO() ? "a pipe" : entry.isSocket() ? "a socket" : "a device";
}

function realFolder(root: string): string {
  try {
    if (statSync(root).isDirectory()) return realpathSync(root);
  } catch (cause) {
    throw unreadable(root, cause);
  }
  throw new DgsamError("ERR_DATA", `${root}: is no folder; expected one that holds a folder for each domain`);
}
