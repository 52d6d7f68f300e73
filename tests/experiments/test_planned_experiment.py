import numpy as np
import pytest
import yaml

from datamodules.configs.masks import MasksConfig
from datamodules.configs.volume_preprocessing import CtWindow, Rgb, VolumePreprocessing
from datamodules.data_info import LabelSet
from datamodules.errors import ConfigError
from datamodules.mask_statistics import MaskedCaseStatistics, MaskStatistics
from datamodules.readers.msd import MsdReader
from experiments.experiment import Experiment
from experiments.planned_experiment import PlannedExperiment, plan_experiment
from experiments.yaml_comments import commented_yaml
from lightning_modules.configs.segmentation_losses import TverskyConfig
from lightning_modules.configs.segmentation_networks import SegResNetConfig, UNetConfig
from lightning_modules.configs.segmenter import SegmenterConfig

PREPROCESSING = ("data", "preprocessing")


def statistics(shape, spacing, cases=20, **changed) -> MaskStatistics:
    values = {
        "shape": shape,
        "cropped": shape,
        "spacing": spacing,
        "has_spacing": True,
        "channels": 1,
        "lowest": 0.0,
        "highest": 255.0,
        "foreground": np.arange(1001, dtype=np.float32),
        "voxels": (1000, 0),
        **changed,
    }
    labels = LabelSet(("liver", "tumour"), exclusive=True)
    return MaskStatistics("fake", (MaskedCaseStatistics(**values),) * cases, labels)


HIPPOCAMPUS = statistics((35, 50, 36), (1.0, 1.0, 1.0), 260)
LIVER = statistics((512, 512, 432), (0.77, 0.77, 1.0), 100, lowest=-1024.0)
HEART = statistics((216, 256, 10), (1.56, 1.56, 10.0))
FUNDUS = statistics((960, 999), (1.0, 1.0), has_spacing=False, channels=3)


def experiment(data=None, **task) -> Experiment:
    data = data or {}
    return Experiment(
        name="fake",
        data=MasksConfig(reader=MsdReader(task="liver"), **data),
        task=SegmenterConfig(**task),
    )


def planned(found, dimensions=None, memory_gb=8.0, data=None, **task) -> PlannedExperiment:
    return plan_experiment(experiment(data, **task), found, memory_gb, dimensions)


def reason(plan: PlannedExperiment, *path: str) -> str:
    return plan.reasons[path]


def test_hippocampus_is_planned_as_published():
    plan = planned(HIPPOCAMPUS)
    data, task = plan.experiment.data, plan.experiment.task
    assert (data.patch, data.batch_size, task.network.stages) == ((40, 56, 40), 9, 4)
    assert data.preprocessing.spacing_mm == (1.0, 1.0, 1.0)
    assert data.preprocessing.normalisation.kind == "zscore"
    assert not task.loss.batch_dice


def test_hippocampus_slice_by_slice_is_planned_as_published():
    plan = planned(HIPPOCAMPUS, dimensions=2)
    assert (plan.experiment.data.patch, plan.experiment.data.batch_size) == ((40, 56), 366)
    assert plan.experiment.data.preprocessing.spacing_mm == (1.0, 1.0, 1.0)
    assert plan.experiment.task.loss.batch_dice


def test_a_patch_of_two_axes_asks_for_a_network_of_two():
    assert len(planned(HIPPOCAMPUS, data={"patch": (64, 64)}).experiment.data.patch) == 2


def test_slices_are_across_the_coarsest_axis():
    sideways = statistics((12, 256, 216), (8.0, 1.5, 1.5))
    assert planned(sideways, dimensions=2).experiment.data.patch == (256, 224)


def test_volumes_of_a_single_slice_are_planned_in_2d():
    assert len(planned(statistics((512, 480, 1), (1.0, 1.0, 1.0))).experiment.data.patch) == 2


def test_images_keep_their_pixels_and_every_number_is_of_two_axes():
    plan = planned(FUNDUS)
    assert plan.experiment.data.preprocessing.spacing_mm == (1.0, 1.0)
    assert len(plan.experiment.data.patch) == 2
    assert "no spacing" in reason(plan, *PREPROCESSING, "spacing_mm")


def test_images_have_no_third_axis_to_plan():
    with pytest.raises(ConfigError, match="--dimensions 3: the images of fake have 2 axes"):
        planned(FUNDUS, dimensions=3)


def test_ct_gets_its_window_and_says_from_what():
    plan = planned(LIVER)
    window = plan.experiment.data.preprocessing.normalisation
    assert window == CtWindow(low=5, high=995, mean=500, std=np.arange(1001).std())
    assert "-1024" in reason(plan, *PREPROCESSING, "normalisation", "kind")
    assert "100,100 intensities" in reason(plan, *PREPROCESSING, "normalisation", "low")


def test_large_cases_have_batch_dice_as_nnunet_with_a_low_resolution_stage():
    assert planned(LIVER).experiment.task.loss.batch_dice
    assert "It shows 2% of the median case" in reason(planned(LIVER), "data", "patch")


def test_thick_slices_are_explained():
    text = reason(planned(HEART), *PREPROCESSING, "spacing_mm")
    assert "thick down-up (median 10 mm" in text
    assert "are 3 x 3 x 1, as slices" in reason(planned(HEART), "task", "network", "stages")


def test_what_is_not_planned_stays():
    given = experiment({"foreground_share": 0.5}, loss=TverskyConfig(), network=UNetConfig(
        encoder="residual", stages=2, strides=((1, 1, 1), (2, 2, 2))
    ))  # fmt: skip
    plan = plan_experiment(given, HIPPOCAMPUS, 8.0, None).experiment
    assert plan.data.foreground_share == 0.5
    assert plan.task.loss == TverskyConfig()
    assert plan.task.network == UNetConfig(encoder="residual", stages=4)


def test_a_kind_of_normalisation_that_is_asked_for_stays():
    given = {"preprocessing": VolumePreprocessing(normalisation=Rgb())}
    plan = planned(FUNDUS, data=given)
    assert plan.experiment.data.preprocessing.normalisation == Rgb()
    assert "as asked" in reason(plan, *PREPROCESSING, "normalisation", "kind")


def test_other_networks_and_blocks_by_hand_are_refused():
    with pytest.raises(ConfigError, match="not segresnet"):
        planned(HIPPOCAMPUS, network=SegResNetConfig())
    with pytest.raises(ConfigError, match=r"task\.network\.blocks"):
        planned(HIPPOCAMPUS, network=UNetConfig(blocks=(1, 1)))


@pytest.mark.parametrize("found", [HIPPOCAMPUS, LIVER, HEART, FUNDUS])
@pytest.mark.parametrize("dimensions", [2, None])
def test_the_file_reads_back_and_has_a_reason_for_each_planned_value(found, dimensions):
    plan = planned(found, dimensions)
    text = commented_yaml(plan.experiment, plan.reasons, plan.notes)
    assert Experiment.model_validate(yaml.safe_load(text)) == plan.experiment
    assert text.count("# Planned: ") == len(plan.reasons)
    planned_paths = {path[-1] for path in plan.reasons}
    assert planned_paths >= {"spacing_mm", "kind", "patch", "batch_size", "stages", "batch_dice"}


def test_the_head_says_how_large_structures_are():
    head = planned(HIPPOCAMPUS).notes
    assert "260 training cases" in head[0]
    assert head[1:] == (
        "  liver: in 260 of 260 training cases, 1 ml (median)",
        "  tumour: in 0 of 260 training cases",
    )
