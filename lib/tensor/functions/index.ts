/** Functions that are no methods: of several tensors, and those that layers are made of. */
export * from "./joining.js";
export * from "./network.js";
