/**
 * Damage of JPEGs behind the place where decoding stops. A stray marker among the pixels ends them: what follows is grey, and libvips takes the image for
 * whole. libjpeg, when it is asked to finish as PIL asks it, reads on to the end of the image, and refuses markers that have no place there. Its rules are
 * followed here (jdmarker.c, jdhuff.c), so that nothing is refused that PIL takes: stray bytes, missing and misplaced restarts, segments that may be skipped.
 */

const [TEM, SOF0, SOF1, DHT, DAC, RST0, RST7, EOI, SOS, DQT, DNL, DRI, APP0, APP15, COM] =
  [0x01, 0xc0, 0xc1, 0xc4, 0xcc, 0xd0, 0xd7, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xe0, 0xef, 0xfe] as const;

/** PIL hands a file to libjpeg in parts of this size. */
const BLOCK = 1 << 16;

export interface StrayMarker {
  /** Which byte of the file it begins at. */
  readonly at: number;
  readonly code: number;
}

/**
 * The first marker behind the pixels of a JPEG that none can have there. Of those with one scan: libjpeg reads others to their end before it gives any
 * pixel, as it does for libvips. What is wrong with a header, or is cut short, is for libvips to say.
 */
export function strayMarker(bytes: Uint8Array): StrayMarker | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const scan = onlyScan(file);
  let marker = scan === undefined ? undefined : markerAfterRestarts(file, scan);
  if (marker === undefined) return undefined;
  // The pixels are complete then, and PIL reads nothing more of the file.
  const read = file.subarray(0, BLOCK * Math.ceil((marker.at + 2) / BLOCK));
  while (marker !== undefined && marker.code !== EOI) {
    const { at, code }: StrayMarker = marker;
    if (isRestart(code) || code === TEM) marker = nextMarker(read, at + 2);
    else if (!isSkipped(code) && !isTable(code)) return marker;
    else {
      if (at + 4 > read.length) return undefined;
      const end = at + 2 + Math.max(read.readUInt16BE(at + 2), 2);
      if (isTable(code) && !isSoundTable(code, read.subarray(at + 4, end), end - at - 4)) return marker;
      marker = nextMarker(read, end);
    }
  }
  return undefined;
}

interface Scan {
  /** Where its pixels begin. */
  readonly start: number;
  /** How many restart markers it should have. */
  readonly restarts: number;
}

/** Of a sequential image with all its channels in one scan. */
function onlyScan(file: Buffer): Scan | undefined {
  let frame: { blocks: number; channels: number } | undefined;
  let interval = 0;
  for (let marker = nextMarker(file, 2); marker !== undefined;) {
    const { at, code } = marker;
    if (at + 4 > file.length) return undefined;
    const segment = file.subarray(at + 4, at + 2 + Math.max(file.readUInt16BE(at + 2), 2));
    if (code === SOS) {
      if (frame === undefined || segment[0] !== frame.channels) return undefined;
      return { start: at + 4 + segment.length, restarts: interval === 0 ? 0 : Math.ceil(frame.blocks / interval) - 1 };
    }
    if (code === SOF0 || code === SOF1) frame = frameOf(segment);
    else if (code === DRI && segment.length === 2) interval = segment.readUInt16BE(0);
    else if (!(isSkipped(code) || isTable(code))) return undefined;
    marker = nextMarker(file, at + 4 + segment.length);
  }
  return undefined;
}

/** Number of channels, and of the blocks (MCUs) that they are coded in together. */
function frameOf(segment: Buffer): { blocks: number; channels: number } | undefined {
  const channels = segment[5] ?? 0;
  if (channels === 0 || segment.length !== 6 + 3 * channels) return undefined;
  // Of one channel alone a block is 8 x 8, whatever its sampling is said to be.
  const samplings = channels === 1 ? [0x11] : Array.from({ length: channels }, (_, i) => segment[7 + 3 * i]!);
  const [across, down] = [Math.max(...samplings.map((each) => each >> 4)), Math.max(...samplings.map((each) => each & 15))];
  return { channels, blocks: Math.ceil(segment.readUInt16BE(3) / (8 * across)) * Math.ceil(segment.readUInt16BE(1) / (8 * down)) };
}

/** The marker that ends the pixels: the first, where there are no restarts; else found as `jpeg_resync_to_restart` finds its way. */
function markerAfterRestarts(file: Buffer, { start, restarts }: Scan): StrayMarker | undefined {
  let marker = nextMarker(file, start);
  for (let done = 0; done < restarts && marker !== undefined; done++) {
    let isTaken = false;
    while (marker !== undefined && !isTaken) {
      const { at, code }: StrayMarker = marker;
      // One of the next two means that some were lost: it waits for its turn. So does what is no restart at all, for ever.
      const ahead = (code - RST0 - done) & 7;
      if (isRestart(code) ? ahead === 1 || ahead === 2 : code >= SOF0) break;
      // One of the last two came late, and is no more than stray bytes.
      isTaken = isRestart(code) && ahead < 6;
      marker = nextMarker(file, at + 2);
    }
    if (marker !== undefined && !isTaken && !isRestart(marker.code)) return marker;
  }
  return marker;
}

/** Entropy-coded 255 is followed by 0, and any number of 255 may stand before a marker. */
function nextMarker(file: Buffer, from: number): StrayMarker | undefined {
  for (let at = file.indexOf(0xff, from); at !== -1; at = file.indexOf(0xff, at + 2)) {
    while (file[at + 1] === 0xff) at++;
    const code = file[at + 1];
    if (code === undefined) return undefined;
    if (code !== 0) return { at, code };
  }
  return undefined;
}

function isRestart(code: number): boolean {
  return code >= RST0 && code <= RST7;
}

function isSkipped(code: number): boolean {
  return (code >= APP0 && code <= APP15) || code === COM || code === DNL;
}

function isTable(code: number): boolean {
  return code === DHT || code === DQT || code === DRI || code === DAC;
}

/** Whether libjpeg finds nothing wrong with a table, of which it may have less than its length; that the table changes nothing any more is no matter. */
function isSoundTable(code: number, segment: Buffer, length: number): boolean {
  const isCut = segment.length < length;
  let at = 0;
  switch (code) {
    case DRI:
      return length === 2;
    case DAC:
      for (; at + 2 <= segment.length; at += 2) {
        const [index, value] = [segment[at]!, segment[at + 1]!];
        if (index >= 32 || (index < 16 && (value & 15) > value >> 4)) return false;
      }
      return isCut || at === length;
    case DQT:
      for (; at < segment.length; at += segment[at]! >> 4 === 0 ? 65 : 129) if ((segment[at]! & 15) >= 4) return false;
      return isCut || at === length;
    default:
      while (length - at > 16 && at + 17 <= segment.length) {
        const count = segment.subarray(at + 1, at + 17).reduce((sum, each) => sum + each, 0);
        if (count > 256 || count > length - at - 17) return false;
        if (at + 17 + count <= segment.length && (segment[at]! & ~0x10) >= 4) return false;
        at += 17 + count;
      }
      return isCut || at === length;
  }
}
