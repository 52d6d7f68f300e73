"""Every reader that an experiment can name, chosen by ``kind``."""

from typing import Annotated

from pydantic import Field

from datamodules.readers.csv_table import CsvReader
from datamodules.readers.demo import DemoReader
from datamodules.readers.folder import FolderReader
from datamodules.readers.medmnist import MedMnistReader
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader

Reader = Annotated[
    CsvReader | FolderReader | NihChestXray14Reader | MedMnistReader | DemoReader,
    Field(discriminator="kind"),
]
