"""Images sorted into folders: one folder a class."""

from collections import defaultdict
from pathlib import Path
from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Source, resolve
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind, Problem, Problems
from datamodules.readers.column_roles import SPLITS
from datamodules.readers.image_files import (
    SUFFIXES,
    ImageFiles,
    NoSuchFileError,
    case_ids,
    fault_of_case_id,
    may_be_image,
)
from datamodules.readers.label_columns import order_notice, sort_classes, twins
from datamodules.readers.patient_ids import PatientPattern, find_patient, patient_notices
from datamodules.readers.reader import ReaderSettings

Found = tuple[str, str, str | None]
"""Path, class and official split of one image."""
Place = tuple[str, str, str | None]
"""Path, class and official split of one class folder."""


class FolderReader(ReaderSettings):
    """Your own images, in one folder a class.

    Expected under ``root``, either of::

        normal/a.png    pneumonia/b.png                       the split is drawn
        train/normal/a.png    val/normal/c.png    test/...    the split is official
    """

    ids_are_file_names: ClassVar[bool] = True
    kind: Literal["folder"] = "folder"
    classes: tuple[str, ...] = ()
    """The class folders in order, of two the second is the positive one; empty: all, sorted."""
    patient_pattern: PatientPattern = None
    r"""Regular expression found in the file name; its first group is the patient: ``(p\d+)_``."""

    def list_cases(self) -> CaseTable:
        """List the images of all class folders; see the base class."""
        root = self.existing_root()
        problems: Problems = []
        found, notices = _find(root, problems)
        classes = self.classes or sort_classes({label for _, label, _ in found})
        ids = case_ids([path for path, _, _ in found])
        patients = self._patients(found, ids, problems)
        problems += _unknown_classes(found, classes) + _untrained_classes(found)
        problems += twins(classes) + _faulty_ids(found, ids)
        if len(classes) < 2:
            single = f"there is a single class folder, '{classes[0]}'; two are needed"
            problems.append(Problem(Kind.LABEL, "", single))
        cases = {
            case_id: Case(
                case_id,
                patient,
                {"image": Source(path)},
                {"class": label} if label in classes else {},
                split=split,
            )
            for case_id, patient, (path, label, split) in zip(ids, patients, found, strict=True)
        }
        table = CaseTable(
            name=self.kind,
            root=root,
            cases=tuple(cases.values()),
            classes=classes,
            has_patients=self.patient_pattern is not None,
            notices=order_notice(classes, self.classes) + notices + self._patient_notices(patients),
        )
        if problems:
            raise FaultyCasesError(
                f"problems in the image folders: {len(problems)}", problems, table
            )
        return table

    def _patient_notices(self, patients: list[str]) -> tuple[str, ...]:
        return () if self.patient_pattern is None else patient_notices(patients)

    def _patients(self, found: list[Found], ids: list[str], problems: Problems) -> list[str]:
        if self.patient_pattern is None:
            return ids
        patients = []
        for case_id, (path, _, _) in zip(ids, found, strict=True):
            patient = find_patient(self.patient_pattern, path.rpartition("/")[2])
            if not patient:
                message = "the file name does not match the patient pattern"
                problems.append(Problem(Kind.PATIENT, path, message, case_id=case_id))
            patients.append(patient or case_id)
        return patients


def _find(root: Path, problems: Problems) -> tuple[list[Found], tuple[str, ...]]:
    left_out: list[str] = []
    found = [
        (path, label, split)
        for folder, label, split in _class_folders(root, problems)
        for path in _images(root, folder, left_out, problems)
    ]
    if not found and problems:
        raise FaultyCasesError("no images in the class folders", problems, None)
    if not found:
        raise DataError(
            "no images in class folders; expected CLASS/IMAGE or train/CLASS/IMAGE with "
            f"images ending in {' '.join(SUFFIXES)}, in a number, or in nothing"
        )
    return found, _left_out_notice(left_out)


