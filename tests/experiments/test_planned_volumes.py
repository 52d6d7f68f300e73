import numpy as np
import pytest
import yaml

from datamodules.configs.volume_preprocessing import CtWindow, RescaleRange, VolumePreprocessing
from datamodules.configs.volumes import PatchesFit, VolumesConfig
from datamodules.data_info import DataInfo, LabelSet
from datamodules.errors import ConfigError
from datamodules.readers.csv_table import CsvReader
from datamodules.volume_statistics import CaseStatistics, VolumeStatistics
from experiments.experiment import Experiment
from experiments.planned_experiment import PlannedExperiment
from experiments.planned_volumes import plan_volumes
from experiments.yaml_comments import commented_yaml
from lightning_modules.configs.volume_classifier import VolumeClassifierConfig
from lightning_modules.configs.volume_networks import ResNet3dConfig, SliceNetworkConfig

NETWORK = ResNet3dConfig(depth=10, base_features=8)
WINDOW = CtWindow(low=5, high=995, mean=500, std=np.arange(1001).std())


def statistics(shape, spacing=(1.0, 1.0, 1.0), cases=400, **changed) -> VolumeStatistics:
    values = {
        "shape": shape,
        "cropped": shape,
        "spacing": spacing,
        "has_spacing": True,
        "channels": 1,
        "lowest": 0.0,
        "highest": 255.0,
        "foreground": np.arange(1001, dtype=np.float32),
        **changed,
    }
    return VolumeStatistics("fake", (CaseStatistics(**values),) * cases)


HEADS = statistics((100, 120, 90))
CT = statistics((200, 200, 150), (0.75, 0.75, 1.0), lowest=-1024.0)
SLICES = statistics((200, 200, 20), (0.6, 0.6, 5.0))
SHAPES = statistics((28, 28, 28), has_spacing=False)


def planned(
    found=HEADS, memory_gb=8.0, network=NETWORK, precision="32", candidates=False, **data
) -> PlannedExperiment:
    experiment = Experiment(
        name="fake",
        data=VolumesConfig(reader=CsvReader(), **data),
        task=VolumeClassifierConfig(network=network),
    )
    experiment = experiment.replace(trainer=experiment.trainer.replace(precision=precision))
    labels = LabelSet(("tumour",), exclusive=False)
    info = DataInfo(labels, (150,), (250,), 1, (16, 16, 16), candidates=candidates)
    return plan_volumes(experiment, found, info, memory_gb)


def reason(plan: PlannedExperiment, *path: str) -> str:
    return plan.reasons[path]


def test_volumes_that_fit_are_cropped_at_their_spacing():
    plan = planned()
    data = plan.experiment.data
    assert (data.fit.kind, data.fit.size, data.batch_size) == ("crop", (112, 128, 96), 32)
    assert data.preprocessing.spacing_mm == (1.0, 1.0, 1.0)
    assert "at most 100 x 120 x 90 voxels" in reason(plan, "data", "fit", "size")


def test_what_is_not_planned_stays():
    given = planned(workers=3, table_features=("age",)).experiment
    assert (given.data.workers, given.data.table_features) == (3, ("age",))
    assert given.task.network == NETWORK


def test_large_volumes_become_coarser_and_then_patches():
    coarse, patches = planned(CT, 0.15), planned(CT, 0.05)
    assert coarse.experiment.data.fit.kind == "crop"
    assert 0.75 < coarse.experiment.data.preprocessing.spacing_mm[0] <= 1.5
    assert "do not fit" in reason(coarse, "data", "preprocessing", "spacing_mm")
    assert patches.experiment.data.fit.foreground == "otsu"
    assert patches.experiment.data.fit.least_foreground == PatchesFit().least_foreground
    assert patches.experiment.data.preprocessing.spacing_mm == (0.75, 0.75, 1.0)
    assert "2 volumes of 4 patches" in reason(patches, "data", "fit", "size")


def test_mixed_precision_makes_room():
    half, whole = (planned(CT, 0.15, precision=each).experiment for each in ("16-mixed", "32"))
    assert half.data.preprocessing.spacing_mm < whole.data.preprocessing.spacing_mm
    assert "mixed precision;" in reason(planned(precision="16-mixed"), "data", "batch_size")


