"""Softmax regression, shared by train.py and evaluate.py."""

import math


def probabilities(weights, x):
    """The probability of each species; `weights` has one row per species: bias first, then one weight per feature."""
    scores = [math.fsum([row[0], *(w * value for w, value in zip(row[1:], x, strict=True))]) for row in weights]
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = math.fsum(powers)
    return [power / total for power in powers]


def loss(weights, species, samples):
    """The mean negative logarithm of the probability of what is true."""
    logs = (math.log(max(probabilities(weights, s["x"])[species.index(s["species"])], 1e-12)) for s in samples)
    return -math.fsum(logs) / len(samples)
