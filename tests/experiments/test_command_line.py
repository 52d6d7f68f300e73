import os
import subprocess
import sys
from pathlib import Path

import pytest

from datamodules.errors import CheckpointError, ConfigError, DataError
from experiments.catalog.index import find, listing
from experiments.command_line import Resume, Show, Start, parse_run
from experiments.exit_codes import guarded

REPOSITORY = Path(__file__).parents[2]


def started(*words):
    request = parse_run(words)
    assert isinstance(request, Start)
    return request.experiment


def shown(*words):
    request = parse_run(words)
    assert isinstance(request, Show)
    return request.text


def refused(*words):
    with pytest.raises(ConfigError) as caught:
        parse_run(words)
    assert caught.value.exit_code == 2
    return str(caught.value)


def python(*words, **options):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, **options)


@pytest.fixture
def run_folder(tmp_path):
    (tmp_path / "experiment.yaml").write_text(find("demo-xray").to_yaml())
    return tmp_path


def constant_schedule(run_folder):
    text = (run_folder / "experiment.yaml").read_text().replace("cosine", "constant")
    (run_folder / "experiment.yaml").write_text(text)


# What a command line asks for


def test_no_argument_shows_the_listing():
    assert shown() == shown("--help") == listing()


def test_a_name_starts_its_experiment():
    assert started("demo-xray") == find("demo-xray")


def test_a_file_starts_its_experiment(run_folder):
    assert started("--config", f"{run_folder}/experiment.yaml") == find("demo-xray")


def test_a_printed_configuration_repeats_the_experiment(tmp_path):
    (tmp_path / "mine.yaml").write_text(shown("demo-xray", "--print-config", "--seed", "3"))
    assert started("--config", str(tmp_path / "mine.yaml")) == started("demo-xray", "--seed", "3")


def test_a_name_may_follow_a_flag():
    assert shown("--print-config", "demo-xray") == shown("demo-xray", "--print-config")


# Going on with a run


def test_resume_applies_what_may_change(run_folder):
    words = ("--data.workers", "0", "--logging.wandb", "off", "--trainer.log-every-steps", "1")
    request = parse_run(("--resume", str(run_folder), *words))
    assert isinstance(request, Resume)
    assert request.run == run_folder
    values = request.experiment
    assert (values.data.workers, values.logging.wandb, values.trainer.log_every_steps) == (
        0,
        "off",
        1,
    )
    assert values.task == find("demo-xray").task


@pytest.mark.parametrize(
    "option",
    ["--seed", "--task.optimizer.lr", "--data.batch-size", "--task.loss.kind", "--trainer.devices"],
)
def test_resume_refuses_what_results_depend_on(run_folder, option):
    message = refused("--resume", str(run_folder), option, "1")
    assert message.startswith(f"{option} cannot change when a run goes on")
    assert "--data.workers" in message


def test_resume_lengthens_only_a_run_with_a_constant_schedule(run_folder):
    words = ("--resume", str(run_folder), "--trainer.max-epochs", "20")
    assert "schedule of this run (cosine)" in refused(*words)
    constant_schedule(run_folder)
    assert parse_run(words).experiment.trainer.max_epochs == 20


def test_resume_needs_a_run_folder(tmp_path):
    assert "there is no such folder" in refused("--resume", str(tmp_path / "none"))
    assert "it has no experiment.yaml" in refused("--resume", str(tmp_path))


def test_help_for_a_resume_shows_only_what_may_change(run_folder):
    page = shown("--resume", str(run_folder), "--help")
    assert "--data.workers" in page
    assert "--seed" not in page


