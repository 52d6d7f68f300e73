"""``python -m experiments.run``: start or submit a run, go on with one, or list what there is."""

import signal
import sys

from experiments.command_line import Resume, Show, Start, Submit, parse_run
from experiments.exit_codes import guarded


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    return guarded(lambda: _run(sys.argv[1:] if argv is None else argv))


def _run(argv: list[str]) -> int:
    request = parse_run(argv)
    if isinstance(request, Show):
        print(request.text)
        return 0
    from experiments.run_folder import RunFolder
    from experiments.session import resume, start, submit_run

    match request:
        case Start(experiment):
            start(experiment)
        case Resume(run, experiment):
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # Slurm's warning may come after the end
            resume(RunFolder.open(run), experiment)
        case Submit(run, experiment, dry_run):
            folder = None if run is None else RunFolder.open(run)
            submit_run(folder, experiment, dry_run=dry_run)
    return 0


if __name__ == "__main__":
    sys.exit(main())
