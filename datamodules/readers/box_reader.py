"""What the readers of pictures with boxes have in common."""

from pydantic import Field

from datamodules.problems import Kind
from datamodules.readers.box_list import FaultyBoxes
from datamodules.readers.case_list import CaseList
from datamodules.readers.patient_ids import PatientPattern, find_patient, patient_notices
from datamodules.readers.reader import ReaderSettings

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".gif", ".dcm")
"""Endings of images that boxes may be drawn in."""


class BoxReader(ReaderSettings):
    """Pictures in a folder, whose boxes stand in files of a known format."""

    dataset: str = Field(default="", pattern=r"^[\w.-]*$")
    """What the dataset is called, as its folder under $LIGHTBOX_DATA is where no root is given."""
    patient_pattern: PatientPattern = None
    r"""Regular expression found in the id; its first group is the patient: ``^(p\d+)_``."""
    faulty_boxes: FaultyBoxes = "drop"
    """What becomes of boxes that have no area, are inverted, or are given twice: left out, each
    with a warning of ``check``; or refused."""
    public_images: bool = False
    """Whether the images are public, so that Weights & Biases may show them unasked."""

    @property
    def usual_folder(self) -> str:
        """See the base class."""
        return self.dataset

    @property
    def has_patients(self) -> bool:
        """Whether it is known whose images are whose."""
        return self.patient_pattern is not None

    def patient_of(self, case_id: str, cases: CaseList) -> str:
        """The patient in an id; the id itself where nothing says it, which may be a fault."""
        if self.patient_pattern is None:
            return case_id
        patient = find_patient(self.patient_pattern, case_id)
        if not patient:
            cases.fault(Kind.PATIENT, "the id does not match the patient pattern", case_id)
        return patient or case_id

    def notices_of(self, cases: CaseList) -> tuple[str, ...]:
        """What is odd about the patients."""
        return patient_notices(cases.patients) if self.has_patients else ()
