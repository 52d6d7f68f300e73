"""CheXpert: 224,316 chest films of 65,240 patients, fourteen observations read from reports."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind, Problem, Problems
from datamodules.readers.chexpert_labels import (
    OBSERVATIONS,
    BlankPolicies,
    ObservationCells,
    Observations,
    UncertainPolicies,
)
from datamodules.readers.chexpert_tables import (
    TABLES,
    Film,
    folder_of_tables,
    read_films,
    tables_there,
)
from datamodules.readers.image_files import ImageFiles, NoSuchFileError, hint_of_missing
from datamodules.readers.nih_annotations import parse_ages
from datamodules.readers.reader import ReaderSettings

SEXES = {"Male": "M", "Female": "F"}


class ChexpertReader(ReaderSettings):
    """CheXpert (Irvin et al., AAAI 2019), https://stanfordmlgroup.github.io/competitions/chexpert/.

    Expected under ``root``, or under its one folder ``CheXpert-v1.0-small`` or ``CheXpert-v1.0``;
    tables may be gzipped, and all but train.csv may be absent::

        train.csv       Path,Sex,Age,Frontal/Lateral,AP/PA, then fourteen observations
        valid.csv       the same, read by three radiologists
        test.csv        Path and the observations only, read by radiologists (released in 2022);
                        or test_labels.csv
        train/patient00001/study1/view1_frontal.jpg        and so on

    Paths in the tables may begin with ``CheXpert-v1.0-small/``.
    """

    folder: ClassVar[str] = "chexpert"

    kind: Literal["chexpert"] = "chexpert"
    uncertain: UncertainPolicies = UncertainPolicies()
    """What a label of -1 (uncertain) counts as."""
    blank: BlankPolicies = BlankPolicies()
    """What a blank label (not mentioned in the report) counts as."""
    views: tuple[Literal["frontal", "lateral"], ...] = ("frontal",)
    """Which films to take; empty: all."""
    official_validation: Literal["auto", "val", "test"] = "auto"
    """What valid.csv is for; auto: testing, as published figures are of it, or validation if
    that of the test films is there. What is lacking is drawn from the training patients."""
    require_images: bool = True
    """Every film of these views must be there; off: list them without looking for images."""

    def list_cases(self) -> CaseTable:
        """List the films of the tables; see the base class."""
        return _ChexpertCases(self, folder_of_tables(self.existing_root())).build()


class _ChexpertCases:
    """Turns films into cases, and gathers everything that is wrong with them."""

    def __init__(self, settings: ChexpertReader, root: Path) -> None:
        self.settings = settings
        self.root = root
        self.missing = 0
        self.problems: Problems = []
        self.notices: list[str] = []

    def build(self) -> CaseTable:
        names = tables_there(self.root)
        self._notice_unlabelled(names)
        films = self._wanted(read_films(self.root, names, self.problems))
        splits = self._splits(names)
        paths, observations = self._paths(films), self._observations(films)
        ages = parse_ages([film.age for film in films], self.notices)
        cases = tuple(
            Case(
                case_id=film.case_id,
                patient_id=film.found["patient"],
                inputs={"image": Source(path)} if path else {},
                targets={"findings": observed},
                attributes={
                    "age": age,
                    "sex": SEXES.get(film.sex),
                    "view": film.projection or film.found["plane"],
                },
                split=splits[film.folder],
                exam_id="/".join(film.found.group("patient", "study")),
            )
            for film, path, observed, age in zip(films, paths, observations, ages, strict=True)
        )
        if self.problems:
            raise FaultyCasesError(
                f"problems in {', '.join(names.values())} and what they name: {len(self.problems)}"
                + hint_of_missing(self.missing, len(films)),
                self.problems,
                self._table(cases) if cases else None,
            )
        return self._table(cases)

    def _table(self, cases: tuple[Case, ...]) -> CaseTable:
        return CaseTable(
            name=ChexpertReader.folder,
            root=self.root,
            cases=cases,
            findings=OBSERVATIONS,
            notices=tuple(self.notices),
        )

    def _add(self, kind: Kind, film: Film, message: str) -> None:
        where = f"{film.place}, {film.case_id}"
        self.problems.append(Problem(kind, where, message, case_id=film.case_id))

    def _notice_unlabelled(self, there: Collection[str]) -> None:
        """Say that films lie in the folder test, where no table has their labels."""
        folders = (self.root / "test", *self.root.glob("CheXpert*/test"))
        if "test" not in there and any(folder.is_dir() for folder in folders):
            self.notices.append(
                f"The films of the folder test are not used: {' or '.join(TABLES['test'])} is not "
                "there."
            )

    def _wanted(self, films: Iterable[Film]) -> list[Film]:
        """Films of the views asked for, and of several rows for one film the first."""
        first: dict[str, Film] = {}
        for film in films:
            if self.settings.views and film.found["plane"] not in self.settings.views:
                continue
            if first.setdefault(film.case_id, film) is not film:
                place = first[film.case_id].place
                self._add(Kind.CASE_ID, film, f"the film is in {place} already")
        return list(first.values())

    def _splits(self, there: Collection[str]) -> dict[str, str | None]:
        """Official side of the films in each folder."""
        if set(there) == {"train"}:
            self.notices.append(
                "valid.csv is not there: the split is drawn, and figures do not compare with "
                "published ones."
            )
            return {"train": None}
        validation = self.settings.official_validation
        if validation == "auto":
            validation = "val" if "test" in there else "test"
        if validation == "test" and "valid" in there:
            self.notices.append(
                "The films of valid.csv, read by radiologists, are for testing; validation is "
                "drawn from the training patients."
            )
        return {"train": "train", "valid": validation, "test": "test"}

    def _paths(self, films: Sequence[Film]) -> list[str]:
        """Where each film is; empty where it cannot be had."""
        if not self.settings.require_images:
            return [film.found["path"] for film in films]
        files, begins = ImageFiles(self.root), self._beginnings(films)
        paths = []
        for film in films:
            path = ""
            try:
                if film.table in begins:
                    path = files.check(begins[film.table] + film.found["path"])
            except DataError as error:
                missing = isinstance(error, NoSuchFileError)
                self.missing += missing
                self._add(Kind.MISSING if missing else Kind.PATH, film, error.message)
            paths.append(path)
        return paths

    def _beginnings(self, films: Sequence[Film]) -> dict[str, str]:
        """What the paths of a table begin with on the disk: nothing, or ``CheXpert-v1.0-small/``.

        A table whose films are in neither place is a problem, and left out.
        """
        begins: dict[str, str] = {}
        for film in {film.table: film for film in reversed(films)}.values():
            folder, top = film.folder, film.found["top"]
            if (self.root / folder).is_dir():
                begins[film.table] = ""
            elif top and (self.root / top / folder).is_dir():
                begins[film.table] = f"{top}/"
            else:
                fault = (
                    f"it names films such as {film.found[0]}, and there is no folder {folder} "
                    "beside it; --data.reader.root is the folder that has train.csv and train, or "
                    "the one above it"
                )
                self.problems.append(Problem(Kind.LAYOUT, film.table, fault))
        return begins

    def _observations(self, films: Sequence[Film]) -> list[Observations]:
        labels = ObservationCells(self.settings.uncertain, self.settings.blank)
        read: list[Observations] = []
        for film in films:
            observed = labels.read(film.cells)
            if isinstance(observed, str):
                self._add(Kind.LABEL, film, observed)
                observed = {}
            read.append(observed)
        self.notices += labels.notices()
        return read
