"""``check`` at the command line: what it accepts, what it says, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.tiny_experiment import tiny_experiment

from experiments import check, run

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path):
    """An experiment file; its dataset is sound."""
    experiment = tiny_experiment(tmp_path / "data", patients=30)
    (tmp_path / "tiny.yaml").write_text(experiment.to_yaml())
    return tmp_path / "tiny.yaml"


def films(config):
    return config.parent / "data/images"


def edit(config, old, new):
    table = config.parent / "data/labels.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new, 1))


def test_a_sound_dataset_ends_with_0(config, capsys):
    assert check.main(["--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("labels: 60 cases of 30 patients; 60 images read to their end")
    assert said.splitlines()[-1] == "nothing is wrong"


def test_a_warning_ends_with_4_and_a_run_goes_on(config, capsys):
    (films(config) / "001.png").write_bytes((films(config) / "000.png").read_bytes())
    assert check.main(["--config", str(config)]) == 4
    assert "'000' (train) = '001' (train): the same image" in capsys.readouterr().out


def test_errors_of_every_kind_end_with_5_in_one_report(config, capsys):
    (films(config) / "003.png").unlink()
    (films(config) / "004.png").write_bytes(b"")
    edit(config, "images/005.png,0", "images/005.png,0.5")
    edit(config, "images/007.png", "../tiny.yaml")
    assert check.main(["--config", str(config)]) == 5
    said = capsys.readouterr().out
    for word in ("003.png", "file images/004.png", "0.5, a fraction", "../tiny.yaml"):
        assert word in said
    assert "4 errors and no warnings" in said
    assert str(config.parent) not in said


def test_settings_are_those_of_a_run(config, capsys):
    words = ["--config", str(config), "--data.preprocessing.size", "96"]
    assert check.main(words) == 4
    assert "60 of 60 images are enlarged 2 times or more to 96 px" in capsys.readouterr().out


def test_a_flag_may_stand_before_the_rest(config, capsys):
    assert check.main(["--quick", "--config", str(config), "--data.workers", "0"]) == 0
    assert "without opening the images" in capsys.readouterr().out


def test_quick_leaves_the_images_alone(config, capsys):
    (films(config) / "004.png").write_bytes(b"")
    assert check.main(["--config", str(config), "--quick"]) == 0
    assert check.main(["--config", str(config)]) == 5


def test_all_lists_all(config, capsys):
    for number in range(25):
        (films(config) / f"{number:03d}.png").unlink()
    assert check.main(["--config", str(config)]) == 5
    assert "... and 5 more (--all lists them)" in capsys.readouterr().out
    assert check.main(["--config", str(config), "--all"]) == 5
    assert capsys.readouterr().out.count("there is no file") == 25


def test_a_program_can_read_all_of_it(config, tmp_path):
    (films(config) / "003.png").unlink()
    assert check.main(["--config", str(config), "--json", str(tmp_path / "out/found.json")]) == 5
    text = (tmp_path / "out/found.json").read_text()
    problem = json.loads(text)["problems"][0]
    assert (problem["kind"], problem["case_id"]) == ("missing-image", "003")
    assert str(tmp_path) not in text


def test_check_writes_nothing_unasked(config, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    check.main(["--config", str(config)])
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_refuses_all_that_can_be_seen_without_images(config, capsys):
    (films(config) / "003.png").unlink()
    edit(config, "images/005.png,0", "images/005.png,0.5")
    assert run.main(["--config", str(config)]) == 5
    said = capsys.readouterr().err
    assert "the dataset has 2 faults" in said
    assert "003.png" in said
    assert "0.5, a fraction" in said
    assert not (config.parent / "runs").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "what shall be checked? Give the NAME"),
        (["--quick"], "what shall be checked? Give the NAME"),
        (["demo-xry"], "no experiment demo-xry; did you mean demo-xray?"),
        (["--resume", "runs/x"], "--config RUN_FOLDER/experiment.yaml"),
        (["demo-xray", "--print-config"], "--print-config belongs to python -m experiments.run"),
        (["demo-xray", "--data.label", "x"], "did you mean --data.labels?"),
        (["demo-xray", "--quik"], "there is no option --quik"),
        (["--config", "/nowhere.yaml"], "cannot read the experiment file"),
    ],
)
def test_a_mistake_is_one_message(words, says, capsys):
    assert check.main(words) == 2
    assert says in capsys.readouterr().err


def test_a_json_file_that_cannot_be_written_is_said(config, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert check.main(["--config", str(config), "--json", str(tmp_path / "file/a.json")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_neither_help_nor_the_check_loads_torch(config):
    for words in (["--help"], ["--config", str(config)]):
        code = (
            f"import sys; from experiments import check\ntry: check.main({words!r})\n"
            "except SystemExit: pass\n"
            "assert not {'torch', 'monai', 'pytorch_lightning', 'pandas'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, timeout=60)


@pytest.mark.data
def test_pneumoniamnist_has_its_eight_groups_across_and_its_copies_and_nothing_else(
    tmp_path, capsys
):
    assert check.main(["pneumoniamnist", "--json", str(tmp_path / "found.json")]) == 4
    facts = json.loads((tmp_path / "found.json").read_text())
    assert facts["counts"]["error"] == {}
    assert facts["counts"]["warning"] == {
        "identical-across-splits": 8,
        "identical-within-a-split": 19,
    }
    across = [each["where"] for each in facts["problems"] if "across" in each["kind"]]
    assert all("(train)" in where and "(val)" in where for where in across)
    assert facts["splits"] == {"train": 4698, "val": 524, "test": 624, "excluded": 10}