def _class_folders(root: Path, problems: Problems) -> list[Place]:
    folders = _subfolders(root)
    splits = {name: SPLITS[name.lower()] for name in folders if name.lower() in SPLITS}
    if not splits:
        return [(name, name, None) for name in folders]
    others = [f"'{name}'" for name in folders if name not in splits]
    if others:
        beside = (
            f"beside the split folders {', '.join(splits)} there are others: "
            f"{', '.join(others)}; move them elsewhere, or into a split folder"
        )
        problems.append(Problem(Kind.LAYOUT, "", beside))
    inner = {name: _subfolders(resolve(root, name)) for name in splits}
    return [(f"{name}/{label}", label, splits[name]) for name in splits for label in inner[name]]


def _subfolders(folder: Path) -> list[str]:
    return sorted(e.name for e in folder.iterdir() if e.is_dir() and e.name[0] not in "._")


def _images(root: Path, folder: str, left_out: list[str], problems: Problems) -> list[str]:
    """Images of one class folder, sorted; an empty one is a problem, other files are left out."""
    try:
        entries = [e for e in resolve(root, folder).iterdir() if not e.name.startswith(".")]
    except DataError as error:
        problems.append(Problem(Kind.PATH, "", error.message))
        return []
    folders = {e.name for e in entries if e.is_dir()}
    names = sorted(e.name for e in entries)
    images = [name for name in names if name not in folders and may_be_image(name)]
    left_out += [f"{folder}/{name}" for name in sorted(set(names) - set(images))]
    if not images:
        empty = f"the class folder {folder} has no images ({' '.join(SUFFIXES)})"
        problems.append(Problem(Kind.LAYOUT, "", empty))
    files, checked = ImageFiles(root), []
    for name in images:
        try:
            checked.append(files.check(f"{folder}/{name}"))
        except DataError as error:
            kind = Kind.MISSING if isinstance(error, NoSuchFileError) else Kind.PATH
            problems.append(Problem(kind, "", error.message))
    return checked


def _left_out_notice(left_out: list[str]) -> tuple[str, ...]:
    if not left_out:
        return ()
    return (f"Folders, and files that are no images, left out: {len(left_out)}.",)


def _unknown_classes(found: list[Found], classes: tuple[str, ...]) -> Problems:
    counts: dict[str, int] = defaultdict(int)
    for path, label, _ in found:
        if label not in classes:
            counts[path.rpartition("/")[0]] += 1
    there = {label for _, label, _ in found}
    lines = [
        f"the folder {folder} ({n} images) is none of the classes {', '.join(classes)}"
        for folder, n in counts.items()
    ]
    lines += [f"there is no folder for the class '{name}'" for name in classes if name not in there]
    return [Problem(Kind.LABEL, "", line) for line in lines]


def _untrained_classes(found: list[Found]) -> Problems:
    sides: dict[str, set[str]] = defaultdict(set)
    for _, label, split in found:
        sides[split or "train"].add(label)
    trained = sides.pop("train", set()) | sides.pop("train_val", set())
    return [
        Problem(Kind.LABEL, "", f"the class '{label}' is in {side} but not in train")
        for side, labels in sides.items()
        for label in sorted(labels - trained)
        if trained
    ]


def _faulty_ids(found: list[Found], ids: list[str]) -> Problems:
    paths: dict[str, list[str]] = defaultdict(list)
    for case_id, (path, _, _) in zip(ids, found, strict=True):
        paths[case_id].append(path)
    problems: Problems = []
    for case_id, same in paths.items():
        if len(same) > 1:
            both = f"{' and '.join(same)} would both be case '{case_id}'; rename one"
            problems.append(Problem(Kind.CASE_ID, "", both, case_id=case_id))
        if fault := fault_of_case_id(case_id):
            name = f"the file name {fault}"
            problems.append(Problem(Kind.CASE_ID, same[0], name, case_id=case_id))
    return problems
