/** The tags of values in the call frame. The numbers are a contract with native/frame.h. */
export const Tag = {
  Default: 0,
  None: 1,
  Tensor: 2,
  Int: 3,
  BigInt: 4,
  Double: 5,
  Bool: 6,
  Complex: 7,
  String: 8,
  List: 9,
  Generator: 10,
  Argument: 11,
  UnsignedBigInt: 12,
  Dict: 13,
} as const;
