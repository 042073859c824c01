/** How our CUDA kernels are compiled. */
export interface CudaBuild {
  nvcc: string;
  /** Of nvcc: "13.0.88". */
  version: string;
  /** As DGSAM_CUDA_ARCHS has them: "80", "90", "120+PTX". */
  archs: string[];
  /** The C++ compiler that nvcc uses for the code that runs on the CPU. */
  host: string;
  /** The folder of the toolkit's headers; empty where compilers look there by themselves. */
  include: string;
}

/** Why there are no CUDA kernels of our own. */
export interface NoCuda {
  reason: string;
}

/**
 * Whether our CUDA kernels can be compiled for a LibTorch. `known`: what an earlier build used, which is not tried again.
 * Throws an InstallError (ERR_ADDON) when DGSAM_CUDA or DGSAM_CUDA_ARCHS is wrong or cannot be fulfilled.
 */
export function decideCuda(
  libtorch: { root: string; lib: string; variant: string },
  options?: { env?: NodeJS.ProcessEnv; systemFolder?: string; known?: CudaBuild | NoCuda | null },
): Promise<CudaBuild | NoCuda>;
/** The major version of the CUDA that a LibTorch was built with; null for one without CUDA. */
export function cudaMajor(lib: string): number | null;
/** The first usable nvcc of a CUDA version, or why there is none. */
export function findNvcc(major: number, options: { env: NodeJS.ProcessEnv; root: string; lib?: string; systemFolder?: string; known?: CudaBuild | NoCuda | null }): Promise<CudaBuild | NoCuda>;
/** One line. */
export function describeCuda(cuda: CudaBuild | NoCuda): string;
