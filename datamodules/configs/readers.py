"""Every reader that an experiment can name, chosen by ``kind``."""

from typing import Annotated

from pydantic import Field

from datamodules.readers.chexpert import ChexpertReader
from datamodules.readers.csv_table import CsvReader
from datamodules.readers.demo import DemoReader
from datamodules.readers.folder import FolderReader
from datamodules.readers.medmnist import MedMnistReader
from datamodules.readers.mimic_cxr import MimicCxrReader
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader
from datamodules.readers.padchest import PadChestReader
from datamodules.readers.rsna_pneumonia import RsnaPneumoniaReader

Reader = Annotated[
    CsvReader
    | FolderReader
    | NihChestXray14Reader
    | ChexpertReader
    | MimicCxrReader
    | PadChestReader
    | RsnaPneumoniaReader
    | MedMnistReader
    | DemoReader,
    Field(discriminator="kind"),
]
