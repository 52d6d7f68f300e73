"""A few pictures and volumes with boxes, in the layouts of COCO, VOC, YOLO, LUNA16 and a table."""

import json
from pathlib import Path

import numpy as np
from fakes.csv_table import write_table
from fakes.mask_files import write_image

SIZE = (40, 60)
"""Height and width of the pictures."""
LABELS = ("cell", "dust")
BOXES = {
    "p1_a": [("cell", 10.0, 12.0, 20.0, 8.0), ("dust", 2.0, 30.0, 4.0, 6.0)],
    "p1_b": [],
    "p2_a": [("cell", 30.0, 5.0, 10.0, 10.0)],
    "p3_a": [("dust", 50.0, 30.0, 8.0, 8.0)],
    "p4_a": [("cell", 1.0, 1.0, 9.0, 9.0)],
    "p5_a": [("cell", 20.0, 20.0, 9.0, 9.0)],
}
SIDES = {
    "train": ("p1_a", "p1_b", "p2_a", "p3_a"),
    "val": ("p4_a",),
    "test": ("p5_a",),
}
UIDS = ("1.3.6.1", "1.3.6.2", "1.3.6.3")
MHD = """ObjectType = Image
NDims = 3
DimSize = 20 16 12
ElementSpacing = 2 2 3
Offset = -30 -20 -100
TransformMatrix = 1 0 0 0 1 0 0 0 1
ElementType = MET_SHORT
ElementDataFile = {name}.raw
"""


def write_pictures(root: Path, folder: str = "images/{name}.png", seed: int = 0) -> None:
    """The pictures, RGB; ``{side}`` in the folder is replaced too."""
    rng = np.random.default_rng(seed)
    for side, names in SIDES.items():
        for name in names:
            path = root / folder.format(name=name, side=side)
            write_image(path, rng.integers(0, 256, (*SIZE, 3)))


def coco_of(names: tuple[str, ...]) -> dict[str, object]:
    """What a file of COCO says of some pictures."""
    annotations = [
        {
            "id": 1000 * at + number,
            "image_id": at,
            "category_id": LABELS.index(label) + 1,
            "bbox": box,
            "iscrowd": 0,
        }
        for at, name in enumerate(names)
        for number, (label, *box) in enumerate(BOXES[name])
    ]
    height, width = SIZE
    images = [
        {"id": at, "file_name": f"{name}.png", "height": height, "width": width}
        for at, name in enumerate(names)
    ]
    categories = [{"id": at, "name": name} for at, name in enumerate(LABELS, start=1)]
    return {"images": images, "categories": categories, "annotations": annotations}


def write_coco(root: Path) -> Path:
    """Pictures in ``images``, and a file a side."""
    write_pictures(root)
    (root / "annotations").mkdir()
    for side, names in SIDES.items():
        path = root / f"annotations/instances_{side}2017.json"
        path.write_text(json.dumps(coco_of(names)))
    return root


def edit_coco(path: Path, **changes: object) -> None:
    """Change the first annotation of a file."""
    content = json.loads(path.read_text())
    content["annotations"][0].update(changes)
    path.write_text(json.dumps(content))


def write_voc(root: Path) -> Path:
    """Pictures, an XML file each, and lists."""
    write_pictures(root, "JPEGImages/{name}.png")
    (root / "Annotations").mkdir()
    (root / "ImageSets/Main").mkdir(parents=True)
    for name, boxes in BOXES.items():
        objects = "".join(
            f"<object><name>{label}</name><difficult>0</difficult><bndbox><xmin>{x:g}</xmin>"
            f"<ymin>{y:g}</ymin><xmax>{x + w:g}</xmax><ymax>{y + h:g}</ymax></bndbox></object>"
            for label, x, y, w, h in boxes
        )
        text = f"<annotation><filename>{name}.png</filename>{objects}</annotation>"
        (root / f"Annotations/{name}.xml").write_text(text)
    for side, names in SIDES.items():
        (root / f"ImageSets/Main/{side}.txt").write_text("\n".join(names) + "\n")
    return root


def write_yolo(root: Path) -> Path:
    """Pictures in ``images/train`` and so on, shares in ``labels/train``."""
    write_pictures(root, "images/{side}/{name}.png")
    height, width = SIZE
    for side, names in SIDES.items():
        (root / f"labels/{side}").mkdir(parents=True)
        for name in names:
            lines = [
                f"{LABELS.index(label)} {(x + w / 2) / width} {(y + h / 2) / height}"
                f" {w / width} {h / height}"
                for label, x, y, w, h in BOXES[name]
            ]
            if lines:
                (root / f"labels/{side}/{name}.txt").write_text("\n".join(lines) + "\n")
    (root / "data.yaml").write_text("train: images/train\nnames:\n  0: cell\n  1: dust\n")
    return root


def write_boxes_csv(root: Path) -> Path:
    """Pictures, and a table with a row a box."""
    write_pictures(root)
    side_of = {name: side for side, names in SIDES.items() for name in names}
    rows = [
        (f"images/{name}.png", *box, name[:2], side_of[name])
        for name, boxes in BOXES.items()
        for box in boxes or [("",) * 5]
    ]
    columns = ("image", "label", "x", "y", "width", "height", "patient", "split")
    write_table(root / "boxes.csv", columns, rows)
    return root


def write_luna16(root: Path) -> Path:
    """Three scans in two subsets: with two nodules, with one, with none."""
    rng = np.random.default_rng(0)
    for number, uid in enumerate(UIDS):
        folder = root / f"subset{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{uid}.mhd").write_text(MHD.format(name=uid))
        voxels = rng.integers(-1000, 400, (12, 16, 20)).astype("<i2")
        (folder / f"{uid}.raw").write_bytes(voxels.tobytes())
    columns = ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm")
    rows = [(UIDS[0], -10, -4, -85, 6), (UIDS[0], 0, 0, -80, 8.5), (UIDS[1], -12, -4, -85, 5)]
    write_table(root / "annotations.csv", columns, [*rows, ("9.9.9", 0, 0, 0, 4)])
    excluded = [(UIDS[0], -20, -10, -90, -1), (UIDS[2], -5, -5, -90, 4)]
    write_table(root / "annotations_excluded.csv", columns, excluded)
    return root
