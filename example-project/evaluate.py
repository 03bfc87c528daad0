"""model.json on data/features/test.json -> metrics.json."""

import json

from model import loss, probabilities


def main():
    with open("model.json", encoding="utf-8") as file:
        model = json.load(file)
    with open("data/features/test.json", encoding="utf-8") as file:
        samples = json.load(file)
    right = 0
    for sample in samples:
        guess = probabilities(model["weights"], sample["x"])
        right += model["species"][guess.index(max(guess))] == sample["species"]
    metrics = {
        "accuracy": round(right / len(samples), 4),
        "log_loss": round(loss(model["weights"], model["species"], samples), 4),
    }
    with open("metrics.json", "w", encoding="utf-8") as file:
        json.dump(metrics, file, indent=2)
        file.write("\n")
    print(metrics)


if __name__ == "__main__":
    main()
