"""SWAD's segment selection as its authors publish it (LossValley of khanrc/swad, domainbed/swad.py), over plain lists.

Written from the rule; see lib/reference/averaging/swad.ts. Standard input is a list of runs

    {"nConverge", "nTolerance", "toleranceRatio", "weights": [[...] per step], "evaluations": [[step from 1, loss], ...]}

and standard output for each, after every evaluation, {"converged", "dead", "weights", "averaged"}: what would be returned if
training ended there, and the steps from 1 of each segment in the average, twice where it is in it twice.
"""

import copy
import json
import sys
from collections import deque

import numpy as np


class Average:
    """A running mean whose first update replaces what it was made of."""

    def __init__(self, weights):
        self.weights = np.array(weights)
        self.n = 0
        self.averaged = []

    def update(self, weights, segment=None):
        self.weights = np.array(weights) if self.n == 0 else self.weights + (weights - self.weights) / (self.n + 1)
        self.n += 1
        if segment is not None:
            self.averaged.append(segment)


class Segment:
    def __init__(self, weights, steps, loss):
        self.weights, self.steps, self.loss = weights, steps, loss


class LossValley:
    def __init__(self, n_converge, n_tolerance, tolerance_ratio):
        self.n_converge, self.n_tolerance, self.tolerance_ratio = n_converge, n_tolerance, tolerance_ratio
        self.converge = deque(maxlen=n_converge)
        self.smooth = deque(maxlen=n_tolerance)
        self.final = None
        self.converge_step = None
        self.threshold = None
        self.dead = False

    def add(self, segment):
        self.final.update(segment.weights, segment.steps)

    def lowest(self):
        return min(segment.loss for segment in self.smooth)

    def evaluate(self, segment):
        if self.dead:
            return
        self.converge.append(segment)
        self.smooth.append(segment)
        if self.final is None:
            if len(self.converge) == self.n_converge and np.argmin([each.loss for each in self.converge]) == 0:
                self.begin()
        elif self.smooth[0].steps[1] >= self.converge_step:
            if self.lowest() > self.threshold:
                self.dead = True
            else:
                self.add(self.smooth[0])

    def begin(self):
        first = self.converge[0]
        self.final = Average(first.weights)
        self.converge_step = first.steps[1]
        self.threshold = np.mean([each.loss for each in self.converge]) * (1 + self.tolerance_ratio)
        surplus = self.n_converge - self.n_tolerance
        if surplus > 0:
            for i in range(surplus):
                self.add(self.converge[1 + i])
        elif surplus < 0:
            queue = list(self.smooth)[: -surplus + 1]
            above = [i for i, each in enumerate(queue) if each.loss > self.threshold]
            start = above[-1] + 1 if above else 0
            for each in queue[start + 1 :]:
                self.add(each)

    def finish(self):
        """The weights at the end; it empties the queue."""
        if self.final is None:
            return self.converge[-1].weights, [self.converge[-1].steps]
        if not self.dead:
            self.smooth.popleft()
            while self.smooth and not self.lowest() > self.threshold:
                self.add(self.smooth.popleft())
        return self.final.weights, self.final.averaged


def run(case):
    valley = LossValley(case["nConverge"], case["nTolerance"], case["toleranceRatio"])
    weights = np.array(case["weights"])
    answers = []
    start = 1
    for end, loss in case["evaluations"]:
        segment = Average(weights[start - 1])
        for step in range(start, end + 1):
            segment.update(weights[step - 1])
        valley.evaluate(Segment(segment.weights, [start, end], loss))
        start = end + 1
        final, averaged = copy.deepcopy(valley).finish()
        answers.append({"converged": valley.final is not None, "dead": valley.dead, "weights": final.tolist(), "averaged": averaged})
    return answers


json.dump([run(case) for case in json.load(sys.stdin)], sys.stdout)
