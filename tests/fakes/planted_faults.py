"""Faults of many kinds planted into films in the layout of NIH ChestX-ray14."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fakes import nih_chestxray14, xray_files

from datamodules.problems import Kind

POSITIONS = 10
PATIENTS = 200
"""The last quarter of them is for testing; each has two films."""
ENTRY = "Data_Entry_2017_v2020.csv"


@dataclass
class Tree:
    """The dataset, and what was planted: for each fault its kind and what the report must name."""

    root: Path
    planted: list[tuple[Kind, str]] = field(default_factory=list)

    def film(self, patient: int, number: int = 0) -> Path:
        """One of the two films of a patient."""
        folder = self.root / f"images_00{patient % 2 + 1}" / "images"
        return folder / f"{patient:08d}_{number:03d}.png"

    def edit_row(self, name: str, column: int, value: str) -> None:
        """Change a cell of the data-entry table."""
        lines = (self.root / ENTRY).read_text().splitlines()
        at = next(n for n, line in enumerate(lines) if line.startswith(name))
        cells = lines[at].split(",")
        cells[column] = value
        lines[at] = ",".join(cells)
        (self.root / ENTRY).write_text("\n".join(lines) + "\n")

    def add_line(self, file: str, line: str) -> None:
        """Append a line to a table or list."""
        with (self.root / file).open("a") as text:
            text.write(line + "\n")

    def drop_line(self, file: str, line: str) -> None:
        """Remove a line of a list."""
        nih_chestxray14.edit(self.root / file, line + "\n", "")


Plant = Callable[[Tree, int], tuple[Kind, str]]


def missing(tree: Tree, patient: int) -> tuple[Kind, str]:
    tree.film(patient).unlink()
    return Kind.MISSING, tree.film(patient).stem


def truncated(tree: Tree, patient: int) -> tuple[Kind, str]:
    xray_files.truncate(tree.film(patient), 60)
    return Kind.UNREADABLE, tree.film(patient).stem


def empty(tree: Tree, patient: int) -> tuple[Kind, str]:
    tree.film(patient).write_bytes(b"")
    return Kind.UNREADABLE, tree.film(patient).stem


def no_image(tree: Tree, patient: int) -> tuple[Kind, str]:
    tree.film(patient).write_text("<html>404 Not Found</html>")
    return Kind.UNREADABLE, tree.film(patient).stem


def flipped_bit(tree: Tree, patient: int) -> tuple[Kind, str]:
    xray_files.flip_bit(tree.film(patient), 200)
    return Kind.UNREADABLE, tree.film(patient).stem


def link_out_of_the_root(tree: Tree, patient: int) -> tuple[Kind, str]:
    outside = tree.root.parent / f"outside_{patient}.png"
    tree.film(patient).rename(outside)
    tree.film(patient).symlink_to(outside)
    return Kind.PATH, tree.film(patient).stem


def repeated_row(tree: Tree, patient: int) -> tuple[Kind, str]:
    name = tree.film(patient).name
    tree.add_line(ENTRY, f"{name},No Finding,0,{patient},40,F,PA,64,64,0.1,0.1")
    return Kind.CASE_ID, tree.film(patient).stem


def unknown_finding(tree: Tree, patient: int) -> tuple[Kind, str]:
    tree.edit_row(tree.film(patient).name, 1, "Nodules")
    return Kind.LABEL, tree.film(patient).stem


def another_patient(tree: Tree, patient: int) -> tuple[Kind, str]:
    tree.edit_row(tree.film(patient).name, 3, str(PATIENTS + 1 - patient))
    return Kind.PATIENT, tree.film(patient).stem


def in_both_lists(tree: Tree, patient: int) -> tuple[Kind, str]:
    tree.add_line(
        "train_val_list.txt" if tests(patient) else "test_list.txt", tree.film(patient).name
    )
    return Kind.SPLIT, tree.film(patient).stem


def in_neither_list(tree: Tree, patient: int) -> tuple[Kind, str]:
    own = "test_list.txt" if tests(patient) else "train_val_list.txt"
    tree.drop_line(own, tree.film(patient).name)
    return Kind.SPLIT, tree.film(patient).stem


def degenerate_box(tree: Tree, patient: int) -> tuple[Kind, str]:
    tree.add_line("BBox_List_2017.csv", f"{tree.film(patient).name},Mass,10,12,0,20")
    return Kind.BOX, tree.film(patient).stem


def on_two_sides(tree: Tree, patient: int) -> tuple[Kind, str]:
    own, other = ("test_list.txt", "train_val_list.txt")[:: 1 if tests(patient) else -1]
    tree.drop_line(own, tree.film(patient).name)
    tree.add_line(other, tree.film(patient).name)
    return Kind.TWO_SIDES, f"'{patient}'"


def copy_on_the_other_side(tree: Tree, patient: int) -> tuple[Kind, str]:
    other = PATIENTS + 1 - patient
    tree.film(other, 1).write_bytes(tree.film(patient, 1).read_bytes())
    return Kind.COPIES_ACROSS, tree.film(patient, 1).stem


ANYWHERE: tuple[Plant, ...] = (
    *(missing, truncated, empty, no_image, flipped_bit, link_out_of_the_root, repeated_row),
    *(unknown_finding, another_patient, in_both_lists, in_neither_list, degenerate_box),
    on_two_sides,
)


def tests(patient: int) -> bool:
    """Whether a patient's films are in the official test list."""
    return patient > 0.75 * PATIENTS


def write(root: Path, seed: int = 0, *, faults: bool = True) -> Tree:
    """A sound dataset of 400 films, or one with ten faults of each of fourteen kinds.

    Each patient has one fault at most, so that none hides or makes another.
    """
    tree = Tree(nih_chestxray14.write(root, PATIENTS))
    if not faults:
        return tree
    order = random.Random(seed)
    copied = order.sample(range(PATIENTS // 4 // 2, PATIENTS // 4), POSITIONS)
    free = sorted({*range(1, PATIENTS + 1)} - {*copied} - {PATIENTS + 1 - each for each in copied})
    order.shuffle(free)
    for plant in ANYWHERE:
        tree.planted += [plant(tree, free.pop()) for _ in range(POSITIONS)]
    tree.planted += [copy_on_the_other_side(tree, patient) for patient in copied]
    return tree
