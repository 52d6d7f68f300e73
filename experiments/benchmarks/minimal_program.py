"""The least that Lightning and MONAI need for one training step: what Lightbox is held against.

Usage: ``python -m experiments.benchmarks.minimal_program FOLDER PIXELS BATCH_SIZE``. Prints the
time at the end of the first optimizer step, in seconds since 1970, after ``STEP_DONE``.
"""

import logging
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from monai.networks.nets.densenet import DenseNet121
from monai.transforms.compose import Compose
from monai.transforms.intensity.array import ScaleIntensityRange
from monai.transforms.io.array import LoadImage
from monai.transforms.spatial.array import Resize
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

STEP_DONE = "end of the first step:"


class Films(Dataset[tuple[Tensor, Tensor]]):
    """The training films of a folder with one folder a class."""

    def __init__(self, root: Path, pixels: int) -> None:
        self.paths = sorted(root.glob("train/*/*.png"))
        self.transform = Compose(
            [
                LoadImage(image_only=True, ensure_channel_first=True),
                ScaleIntensityRange(0, 65535, -2, 2),
                Resize((pixels, pixels), mode="area"),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self.transform(self.paths[index]).as_tensor()
        return image, torch.tensor([float(self.paths[index].parent.name == "abnormal")])


class Classifier(pl.LightningModule):
    """A DenseNet-121."""

    def __init__(self) -> None:
        super().__init__()
        self.network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=1)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:  # noqa: ANN401
        """Loss of one batch."""
        del batch_idx
        image, target = batch
        return F.binary_cross_entropy_with_logits(self.network(image), target)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
        """Say when the step was done."""
        print(STEP_DONE, time.time(), flush=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW."""
        return torch.optim.AdamW(self.parameters(), 1e-3)


def main(root: Path, pixels: int, batch_size: int) -> None:
    """Train one step."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    loader = DataLoader(Films(root, pixels), batch_size, shuffle=True, num_workers=2)
    trainer = pl.Trainer(
        max_steps=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(), loader)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
