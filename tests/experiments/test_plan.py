import subprocess
import sys
from pathlib import Path

import pytest
from fakes import msd
from fakes.tiny_experiment import tiny_experiment

from datamodules.configs.masks import MasksConfig
from datamodules.readers.msd import MsdReader
from experiments.command_line import Start, parse_run
from experiments.experiment import Experiment
from experiments.plan import main
from experiments.tasks import build_data, build_module
from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.configs.segmenter import SegmenterConfig

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path):
    root = msd.write(tmp_path / "data", volumes=8)
    reader = MsdReader(root=str(root), task="hippocampus")
    experiment = Experiment(
        name="tiny",
        data=MasksConfig(reader=reader, workers=0),
        task=SegmenterConfig(network=UNetConfig(base_features=2)),
    )
    path = tmp_path / "tiny.yaml"
    path.write_text(experiment.to_yaml())
    return str(path)


def test_plan_is_a_file_that_run_takes(config, tmp_path, capsys):
    output = tmp_path / "planned.yaml"
    assert main(["--config", config, "--output", str(output)]) == 0
    assert f"experiments.run --config {output}" in capsys.readouterr().out
    request = parse_run(["--config", str(output)])
    assert isinstance(request, Start)
    assert request.experiment.data.patch == (16, 14, 8)
    assert request.experiment.data.preprocessing.spacing_mm == (1.0, 1.0, 2.0)
    assert request.experiment.task.network.stages == 3


@pytest.mark.parametrize("dimensions", ["2", "3"])
def test_what_is_planned_can_be_learned(config, tmp_path, dimensions):
    output = tmp_path / "planned.yaml"
    main(["--config", config, "--dimensions", dimensions, "--output", str(output)])
    experiment = Experiment.from_yaml(output)
    data = build_data(experiment)
    data.prepare()
    module = build_module(experiment, data)
    batch = next(iter(data.train_dataloader()))
    assert batch["image"].shape == (experiment.data.batch_size, 1, *experiment.data.patch)
    module.compute_loss(batch)["loss"].backward()
    assert all(weight.grad is not None for weight in module.parameters())


def test_without_a_file_the_plan_is_printed_and_nothing_else(config, capsys):
    assert main(["--config", config]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# An experiment; to run it")
    assert "# Planned: the median of 5 training cases, which have 1 x 1 x 2 mm." in text


def test_settings_and_memory_take_part(config, tmp_path):
    output = tmp_path / "planned.yaml"
    words = ["--memory-gb", "0.01", "--task.network.base-features", "16", "--seed", "3"]
    assert main(["--config", config, "--output", str(output), *words]) == 0
    experiment = Experiment.from_yaml(output)
    assert experiment.seed == 3
    assert experiment.task.network.base_features == 16
    assert experiment.data.patch[0] * experiment.data.patch[1] < 16 * 16


def test_a_file_that_is_there_is_kept(config, tmp_path, capsys):
    assert main(["--config", config, "--output", config]) == 2
    assert "there already" in capsys.readouterr().err
    assert Experiment.from_yaml(Path(config)).data.patch == (64, 64, 64)
    assert main(["--config", config, "--output", str(tmp_path / "no" / "plan.yaml")]) == 2
    assert "no folder" in capsys.readouterr().err


def test_classifiers_of_films_are_not_planned(tmp_path, capsys):
    path = tmp_path / "xray.yaml"
    path.write_text(tiny_experiment(tmp_path / "films").to_yaml())
    assert main(["--config", str(path)]) == 2
    message = (
        "planning is for segmentation, detection and volume classification, and the task of tiny"
    )
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "what shall be planned?"),
        (["--resume", "runs/x"], "--config RUN_FOLDER/experiment.yaml"),
        (["hippocampus", "--memory-gb", "0"], "above 0"),
        (["hippocampus", "--memory-gb", "nan"], "above 0"),
        (["hippocampsu"], "did you mean hippocampus"),
    ],
)
def test_wrong_words_are_one_message(words, message, capsys):
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_a_truncated_image_is_named(config, tmp_path, capsys):
    image = tmp_path / "data" / f"imagesTr/{msd.NAME.format(3)}.nii.gz"
    image.write_bytes(image.read_bytes()[:90])
    assert main(["--config", config, "--output", str(tmp_path / "planned.yaml")]) == 5
    assert f"imagesTr/{image.name}" in capsys.readouterr().err
    assert not (tmp_path / "planned.yaml").exists()


def test_memory_that_holds_nothing_is_one_message(config, capsys):
    assert main(["--config", config, "--memory-gb", "1e-9"]) == 2
    assert "--memory-gb 1e-09 is too little" in capsys.readouterr().err


def test_names_of_cases_stay_out_of_the_plan(config, tmp_path, capsys):
    main(["--config", config])
    names = [path.name[:-7] for path in (tmp_path / "data/imagesTr").iterdir()]
    assert not any(name in capsys.readouterr().out for name in names)


def test_help_loads_no_torch():
    code = "import sys; from experiments.plan import main\ntry: main(['--help'])\nfinally:"
    code += "\n assert not {'torch', 'scipy', 'numpy'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True)
    assert done.returncode == 0, done.stderr
