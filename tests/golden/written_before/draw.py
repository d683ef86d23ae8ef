"""Twelve pictures of balls and boxes in VOC layout, drawn into the folder `data`."""

from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 120, 160
NAMES = [f"train{n}" for n in range(8)] + [f"val{n}" for n in range(4)]
rng = np.random.default_rng(7)
for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
    (Path("data") / folder).mkdir(parents=True, exist_ok=True)
for name in NAMES:
    low, high = rng.integers(90, 150, (2, 3))
    image = np.linspace(low, high, HEIGHT)[:, None].repeat(WIDTH, 1).astype(np.uint8)
    objects = ""
    # One object in the left half, one in the right half.
    for half in (0, 1):
        kind = ("ball", "box")[rng.integers(2)]
        side = int(rng.integers(36, 60))
        x = half * WIDTH // 2 + int(rng.integers(2, WIDTH // 2 - side - 2))
        y = int(rng.integers(2, HEIGHT - side - 2))
        colour = [int(value) for value in rng.integers(0, 60, 3)]
        if kind == "ball":
            colour[rng.integers(3)] = 250
            cv2.circle(image, (x + side // 2, y + side // 2), side // 2, colour, -1)
        else:
            colour = [250 - value for value in colour]
            cv2.rectangle(image, (x, y), (x + side, y + side), colour, -1)
            cv2.rectangle(image, (x + 8, y + 8), (x + side - 8, y + side - 8), (0, 0, 0), 4)
        corners = {"xmin": x + 1, "ymin": y + 1, "xmax": x + side + 1, "ymax": y + side + 1}
        box = "".join(f"<{key}>{value}</{key}>" for key, value in corners.items())
        difficult = int(name == "val3" and half == 1)
        objects += (
            f"<object><name>{kind}</name><difficult>{difficult}</difficult>"
            f"<bndbox>{box}</bndbox></object>\n"
        )
    cv2.imwrite(f"data/JPEGImages/{name}.png", image)
    Path(f"data/Annotations/{name}.xml").write_text(
        f"<annotation><filename>{name}.png</filename>"
        f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>\n"
        f"{objects}</annotation>\n"
    )
for split in ("train", "val"):
    names = "".join(f"{name}\n" for name in NAMES if name.startswith(split))
    Path(f"data/ImageSets/Main/{split}.txt").write_text(names)
