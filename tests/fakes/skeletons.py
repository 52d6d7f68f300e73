"""Throwaway tasks that are nothing like a classifier, to keep the base from being shaped by one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from datamodules.base import TaskDataModule
from datamodules.samplers import Draw, draws_of
from lightning_modules.base import Prediction, Row, TaskModule
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.metrics.intervals import Figure

SIZE, ORIGINAL = 16, 32


class Squares(Dataset[Any]):
    """A bright square on noise; its place is a function of the index alone."""

    def __init__(self, training: bool) -> None:
        self.training = training

    def __getitems__(self, draws: Sequence[Draw]) -> dict[str, Any]:
        index, epoch, draw = draws_of(draws)
        images, corners = zip(*(self._square(*key) for key in draws), strict=True)
        return {
            "image": torch.from_numpy(np.stack(images)),
            "corner": torch.tensor(corners),
            "index": index,
            "epoch": epoch,
            "draw": draw,
        }

    def _square(self, index: int, epoch: int, draw: int) -> tuple[np.ndarray, tuple[int, int]]:
        place = np.random.default_rng(index)
        noise = np.random.default_rng([index, epoch + 1, draw + 1])
        y, x = place.integers(1, SIZE - 6, 2)
        image = noise.normal(0, 0.1, (1, SIZE, SIZE)).astype(np.float32)
        image[0, y : y + 5, x : x + 5] += 1
        return image, (int(y), int(x))


class SquaresData(TaskDataModule):
    """Squares for the cases of any table."""

    def prepare_pixels(self, table: Any) -> Mapping[str, bytes]:
        return {case.case_id: case.case_id.encode() for case in table.cases}

    def dataset(self, *, training: bool) -> Squares:
        return Squares(training)


class Skeleton(TaskModule):
    """What the three throwaway tasks share."""

    def __init__(self, network: nn.Module, monitor: str) -> None:
        super().__init__(AdamWConfig(lr=1e-2), monitor)
        self.network = network

    def final_figures(
        self, rows: Sequence[Row], operating_point: dict[str, Any], samples: int
    ) -> dict[str, Figure]:
        patients = len({row["patient_id"] for row in rows})
        values = self.summarize(rows)
        return {name: Figure(v, None, None, len(rows), patients) for name, v in values.items()}

    @staticmethod
    def predictions(batch: Any, values: Sequence[Any]) -> list[Prediction]:
        ids = zip(batch["case_id"], batch["patient_id"], values, strict=True)
        return [Prediction(*each) for each in ids]


class SkeletonSegmenter(Skeleton):
    """Masks scored in the original geometry, which is not that of the network."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(
            nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1),
                nn.BatchNorm2d(8),
                nn.ReLU(),
                nn.Dropout(0.1),
                nn.Conv2d(8, 1, 3, padding=1),
            ),
            "dice",
        )

    def _mask(self, corner: Tensor, size: int) -> Tensor:
        mask, scale = torch.zeros(1, size, size), size // SIZE
        y, x = (corner * scale).tolist()
        mask[:, y : y + 5 * scale, x : x + 5 * scale] = 1
        return mask

    def compute_loss(self, batch: Any) -> dict[str, Tensor]:
        logits = self.network(batch["image"])
        mask = torch.stack([self._mask(corner, SIZE) for corner in batch["corner"]])
        cross_entropy = F.binary_cross_entropy_with_logits(logits, mask)
        overlap = 1 - (2 * (logits.sigmoid() * mask).sum() / (logits.sigmoid() + mask).sum())
        return {"loss": cross_entropy + overlap, "cross_entropy": cross_entropy, "dice": overlap}

    def predict_cases(self, batch: Any) -> list[Prediction]:
        logits = F.interpolate(self.network(batch["image"]), (ORIGINAL, ORIGINAL), mode="bilinear")
        return self.predictions(batch, list(logits > 0))

    def case_targets(self, batch: Any) -> list[Tensor]:
        return [self._mask(corner, ORIGINAL) for corner in batch["corner"]]

    def score_case(self, prediction: Prediction, target: Tensor) -> Row:
        found, truth = prediction.value.bool(), target.bool()
        return {
            "tp": int((found & truth).sum()),
            "fp": int((found & ~truth).sum()),
            "fn": int((~found & truth).sum()),
        }

    def summarize(self, rows: Sequence[Row]) -> dict[str, float]:
        dice = [2 * r["tp"] / (2 * r["tp"] + r["fp"] + r["fn"]) for r in rows]
        return {"dice": float(np.mean(dice))}


