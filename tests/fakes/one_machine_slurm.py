"""A real Slurm on one machine without systemd: a controller and two nodes, in a temporary folder.

It needs Debian's packages ``slurmctld slurmd slurm-client munge``, and root.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "munged")
CONFIGURATION = """
ClusterName=onemachine
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=cred_expire=5,socket={folder}/munge/socket
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
JobRequeue=1
KillWait=20
MinJobAge=600
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/%n
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{second}] CPUs={cpus}
PartitionName=debug Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
PartitionName=cpu Nodes=n1 MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""


def why_not() -> str | None:
    """Why Slurm cannot be started here; None: it can."""
    if os.geteuid() != 0:
        return "starting Slurm needs root"
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


@dataclass(frozen=True)
class OneMachineSlurm:
    """Slurm while it runs.

    Attributes:
        folder: Its configuration, state and logs.
        environment: Variables that its programs need.
    """

    folder: Path
    environment: dict[str, str]

    def __call__(self, *command: object) -> str:
        """Run a command of Slurm; returns what it prints."""
        done = subprocess.run(
            list(map(str, command)),
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def state(self, job: str) -> str:
        """State of a job, such as RUNNING."""
        return self("squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={job}")

    def wait_for(self, what: Callable[[], bool], seconds: float, about: str) -> None:
        """Wait until something is so; if it does not come, fail with the end of all logs."""
        until = time.monotonic() + seconds
        while not what():
            if time.monotonic() > until:
                logs = "\n".join(
                    f"--- {log}\n{log.read_text()[-1500:]}" for log in self.folder.glob("*.log")
                )
                raise AssertionError(f"not in {seconds} s: {about}\n{logs}")
            time.sleep(0.2)


@contextmanager
def one_machine_slurm(folder: Path, cpus: int = 2) -> Iterator[OneMachineSlurm]:
    """Start it, and stop it with everything that it has started."""
    ports = _free_ports(3)
    text = CONFIGURATION.format(
        host=socket.gethostname().partition(".")[0],
        folder=folder,
        port=ports[0],
        first=ports[1],
        second=ports[1] + 1,
        cpus=cpus,
    )
    (folder / "state").mkdir(parents=True)
    (folder / "slurm.conf").write_text(text)
    path = f"{os.environ['PATH']}:/usr/sbin"
    environment = {
        "SLURM_CONF": str(folder / "slurm.conf"),
        "PATH": path,
        "MASTER_ADDR": "127.0.0.1",  # the nodes have names that no name server knows
    }
    slurm = OneMachineSlurm(folder, environment)
    daemons = [_munged(folder)]
    try:
        for command in (["slurmctld", "-D"], ["slurmd", "-D", "-Nn1"], ["slurmd", "-D", "-Nn2"]):
            daemons.append(_start(command, {**os.environ, **environment}, folder))
        ready = ["sinfo", "--noheader", "--format=%T", "--partition=debug"]
        slurm.wait_for(lambda: _quietly(ready, environment) == "idle", 30, "both nodes idle")
        yield slurm
    finally:
        _quietly(["scancel", "--full", "--signal=KILL", "--user=root"], environment)
        time.sleep(1)
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()


def _munged(folder: Path) -> "subprocess.Popen[bytes]":
    """An authentication daemon with a key of its own."""
    place = folder / "munge"
    place.mkdir(mode=0o755)
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o111)
    (place / "key").write_bytes(os.urandom(128))
    (place / "key").chmod(0o400)
    names = ("key", "socket", "pid", "log", "seed")
    key, listen, pid, log, seed = (str(place / name) for name in names)
    command = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={listen}"]
    command += [f"--pid-file={pid}", f"--log-file={log}", f"--seed-file={seed}"]
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    daemon = _start(command, environment, folder)
    until = time.monotonic() + 10
    while not (place / "socket").exists() and time.monotonic() < until:
        time.sleep(0.05)
    return daemon


def _start(
    command: list[str], environment: dict[str, str], folder: Path
) -> "subprocess.Popen[bytes]":
    with (folder / f"{Path(command[0]).name}.out.log").open("ab") as log:
        return subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def _quietly(command: list[str], environment: dict[str, str]) -> str:
    env = {**os.environ, **environment}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def _free_ports(count: int) -> list[int]:
    """Ports far from one another that nobody listens to."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if all(abs(port - other) > 2 for other in found):
            found.append(port)
    return found
