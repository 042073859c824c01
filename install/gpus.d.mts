export interface Gpu {
  readonly name: string;
  /** Its compute capability: "9.0"; some drivers do not tell. */
  readonly capability: string;
}

/** As the driver's own tool has them; none where it is missing or does not answer in time. */
export function findGpus(env: NodeJS.ProcessEnv, milliseconds?: number): Promise<Gpu[]>;
export function tellsCapability(gpu: Gpu): boolean;
/**
 * What of kernels compiled for `archs` ("80", "90a", "120+PTX") runs on a GPU: a binary serves its own generation from its own minor
 * version on, PTX every GPU that is as new, after the driver has compiled it. A binary of "90a" serves 9.0 alone.
 */
export function kernelsFor(capability: string, archs: readonly string[]): "binary" | "ptx" | null;
