"""Splits: patient-disjoint, stratified, deterministic; official ones are kept and verified."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from datamodules.cases import Case, CaseTable
from datamodules.configs.splits import SplitConfig
from datamodules.errors import ConfigError, DataError
from datamodules.folds import fold_notices, hold_out
from datamodules.stratified_draw import draw_stratified

ContentHashes = Mapping[str, bytes | str | tuple[bytes, ...]]
"""Hash of the content of each case by case id; several hashes for a case of several images."""
SIDES = ("train", "val", "test")
EXCLUDED = "excluded"
CLOSED = "closed"
"""Official test cases of which a cross-validation makes no use."""


def assign_splits(
    table: CaseTable,
    config: SplitConfig,
    groups: ContentHashes | None = None,
) -> dict[str, str]:
    """Divide cases into train, val and test; a patient is on one side only.

    An official split is kept. What it lacks is drawn from its training cases: validation, and a
    test set where there is none. Drawn splits are stratified: by a patient's rarest positive
    finding, or rarest class. With folds, the test set is one of them, and all of them are drawn
    from what is not an official test case.

    Args:
        table: The cases.
        config: Shares, seed, and whether the official split counts.
        groups: Content by case id; patients who share content are drawn together.

    Returns:
        ``train``, ``val`` or ``test`` for every case id; with folds also ``closed``.

    Raises:
        DataError: If a patient is on two sides of the official split, if some cases have an
            official side and others none, or if there are too few patients to divide.
        ConfigError: If the fractions leave nothing to train on.
    """
    splits: dict[str, str] = {}
    pool: Sequence[Case] = table.cases
    if has_official_split(table, config):
        _check_official(table)
        splits = _official_sides(table, config)
        drawn_from = ("train", "train_val", "val") if config.folds else ("train", "train_val")
        pool = [case for case in table.cases if case.split in drawn_from]
    units = _units(pool, groups or {})
    if config.folds is not None:
        return splits | hold_out(units, config)
    fractions = _fractions_to_draw(splits.values(), config)
    if len(units) <= len(fractions):
        raise DataError(
            f"too few patients ({len(units)}) to divide into {', '.join(('train', *fractions))} "
            "without one being on two sides"
        )
    return splits | draw_stratified(units, fractions, by_site=config.by_site, seed=config.seed)


def _official_sides(table: CaseTable, config: SplitConfig) -> dict[str, str]:
    """The official sides that are kept; with folds, only the test set is not drawn from."""
    if config.folds is not None:
        return {case.case_id: CLOSED for case in table.cases if case.split == "test"}
    sides = {case.case_id: case.split or "" for case in table.cases}
    return {name: side for name, side in sides.items() if side in SIDES}


def has_official_split(table: CaseTable, config: SplitConfig) -> bool:
    """Whether the dataset's own split is there and is to be kept."""
    return config.official and any(case.split for case in table.cases)


def shared_content(table: CaseTable, groups: ContentHashes) -> tuple[str, ...]:
    """Say, for the report, which patients share identical images and stay on one side."""
    shared = [unit for unit in _units(table.cases, groups) if len(_patients(unit)) > 1]
    return tuple(
        f"Patients {', '.join(map(repr, _patients(unit)))} share identical images and are kept on "
        "one side."
        for unit in shared
    )


