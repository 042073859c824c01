/** Small networks of each kind that training meets, and minibatches for them. */
import { AdaptiveAvgPool2d, BatchNorm1d, BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MLP, MnistCnn, Module, randint, randn, ReLU, Sequential, type Tensor } from "dgsam";

const CLASSES = 3;

/** Two convolutions with batch norm, and a way around them: the input itself, or a strided 1x1 convolution of it. */
class ResidualBlock extends Module {
  conv1: Conv2d;
  bn1: BatchNorm2d;
  conv2: Conv2d;
  bn2: BatchNorm2d;
  shortcut: Sequential | null;

  constructor(inChannels: number, outChannels: number, stride: number) {
    super();
    this.conv1 = new Conv2d(inChannels, outChannels, 3, { stride, padding: 1, bias: false });
    this.bn1 = new BatchNorm2d(outChannels);
    this.conv2 = new Conv2d(outChannels, outChannels, 3, { padding: 1, bias: false });
    this.bn2 = new BatchNorm2d(outChannels);
    this.shortcut = stride === 1 && inChannels === outChannels ? null : new Sequential(new Conv2d(inChannels, outChannels, 1, { stride, bias: false }), new BatchNorm2d(outChannels));
  }

  forward(x: Tensor): Tensor {
    const inner = this.bn1.forward(this.conv1.forward(x)).relu();
    const around = this.shortcut === null ? x : (this.shortcut.forward(x) as Tensor);
    // In place, as torchvision's networks have it.
    return this.bn2.forward(this.conv2.forward(inner)).add_(around).relu_();
  }
}

/** A residual network of the usual build. */
class SmallResNet extends Module {
  stem = new Conv2d(2, 4, 3, { padding: 1, bias: false });
  norm = new BatchNorm2d(4);
  blocks = [new ResidualBlock(4, 4, 1), new ResidualBlock(4, 6, 2)];
  pool = new AdaptiveAvgPool2d(1);
  head = new Linear(6, CLASSES);

  forward(x: Tensor): Tensor {
    x = this.norm.forward(this.stem.forward(x)).relu();
    for (const block of this.blocks) x = block.forward(x);
    return this.head.forward(this.pool.forward(x).flatten(1));
  }
}

export interface Net {
  readonly name: string;
  readonly make: () => Module & { forward(x: Tensor): Tensor };
  /** The shape of a minibatch. */
  readonly shape: readonly number[];
  /** How many domains a step has. */
  readonly domains: number;
  /** Whether it has statistics that passes move. */
  readonly hasStatistics: boolean;
}

export const NETS = {
  mlp: { name: "an MLP", make: () => new MLP([6, 8, CLASSES]), shape: [4, 6], domains: 3, hasStatistics: false },
  cnn: { name: "MNIST_CNN", make: () => new MnistCnn({ width: 8, numClasses: CLASSES }), shape: [2, 1, 6, 6], domains: 2, hasStatistics: false },
  noisy: {
    name: "a net with BatchNorm and dropout",
    make: () => new Sequential(new Conv2d(1, 3, 3), new BatchNorm2d(3), new ReLU(), new Dropout(0.25), new Flatten(), new Linear(12, 8), new BatchNorm1d(8), new ReLU(), new Dropout(0.5), new Linear(8, CLASSES)),
    shape: [4, 1, 4, 4],
    domains: 3,
    hasStatistics: true,
  },
  resnet: { name: "a small ResNet", make: () => new SmallResNet(), shape: [2, 2, 6, 6], domains: 2, hasStatistics: true },
} as const satisfies Record<string, Net>;

export interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** A minibatch of each domain, drawn from the default generator. */
export function drawBatches({ shape, domains }: Net): Batch[] {
  return Array.from({ length: domains }, () => ({ x: randn([...shape]), y: randint(CLASSES, [shape[0]!]) }));
}
