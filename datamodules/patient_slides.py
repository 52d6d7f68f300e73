"""All slides of a patient as one case."""

from collections import defaultdict
from dataclasses import replace

from datamodules.case_groups import group_faults, merged
from datamodules.cases import Case, CaseTable
from datamodules.errors import ConfigError, DataError


def group_patients(table: CaseTable) -> CaseTable:
    """One case a patient: its slides are the inputs, and its findings hold if any slide's do.

    Raises:
        ConfigError: If the dataset does not say which slides are of one patient.
        DataError: If the slides of a patient differ in class or official side.
    """
    if not table.has_patients:
        raise ConfigError(
            f"--data.unit patient: {table.name} does not say which slides are of one patient"
        )
    patients: dict[str, list[Case]] = defaultdict(list)
    for case in table.cases:
        patients[case.patient_id].append(case)
    problems = [
        fault for name, cases in patients.items() for fault in group_faults("patient", name, cases)
    ]
    if problems:
        raise DataError(
            "slides cannot be put together to patients; mend the table, or take each slide alone"
            " with --data.unit slide",
            problems,
        )
    cases = tuple(_merge(name, own) for name, own in patients.items())
    return replace(table, cases=cases)


def _merge(name: str, cases: list[Case]) -> Case:
    sources = [each for case in cases for each in case.inputs.items()]
    inputs = {f"{what}-{number}": source for number, (what, source) in enumerate(sources, 1)}
    return merged(name, cases, inputs)
