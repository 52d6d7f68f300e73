"""Tissue is found on pale, dark and tinted slides; ink, margins, dust and bare glass are not."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes.slide_files import GLASS, PINK, VIOLET, write_tiff
from skimage.filters import threshold_otsu

from datamodules.configs.slide_tiles import TissueConfig
from datamodules.errors import DataError
from datamodules.transforms.slide_reading import open_slide
from datamodules.transforms.slide_tissue import Tissue, find_tissue, tissue_mask

UM = 8.0
CONFIG = TissueConfig()


def section() -> tuple[np.ndarray, np.ndarray]:
    """Glass with a disk of two stains, and where the disk is."""
    image = np.full((300, 400, 3), GLASS, np.uint8)
    cv2.circle(image, (200, 150), 100, PINK, -1)
    cv2.circle(image, (230, 150), 40, VIOLET, -1)
    truth = (image != GLASS).any(axis=2)
    noise = np.random.default_rng(0).normal(0, 1, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), truth


IMAGE, TRUTH = section()


def overlap(image: np.ndarray, truth: np.ndarray = TRUTH, config: TissueConfig = CONFIG) -> float:
    """Intersection over union with the truth."""
    found = tissue_mask(np.clip(image, 0, 255).round().astype(np.uint8), UM, config)
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize(
    "seen",
    [
        IMAGE.astype(float),
        255 - (255.0 - IMAGE) * 0.25,
        IMAGE * 0.4,
        IMAGE * np.array([1.0, 0.94, 0.86]),
        IMAGE + 12.0,
    ],
    ids=["as usual", "pale", "dark", "tinted", "overexposed"],
)
def test_tissue_is_found_in_any_light(seen: np.ndarray) -> None:
    assert overlap(seen) > 0.95


def test_a_fixed_threshold_is_taken_as_it_is() -> None:
    def at(saturation: int) -> float:
        config = TissueConfig(kind="threshold", saturation=saturation)
        return overlap(IMAGE, config=config)

    assert at(20) > 0.95
    assert at(200) == 0


def test_otsu_is_that_of_scikit_image_where_it_is_plausible() -> None:
    pale = np.full((200, 200, 3), 240, np.uint8)
    pale[50:150, 50:150] = (240, 210, 225)  # saturation 32
    pale = (pale + np.random.default_rng(0).integers(-2, 3, pale.shape)).astype(np.uint8)
    saturation = cv2.cvtColor(pale, cv2.COLOR_RGB2HSV)[..., 1]
    expected = saturation > threshold_otsu(saturation)
    config = TissueConfig(median_um=0, closing_um=0, least_area_um2=0, least_hole_um2=0)
    found = tissue_mask(pale, UM, config)
    assert (found == expected).mean() > 0.98


def test_an_image_of_nothing_but_tissue_is_all_tissue() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[:], image[:, 50:] = PINK, VIOLET
    assert tissue_mask(image, UM, CONFIG).all()


@pytest.mark.parametrize("grey", [255, 240, 190, 120])
def test_bare_glass_is_no_tissue(grey: int) -> None:
    noise = np.random.default_rng(0).normal(0, 1, (200, 200, 3))
    image = np.clip(grey + noise, 0, 255).astype(np.uint8)
    assert not tissue_mask(image, UM, CONFIG).any()


@pytest.mark.parametrize(
    "ink",
    [(30, 60, 190), (0, 120, 200), (10, 10, 60), (20, 130, 60), (200, 30, 40), (30, 30, 35)],
    ids=["blue", "light blue", "dark blue", "green", "red", "black"],
)
def test_ink_is_no_tissue(ink: tuple[int, int, int]) -> None:
    image = IMAGE.copy()
    cv2.line(image, (20, 20), (380, 30), ink, 7)
    cv2.line(image, (20, 290), (380, 160), ink, 7)
    drawn = (image == ink).all(axis=2)
    image = cv2.GaussianBlur(image, (0, 0), 1.0)
    found = tissue_mask(image, UM, CONFIG)
    assert not (found & drawn).any()
    without = tissue_mask(cv2.GaussianBlur(IMAGE, (0, 0), 1.0), UM, CONFIG)
    assert (found & ~without).sum() < 0.005 * TRUTH.sum()
    assert (found & TRUTH).sum() > 0.8 * (TRUTH & ~drawn).sum()


def test_ink_is_kept_where_it_may_be_a_stain() -> None:
    image = IMAGE.copy()
    image[TRUTH] = (60, 150, 110)
    assert overlap(image) == 0
    assert overlap(image, config=TissueConfig(reject_pen=False)) > 0.95


def test_black_margins_are_no_tissue_whatever_their_noise() -> None:
    image = IMAGE.copy()
    image[:, 350:] = np.random.default_rng(0).integers(0, 12, (300, 50, 3))
    for config in (CONFIG, TissueConfig(reject_pen=False)):
        found = tissue_mask(image, UM, config)
        assert not found[:, 345:].any()
        assert (found & TRUTH).sum() > 0.95 * TRUTH.sum()


def with_spot(side: int, colour: tuple[int, ...], at: tuple[int, int]) -> np.ndarray:
    image = IMAGE.copy()
    image[at[1] : at[1] + side, at[0] : at[0] + side] = colour
    return tissue_mask(image, UM, TissueConfig(least_area_um2=20_000, least_hole_um2=20_000))


def test_small_pieces_are_dropped_and_small_holes_filled() -> None:
    """20,000 um2 are 312 pixels of 8 um, between squares of 14 and 22; medians round corners."""
    assert not with_spot(14, PINK, (20, 20))[20:42, 20:42].any()
    assert with_spot(22, PINK, (20, 20))[25:37, 25:37].all()
    assert with_spot(14, (GLASS,) * 3, (150, 100))[100:122, 150:172].all()
    assert not with_spot(26, (GLASS,) * 3, (150, 100))[107:119, 157:169].any()


def test_contours_are_rims_and_holes_in_pixels_of_the_slide() -> None:
    mask = np.zeros((100, 200), np.bool_)
    mask[20:80, 40:120] = True
    mask[40:60, 60:80] = False
    mask[5:10, 150:190] = True
    tissue = Tissue(mask, (3200, 1600), 8.0)
    pieces = sorted(tissue.contours(), key=lambda piece: len(piece.holes))
    assert [len(piece.holes) for piece in pieces] == [0, 1]
    box = np.concatenate([pieces[1].outer.min(axis=0), pieces[1].outer.max(axis=0)])
    np.testing.assert_allclose(box, [40.5 * 16, 20.5 * 16, 119.5 * 16, 79.5 * 16])
    hole = pieces[1].holes[0]
    assert (hole.min(axis=0) / 16).tolist() == [59.5, 39.5]
    assert tissue.share == pytest.approx((60 * 80 - 400 + 200) / 20_000)


def test_the_scale_does_not_matter(tmp_path: Path) -> None:
    image = cv2.resize(IMAGE, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    with open_slide(write_tiff(tmp_path / "a.tif", image, 2.0)) as slide:
        shares = [
            find_tissue(slide, TissueConfig(um_per_pixel=um), "a").share for um in (4, 8, 9.1, 16)
        ]
    np.testing.assert_allclose(shares, TRUTH.mean(), rtol=0.05)


def test_a_slide_without_tissue_is_named(tmp_path: Path) -> None:
    glass = np.full((512, 512, 3), GLASS, np.uint8)
    with open_slide(write_tiff(tmp_path / "a.tif", glass)) as slide:  # noqa: SIM117
        with pytest.raises(DataError, match="case 7: a slide without tissue"):
            find_tissue(slide, CONFIG, "case 7")


@pytest.mark.data
def test_tissue_of_a_real_slide() -> None:
    path = Path(os.environ.get("LIGHTBOX_DATA", "")) / "wsi" / "CMU-1-Small-Region.svs"
    if not path.is_file():
        pytest.skip(f"{path} is not there; set LIGHTBOX_DATA")
    with open_slide(path) as slide:
        tissue = find_tissue(slide, CONFIG, "CMU-1")
        dark = (slide.thumbnail(8.0).max(axis=2) < 200) & ~tissue.mask
    assert tissue.share == pytest.approx(0.36, abs=0.03)
    assert dark.mean() < 0.03  # strands, and what is green of surgical ink