class SkeletonDetector(Skeleton):
    """torchvision's Faster R-CNN: gives losses only in training mode, boxes only in evaluation."""

    def __init__(self) -> None:
        from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn

        torch.manual_seed(0)
        super().__init__(
            fasterrcnn_mobilenet_v3_large_320_fpn(
                weights=None,
                weights_backbone=None,
                num_classes=2,
                min_size=32,
                max_size=32,
                rpn_post_nms_top_n_train=20,
                rpn_post_nms_top_n_test=10,
            ),
            "boxes_per_case",
        )

    def _boxes(self, batch: Any) -> list[dict[str, Tensor]]:
        """The first case of each batch is a valid negative: no box."""
        boxes = torch.cat([batch["corner"].flip(1), batch["corner"].flip(1) + 5], 1).float()
        targets = [
            {"boxes": box[None], "labels": torch.ones(1, dtype=torch.int64)} for box in boxes
        ]
        targets[0] = {
            "boxes": torch.zeros(0, 4),
            "labels": torch.zeros(0, dtype=torch.int64),
        }
        return targets

    def compute_loss(self, batch: Any) -> dict[str, Tensor]:
        losses = self.network(list(batch["image"].repeat(1, 3, 1, 1)), self._boxes(batch))
        return {"loss": sum(losses.values()), **losses}

    def predict_cases(self, batch: Any) -> list[Prediction]:
        return self.predictions(batch, self.network(list(batch["image"].repeat(1, 3, 1, 1))))

    def case_targets(self, batch: Any) -> list[Any]:
        return self._boxes(batch)

    def score_case(self, prediction: Prediction, target: Any) -> Row:
        return {"scores": prediction.value["scores"].tolist(), "truth": len(target["boxes"])}

    def summarize(self, rows: Sequence[Row]) -> dict[str, float]:
        return {"boxes_per_case": float(np.mean([len(row["scores"]) for row in rows]))}


class SkeletonGenerator(Skeleton):
    """Two networks, two optimizers, manual optimisation: the only task with its own step."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Conv2d(1, 1, 3, padding=1), "mae")
        self.discriminator = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2), nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Conv2d(4, 1, 3)
        )
        self.automatic_optimization = False

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [
            torch.optim.Adam(self.network.parameters(), 1e-2),
            torch.optim.Adam(self.discriminator.parameters(), 1e-3),
        ]

    def compute_loss(self, batch: Any) -> dict[str, Tensor]:
        made = self.network(batch["image"])
        fooled = F.softplus(-self.discriminator(made)).mean()
        fidelity = F.l1_loss(made, -batch["image"])
        return {"loss": fidelity + 0.01 * fooled, "fooled": fooled, "fidelity": fidelity}

    def training_step(self, batch: Any, batch_idx: int) -> None:
        generate, discriminate = self.optimizers()
        losses = self.compute_loss(batch)
        generate.zero_grad()
        self.manual_backward(losses["loss"])
        generate.step()
        real = F.softplus(-self.discriminator(-batch["image"])).mean()
        fake = F.softplus(self.discriminator(self.network(batch["image"]).detach())).mean()
        discriminate.zero_grad()
        self.manual_backward(real + fake)
        discriminate.step()
        self.record({**losses, "discriminator": real + fake})

    def predict_cases(self, batch: Any) -> list[Prediction]:
        return self.predictions(batch, list(self.network(batch["image"])))

    def case_targets(self, batch: Any) -> list[Tensor]:
        return list(-batch["image"])

    def score_case(self, prediction: Prediction, target: Tensor) -> Row:
        return {"mae": float((prediction.value - target).abs().mean())}

    def summarize(self, rows: Sequence[Row]) -> dict[str, float]:
        return {"mae": float(np.mean([row["mae"] for row in rows]))}
