"""data/prepared -> data/features: numbers of about the same size, scaled by what the training part shows."""

import csv
import itertools
import json
import math
import os

import settings


def main():
    params = settings.load()["featurize"]
    parts = {part: read(f"data/prepared/{part}.csv") for part in ("train", "test")}
    means, spreads = scale([features for _, features in parts["train"]])
    os.makedirs("data/features", exist_ok=True)
    for part, rows in parts.items():
        samples = []
        for species, features in rows:
            x = [(value - mean) / spread for value, mean, spread in zip(features, means, spreads, strict=True)]
            if params["products"]:
                x += [a * b for a, b in itertools.combinations_with_replacement(x, 2)]
            samples.append({"species": species, "x": [round(value, 6) for value in x]})
        with open(f"data/features/{part}.json", "w", encoding="utf-8") as file:
            json.dump(samples, file)
        print(f"data/features/{part}.json: {len(samples)} samples of {len(samples[0]['x'])} features")


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [(row.pop("species"), [float(value) for value in row.values()]) for row in csv.DictReader(file)]


def scale(rows):
    # fsum, not sum: the same digits on every Python, so that equal runs have equal hashes
    means = [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
    spreads = [
        math.sqrt(math.fsum((value - mean) ** 2 for value in column) / len(rows))
        for column, mean in zip(zip(*rows, strict=True), means, strict=True)
    ]
    return means, spreads


if __name__ == "__main__":
    main()
