import { ops, scope, type Tensor } from "../tensor/index.js";

/**
 * The position embedding of a vision transformer for images of another size, as torchvision's `interpolate_embeddings`: that of the class token stays, the
 * others lie in a square and are interpolated by a bicubic function, corners upon corners, without antialiasing.
 *
 * @param embedding [1, s * s + 1, C]
 * @param side the side of the square that is wanted, in patches
 * @returns [1, side * side + 1, C]; the embedding itself where it has that shape already, or is for no square
 */
export function resizedPositions(embedding: Tensor, side: number): Tensor {
  const { shape } = embedding;
  const own = Math.sqrt((shape[1] ?? 0) - 1);
  if (shape.length !== 3 || shape[0] !== 1 || !Number.isInteger(own) || own < 1 || own === side) return embedding;
  const channels = shape[2]!;
  return scope(() => {
    const square = embedding.narrow(1, 1, own * own).permute([0, 2, 1]).reshape([1, channels, own, own]);
    const resized = ops.aten["upsample_bicubic2d.default"](square, [side, side], true);
    return ops.aten.cat([embedding.narrow(1, 0, 1), resized.reshape([1, channels, side * side]).permute([0, 2, 1])], 1);
  });
}
