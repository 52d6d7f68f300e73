"""What can be set about the data of every task."""

from typing import ClassVar

from pydantic import Field

from datamodules.configs.readers import Reader
from datamodules.configs.splits import SplitConfig
from datamodules.readers.csv_table import CsvReader
from datamodules.schema import Settings


class DataSettings(Settings):
    """Where cases come from, how they are divided, and how they are batched."""

    of_dataset: ClassVar[tuple[str, ...]] = ("reader", "workers")
    """What a trained model takes from the settings of another dataset; the rest is its own."""

    reader: Reader = CsvReader()
    """Which dataset layout is read, and from where."""
    split: SplitConfig = SplitConfig()
    """How cases are divided into training, validation and test."""
    batch_size: int = Field(default=32, ge=1)
    """Cases a step and process."""
    workers: int = Field(default=2, ge=0)
    """Processes that prepare batches; 0: in the training process."""
