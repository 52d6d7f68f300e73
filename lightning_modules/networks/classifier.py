"""What every network of a classifier is: images (and what is known beside) to logits."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, Self

import torch
from torch import Tensor, nn

from datamodules.batches import ClassifierBatch
from datamodules.data_info import DataInfo
from lightning_modules.configs.classifier_networks import ClassifierNetworkSettings
from lightning_modules.networks.encoder_layers import map_layer, stages
from lightning_modules.networks.pooling import (
    GatedAttention,
    Pooling,
    max_of_cases,
    mean_of_cases,
    weighted_sum_of_cases,
    weights_of_cases,
)

TABLE_WIDTH = 16
"""Hidden units between the columns of a table and the labels."""


class ImageFeatures(NamedTuple):
    """What a network sees in each image: a film, a volume, a patch of one.

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
    """What a network says of a batch of ``B`` cases in ``N`` images; mostly N is B.

    Attributes:
        logits: ``(B, L)``.
        features: What the case is like, ``(B, D)``, for comparison with other cases.
        maps: Probability of each label at every place, float32 ``(N, L, h, w)``, or None; of bags
            logits of each label in every tile, ``(N, L)``.
        auxiliary: Logits ``(B, L)`` of parts of the network that are trained beside the whole.
        weights: Of each image within its case, float32 ``(N,)``, where attention chose them.
    """

    logits: Tensor
    features: Tensor
    maps: Tensor | None = None
    auxiliary: tuple[Tensor, ...] = ()
    weights: Tensor | None = None


class ClassifierNetwork(nn.Module):
    """Image features -> one of all images of a case -> head, plus what a table says.

    A case has several images where it is an exam, or a volume in patches. A network writes
    :meth:`look` and sets ``encoder`` and ``head``; it calls :meth:`pool_by` where the images of a
    case are to become one in another way than by the mean of their features.

    Args:
        config: Settings.
        data: What is known of the data.

    Attributes:
        encoder: Everything that may have a learning rate of its own.
        head: From vectors to logits.
        table_head: From the columns of the table to logits, which are added; None without a table.
        images_at_once: Looked at together when nothing is learned; None: all of a batch.
    """

    encoder: nn.Module
    head: nn.Module
    makes_maps: ClassVar[bool] = False
    """Whether the probability of each label at every place is part of the output."""
    tile_evidence: Literal["attention", "tile-scores"] | None = None
    """Of bags of tiles what each tile has: a weight, or what it would be given alone."""

    def __init__(self, config: ClassifierNetworkSettings, data: DataInfo) -> None:
        super().__init__()
        self.config = config
        self.pooling: Pooling = "mean"
        self.attention_over_images: GatedAttention | None = None
        self.images_at_once: int | None = None
        self.frozen: Sequence[nn.Module] = ()
        self.table_head: nn.Module | None = None
        if width := data.table_width:
            self.table_head = nn.Sequential(
                nn.Linear(width, TABLE_WIDTH),
                nn.ReLU(),
                nn.Dropout(config.dropout),
                nn.Linear(TABLE_WIDTH, len(data.labels.names)),
            )

    def pool_by(self, pooling: Pooling, features: int) -> None:
        """How the images of a case become one: ``features`` is the length of their vectors."""
        self.pooling = pooling
        if pooling == "attention":
            self.attention_over_images = GatedAttention(features)

    @abstractmethod
    def look(self, images: Tensor, details: Tensor | None) -> ImageFeatures:
        """Features of images float ``(N, channels, *size)``, and of details where there are any.

        ``details``, float ``(N, channels, *smaller)``, are given for candidates, whose place is
        known; else they are None.
        """

    @property
    def attention_layer(self) -> str:
        """Name of the layer where Grad-CAM looks: the last one with a spatial map.

        Raises:
            ConfigError: If the encoder has no spatial map.
        """
        return f"encoder.{map_layer(self.encoder)}"

    def evidence(self, images: Tensor, label: int) -> Tensor | None:
        """Where the network looks, where Grad-CAM cannot say so; None: it can.

        Args:
            images: Float ``(N, channels, *size)``; of candidates their context.
            label: Which logit to explain.

        Returns:
            float32 ``(N, *size)``, 0 or more, on one scale.
        """
        del images, label
        return None

    def forward(
        self,
        images: Tensor,
        details: Tensor | None = None,
        table: Tensor | None = None,
        case_of: Tensor | None = None,
    ) -> ClassifierOutput:
        """Logits of a batch.

        Args:
            images: Float ``(N, channels, *size)``.
            details: Float ``(N, channels, *smaller)`` of candidates, else None.
            table: Float ``(B, F)``, standardised, F being 0 without a table; where cases have
                several images it says how many cases there are.
            case_of: Where cases have several images: position in the batch of each image's case,
                int64 ``(N,)``; None: each image is a case.
        """
        seen = self._look_at_all(images, details)
        weights = None
        if case_of is None and self.attention_over_images is not None:
            case_of = torch.arange(len(images), device=images.device)  # it has a gradient, of 0
        if case_of is None:
            logits: Tensor = self.head(seen.vectors)
        else:
            cases = len(images) if table is None else len(table)
            logits, seen, weights = self._pool(seen, case_of, cases)
        if self.table_head is not None:
            if table is None:
                raise ValueError("this network was built for a table, and none is given")
            logits = logits + self.table_head(table)
        return ClassifierOutput(logits, seen.summary, seen.maps, seen.auxiliary, weights)

    def _look_at_all(self, images: Tensor, details: Tensor | None) -> ImageFeatures:
        """What is seen in all images; a few at a time when nothing is learned."""
        count = self.images_at_once
        if count is None or torch.is_grad_enabled() or len(images) <= count:
            return self.look(images, details)
        starts = range(0, len(images), count)
        parts = [
            self.look(
                images[at : at + count], None if details is None else details[at : at + count]
            )
            for at in starts
        ]
        maps = [part.maps for part in parts if part.maps is not None]
        return ImageFeatures(
            vectors=torch.cat([part.vectors for part in parts]),
            summary=torch.cat([part.summary for part in parts]),
            maps=torch.cat(maps) if maps else None,
            auxiliary=tuple(map(torch.cat, zip(*(part.auxiliary for part in parts), strict=True))),
        )

    def _pool(
        self, seen: ImageFeatures, case_of: Tensor, cases: int
    ) -> tuple[Tensor, ImageFeatures, Tensor | None]:
        """Logits and features of cases in place of those of images, whose maps stay; weights."""
        weights: Tensor | None = None
        pooled = ImageFeatures(
            vectors=mean_of_cases(seen.vectors, case_of, cases),
            summary=mean_of_cases(seen.summary, case_of, cases),
            maps=seen.maps,
            auxiliary=tuple(mean_of_cases(each, case_of, cases) for each in seen.auxiliary),
        )
        if self.pooling == "max":
            return max_of_cases(self.head(seen.vectors), case_of, cases), pooled, None
        if self.attention_over_images is not None:
            scores = self.attention_over_images.scores(seen.vectors)
            weights = weights_of_cases(scores, case_of, cases)
            vectors = weighted_sum_of_cases(seen.vectors, weights, case_of, cases)
            pooled = pooled._replace(vectors=vectors)
        return self.head(pooled.vectors), pooled, weights

    def classify(self, batch: ClassifierBatch) -> ClassifierOutput:
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