def test_shapes_without_a_spacing_are_kept():
    plan = planned(SHAPES)
    assert plan.experiment.data.fit.size == (28, 28, 28)
    assert plan.experiment.data.preprocessing.spacing_mm is None
    assert "of 400 training cases 400 have no spacing" in reason(plan, "data", "fit", "kind")


def test_small_datasets_have_ten_steps_an_epoch():
    few = planned(statistics((28, 28, 28), cases=70))
    assert few.experiment.data.batch_size == 7
    assert planned(statistics((28, 28, 28), cases=5)).experiment.data.batch_size == 2


def test_ct_is_clipped_to_what_its_foreground_has():
    plan = planned(CT)
    assert plan.experiment.data.preprocessing.normalisation == WINDOW
    assert "-1024" in reason(plan, "data", "preprocessing", "normalisation", "kind")
    assert "lung" in reason(plan, "data", "preprocessing", "normalisation", "kind")
    text = reason(plan, "data", "preprocessing", "normalisation", "low")
    assert "400,400 intensities drawn from the foreground of 400 training cases" in text


def test_window_that_is_asked_for_is_measured_but_one_of_ones_own_stays():
    lung = CtWindow(low=-1000, high=400, mean=-300, std=400)
    asked = planned(preprocessing=VolumePreprocessing(normalisation=CtWindow()))
    own = planned(CT, preprocessing=VolumePreprocessing(normalisation=lung))
    assert asked.experiment.data.preprocessing.normalisation == WINDOW
    assert own.experiment.data.preprocessing.normalisation == lung
    assert "stays" in reason(own, "data", "preprocessing", "normalisation", "kind")


def test_other_kinds_of_normalisation_stay():
    plan = planned(CT, preprocessing=VolumePreprocessing(normalisation=RescaleRange()))
    assert plan.experiment.data.preprocessing.normalisation == RescaleRange()


def test_thick_slices_that_do_not_fit_are_reduced_at_once():
    plan = planned(SLICES, 0.15)
    assert plan.experiment.task.network.stem == "standard"
    assert plan.experiment.data.fit.size == (208, 208, 24)
    assert "fewer than 48 voxels" in reason(plan, "task", "network", "stem")
    assert planned(SLICES, 8.0).experiment.task.network.stem == "auto"


def test_stem_that_is_set_stays_and_small_volumes_keep_theirs():
    small = planned(SLICES, 0.15, NETWORK.replace(stem="small")).experiment
    assert small.task.network.stem == "small"
    assert planned(SHAPES, 0.01).experiment.task.network.stem == "auto"


def test_candidates_are_stretched_as_before():
    plan = planned(CT, candidates=True)
    assert (plan.experiment.data.fit.kind, plan.experiment.data.fit.size) == ("resize", (96,) * 3)
    assert plan.experiment.data.preprocessing.spacing_mm is None
    assert "cut out in mm" in reason(plan, "data", "preprocessing", "spacing_mm")


def test_network_of_slices_is_planned_too():
    slices = SliceNetworkConfig(encoder="resnet18", pretrained=False)
    assert planned(SHAPES, network=slices).experiment.data.batch_size == 32


def test_memory_that_holds_nothing_is_refused():
    with pytest.raises(ConfigError, match="--memory-gb is too little"):
        planned(CT, 0.001)


@pytest.mark.parametrize(
    ("found", "memory_gb", "candidates"),
    [(HEADS, 8, False), (CT, 0.15, False), (CT, 0.05, False), (SHAPES, 8, False), (CT, 8, True)],
    ids=["crop", "coarser", "patches", "resize", "candidates"],
)
def test_the_file_reads_back_and_has_a_reason_for_each_planned_value(found, memory_gb, candidates):
    plan = planned(found, memory_gb, candidates=candidates)
    text = commented_yaml(plan.experiment, plan.reasons, plan.notes)
    assert Experiment.model_validate(yaml.safe_load(text)) == plan.experiment
    assert text.count("# Planned: ") == len(plan.reasons)
    named = {path[-1] for path in plan.reasons}
    assert named >= {"spacing_mm", "kind", "size", "batch_size"}


def test_the_head_says_how_many_cases_have_each_label():
    head = planned().notes
    assert "400 training cases of fake" in head[0]
    assert head[1] == "  tumour: 150 of 400 training cases"
