"""data/penguins.csv -> data/prepared: penguins that were measured, in a training and a test part."""

import csv
import os
import random

import settings

COLUMNS = {
    "Culmen Length (mm)": "bill_length_mm",
    "Culmen Depth (mm)": "bill_depth_mm",
    "Flipper Length (mm)": "flipper_length_mm",
    "Body Mass (g)": "body_mass_g",
}


def main():
    params = settings.load()["prepare"]
    with open("data/penguins.csv", encoding="utf-8", newline="") as file:
        measured = [row for row in csv.DictReader(file) if all(row[column] != "NA" for column in COLUMNS)]
    rows = [{"species": row["Species"].split()[0], **{new: row[old] for old, new in COLUMNS.items()}} for row in measured]
    random.Random(params["seed"]).shuffle(rows)
    cut = int(len(rows) * params["test_share"])
    os.makedirs("data/prepared", exist_ok=True)
    write("data/prepared/test.csv", rows[:cut])
    write("data/prepared/train.csv", rows[cut:])


def write(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["species", *COLUMNS.values()], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{path}: {len(rows)} penguins")


if __name__ == "__main__":
    main()
