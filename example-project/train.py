"""data/features/train.json -> model.json and loss.csv: stochastic gradient descent."""

import csv
import json
import random

import settings
from model import loss, probabilities


def main():
    params = settings.load()["train"]
    with open("data/features/train.json", encoding="utf-8") as file:
        samples = json.load(file)
    species = sorted({sample["species"] for sample in samples})
    weights = [[0.0] * (1 + len(samples[0]["x"])) for _ in species]
    order = random.Random(params["seed"])
    history = []
    for epoch in range(1, params["epochs"] + 1):
        order.shuffle(samples)
        for start in range(0, len(samples), params["batch"]):
            step(weights, species, samples[start : start + params["batch"]], params["lr"])
        history.append({"epoch": epoch, "loss": round(loss(weights, species, samples), 6)})
    with open("model.json", "w", encoding="utf-8") as file:
        json.dump({"species": species, "weights": [[round(w, 9) for w in row] for row in weights]}, file)
    with open("loss.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["epoch", "loss"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
    print(f"loss {history[0]['loss']} after the first epoch, {history[-1]['loss']} after {len(history)}")


def step(weights, species, batch, lr):
    """Move the weights against the gradient of the batch's mean loss."""
    gradient = [[0.0] * len(row) for row in weights]
    for sample in batch:
        x = [1.0, *sample["x"]]
        for slope, name, probability in zip(gradient, species, probabilities(weights, sample["x"]), strict=True):
            error = probability - (name == sample["species"])
            for index, value in enumerate(x):
                slope[index] += error * value / len(batch)
    for row, slope in zip(weights, gradient, strict=True):
        for index, value in enumerate(slope):
            row[index] -= lr * value


if __name__ == "__main__":
    main()
