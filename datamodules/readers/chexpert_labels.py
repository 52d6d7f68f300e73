"""The fourteen observations of the CheXpert labeller, and what uncertain and blank count as."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from datamodules.readers.tables import is_missing, plain_number
from datamodules.schema import Settings

OBSERVATIONS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
NO_FINDING = OBSERVATIONS[0]

Policy = Literal["zero", "one", "missing"]
OwnPolicy = Literal["as-others", "zero", "one", "missing"]
Cells = tuple[str, ...]
"""What a table says of the observations, in their order."""
Observations = Mapping[str, float | None]

_VALUES: Mapping[Policy, float | None] = {"zero": 0.0, "one": 1.0, "missing": None}
_STATED = {"0": 0.0, "1": 1.0}
_UNCERTAIN, _BLANK = "-1 (uncertain)", "blank"
_COUNT_AS: Mapping[Policy, str] = {"zero": "0", "one": "1", "missing": "not known"}
_ALLOWED = "a label is 1, 0, -1 (uncertain; not for No Finding) or blank"


class UncertainPolicies(Settings):
    """What -1 (uncertain) stands for: 0, 1, or a label that is not known.

    Zero for all is U-Zeros of Irvin et al. (AAAI 2019), who find one better for atelectasis and
    edema. No Finding is never uncertain.
    """

    others: Policy = "zero"
    """Every observation that has no policy of its own."""
    enlarged_cardiomediastinum: OwnPolicy = "as-others"
    """Enlarged Cardiomediastinum."""
    cardiomegaly: OwnPolicy = "as-others"
    """Cardiomegaly."""
    lung_opacity: OwnPolicy = "as-others"
    """Lung Opacity."""
    lung_lesion: OwnPolicy = "as-others"
    """Lung Lesion."""
    edema: OwnPolicy = "as-others"
    """Edema."""
    consolidation: OwnPolicy = "as-others"
    """Consolidation."""
    pneumonia: OwnPolicy = "as-others"
    """Pneumonia."""
    atelectasis: OwnPolicy = "as-others"
    """Atelectasis."""
    pneumothorax: OwnPolicy = "as-others"
    """Pneumothorax."""
    pleural_effusion: OwnPolicy = "as-others"
    """Pleural Effusion."""
    pleural_other: OwnPolicy = "as-others"
    """Pleural Other."""
    fracture: OwnPolicy = "as-others"
    """Fracture."""
    support_devices: OwnPolicy = "as-others"
    """Support Devices."""

    def policy(self, observation: str) -> Policy:
        """The policy that holds for an observation."""
        own: OwnPolicy = getattr(self, observation.lower().replace(" ", "_"))
        return self.others if own == "as-others" else own


class BlankPolicies(UncertainPolicies):
    """What a blank cell (the report does not mention it) stands for: 0, 1, or not known.

    Zero for all is what is usual since Irvin et al. (AAAI 2019).
    """

    no_finding: OwnPolicy = "zero"
    """No Finding; not as others, as the labeller never writes 0: blank is how it says no."""


class ObservationCells:
    """Turns cells into observations, and counts what the policies decided.

    Args:
        uncertain: What -1 stands for.
        blank: What an empty cell stands for.
    """

    def __init__(self, uncertain: UncertainPolicies, blank: BlankPolicies) -> None:
        self._uncertain = uncertain
        self._blank = blank
        # A dataset has far fewer combinations than rows: each is read, and held, once.
        self._read: dict[Cells, Observations | str] = {}
        self._rows: Counter[Cells] = Counter()

    def read(self, cells: Cells) -> Observations | str:
        """Observation -> 1.0, 0.0 or None (not known); a string says what is wrong."""
        if cells not in self._read:
            self._read[cells] = self._observations(cells)
        self._rows[cells] += 1
        return self._read[cells]

    def notices(self) -> list[str]:
        """Say how many uncertain and blank labels of the rows read so far count as what."""
        counts: dict[str, Counter[Policy]] = {_UNCERTAIN: Counter(), _BLANK: Counter()}
        for cells, rows in self._rows.items():
            for observation, cell in zip(OBSERVATIONS, cells, strict=True):
                if decision := self._decision(observation, cell):
                    counts[decision[0]][decision[1]] += rows
        return [
            f"Labels that are {what}: {_listed(policies)}."
            for what, policies in counts.items()
            if policies
        ]

    def _observations(self, cells: Cells) -> Observations | str:
        values: dict[str, float | None] = {}
        faults = []
        for observation, cell in zip(OBSERVATIONS, cells, strict=True):
            if decision := self._decision(observation, cell):
                values[observation] = _VALUES[decision[1]]
            elif plain_number(cell) in _STATED:
                values[observation] = _STATED[plain_number(cell)]
            else:
                faults.append(f"column '{observation}' is '{cell}'")
        return f"{', '.join(faults)}; {_ALLOWED}" if faults else values

    def _decision(self, observation: str, cell: str) -> tuple[str, Policy] | None:
        """What is left to a policy, and how it decides; None where the cell says it itself."""
        if is_missing(cell):
            return _BLANK, self._blank.policy(observation)
        if plain_number(cell) == "-1" and observation != NO_FINDING:
            return _UNCERTAIN, self._uncertain.policy(observation)
        return None


def _listed(policies: Counter[Policy]) -> str:
    return ", ".join(
        f"{policies[policy]:,} count as {words}"
        for policy, words in _COUNT_AS.items()
        if policies[policy]
    )