# Mistakes: one message each


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("demo-xry", "there is no experiment demo-xry; did you mean demo-xray?"),
        (
            "demo-xray --trainer.max-epoch 3",
            "there is no option --trainer.max-epoch; did you mean --trainer.max-epochs?",
        ),
        ("demo-xray --lr 3", "there is no option --lr; did you mean --task.optimizer.lr?"),
        ("demo-xray --epochs 3", "there is no option --epochs; did you mean --trainer.max-epochs?"),
        ("demo-xray --zzz 3", "there is no option --zzz"),
        ("demo-xray -v", "there is no option -v"),
        ("demo-xray --trainer.max-epochs 0", "--trainer.max-epochs must be at least 1, not 0"),
        ("demo-xray --trainer.max-epochs -3", "--trainer.max-epochs must be at least 1, not -3"),
        (
            "demo-xray --trainer.max-epochs 1.5",
            "--trainer.max-epochs must be a whole number, not 1.5",
        ),
        ("demo-xray --task.optimizer.lr abc", "--task.optimizer.lr must be a number, not abc"),
        ("demo-xray --task.optimizer.lr 0", "--task.optimizer.lr must be greater than 0, not 0"),
        (
            "demo-xray --task.optimizer.lr nan",
            "--task.optimizer.lr must be a finite number, not nan",
        ),
        ("demo-xray --task.network.dropout 1", "--task.network.dropout must be less than 1, not 1"),
        ("demo-xray --trainer.ema-decay x", "--trainer.ema-decay must be a number, not x"),
        ("demo-xray --trainer.compile", "--trainer.compile needs a value: True or False"),
        ("demo-xray --trainer.compile maybe", "--trainer.compile must be True or False, not maybe"),
        ("demo-xray --seed", "--seed needs a value"),
        ("demo-xray --seed 1 --seed=2", "--seed is given twice"),
        ("demo-xray --data.workers 1 --data.workers 1", "--data.workers is given twice"),
        ("demo-xray --name Demo", "--name must match ^[a-z0-9][a-z0-9-]*$, not Demo"),
        (
            "demo-xray --data.sampling balanced",
            "--data.sampling must be natural, class-balanced or hard-cases, not balanced; "
            "did you mean class-balanced?",
        ),
        (
            "demo-xray --task.loss.kind focl",
            "--task.loss.kind must be one of cross-entropy, focal, class-balanced, ordinal,"
            " not focl; did you mean focal?",
        ),
        ("demo-xray --task.loss.kind", "--task.loss.kind needs a value"),
        (
            "demo-xray --task.network.kind tim",
            "--task.network.kind must be one of timm, attention-map, two-stream, not tim; did you"
            " mean timm?",
        ),
        (
            "demo-xray --task.loss.gamma 2",
            "--task.loss.gamma needs --task.loss.kind focal; it is cross-entropy",
        ),
        (
            "demo-xray --data.preprocessing.clip-percentiles 9",
            "--data.preprocessing.clip-percentiles takes 2 values, not 1",
        ),
        (
            "demo-xray --data.preprocessing.clip-percentiles 1 2 3",
            "--data.preprocessing.clip-percentiles takes 2 values, not 3",
        ),
        (
            "demo-xray --data.preprocessing.clip-percentiles 9 3",
            "--data.preprocessing is wrong: clip_percentiles must be "
            "0 <= low < high <= 100, not 9.0 3.0",
        ),
        ("demo-xray --print-config=yes", "--print-config takes no value"),
        ("--config", "--config takes one FILE, not 0"),
        (
            "--config none.yaml",
            "cannot read the experiment file none.yaml: No such file or directory",
        ),
        (
            "demo-xray --config a.yaml",
            "demo-xray and --config exclude each other: "
            "give NAME, --config FILE or --resume RUN_FOLDER",
        ),
        (
            "demo-xray seed=3",
            "one experiment at a time, not 2: demo-xray seed=3 (options begin with --)",
        ),
    ],
)
def test_a_mistake_is_one_readable_message(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused(*words.split()).partition("\nThe names are listed by")[0] == message


def test_a_value_with_blanks_that_was_not_quoted_is_pointed_out():
    assert "takes one value, not 2: two words" in refused(
        "demo-xray", "--description", "two", "words"
    )


def test_options_without_an_experiment_ask_for_its_name():
    assert "NAME --trainer.max-epochs 3" in refused("--trainer.max-epochs", "3")
    assert "which experiment?" in refused("--print-config")


def test_several_wrong_values_are_in_one_message():
    lines = refused("demo-xray", "--seed", "-1", "--task.loss.kind=focal", "--task.loss.gamma", "x")
    assert lines.splitlines() == [
        "2 settings are wrong:",
        "  --seed must be at least 0, not -1",
        "  --task.loss.gamma must be a number, not x",
    ]


# The process: exit codes, streams, nothing left behind


@pytest.mark.parametrize("words", ["demo-xry", "demo-xray --seed x", "--resume none", "--config x"])
def test_a_mistake_exits_2_without_traceback_output_or_folder(words, tmp_path):
    done = python("-m", "experiments.run", *words.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigError("wrong"), 2), (DataError("bad"), 5), (CheckpointError("torn"), 6)],
)
def test_what_the_user_can_mend_is_a_message_and_an_exit_code(error, code, capsys):
    def command():
        raise error

    assert guarded(command) == code
    assert capsys.readouterr() == ("", f"error: {error}\n")


def test_an_interrupt_is_one_line_and_130(capsys):
    def command():
        raise KeyboardInterrupt

    assert guarded(command) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 // 0)


def test_a_reader_that_leaves_is_no_error():
    command = f"{sys.executable} -m experiments.run demo-xray --help | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stdout == "usage: python -m experiments.run demo-xray [options]\n"
    assert done.stderr == ""


def test_another_broken_pipe_is_a_bug(capfd):
    def command():
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError), capfd.disabled():
        guarded(command)
