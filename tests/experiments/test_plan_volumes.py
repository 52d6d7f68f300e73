import pytest
from fakes.labelled_volumes import volume_experiment
from fakes.volume_files import oblique_affine, voxels, write_nifti

from experiments.command_line import Start, parse_run
from experiments.experiment import Experiment
from experiments.plan import main
from experiments.tasks import build_data, build_module


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "balls.yaml"
    path.write_text(volume_experiment(tmp_path / "data", cases=16).to_yaml())
    return str(path)


def test_plan_is_a_file_that_run_takes(config, tmp_path, capsys):
    output = tmp_path / "planned.yaml"
    assert main(["--config", config, "--output", str(output)]) == 0
    assert f"experiments.run --config {output}" in capsys.readouterr().out
    request = parse_run(["--config", str(output)])
    assert isinstance(request, Start)
    data = request.experiment.data
    assert (data.fit.kind, data.fit.size) == ("crop", (24, 24, 16))
    assert data.preprocessing.spacing_mm == (1.0, 1.2, 1.5)


@pytest.fixture
def large(config, tmp_path):
    """As many volumes, too large for the memory below even at twice the spacing."""
    for path in (tmp_path / "data").glob("*.nii.gz"):
        seed = int(path.name[1:3])
        write_nifti(path, voxels(72, 64, 64, seed=seed), oblique_affine((1.0, 1.2, 1.5), seed))
    return config


def learned(output) -> Experiment:
    """The experiment of a plan, after a step on its data."""
    experiment = Experiment.from_yaml(output)
    data = build_data(experiment)
    data.prepare()
    module = build_module(experiment, data)
    batch = next(iter(data.train_dataloader()))
    each = experiment.data.fit.per_volume if experiment.data.fit.kind == "patches" else 1
    images = experiment.data.batch_size * each
    assert batch["image"].shape == (images, 1, *experiment.data.fit.size)
    module.compute_loss(batch)["loss"].backward()
    assert all(weight.grad is not None for weight in module.network.parameters())
    return experiment


def test_planned_crop_can_be_learned(config, tmp_path):
    output = tmp_path / "planned.yaml"
    assert main(["--config", config, "--output", str(output)]) == 0
    assert learned(output).data.fit.kind == "crop"


def test_planned_patches_can_be_learned(large, tmp_path):
    output = tmp_path / "planned.yaml"
    words = ["--memory-gb", "0.01", "--task.network.stem", "small"]
    assert main(["--config", large, "--output", str(output), *words]) == 0
    fit = learned(output).data.fit
    assert (fit.kind, fit.foreground, fit.size) == ("patches", "otsu", (16, 16, 16))


def test_dimensions_are_of_segmentations(config, capsys):
    assert main(["--config", config, "--dimensions", "2"]) == 2
    message = capsys.readouterr().err
    assert "--dimensions is for segmentation" in message
    assert "--task.network.kind slices" in message


def test_a_truncated_volume_is_named(config, tmp_path, capsys):
    volume = tmp_path / "data" / "v03.nii.gz"
    volume.write_bytes(volume.read_bytes()[:90])
    assert main(["--config", config, "--output", str(tmp_path / "planned.yaml")]) == 5
    assert volume.name in capsys.readouterr().err
    assert not (tmp_path / "planned.yaml").exists()


def test_memory_that_holds_nothing_is_one_message(config, capsys):
    assert main(["--config", config, "--memory-gb", "1e-9"]) == 2
    assert "--memory-gb is too little" in capsys.readouterr().err


def test_names_of_cases_stay_out_of_the_plan(config, capsys):
    assert main(["--config", config]) == 0
    text = capsys.readouterr().out
    assert "# Planned: the median of" in text
    assert not any(f"v{number:02d}" in text for number in range(16))