def check_content(
    splits: Mapping[str, str], hashes: ContentHashes, official: bool
) -> tuple[dict[str, str], list[str]]:
    """Look for identical content on two sides.

    Args:
        splits: Side of each case id.
        hashes: Content by case id.
        official: Whether the split is the dataset's own. Then copies stay in a closed test set
            before test before val before train, and become ``excluded`` elsewhere.

    Returns:
        The splits, and a warning for each group of copies.

    Raises:
        DataError: If copies are on two sides of a split that is not official.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for case_id in splits:
        for content in contents_of(hashes, case_id):
            groups[content].append(case_id)
    checked, warnings = dict(splits), []
    for copies in groups.values():
        sides = {splits[case_id] for case_id in copies} - {EXCLUDED}
        if len(sides) < 2:
            continue
        kept = max(sides, key=(*SIDES, CLOSED).index)
        lost = [name for name in copies if splits[name] in sides - {kept}]
        checked.update(dict.fromkeys(lost, EXCLUDED))
        warnings.append(
            f"{_listed(lost, splits)} excluded: identical to "
            f"{_listed([name for name in copies if splits[name] == kept], splits)}"
        )
    if warnings and not official:
        raise DataError(
            "identical images are on two sides of the split; remove the copies",
            [warning.replace(" excluded: identical to ", " = ") for warning in warnings],
        )
    return checked, warnings


def divide(
    table: CaseTable, config: SplitConfig, hashes: ContentHashes
) -> tuple[dict[str, str], list[str]]:
    """Assign splits and look for identical content on two sides.

    Returns:
        The side of each case, and what the report should say of identical images.

    Raises:
        DataError: As :func:`assign_splits` and :func:`check_content`.
    """
    official = has_official_split(table, config)
    drawn = assign_splits(table, config, groups=hashes)
    splits, warnings = check_content(drawn, hashes, official=official)
    drawn_from = fold_notices(config, closed=sum(side == CLOSED for side in splits.values()))
    if not official:
        return splits, [*drawn_from, *shared_content(table, hashes)]
    return splits, [*drawn_from, *_drawn_beside_official(table, config), *warnings]


def _drawn_beside_official(table: CaseTable, config: SplitConfig) -> list[str]:
    """Say that a test set was drawn, where the official split has none."""
    if config.test_fraction == 0 or any(case.split == "test" for case in table.cases):
        return []
    if config.folds is not None:
        return []
    return [
        "The official split has no test cases: they are drawn from its training cases, and figures"
        " do not compare with published ones."
    ]


def without_side(cases: Iterable[Case]) -> list[Case]:
    """The cases that have no side in the official split."""
    return [case for case in cases if case.split not in (*SIDES, "train_val")]


def on_two_sides(cases: Iterable[Case]) -> dict[str, dict[str, str]]:
    """The patients on more than one official side: a case id for each side, by patient."""
    sides: dict[str, dict[str, str]] = defaultdict(dict)
    for case in cases:
        sides[case.patient_id].setdefault(case.split or "", case.case_id)
    return {patient: found for patient, found in sides.items() if len(found) > 1}


def _check_official(table: CaseTable) -> None:
    if without := without_side(table.cases):
        names = [case.case_id for case in without]
        raise DataError("some cases have an official side and others none", names)
    problems = [
        f"patient '{patient}': "
        + ", ".join(f"case '{case_id}' in {side}" for side, case_id in found.items())
        for patient, found in on_two_sides(table.cases).items()
    ]
    if problems:
        raise DataError(
            "patients are on two sides of the official split; mend it, or draw a split with "
            "--data.split.official False",
            problems,
        )
    if not any(case.split in ("train", "train_val") for case in table.cases):
        raise DataError("the official split has no training cases")


def _fractions_to_draw(official: Iterable[str], config: SplitConfig) -> dict[str, float]:
    there = set(official)
    fractions = {"val": config.val_fraction, "test": config.test_fraction}
    fractions = {k: share for k, share in fractions.items() if share > 0 and k not in there}
    if sum(fractions.values()) >= 1:
        raise ConfigError(
            f"val_fraction {config.val_fraction} and test_fraction {config.test_fraction} leave "
            "nothing to train on"
        )
    return fractions


def _units(cases: Sequence[Case], groups: ContentHashes) -> list[list[Case]]:
    """Cases that must stay together: those of a patient, and of patients who share content."""
    parent: dict[object, object] = {}

    def find(item: object) -> object:
        parent.setdefault(item, item)
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for case in cases:
        patient = find(("patient", case.patient_id))
        for content in contents_of(groups, case.case_id):
            parent[find(("content", content))] = patient
    units: dict[object, list[Case]] = defaultdict(list)
    for case in cases:
        units[find(("patient", case.patient_id))].append(case)
    return list(units.values())


def contents_of(hashes: ContentHashes, case_id: str) -> tuple[str, ...]:
    """The different hashes of a case as text; none where it has none."""
    found = hashes.get(case_id, ())
    each = found if isinstance(found, tuple) else (found,)
    return tuple(dict.fromkeys(h if isinstance(h, str) else h.hex() for h in each))


def _patients(unit: Sequence[Case]) -> list[str]:
    return sorted({case.patient_id for case in unit})


def _listed(names: Sequence[str], splits: Mapping[str, str]) -> str:
    return ", ".join(f"'{name}' ({splits[name]})" for name in names)
