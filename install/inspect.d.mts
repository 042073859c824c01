/** A usable LibTorch. */
export interface LibTorch {
  /** The folder that holds `include/`. */
  root: string;
  /** The folder of the libraries. */
  lib: string;
  /** With its build suffix where noted: "2.13.0+cpu". */
  version: string;
  /** "cpu", "cu130", "rocm6.4"; "cuda" where the CUDA version is not noted. */
  variant: string;
  abi: "cxx11" | "libc++";
}

/** Throws an InstallError with code ERR_LIBTORCH when the folder holds no usable LibTorch. */
export function inspectLibTorch(root: string): LibTorch;
