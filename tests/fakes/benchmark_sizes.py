"""Sizes at which every benchmark ends at once; what it measures then means nothing."""

from experiments.benchmarks.sizes import Sizes

TINY = Sizes(
    rounds=2,
    films=8,
    film_pixels=64,
    stored_pixels=32,
    batch_size=4,
    epochs=2,
    steps=3,
    scores=1000,
    bootstrap_cases=200,
    bootstrap_samples=200,
    starts=1,
    cases=3000,
    volumes=4,
    volume_epochs=2,
    volume=(16, 18, 14),
    patch=(10, 12, 8),
    patches=2,
    many_volumes=200,
    large_slices=128,
    step_side=48,
    slide_pixels=3072,
    scored_images=30,
    pictures=8,
    picture_epochs=1,
)
