"""The benchmark's JAX side: training steps of ERM, SAM and DGSAM with Adam as one jitted function each, as somebody would
write them who wants speed: shapes are static, the state is donated, and the domains of a mean loss are one batch (vmap).

Each step's loss is awaited before the next step begins, as a loop must that looks at it, and as a step of ours is over when
its losses are known and finite. With `wait` false only the last one of a turn is: what JAX can do for a loop that never looks.

The algorithms are those of lib/optim/sharpness, the networks those of lib/models; images lie as XLA's convolutions on
the CPU want them, channels last.

Not called jax.py: that would be found in the place of JAX.
"""

import functools
import os
import random
import sys

DOMAINS = 3
BATCH = 32
EPS = 1e-12


def limit_threads(count):
    """To be called before JAX is imported, which takes all cores."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["PJRT_NPROC"] = str(count)
    if count == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"


if __name__ == "__main__":
    limit_threads(int(sys.argv[1]))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from turns import serve  # noqa: E402

tree_map = jax.tree_util.tree_map


# Networks: what makes the parameters of a key, the forward pass, the shape of an example.


def uniform(key, shape, fan_in):
    """As PyTorch's layers begin."""
    bound = fan_in**-0.5
    return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


def linear(key, inputs, outputs):
    return {"weight": uniform(key, (inputs, outputs), inputs), "bias": uniform(jax.random.fold_in(key, 1), (outputs,), inputs)}


def mlp_parameters(key):
    sizes = (64, 64, 64, 64, 10)
    return [linear(jax.random.fold_in(key, i), *pair) for i, pair in enumerate(zip(sizes, sizes[1:]))]


def mlp(layers, x):
    for layer in layers[:-1]:
        x = jax.nn.relu(x @ layer["weight"] + layer["bias"])
    return x @ layers[-1]["weight"] + layers[-1]["bias"]


STRIDES = (1, 2, 1, 1)
GROUPS = 8


def cnn_parameters(key, width=16):
    channels = (1, width, 2 * width, 2 * width, 2 * width)

    def block(key, inputs, outputs):
        fan_in = 9 * inputs
        convolution = {"weight": uniform(key, (3, 3, inputs, outputs), fan_in), "bias": uniform(jax.random.fold_in(key, 1), (outputs,), fan_in)}
        return {**convolution, "scale": jnp.ones(outputs), "shift": jnp.zeros(outputs)}

    keys = jax.random.split(key, 5)
    blocks = [block(*each) for each in zip(keys, channels, channels[1:])]
    return {"blocks": blocks, "classifier": linear(keys[4], 2 * width, 10)}


def group_norm(x, scale, shift):
    groups = x.reshape(*x.shape[:3], GROUPS, -1)
    mean = groups.mean((1, 2, 4), keepdims=True)
    variance = groups.var((1, 2, 4), keepdims=True)
    return ((groups - mean) * jax.lax.rsqrt(variance + 1e-5)).reshape(x.shape) * scale + shift


def cnn(parameters, x):
    for block, stride in zip(parameters["blocks"], STRIDES):
        x = jax.lax.conv_general_dilated(x, block["weight"], (stride, stride), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = group_norm(jax.nn.relu(x + block["bias"]), block["scale"], block["shift"])
    classifier = parameters["classifier"]
    return x.mean((1, 2)) @ classifier["weight"] + classifier["bias"]


NETWORKS = {"mlp": (mlp_parameters, mlp, (64,)), "cnn": (cnn_parameters, cnn, (28, 28, 1))}


def cross_entropy(forward, parameters, batch):
    x, y = batch
    return -jnp.take_along_axis(jax.nn.log_softmax(forward(parameters, x)), y[:, None], 1).mean()


# Algorithms: the loss and the gradient to descend along, out of loss(parameters, batch) and the batches.


def norm(tree):
    return jnp.sqrt(sum(jnp.vdot(leaf, leaf) for leaf in jax.tree_util.tree_leaves(tree)))


def climbed(parameters, gradient, rho):
    factor = rho / (norm(gradient) + EPS)
    return tree_map(lambda p, g: p + factor * g, parameters, gradient)


def mean_gradient(loss, parameters, batches):
    stacked = [jnp.stack(each) for each in zip(*batches)]

    def mean(parameters):
        return jax.vmap(loss, (None, 0))(parameters, stacked).mean()

    return jax.value_and_grad(mean)(parameters)


def erm(loss, parameters, batches):
    return mean_gradient(loss, parameters, batches)


def sam(loss, parameters, batches, rho=0.05):
    value, gradient = mean_gradient(loss, parameters, batches)
    return value, mean_gradient(loss, climbed(parameters, gradient, rho), batches)[1]


def dgsam(loss, parameters, batches, rho=0.05):
    """The batches come in the order of the visits."""
    count = len(batches)
    total = tree_map(jnp.zeros_like, parameters)
    values = []
    for batch in batches:
        value, gradient = jax.value_and_grad(loss)(parameters, batch)
        values.append(value)
        total = tree_map(jnp.add, total, gradient)
        parameters = climbed(parameters, gradient, rho)
    last = jax.grad(loss)(parameters, batches[0])
    return sum(values) / count, tree_map(lambda s, g: count / (count + 1) * (s + g), total, last)


ALGORITHMS = {"ERM": erm, "SAM": sam, "DGSAM": dgsam}


# The step.


def adam(parameters, gradient, state, lr=1e-4, beta1=0.9, beta2=0.999, eps=1e-8):
    step = state["step"] + 1
    first = tree_map(lambda m, g: beta1 * m + (1 - beta1) * g, state["first"], gradient)
    second = tree_map(lambda v, g: beta2 * v + (1 - beta2) * g * g, state["second"], gradient)
    size = lr / (1 - beta1**step)
    root = jnp.sqrt(1 - beta2**step)
    parameters = tree_map(lambda p, m, v: p - size * m / (jnp.sqrt(v) / root + eps), parameters, first, second)
    return parameters, {"step": step, "first": first, "second": second}


def begin(parameters):
    return parameters, {"step": jnp.zeros(()), "first": tree_map(jnp.zeros_like, parameters), "second": tree_map(jnp.zeros_like, parameters)}


def jitted(network, algorithm):
    """(parameters, state), batches -> (parameters, state), loss"""
    loss = functools.partial(cross_entropy, NETWORKS[network][1])

    @functools.partial(jax.jit, donate_argnums=0)
    def step(training, batches):
        parameters, state = training
        value, gradient = ALGORITHMS[algorithm](loss, parameters, batches)
        return adam(parameters, gradient, state), value

    return step


def random_batches(key, network):
    """One of each domain."""
    shape = NETWORKS[network][2]
    keys = [jax.random.split(jax.random.fold_in(key, domain)) for domain in range(DOMAINS)]
    return [(jax.random.normal(x_key, (BATCH, *shape)), jax.random.randint(y_key, (BATCH,), 0, 10)) for x_key, y_key in keys]


def body(network, algorithm, wait=True):
    key = jax.random.key(0)
    training = begin(NETWORKS[network][0](key))
    batches = random_batches(key, network)
    step = jitted(network, algorithm)
    order = random.Random(0)

    def run(iterations):
        nonlocal training
        for _ in range(iterations):
            if algorithm == "DGSAM":
                order.shuffle(batches)
            training, value = step(training, batches)
            if wait:
                value.block_until_ready()
        value.block_until_ready()

    return run


if __name__ == "__main__":
    names = [(network, algorithm) for network in NETWORKS for algorithm in ALGORITHMS]
    serve(jax.__version__, {" ".join(each): functools.partial(body, *each) for each in names})
