"""How much is measured: everything, or enough to see whether something broke."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of what is measured.

    Attributes:
        rounds: Rounds in which the programs of a subject are measured.
        films: 16-bit PNG files that the loaders read, a whole number of batches.
        film_pixels: Their height and width.
        stored_pixels: Height and width of what reaches the network.
        batch_size: Films a batch.
        epochs: Epochs a round of the loaders that need less than a second for one.
        steps: Training steps a round.
        scores: Cases whose AUROC is computed.
        bootstrap_cases: Cases that are drawn with replacement.
        bootstrap_samples: How often.
        starts: Rounds in which processes are started.
        cases: Cases of the dataset whose workers are weighed.
        volumes: Volumes that the loaders of patches read, a whole number of batches.
        volume_epochs: Epochs a round of these loaders.
        volume: Their size in voxels.
        patch: Size of a patch in voxels.
        patches: Patches a batch.
        many_volumes: Volumes of the dataset whose workers are weighed.
        large_slices: Slices of the large volume whose memory is measured.
        step_side: Voxels along each side of the volume that a training step is made on.
        slide_pixels: Height and width of the slide whose tiles are read.
        scored_images: Images whose boxes are scored.
        pictures: Pictures with boxes that the loaders read, a whole number of batches.
        picture_epochs: Epochs a round of the loader that needs less than a second for one.
    """

    rounds: int = 3
    films: int = 512
    film_pixels: int = 1024
    stored_pixels: int = 224
    batch_size: int = 32
    epochs: int = 8
    steps: int = 400
    scores: int = 1_000_000
    bootstrap_cases: int = 2000
    bootstrap_samples: int = 1000
    starts: int = 5
    cases: int = 100_000
    volumes: int = 64
    volume_epochs: int = 3
    volume: tuple[int, int, int] = (128, 128, 96)
    patch: tuple[int, int, int] = (96, 96, 64)
    patches: int = 4
    many_volumes: int = 10_000
    large_slices: int = 1000
    step_side: int = 96
    slide_pixels: int = 12_288
    scored_images: int = 5000
    pictures: int = 256
    picture_epochs: int = 4


FULL = Sizes()
QUICK = Sizes(
    rounds=1,
    films=128,
    steps=200,
    bootstrap_samples=300,
    starts=1,
    volumes=16,
    volume_epochs=1,
    large_slices=200,
    slide_pixels=8192,
    scored_images=1000,
    pictures=64,
    picture_epochs=2,
)
