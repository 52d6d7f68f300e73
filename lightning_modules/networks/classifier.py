"""What every network of the X-ray classifier is: images (and what is known beside) to logits."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from datamodules.batches import DataInfo, XrayBatch
from lightning_modules.configs.networks import EncoderSettings
from lightning_modules.networks.encoder_layers import map_layer, stages

TABLE_WIDTH = 16
"""Hidden units between the columns of a table and the labels."""


class ImageFeatures(NamedTuple):
    """What a network sees in each image.

    Attributes:
        vectors: What the head decides from, ``(N, C)``, or one vector a label ``(N, L, C)``.
        summary: What the image is like as a whole, ``(N, D)``.
        maps: Probability of each label at every place, float32 ``(N, L, h, w)``, or None.
        auxiliary: Logits ``(N, L)`` of parts of the network that are trained beside the whole.
    """

    vectors: Tensor
    summary: Tensor
    maps: Tensor | None = None
    auxiliary: tuple[Tensor, ...] = ()


class ClassifierOutput(NamedTuple):
    """What a network says of a batch of ``B`` cases in ``N`` images; N is B without exams.

    Attributes:
        logits: ``(B, L)``.
        features: What the case is like, ``(B, D)``, for comparison with other cases.
        maps: Probability of each label at every place, float32 ``(N, L, h, w)``, or None.
        auxiliary: Logits ``(B, L)`` of parts of the network that are trained beside the whole.
    """

    logits: Tensor
    features: Tensor
    maps: Tensor | None = None
    auxiliary: tuple[Tensor, ...] = ()


class ClassifierNetwork(nn.Module):
    """Image features -> mean over the views of an exam -> head, plus what a table says.

    A network writes :meth:`look` and sets ``encoder`` and ``head``.

    Args:
        config: Settings.
        data: What is known of the data.

    Attributes:
        encoder: Everything that may have a learning rate of its own.
        head: From vectors to logits.
        table_head: From the columns of the table to logits, which are added; None without a table.
    """

    encoder: nn.Module
    head: nn.Module
    makes_maps: ClassVar[bool] = False
    """Whether the probability of each label at every place is part of the output."""

    def __init__(self, config: EncoderSettings, data: DataInfo) -> None:
        super().__init__()
        self.config = config
        self.frozen: Sequence[nn.Module] = ()
        self.table_head: nn.Module | None = None
        if width := data.table_width:
            self.table_head = nn.Sequential(
                nn.Linear(width, TABLE_WIDTH),
                nn.ReLU(),
                nn.Dropout(config.dropout),
                nn.Linear(TABLE_WIDTH, len(data.labels.names)),
            )

    @abstractmethod
    def look(self, images: Tensor, details: Tensor | None) -> ImageFeatures:
        """Features of images float ``(N, channels, H, W)`` and of details ``(N, channels, h, w)``.

        ``details`` are given for candidates, whose place is known; else they are None.
        """

    @property
    def attention_layer(self) -> str:
        """Name of the layer where Grad-CAM looks: the last one with a spatial map.

        Raises:
            ConfigError: If the encoder has no spatial map.
        """
        return f"encoder.{map_layer(self.encoder)}"

    def forward(
        self,
        images: Tensor,
        details: Tensor | None = None,
        table: Tensor | None = None,
        case_of: Tensor | None = None,
    ) -> ClassifierOutput:
        """Logits of a batch.

        Args:
            images: Float ``(N, channels, H, W)``.
            details: Float ``(N, channels, h, w)`` of candidates, else None.
            table: Float ``(B, F)``, standardised, F being 0 without a table; with exams it says
                how many cases there are.
            case_of: For exams: position in the batch of each image's case, int64 ``(N,)``; None:
                each image is a case.
        """
        seen = self.look(images, details)
        if case_of is not None:
            seen = _of_exams(seen, case_of, cases=len(images) if table is None else len(table))
        logits: Tensor = self.head(seen.vectors)
        if self.table_head is not None:
            if table is None:
                raise ValueError("this network was built for a table, and none is given")
            logits = logits + self.table_head(table)
        return ClassifierOutput(logits, seen.summary, seen.maps, seen.auxiliary)

    def classify(self, batch: XrayBatch) -> ClassifierOutput:
        """What the network says of a batch, with all that the batch has for it."""
        output: ClassifierOutput = self(
            batch["image"], batch.get("detail"), batch["table"], batch.get("case_of")
        )
        return output

    def encoders(self) -> Sequence[nn.Module]:
        """The encoders, each with stages of its own."""
        return (self.encoder,)

    def freeze_encoder(self) -> None:
        """Keep the whole encoder as it is."""
        self.frozen = (self.encoder,)
        self.encoder.requires_grad_(False)
        self.train(self.training)

    def freeze_until(self, unfrozen_stages: int) -> None:
        """Keep all but the last stages of each encoder as they are (gradual unfreezing)."""
        frozen: list[nn.Module] = []
        for encoder in self.encoders():
            found = stages(encoder)
            frozen += found[: max(0, len(found) - unfrozen_stages)]
        self.frozen = tuple(frozen)
        self.train(self.training)

    def drop_frozen_gradients(self) -> None:
        """Forget the gradients of frozen stages, so that the optimizer leaves them alone.

        They are computed all the same: under ddp every process must reduce the same gradients.
        """
        for stage in self.frozen:
            for parameter in stage.parameters():
                parameter.grad = None

    def train(self, mode: bool = True) -> Self:
        """Training mode; frozen stages keep the running statistics of their normalisation."""
        super().train(mode)
        for stage in self.frozen:
            stage.eval()
        return self


def _of_exams(seen: ImageFeatures, case_of: Tensor, cases: int) -> ImageFeatures:
    """One vector an exam in place of one an image; maps stay those of the images."""
    return ImageFeatures(
        vectors=mean_of_views(seen.vectors, case_of, cases),
        summary=mean_of_views(seen.summary, case_of, cases),
        maps=seen.maps,
        auxiliary=tuple(mean_of_views(each, case_of, cases) for each in seen.auxiliary),
    )


def mean_of_views(values: Tensor, case_of: Tensor, cases: int) -> Tensor:
    """Mean over the images of each exam: ``(N, ...)`` to ``(cases, ...)``."""
    total = values.new_zeros(cases, *values.shape[1:]).index_add(0, case_of, values)
    count = torch.bincount(case_of, minlength=cases).to(values.dtype)
    return total / count.reshape(-1, *[1] * (values.ndim - 1))
