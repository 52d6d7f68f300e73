"""Images sorted into folders: one folder a class."""

from collections import defaultdict
from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Source
from datamodules.problems import FaultyCasesError, Kind, Problem, Problems
from datamodules.readers.class_folders import FoundImage, find_images, name_cases, name_files
from datamodules.readers.image_files import fault_of_case_id
from datamodules.readers.label_columns import order_notice, sort_classes, twins
from datamodules.readers.patient_ids import PatientPattern, find_patient, patient_notices
from datamodules.readers.reader import ReaderSettings


class FolderReader(ReaderSettings):
    """Your own images or volumes, in one folder a class.

    Expected under ``root``, either of::

        normal/a.png    pneumonia/b.png                       the split is drawn
        train/normal/a.png    val/normal/c.png    test/...    the split is official

    A volume is a file (``normal/a.nii.gz``), or a folder with the files of a DICOM series
    (``normal/a/*.dcm``); of a folder with several series each is a case.
    """

    ids_are_file_names: ClassVar[bool] = True
    kind: Literal["folder"] = "folder"
    classes: tuple[str, ...] = ()
    """The class folders in order, of two the second is the positive one; empty: all, sorted."""
    patient_pattern: PatientPattern = None
    r"""Regular expression found in the name of the file, or of the folder of a DICOM series; its
    first group is the patient: ``(p\d+)_``."""

    def list_cases(self) -> CaseTable:
        """List the images of all class folders; see the base class."""
        root = self.existing_root()
        problems: Problems = []
        found, notices = find_images(root, problems)
        classes = self.classes or sort_classes({image.label for image in found})
        ids = name_cases(found)
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
                {"image": Source(image.path, image.series)},
                {"class": image.label} if image.label in classes else {},
                split=image.split,
            )
            for case_id, patient, image in zip(ids, patients, found, strict=True)
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

    def _patients(self, found: list[FoundImage], ids: list[str], problems: Problems) -> list[str]:
        if self.patient_pattern is None:
            return name_files(found)  # series that share a folder are of one patient
        patients = []
        for case_id, image in zip(ids, found, strict=True):
            patient = find_patient(self.patient_pattern, image.path.rpartition("/")[2])
            if not patient:
                message = "the file name does not match the patient pattern"
                problems.append(Problem(Kind.PATIENT, image.path, message, case_id=case_id))
            patients.append(patient or case_id)
        return patients


def _unknown_classes(found: list[FoundImage], classes: tuple[str, ...]) -> Problems:
    counts: dict[str, int] = defaultdict(int)
    for image in found:
        if image.label not in classes:
            counts[image.path.rpartition("/")[0]] += 1
    there = {image.label for image in found}
    lines = [
        f"the folder {folder} ({n} images) is none of the classes {', '.join(classes)}"
        for folder, n in counts.items()
    ]
    lines += [f"there is no folder for the class '{name}'" for name in classes if name not in there]
    return [Problem(Kind.LABEL, "", line) for line in lines]


def _untrained_classes(found: list[FoundImage]) -> Problems:
    sides: dict[str, set[str]] = defaultdict(set)
    for image in found:
        sides[image.split or "train"].add(image.label)
    trained = sides.pop("train", set()) | sides.pop("train_val", set())
    return [
        Problem(Kind.LABEL, "", f"the class '{label}' is in {side} but not in train")
        for side, labels in sides.items()
        for label in sorted(labels - trained)
        if trained
    ]


def _faulty_ids(found: list[FoundImage], ids: list[str]) -> Problems:
    paths: dict[str, list[str]] = defaultdict(list)
    for case_id, image in zip(ids, found, strict=True):
        paths[case_id].append(image.path)
    problems: Problems = []
    for case_id, same in paths.items():
        if len(same) > 1:
            both = f"{' and '.join(same)} would both be case '{case_id}'; rename one"
            problems.append(Problem(Kind.CASE_ID, "", both, case_id=case_id))
        if fault := fault_of_case_id(case_id):
            name = f"the file name {fault}"
            problems.append(Problem(Kind.CASE_ID, same[0], name, case_id=case_id))
    return problems
