"""Job scripts as bash and sbatch would read them; no Slurm is needed."""

import shlex
import subprocess
from pathlib import Path

import pytest
from fakes.tiny_experiment import tiny_experiment

from datamodules.errors import ConfigError, LightboxError
from experiments.configs.slurm import SlurmConfig
from experiments.run_folder import RunFolder
from experiments.slurm import going_on, gpus_to_ask_for, has_gpus, submit, with_processes
from experiments.slurm_profiles import with_profile
from experiments.slurm_scripts import array_script, small_script, training_script

RUN = Path("/data/all runs/tiny/20261121-120000-ab12")


@pytest.fixture
def experiment(tmp_path):
    return tiny_experiment(tmp_path)


def options(script: str) -> list[str]:
    lines = [line for line in script.splitlines() if line.startswith("#SBATCH ")]
    return [shlex.split(line.removeprefix("#SBATCH "))[0] for line in lines]


def executed(script: str, tmp_path: Path, **variables: str) -> list[str]:
    """What the script would start: srun prints its words, one a line."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "srun").write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    (tmp_path / "bin" / "srun").chmod(0o755)
    environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "SLURM_CPUS_PER_TASK": "3", **variables}
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_every_setting_is_an_option_of_sbatch(experiment):
    slurm = SlurmConfig(
        partition="gpu",
        account="radiology",
        qos="long",
        constraint="a100",
        time="12:00:00",
        nodes=2,
        gpus_per_node=4,
        gpu_type="a100",
        memory="64G",
        warning_seconds=90,
        lines=("--exclusive",),
    )
    asked = with_processes(experiment.replace(slurm=slurm))
    assert options(training_script(asked, RUN, gpus_to_ask_for(asked), {}))[1:] == [
        f"--chdir={Path.cwd()}",
        f"--output={RUN}/slurm/%j.log",
        "--open-mode=append",
        "--partition=gpu",
        "--account=radiology",
        "--qos=long",
        "--constraint=a100",
        "--time=12:00:00",
        "--exclusive",
        "--nodes=2",
        "--ntasks-per-node=4",
        "--cpus-per-task=1",
        "--gpus-per-node=a100:4",
        "--mem=64G",
        "--signal=SIGUSR1@90",
        "--requeue",
    ]


def test_without_gpus_there_is_no_line_for_them(experiment):
    script = training_script(experiment, RUN, 0, {})
    assert "gpu" not in script.replace(str(Path.cwd()), "")


def test_job_resumes_the_run_with_one_process_a_task(experiment, tmp_path):
    slurm = SlurmConfig(prefix="apptainer exec --nv image.sif", python="/opt/env/bin/python")
    script = training_script(experiment.replace(slurm=slurm), RUN, 1, {})
    assert executed(script, tmp_path) == [
        "--kill-on-bad-exit=1",
        "--wait=0",
        *("apptainer", "exec", "--nv", "image.sif", "/opt/env/bin/python"),
        *("-m", "experiments.run", "--resume", str(RUN)),
    ]


def test_setup_comes_before_python_and_folders_are_those_of_the_submitter(experiment, tmp_path):
    setup = ("echo ready", 'srun "$LIGHTBOX_CACHE" "$NOT_SET"')
    script = training_script(
        experiment.replace(slurm=SlurmConfig(setup=setup, python="python")),
        RUN,
        0,
        {"LIGHTBOX_CACHE": "/scratch/the cache", "WANDB_API_KEY": "secret"},
    )
    assert executed(script, tmp_path)[:2] == ["ready", "/scratch/the cache"]
    assert "secret" not in script


def test_failing_setup_ends_the_job(experiment, tmp_path):
    slurm = SlurmConfig(setup=("false",), python="python")
    script = training_script(experiment.replace(slurm=slurm), RUN, 0, {})
    with pytest.raises(subprocess.CalledProcessError):
        executed(script, tmp_path)


def test_task_of_an_array_takes_its_own_line(experiment, tmp_path):
    (tmp_path / "runs.txt").write_text("/runs/a\n/runs/b c\n")
    slurm = SlurmConfig(concurrency=2, python="python")
    script = array_script(experiment.replace(slurm=slurm), tmp_path, 2, 0, {})
    assert "--array=1-2%2" in options(script)
    assert executed(script, tmp_path, SLURM_ARRAY_TASK_ID="2")[-1] == "/runs/b c"


def test_percent_in_a_folder_is_no_replacement(experiment):
    script = training_script(experiment, Path("/runs/50%/a"), 0, {})
    assert "--output=/runs/50%%/a/slurm/%j.log" in options(script)


def test_small_job_asks_for_no_gpu_and_no_constraint():
    config = SlurmConfig(partition="gpu", constraint="a100", account="radiology", python="python")
    script = small_script(config, ["-m", "experiments.prepare"], RUN, "prepare", "cpu", 8, {})
    assert {"--partition=cpu", "--account=radiology", "--cpus-per-task=8"} <= set(options(script))
    assert "a100" not in script


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partition", "gpu\n#SBATCH --uid=0"),
        ("account", "a b"),
        ("time", "soon"),
        ("memory", "64 GB"),
        ("setup", ("one\ntwo",)),
        ("lines", ("exclusive",)),
    ],
)
def test_what_would_break_a_script_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        SlurmConfig(**{name: value})


def test_processes_follow_the_gpus_unless_both_are_set(experiment):
    slurm = SlurmConfig(nodes=2, gpus_per_node=4)
    asked = with_processes(experiment.replace(slurm=slurm)).trainer
    assert (asked.devices, asked.nodes) == (4, 2)
    other = experiment.replace(slurm=slurm, trainer=experiment.trainer.replace(devices=3))
    with pytest.raises(ConfigError, match=r"devices 3 does not fit --slurm.gpus-per-node 4"):
        with_processes(other)


def test_run_keeps_its_processes_once_it_has_trained(experiment):
    slurm = SlurmConfig(gpus_per_node=4)
    folder = RunFolder.create(with_processes(experiment.replace(slurm=slurm)))
    fewer = folder.experiment().replace(slurm=SlurmConfig(gpus_per_node=2))
    assert going_on(folder, fewer).trainer.devices == 2
    folder.metrics_log.write_text('{"step": 1, "epoch": 0, "values": {}}\n')
    with pytest.raises(ConfigError, match=r"--slurm.gpus-per-node 4"):
        going_on(folder, fewer)


def test_run_that_sbatch_refuses_is_kept_as_it_was(experiment, tmp_path, monkeypatch):
    (tmp_path / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: no such account' >&2; exit 1")
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    folder = RunFolder.create(experiment)
    folder.update_status(state="interrupted")
    with pytest.raises(LightboxError, match=r"submit.sh: no such account\nThe run is kept"):
        submit(folder, dry_run=False)
    assert folder.status()["state"] == "interrupted"


@pytest.mark.parametrize(("answer", "there"), [("(null)", False), ("gpu:a100:4", True)])
def test_gpus_are_asked_for_where_the_partition_has_some(tmp_path, monkeypatch, answer, there):
    (tmp_path / "sinfo").write_text(f"#!/bin/sh\necho '{answer}'\n")
    (tmp_path / "sinfo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert has_gpus("any") is there


@pytest.fixture
def profiles(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "lightbox" / "clusters"
    folder.mkdir(parents=True)
    (folder / "hospital.yaml").write_text("partition: gpu\naccount: radiology\nnodes: 2\n")
    return folder


def test_profile_fills_in_what_is_not_said(profiles):
    found = with_profile(SlurmConfig(partition="long"), "hospital")
    assert (found.partition, found.account, found.nodes) == ("long", "radiology", 2)
    assert found.profile == "hospital"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("hospitl", None, "did you mean hospital"),
        ("wrong", "partitoin: gpu", "partitoin"),
        ("nested", "profile: other", "names another profile"),
        ("broken", "a: [", "not a YAML file"),
        ("listed", "- a", "wrong"),
    ],
)
def test_wrong_profile_is_one_message(profiles, name, text, message):
    if text is not None:
        (profiles / f"{name}.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        with_profile(SlurmConfig(), name)
